/** Parameter: a tensor that a module trains. */
import { checkTensors } from '../autograd/op.ts'
import { Tensor } from '../autograd/tensor.ts'
import { argumentsOf, required, type Arguments } from '../tensor/options.ts'
import { pin } from '../tensor/storage.ts'

/** A leaf that requires a gradient and that Module finds among its properties. Same as torch.nn.Parameter. */
export class Parameter extends Tensor {
  /** Other tensors do not fit where the types ask for a parameter: a module would not find them among its parameters. */
  declare protected readonly kind: 'parameter'

  /** Shares the numbers of `data`. */
  constructor(...given: Arguments<[data: Tensor], [requiresGrad: boolean], { readonly data: Tensor; readonly requiresGrad?: boolean }>) {
    const { data, requiresGrad } = argumentsOf('Parameter', given, { data: required, requiresGrad: true })
    checkTensors('Parameter', [data])
    super(data.array)
    pin(data.array.storage)
    this.requiresGrad_(requiresGrad)
  }

  override toString(): string {
    return `Parameter containing:\n${super.toString()}`
  }
}
