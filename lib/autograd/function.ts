/** autograd.Function: an operation of the user's own, with its own backward. */
import { ValueError } from '../tensor/errors.ts'
import { NDArray } from '../tensor/ndarray.ts'
import { allocatingIn, evict } from '../tensor/storage.ts'
import { isGradEnabled, noGrad } from './grad-mode.ts'
import { Context } from './graph.ts'
import { record } from './op.ts'
import { Tensor } from './tensor.ts'

/** What forward and backward of a Function share. */
export class FunctionContext {
  /** Which arguments want a gradient. */
  readonly needsInputGrad: readonly boolean[]
  readonly #context: Context

  constructor(context: Context) {
    this.#context = context
    this.needsInputGrad = context.needs
  }

  /** Keeps tensors for backward; changing them in place is noticed. */
  saveForBackward(...tensors: Tensor[]): void {
    this.#context.save(...tensors.map((tensor) => tensor.array))
  }

  get savedTensors(): readonly Tensor[] {
    return this.#context.saved
  }
}

interface FunctionClass<A extends readonly unknown[], R extends Tensor | Tensor[]> {
  readonly name: string
  forward(ctx: FunctionContext, ...args: A): R
  backward(ctx: FunctionContext, ...grads: Tensor[]): Tensor | null | readonly (Tensor | null)[]
}

/**
 * Derive from it and define two static methods, `forward(ctx, ...args)` and `backward(ctx, ...grads)`, which returns a
 * gradient for each argument of forward (null for those that are no tensors); then call `apply`. Same as torch.autograd.Function.
 *
 *     class Exp extends autograd.Function {
 *       static forward(ctx, x) { const y = x.exp(); ctx.saveForBackward(y); return y }
 *       static backward(ctx, grad) { return grad.mul(ctx.savedTensors[0]) }
 *     }
 *     const y = Exp.apply(x)
 */
export class Function {
  static apply<A extends readonly unknown[], R extends Tensor | Tensor[]>(this: FunctionClass<A, R>, ...args: A): R {
    const inputs = args.map((arg) => (arg instanceof Tensor ? arg : null))
    const needs = inputs.map((input) => isGradEnabled() && input !== null && input.requiresGrad)
    const context = new Context(this.name, needs, inputs.map((input) => input?.shape ?? []))
    const ctx = new FunctionContext(context)
    const result = noGrad(() => this.forward(ctx, ...args))
    if (!needs.includes(true)) return result
    const outputs: readonly Tensor[] = result instanceof Tensor ? [result] : (result as Tensor[])
    // What has a history, or is an input returned as it is, becomes a tensor of its own, so that it does not lose its history.
    const fresh = outputs.map((output) => (inputs.includes(output) || output.requiresGrad ? output.detach() : output))
    record(`${this.name}Backward`, inputs, fresh, context, (grads) => {
      const given = grads.map((grad, i) => grad ?? new Tensor(NDArray.zeros(fresh[i].shape)))
      for (const grad of given) evict(grad.array.storage)
      const returned = allocatingIn(null, () => this.backward(ctx, ...given))
      const list = Array.isArray(returned) ? returned : [returned ?? null]
      if (list.length !== args.length) throw new ValueError(this.name, `backward returned ${list.length} gradients for ${args.length} arguments`, 'return one for each argument of forward, null for those without')
      return list
    })
    return (result instanceof Tensor ? fresh[0] : fresh) as R
  }
}
