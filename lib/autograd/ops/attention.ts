/** Scaled dot-product attention of all heads at once (Vaswani et al. 2017, section 3.2.1). */
import { kernels } from '../../tensor/kernels/active.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import { gradThrough } from '../engine.ts'
import { constant, defineOp } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { drawMask, type Dropping } from './dropout.ts'

/** Numbers (B, N, h, d) seen as (B, h, N, d): heads lie side by side in each token, so that joining them is a view. */
const besideEachOther = (B: number, h: number, N: number, d: number) => NDArray.empty([B, N, h, d]).transpose(1, 2)

export interface AttentionOptions {
  /** What the scores are multiplied by. */
  readonly scale: number
  /** Dropout of the weights, where there is any. */
  readonly dropping: Dropping | null
}

/**
 * weights = softmax(scale · q · kᵀ), out = (mask · weights) · v with a dropout mask, where there is one, drawn on the way.
 * q: (B, h, N, d), k: (B, h, M, d), v: (B, h, M, e) -> [out (B, h, N, e), weights (B, h, N, M)].
 */
export const attention = defineOp('attention', {
  forward(ctx, [q, k, v]: [q: NDArray, k: NDArray, v: NDArray], { scale, dropping }: AttentionOptions) {
    const [B, h, N] = q.shape
    const [, , M, e] = v.shape
    const out = besideEachOther(B, h, N, e)
    const weights = NDArray.empty([B, h, N, M])
    const mask = dropping && drawMask(weights.shape, dropping)
    kernels().attention(out, weights, q, k, v, mask, scale)
    ctx.save(q, k, v, weights, ...(mask ? [mask] : []))
    return [out, weights]
  },
  backward({ saved: [q, k, v, weights, ...masks], needs }, [grad, gradWeights], { scale }) {
    const given = grad ?? constant(NDArray.full([...q.shape.slice(0, 3), v.shape[3]], 0))
    const [dq, dk, dv] = attentionBackward([given, gradWeights, weights, q, k, v, masks[0] ?? null], scale)
    return [needs[0] ? dq : null, needs[1] ? dk : null, needs[2] ? dv : null]
  },
})

type BackwardInputs = [grad: NDArray, gradWeights: NDArray | null, weights: NDArray, q: NDArray, k: NDArray, v: NDArray, dropout: NDArray | null]

/** Gradients of q, k and v; the scores are not kept but follow from the weights. */
export const attentionBackward = defineOp('attention_backward', {
  optional: true,
  forward(ctx, [grad, gradWeights, weights, q, k, v, dropout]: BackwardInputs, scale: number) {
    const [B, h, N, d] = q.shape
    const [, , M, e] = v.shape
    const [dq, dk, dv] = [besideEachOther(B, h, N, d), besideEachOther(B, h, M, d), besideEachOther(B, h, M, e)]
    kernels().attentionBackward(dq, dk, dv, grad, gradWeights, weights, q, k, v, dropout, scale)
    ctx.save(grad, q, k, v, ...(gradWeights ? [gradWeights] : []), ...(dropout ? [dropout] : []))
    return [dq, dk, dv]
  },
  backward({ saved: [grad, q, k, v, ...others], shapes }, seconds, scale) {
    const gradWeights = shapes[1].length > 0 ? others[0] : null
    const dropout = shapes[6].length > 0 ? others[others.length - 1] : null
    const inputs = [grad, q, k, v, ...(gradWeights ? [gradWeights] : [])]
    const [dGrad, dq, dk, dv, dGradWeights] = gradThrough((g, query, key, value, w?: Tensor) => composed(g, w ?? null, query, key, value, dropout, scale), inputs, seconds)
    return [dGrad, dGradWeights ?? null, null, dq, dk, dv, null]
  },
})

/** The same gradients composed of plain operations. */
function composed(grad: Tensor, gradWeights: Tensor | null, q: Tensor, k: Tensor, v: Tensor, dropout: Tensor | null, scale: number): Tensor[] {
  const weights = q.matmul(k.transpose(-2, -1)).mul(scale).softmax(-1)
  const dropped = dropout ? weights.mul(dropout) : weights
  const product = grad.matmul(v.transpose(-2, -1))
  const masked = dropout ? product.mul(dropout) : product
  const dWeights = gradWeights ? masked.add(gradWeights) : masked
  const dScores = weights.mul(dWeights.sub(dWeights.mul(weights).sum(-1, true))).mul(scale)
  return [dScores.matmul(k), dScores.transpose(-2, -1).matmul(q), dropped.transpose(-2, -1).matmul(grad)]
}
