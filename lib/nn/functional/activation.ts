/** Activations as functions. */
import { checkTensors, named } from '../../autograd/op.ts'
import type { GeluOptions } from '../../autograd/ops/activations.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import type { Named } from '../../tensor/options.ts'
import { choosing } from '../../autograd/ops/where.ts'

function checked(operation: string, x: Tensor): Tensor {
  checkTensors(operation, [x])
  return x
}

export const relu = (x: Tensor): Tensor => checked('relu', x).relu()
export const gelu = (x: Tensor, options?: Partial<GeluOptions>): Tensor => checked('gelu', x).gelu(options)
export const silu = (x: Tensor): Tensor => checked('silu', x).silu()
export const tanh = (x: Tensor): Tensor => checked('tanh', x).tanh()
export const sigmoid = (x: Tensor): Tensor => checked('sigmoid', x).sigmoid()
export const softmax = (x: Tensor, dim: Named<'dim'>): Tensor => checked('softmax', x).softmax(dim)
export const logSoftmax = (x: Tensor, dim: Named<'dim'>): Tensor => checked('logSoftmax', x).logSoftmax(dim)

/** x where positive, else negativeSlope · x. */
export function leakyRelu(x: Tensor, negativeSlope = 0.01): Tensor {
  checkTensors('leakyRelu', [x])
  return named('LeakyReluBackward0', choosing(x.gt(0), x, x.mul(negativeSlope)))
}
