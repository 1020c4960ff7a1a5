/** Choosing between two tensors element by element. */
import { dtypeBeside } from '../../tensor/dtype.ts'
import { where as choose } from '../../tensor/elementwise.ts'
import type { NDArray } from '../../tensor/ndarray.ts'
import { defineOp, scalar } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { unbroadcast } from './sum.ts'

/** a where the condition is not 0, else b. The condition has no gradient. */
export const where = defineOp('where', {
  forward(ctx, [condition, a, b]: [condition: NDArray, a: NDArray, b: NDArray]) {
    ctx.save(condition)
    return choose(condition, a, b)
  },
  backward(ctx, grad) {
    const [condition] = ctx.saved
    return unbroadcast(ctx, null, () => choosing(condition, grad, 0), () => choosing(condition, 0, grad))
  },
})

/** where() with numbers allowed as operands. */
export function choosing(condition: Tensor, a: Tensor | number | boolean, b: Tensor | number | boolean): Tensor {
  return where([condition, beside(a, b), beside(b, a)])
}

/** An operand as a tensor. A number bears a label that goes with the other operand's. */
export function beside(value: Tensor | number | boolean, other: Tensor | number | boolean): Tensor {
  if (typeof value === 'boolean') return scalar(Number(value), 'bool')
  return typeof value === 'number' ? scalar(value, typeof other === 'object' ? dtypeBeside(value, other.dtype) : 'float32') : value
}
