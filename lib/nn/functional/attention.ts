/** Attention: every query takes a mean of the values, weighted by how well its key fits (Vaswani et al. 2017). */
import { checkTensors } from '../../autograd/op.ts'
import { attention } from '../../autograd/ops/attention.ts'
import { triangle } from '../../autograd/ops/triangle.ts'
import { choosing } from '../../autograd/ops/where.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { ShapeError, ValueError } from '../../tensor/errors.ts'
import { argumentsOf, checkProbability, type Given } from '../../tensor/options.ts'
import { defaultGenerator } from '../../tensor/random.ts'
import { showShape } from '../../tensor/shape.ts'
import { dropout } from './dropout.ts'

export interface AttentionOptions {
  /** Broadcasts to (..., L, S). Booleans: true where the query may attend to the key. Numbers: added to the scores. */
  readonly attnMask?: Tensor | null
  /** Probability with which a weight is dropped; 0 outside of training. */
  readonly dropoutP?: number
  /** Each query attends only to the keys up to its own position. */
  readonly isCausal?: boolean
  /** What scores are multiplied by. Default: 1 / √E. */
  readonly scale?: number | null
}

/**
 * softmax(Q · Kᵀ · scale + mask) · V. query: (..., L, E), key: (..., S, E), value: (..., S, Ev) -> (..., L, Ev). A query that may
 * attend to no key gets NaN. Same as torch.nn.functional.scaled_dot_product_attention.
 */
export function scaledDotProductAttention(query: Tensor, key: Tensor, value: Tensor, ...given: Given<[attnMask: Tensor | null, dropoutP: number, isCausal: boolean], AttentionOptions>): Tensor {
  const { attnMask, dropoutP, isCausal, scale } = argumentsOf('scaledDotProductAttention', given, { attnMask: null, dropoutP: 0, isCausal: false, scale: null }, 3)
  const operation = 'scaledDotProductAttention'
  checkTensors(operation, [query, key, value], [attnMask])
  if (isCausal && attnMask) throw new ValueError(operation, 'a mask was given together with isCausal', 'give one of them, or join both in the mask')
  checkAttention(operation, query, key, value)
  if (!isCausal && !attnMask && haveHeads(query, key, value)) {
    checkProbability(operation, dropoutP)
    return attendHeads(query, key, value, { scale: scale ?? 1 / Math.sqrt(query.shape[3]), dropoutP })[0]
  }
  const allowed = isCausal ? triangle('tril', [query.shape[query.ndim - 2], key.shape[key.ndim - 2]], 0) : attnMask
  const [output] = attend(query, key, value, allowed && toScores(operation, allowed, true), { scale, dropoutP })
  return output
}

/** A mask as numbers to add to the scores: of booleans, −∞ where they are not `allowed`. */
export function toScores(operation: string, mask: Tensor, allowed: boolean): Tensor {
  if (mask.dtype === 'float32') return mask
  if (mask.dtype === 'bool') return allowed ? choosing(mask, 0, -Infinity) : choosing(mask, -Infinity, 0)
  throw new ValueError(operation, `a mask of ${mask.dtype} is neither of booleans nor of numbers to add`, 'compare it with a number, or make it float32')
}

/** Whether these are heads of one batch, (B, h, ...), with nothing to broadcast. */
function haveHeads(query: Tensor, key: Tensor, value: Tensor): boolean {
  return query.ndim === 4 && [key, value].every((x) => x.ndim === 4 && x.shape[0] === query.shape[0] && x.shape[1] === query.shape[1])
}

/** The output and the weights, before dropout, of heads (B, h, L, E), (B, h, S, E) and (B, h, S, Ev). */
export function attendHeads(query: Tensor, key: Tensor, value: Tensor, { scale, dropoutP }: { readonly scale: number; readonly dropoutP: number }): [output: Tensor, weights: Tensor] {
  if (dropoutP === 1) {
    const [output, weights] = attendHeads(query, key, value, { scale, dropoutP: 0 })
    return [output.mul(0), weights]
  }
  const [output, weights] = attention([query, key, value], { scale, dropping: dropoutP === 0 ? null : { p: dropoutP, generator: defaultGenerator } })
  return [output, weights]
}

/** The output and the weights, after dropout. `mask` is added to the scores. */
export function attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | null, { scale, dropoutP }: { readonly scale: number | null; readonly dropoutP: number }): [output: Tensor, weights: Tensor] {
  const scores = query.mul(scale ?? 1 / Math.sqrt(query.shape[query.ndim - 1])).matmul(key.transpose(-2, -1))
  const weights = dropout((mask ? scores.add(mask) : scores).softmax(-1), dropoutP)
  return [weights.matmul(value), weights]
}

function checkAttention(operation: string, query: Tensor, key: Tensor, value: Tensor): void {
  const ndims = [query.ndim, key.ndim, value.ndim]
  const fit = ndims.every((ndim) => ndim >= 2) && query.shape[query.ndim - 1] === key.shape[key.ndim - 1] && key.shape[key.ndim - 2] === value.shape[value.ndim - 2]
  if (!fit)
    throw new ShapeError(operation, `queries of shape ${showShape(query.shape)}, keys of shape ${showShape(key.shape)} and values of shape ${showShape(value.shape)} do not fit`, 'give (..., L, E), (..., S, E) and (..., S, Ev)')
}
