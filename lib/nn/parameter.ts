/** Parameter: a tensor that a module trains. */
import { checkTensors } from '../autograd/op.ts'
import { Tensor } from '../autograd/tensor.ts'
import { optionsOf } from '../tensor/options.ts'
import { pin } from '../tensor/storage.ts'

/** A leaf that requires a gradient and that Module finds among its properties. Same as torch.nn.Parameter. */
export class Parameter extends Tensor {
  /** Shares the numbers of `data`. */
  constructor(data: Tensor, given: { readonly requiresGrad?: boolean } = {}) {
    const { requiresGrad } = optionsOf('Parameter', given, { requiresGrad: true })
    checkTensors('Parameter', [data])
    super(data.array)
    pin(data.array.storage)
    this.requiresGrad_(requiresGrad)
  }

  override toString(): string {
    return `Parameter containing:\n${super.toString()}`
  }
}
