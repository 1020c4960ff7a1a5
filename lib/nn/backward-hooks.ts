/** Full backward hooks: they see the gradients of a module's outputs and inputs, and may replace those of the inputs. */
import { Context } from '../autograd/graph.ts'
import { record } from '../autograd/op.ts'
import { Tensor } from '../autograd/tensor.ts'
import { ValueError } from '../tensor/errors.ts'
import { evict } from '../tensor/storage.ts'
import type { AnyModule } from './module.ts'

/** Gradients by argument or output: null where there is none. */
type ModuleGrads = readonly (Tensor | null)[]

export type BackwardHook = (module: AnyModule, gradInput: ModuleGrads, gradOutput: ModuleGrads) => ModuleGrads | Tensor | void

/** One call of a module whose gradients hooks want to see. Inputs and outputs pass through identities, as in PyTorch. */
export class ObservedCall {
  readonly #module: AnyModule
  readonly #hooks: readonly BackwardHook[]
  #inputs: readonly unknown[] = []
  #gradOutput: ModuleGrads = []

  constructor(module: AnyModule, hooks: readonly BackwardHook[]) {
    this.#module = module
    this.#hooks = hooks
  }
  inputs<Args extends unknown[]>(args: Args): Args {
    this.#inputs = args
    return identity(args, (gradInput) => this.#runHooks(gradInput)) as Args
  }
  outputs<Result>(result: Result): Result {
    const outputs = identity(Array.isArray(result) ? result : [result], (grads) => {
      this.#gradOutput = grads
      if (!this.#inputs.some(wantsGrad)) this.#runHooks(this.#inputs.map(() => null))
      return grads
    })
    return (Array.isArray(result) ? outputs : outputs[0]) as Result
  }
  #runHooks(gradInput: ModuleGrads): ModuleGrads {
    let grads = gradInput
    for (const hook of this.#hooks) {
      const replaced = hook(this.#module, grads, this.#gradOutput) ?? grads
      grads = replaced instanceof Tensor ? [replaced] : replaced
      if (grads.length !== gradInput.length) throw new ValueError('registerFullBackwardHook', `a hook returned ${grads.length} gradients for ${gradInput.length} arguments`, 'return one for each argument, null for those without')
    }
    return grads
  }
}

const wantsGrad = (value: unknown): value is Tensor => value instanceof Tensor && value.requiresGrad

/** The same values; the gradients of those tensors that have one pass through `observe`, which sees null in the place of the others. */
function identity(values: readonly unknown[], observe: (grads: ModuleGrads) => ModuleGrads): unknown[] {
  const tensors = values.filter(wantsGrad)
  if (tensors.length === 0) return [...values]
  const outputs = tensors.map((tensor) => new Tensor(tensor.array))
  const context = new Context('registerFullBackwardHook', tensors.map(() => true), tensors.map(({ shape }) => shape))
  record('BackwardHookFunctionBackward', tensors, outputs, context, (grads) => {
    for (const grad of grads) if (grad) evict(grad.array.storage)
    const observed = observe(values.map((value) => (wantsGrad(value) ? grads[tensors.indexOf(value)] : null)))
    return values.flatMap((value, i) => (wantsGrad(value) ? [observed[i]] : []))
  })
  return values.map((value) => (wantsGrad(value) ? outputs[tensors.indexOf(value)] : value))
}
