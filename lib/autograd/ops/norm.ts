/** Norms of vectors along dimensions. */
import { checkIsFloat } from '../../tensor/dtype.ts'
import { ValueError } from '../../tensor/errors.ts'
import { binary, unary, where } from '../../tensor/elementwise.ts'
import type { NDArray } from '../../tensor/ndarray.ts'
import { reduce } from '../../tensor/reduce.ts'
import { defineOp, own, type Gradients } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { restoreDims, type Reduction } from './sum.ts'
import { choosing } from './where.ts'

interface NormOptions extends Reduction {
  readonly p: number
}

/** (Σ |x|ᵖ)^(1/p); the largest |x| for p = Infinity, the smallest for −Infinity, and for p = 0 how many are not 0. Of nothing it is 0. */
const normOp = defineOp('norm', {
  forward(ctx, [x]: [x: NDArray], { p, dims, keepdim }: NormOptions) {
    const y = valueOf(x, p, dims, keepdim)
    ctx.save(x, y)
    return y
  },
  /** sign(x) · |x|ᵖ⁻¹ · ‖x‖¹⁻ᵖ, and 0, not infinite, where all is 0 and with p < 1 at every 0. Equal largest ones share the gradient. */
  backward({ saved: [x, result], shapes: [shape] }, arrived, { p, dims }): Gradients {
    const [grad, y] = [arrived, result].map((part) => restoreDims(part, shape, dims))
    if (p === 0) return [null]
    if (p === 1) return [grad.mul(x.sign())]
    if (!Number.isFinite(p)) {
      const reached = x.abs().eq(y)
      return [choosing(reached, x.sign().mul(grad.div(reached.sum([...dims], true))), 0)]
    }
    const isZero = y.eq(0)
    if (p === 2) return [choosing(isZero, 0, grad.mul(x.div(choosing(isZero, 1, y))))]
    if (p < 1) return [choosing(x.eq(0), 0, x.sign().mul(choosing(x.eq(0), 1, x).abs().pow(p - 1)).mul(grad).mul(y.pow(1 - p)))]
    const scale = choosing(isZero, 0, grad.div(choosing(isZero, 1, y).pow(p - 1)))
    // Where p is even |x| would only hide the second derivative at 0.
    return [(p % 2 === 0 ? x.pow(p - 1) : x.sign().mul(x.abs().pow(p - 1))).mul(scale)]
  },
})

function valueOf(x: NDArray, p: number, dims: readonly number[], keepdim: boolean): NDArray {
  if (dims.some((d) => x.shape[d] === 0)) return reduce('sum', x, dims, keepdim)
  if (!Number.isFinite(p)) return reduce(p > 0 ? 'max' : 'min', unary('abs', x), dims, keepdim)
  if (p === 0) return reduce('sum', where(binary('eq', x, 0), 0, 1), dims, keepdim)
  if (p === 1) return reduce('sum', unary('abs', x), dims, keepdim)
  if (p === 2) return unary('sqrt', reduce('sum', binary('mul', x, x), dims, keepdim))
  return binary('pow', reduce('sum', binary('pow', unary('abs', x), p), dims, keepdim), 1 / p)
}

/** The norm of order p over `dims`, or 'fro', the Euclidean one of vectors and matrices. Throws on other labels than float32. */
export function norm(operation: string, x: Tensor, p: number | 'fro', { dims, keepdim }: Reduction, isOfMatrix = false): Tensor {
  checkIsFloat(operation, x.dtype)
  if (p === 'fro' && isOfMatrix) return x.mul(x).sum(dims, keepdim).sqrt()
  const order = p === 'fro' ? 2 : p
  if (typeof order !== 'number' || Number.isNaN(order)) throw new ValueError(operation, `p = ${String(p)} is no order of a norm`, "give a number, such as 2, or 'fro'")
  return own('NormBackward1', normOp([x], { p: order, dims, keepdim }))
}
