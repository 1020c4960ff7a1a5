/** Activations as functions. */
import { named } from '../../autograd/op.ts'
import type { GeluOptions } from '../../autograd/ops/activations.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { choosing } from '../../autograd/ops/where.ts'

export const relu = (x: Tensor): Tensor => x.relu()
export const gelu = (x: Tensor, options?: Partial<GeluOptions>): Tensor => x.gelu(options)
export const silu = (x: Tensor): Tensor => x.silu()
export const tanh = (x: Tensor): Tensor => x.tanh()
export const sigmoid = (x: Tensor): Tensor => x.sigmoid()
export const softmax = (x: Tensor, dim: number): Tensor => x.softmax(dim)
export const logSoftmax = (x: Tensor, dim: number): Tensor => x.logSoftmax(dim)

/** x where positive, else negativeSlope · x. */
export function leakyRelu(x: Tensor, negativeSlope = 0.01): Tensor {
  return named('LeakyReluBackward0', choosing(x.gt(0), x, x.mul(negativeSlope)))
}
