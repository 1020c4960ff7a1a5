/** Softmax and its logarithm along one dimension. */
import { checkIsFloat } from '../../tensor/dtype.ts'
import { kernels } from '../../tensor/kernels/active.ts'
import type { NDArray } from '../../tensor/ndarray.ts'
import { alongDim } from '../../tensor/reduce.ts'
import { defineOp, type Gradients } from '../op.ts'
import type { Tensor } from '../tensor.ts'

type One = [x: NDArray]
type GradAndResult = [grad: NDArray, y: NDArray]

/** exp(x) / Σ exp(x) */
export const softmax = defineOp('softmax', {
  forward(ctx, [x]: One, dim: number) {
    checkIsFloat('softmax', x.dtype)
    const y = alongDim('softmax', [x], dim, (out, from) => kernels().softmax(out, from))
    ctx.save(y)
    return y
  },
  backward: ({ saved: [y] }, grad, dim) => [softmaxBackward([grad, y], dim)],
})

/** y · (grad − Σ grad · y) */
export const softmaxBackward = defineOp('softmax_backward_data', {
  forward(ctx, [grad, y]: GradAndResult, dim: number) {
    ctx.save(grad, y)
    return alongDim('softmax', [grad, y], dim, (out, g, p) => kernels().softmaxBackward(out, g, p))
  },
  backward({ saved: [grad, y] }, second, dim): Gradients {
    const weighted = total(second.mul(y), dim)
    return [softmaxBackward([second, y], dim), second.mul(grad.sub(total(grad.mul(y), dim))).sub(grad.mul(weighted))]
  },
})

/** x − log Σ exp(x) */
export const logSoftmax = defineOp('log_softmax', {
  forward(ctx, [x]: One, dim: number) {
    checkIsFloat('logSoftmax', x.dtype)
    const y = alongDim('logSoftmax', [x], dim, (out, from) => kernels().logSoftmax(out, from))
    ctx.save(y)
    return y
  },
  backward: ({ saved: [y] }, grad, dim) => [logSoftmaxBackward([grad, y], dim)],
})

/** grad − exp(y) · Σ grad */
export const logSoftmaxBackward = defineOp('log_softmax_backward_data', {
  forward(ctx, [grad, y]: GradAndResult, dim: number) {
    ctx.save(grad, y)
    return alongDim('logSoftmax', [grad, y], dim, (out, g, p) => kernels().logSoftmaxBackward(out, g, p))
  },
  backward({ saved: [grad, y] }, second, dim): Gradients {
    const weighted = second.mul(y.exp())
    return [second.sub(total(weighted, dim)), weighted.mul(total(grad, dim)).neg()]
  },
})

const total = (x: Tensor, dim: number) => x.sum(dim, true)
