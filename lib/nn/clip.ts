/** nn.utils: limiting gradients between backward() and step(). */
import { noGrad } from '../autograd/grad-mode.ts'
import { checkTensors, scalar } from '../autograd/op.ts'
import { stack } from '../autograd/ops/joining.ts'
import { Tensor } from '../autograd/tensor.ts'
import { ValueError } from '../tensor/errors.ts'
import { argumentsOf, required, type Arguments } from '../tensor/options.ts'

export interface ClipOptions {
  /** The order of the norm: 2 (default), 1, ..., or ±Infinity for the largest or smallest number. */
  readonly normType?: number
  /** Throw when the norm is NaN or infinite, instead of scaling by it. */
  readonly errorIfNonfinite?: boolean
}

function gradientsOf(operation: string, params: Tensor | Iterable<Tensor>): Tensor[] {
  if (typeof params !== 'object' || params === null || !(params instanceof Tensor || Symbol.iterator in params)) throw new ValueError(operation, 'what it was given is no list of parameters', 'pass model.parameters()')
  const list = params instanceof Tensor ? [params] : [...params]
  checkTensors(operation, list)
  return list.flatMap(({ grad }) => (grad ? [grad] : []))
}

/** Scales all gradients together so that their norm, as of one vector, is at most maxNorm. Returns the norm before. Same as torch.nn.utils.clip_grad_norm_. */
export function clipGradNorm_(params: Tensor | Iterable<Tensor>, ...given: Arguments<[maxNorm: number], [normType: number, errorIfNonfinite: boolean], ClipOptions & { readonly maxNorm: number }>): Tensor {
  const { maxNorm, normType, errorIfNonfinite } = argumentsOf('clipGradNorm_', given, { maxNorm: required, normType: 2, errorIfNonfinite: false })
  if (typeof maxNorm !== 'number' || !(maxNorm >= 0)) throw new ValueError('clipGradNorm_', `maxNorm = ${String(maxNorm)} is not a number of at least 0`, 'give the largest norm that is allowed')
  if (typeof normType !== 'number' || Number.isNaN(normType)) throw new ValueError('clipGradNorm_', `normType = ${String(normType)} is no number`, 'give the order of the norm, such as 2')
  return noGrad(() => {
    const grads = gradientsOf('clipGradNorm_', params)
    const norm = normOf(grads, normType)
    if (errorIfNonfinite && !Number.isFinite(norm)) throw new ValueError('clipGradNorm_', `the norm of the gradients is ${norm}`, 'look for what overflows, or pass { errorIfNonfinite: false }')
    const scale = Math.min(1, maxNorm / (norm + 1e-6))
    if (scale !== 1) grads.forEach((grad) => grad.mul_(scale))
    return scalar(norm)
  })
}

function normOf(grads: readonly Tensor[], normType: number): number {
  return grads.length === 0 ? 0 : stack(grads.map((grad) => grad.norm(normType))).norm(normType).item()
}

/** Limits every number of the gradients to [−clipValue, clipValue]. Same as torch.nn.utils.clip_grad_value_. */
export function clipGradValue_(params: Tensor | Iterable<Tensor>, ...given: Arguments<[clipValue: number], [], { readonly clipValue: number }>): void {
  const { clipValue } = argumentsOf('clipGradValue_', given, { clipValue: required })
  if (typeof clipValue !== 'number' || !(clipValue >= 0)) throw new ValueError('clipGradValue_', `clipValue = ${String(clipValue)} is not a number of at least 0`, 'give the largest absolute value that is allowed')
  noGrad(() => gradientsOf('clipGradValue_', params).forEach((grad) => grad.clamp_(-clipValue, clipValue)))
}
