/** autograd.Function: an operation of the user's own, with its own backward. */
import { GraphError, ValueError } from '../tensor/errors.ts'
import { NDArray } from '../tensor/ndarray.ts'
import { showShape } from '../tensor/shape.ts'
import { allocatingIn, evict } from '../tensor/storage.ts'
import { isGradEnabled, noGrad } from './grad-mode.ts'
import { Context } from './graph.ts'
import { record } from './op.ts'
import { Tensor } from './tensor.ts'

/** What forward and backward of a Function share: whatever forward sets on it, backward finds there. */
export class FunctionContext {
  /** Which arguments want a gradient. */
  readonly needsInputGrad: readonly boolean[];
  [kept: string]: unknown
  readonly #context: Context
  readonly #dirty = new Set<Tensor>()
  readonly #constants = new Set<Tensor>()
  #materializesGrads = true

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

  /** These arguments were changed in place by forward, which returns them: they are its outputs themselves, with its history. */
  markDirty(...inputs: Tensor[]): void {
    for (const input of inputs) this.#dirty.add(input)
  }
  /** Whether an argument was changed in place: for Function only. */
  isDirty(input: Tensor): boolean {
    return this.#dirty.has(input)
  }

  /** These outputs have no gradient. Those that are not of float32 never have one. */
  markNonDifferentiable(...outputs: Tensor[]): void {
    for (const output of outputs) this.#constants.add(output)
  }
  /** Whether an output has a gradient: for Function only. */
  isDifferentiable(output: Tensor): boolean {
    return output.dtype === 'float32' && !this.#constants.has(output)
  }

  /** Whether backward sees zeros (the default) or null for an output that nothing was computed from. */
  setMaterializeGrads(value: boolean): void {
    this.#materializesGrads = value
  }
  /** The gradient that backward sees for an output at which `grad` has arrived: for Function only. */
  gradFor(output: Tensor, grad: Tensor | null): Tensor | null {
    return grad ?? (this.#materializesGrads ? new Tensor(NDArray.zeros(output.shape)) : null)
  }
}

interface FunctionClass<A extends readonly unknown[], R extends Tensor | Tensor[]> {
  readonly name: string
  forward(ctx: FunctionContext, ...args: A): R
  /** `grads` has null only after setMaterializeGrads(false). */
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
  /** Runs forward and records. It knows its class: `const exp = Exp.apply` is a function of its own. */
  static get apply(): <A extends readonly unknown[], R extends Tensor | Tensor[]>(this: FunctionClass<A, R>, ...args: A) => R {
    const rule: unknown = this
    return (...args) => call(rule as FunctionClass<typeof args, never>, args)
  }
}

function call<A extends readonly unknown[], R extends Tensor | Tensor[]>(rule: FunctionClass<A, R>, args: A): R {
  const inputs = args.map((arg) => (arg instanceof Tensor ? arg : null))
  const needs = inputs.map((input) => isGradEnabled() && input !== null && input.requiresGrad)
  const context = new Context(rule.name, needs, inputs.map((input) => input?.shape ?? []))
  const ctx = new FunctionContext(context)
  const result = noGrad(() => rule.forward(ctx, ...args))
  if (!needs.includes(true)) return result
  const outputs: readonly Tensor[] = result instanceof Tensor ? [result] : (result as Tensor[])
  for (const output of outputs) if (ctx.isDirty(output)) checkDirty(rule.name, output)
  // What has a history, or is an input returned as it is, becomes a tensor of its own, so that it does not lose its history.
  const fresh = outputs.map((output) => (inputs.includes(output) || output.requiresGrad ? output.detach() : output))
  const recorded = [...fresh.keys()].filter((i) => ctx.isDifferentiable(outputs[i]))
  if (recorded.length === 0) return result
  record(`${rule.name}Backward`, inputs, recorded.map((i) => fresh[i]), context, (arrived) => {
    const grads = fresh.map((output, i) => ctx.gradFor(output, arrived[recorded.indexOf(i)] ?? null))
    for (const grad of grads) if (grad) evict(grad.array.storage)
    const returned = allocatingIn(null, () => rule.backward(ctx, ...(grads as Tensor[])))
    const list = Array.isArray(returned) ? returned : [returned ?? null]
    if (list.length < args.length || list.slice(args.length).some((grad) => grad !== null))
      throw new ValueError(rule.name, `backward returned ${list.length} gradients for ${args.length} arguments`, 'return one for each argument of forward, null for those without')
    return list.slice(0, args.length)
  })
  const returned = outputs.map((output, i) => (ctx.isDirty(output) ? output.replaceHistory(fresh[i]) : fresh[i]))
  return (result instanceof Tensor ? returned[0] : returned) as R
}

function checkDirty(operation: string, input: Tensor): void {
  if (input.isLeaf && input.requiresGrad) throw new GraphError(operation, `it changes in place a leaf of shape ${showShape(input.shape)} that requires a gradient`, 'give it a clone()')
  if (input.viewBase) throw new GraphError(operation, `it changes in place a view of shape ${showShape(input.shape)}`, 'give it a clone()')
}
