/** Sums, and summing a gradient back to the shape of what was broadcast. */
import type { NDArray } from '../../tensor/ndarray.ts'
import { reduce } from '../../tensor/reduce.ts'
import { sameShape, type Shape } from '../../tensor/shape.ts'
import type { Context } from '../graph.ts'
import { defineOp, type Gradients } from '../op.ts'
import type { Tensor } from '../tensor.ts'

/** Dimensions to reduce, counted from the front and ascending, and whether they stay with size 1. */
export interface Reduction {
  readonly dims: readonly number[]
  readonly keepdim: boolean
}

/** Puts reduced dimensions back with size 1, so that a result broadcasts against what it was reduced from. */
export function restoreDims(x: Tensor, shape: Shape, dims: readonly number[]): Tensor {
  return x.reshape(shape.map((size, d) => (dims.includes(d) ? 1 : size)))
}

export const sum = defineOp('sum', {
  forward: (_, [x]: [x: NDArray], { dims, keepdim }: Reduction) => reduce('sum', x, dims, keepdim),
  backward: ({ shapes: [shape] }, grad, { dims }) => [restoreDims(grad, shape, dims).expand(shape)],
})

/** Sums a gradient over the dimensions that broadcasting added or stretched. */
export function sumTo(grad: Tensor, shape: Shape): Tensor {
  if (sameShape(grad.shape, shape)) return grad
  const lead = grad.ndim - shape.length
  const dims = grad.shape.map((_, d) => d).filter((d) => d < lead || (shape[d - lead] === 1 && grad.shape[d] !== 1))
  return sum([grad], { dims, keepdim: false }).reshape(shape)
}

/** Gradients of operands that were broadcast together: each is computed where it is wanted, and summed back to its operand's shape. */
export function unbroadcast({ needs, shapes }: Context, ...gradients: readonly ((() => Tensor) | null)[]): Gradients {
  return gradients.map((gradient, i) => (needs[i] && gradient ? sumTo(gradient(), shapes[i]) : null))
}
