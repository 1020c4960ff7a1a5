/** Functions of several tensors that are no method of one of them. */
import { optionsOf } from '../tensor/options.ts'
import { broadcastShapes } from '../tensor/shape.ts'
import { checkTensors } from './op.ts'
import { matmulAny } from './ops/matmul.ts'
import { choosing } from './ops/where.ts'
import { toTensor, type Tensor, type Operand } from './tensor.ts'

export { cat, stack } from './ops/joining.ts'

/** a where the condition is not 0, else b, with broadcasting. Same as torch.where. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  checkTensors('where', [condition, a, b].filter((operand) => typeof operand !== 'number' && typeof operand !== 'boolean'))
  return choosing(condition, a, b)
}

export const maximum = (a: Operand, b: Operand): Tensor => toTensor('maximum', a).maximum(b)
export const minimum = (a: Operand, b: Operand): Tensor => toTensor('minimum', a).minimum(b)
export const matmul = (a: Tensor, b: Tensor): Tensor => matmulAny('matmul', a, b)
export const bmm = (a: Tensor, b: Tensor): Tensor => matmulAny('bmm', a, b)
export const pow = (base: Operand, exponent: Operand): Tensor => toTensor('pow', base).pow(exponent)
export const equal = (a: Tensor, b: Tensor): boolean => toTensor('equal', a).equal(b)

/** Whether all numbers agree: |a − b| ≤ atol + rtol · |b|, with broadcasting. Same as torch.allclose. */
export function allclose(a: Tensor, b: Tensor, given: { readonly rtol?: number; readonly atol?: number; readonly equalNan?: boolean } = {}): boolean {
  const { rtol, atol, equalNan } = optionsOf('allclose', given, { rtol: 1e-5, atol: 1e-8, equalNan: false })
  checkTensors('allclose', [a, b])
  const shape = broadcastShapes('allclose', a.shape, b.shape)
  const [x, y] = [a.expand(shape).data, b.expand(shape).data]
  const close = (p: number, q: number) => p === q || (Number.isFinite(p - q) && Math.abs(p - q) <= atol + rtol * Math.abs(q))
  return x.every((value, i) => close(value, y[i]) || (equalNan && Number.isNaN(value) && Number.isNaN(y[i])))
}
