/** Functions of several tensors that are no method of one of them. */
import { ShapeError, ValueError } from '../tensor/errors.ts'
import { checkWord, optionsOf } from '../tensor/options.ts'
import { broadcastShapes, showShape } from '../tensor/shape.ts'
import { checkTensors } from './op.ts'
import { choosing } from './ops/where.ts'
import { toTensor, type Tensor, type Operand } from './tensor.ts'

export { cat, stack } from './ops/joining.ts'

/** a where the condition is not 0, else b, with broadcasting; of a condition alone, where it is not 0, as nonzero. Same as torch.where. */
export function where(condition: Tensor): Tensor[]
export function where(condition: Tensor, a: Operand, b: Operand): Tensor
export function where(condition: Tensor, ...given: readonly [] | readonly [a: Operand, b: Operand]): Tensor | Tensor[] {
  if (given.length === 0) {
    checkTensors('where', [condition])
    return condition.nonzero({ asTuple: true })
  }
  const [a, b] = given
  checkTensors('where', [condition, a, b].filter((operand) => typeof operand !== 'number' && typeof operand !== 'boolean'))
  return choosing(condition, a, b)
}

export const maximum = (a: Operand, b: Operand): Tensor => toTensor('maximum', a).maximum(b)
export const minimum = (a: Operand, b: Operand): Tensor => toTensor('minimum', a).minimum(b)
export const pow = (base: Operand, exponent: Operand): Tensor => toTensor('pow', base).pow(exponent)

/** The positions of vectors in the grid that they span: tensors of shape (n₁, n₂, ...), one for each; with 'xy' (n₂, n₁, ...), as of a picture. */
export function meshgrid(tensors: readonly Tensor[], given: { readonly indexing?: 'ij' | 'xy' } = {}): Tensor[] {
  const { indexing } = optionsOf('meshgrid', given, { indexing: 'ij' })
  if (!Array.isArray(tensors)) throw new ValueError('meshgrid', 'no list of tensors was given', 'give the vectors as a list')
  checkTensors('meshgrid', tensors)
  checkWord('meshgrid', 'indexing', indexing, ['ij', 'xy'])
  if (!tensors.every(({ ndim }) => ndim < 2)) throw new ShapeError('meshgrid', `tensors of shapes ${tensors.map(({ shape }) => showShape(shape)).join(', ')} are not all vectors`, 'flatten them')
  const exchanged = indexing === 'xy' && tensors.length > 1
  const vectors = exchanged ? [tensors[1], tensors[0], ...tensors.slice(2)] : tensors
  const shape = vectors.map((vector) => vector.numel())
  const grids = vectors.map((vector, d) => vector.view(shape.map((_, i) => (i === d ? -1 : 1))).expand(shape))
  return exchanged ? [grids[1], grids[0], ...grids.slice(2)] : grids
}

/** Whether all numbers agree: |a − b| ≤ atol + rtol · |b|, with broadcasting. Same as torch.allclose. */
export function allclose(a: Tensor, b: Tensor, given: { readonly rtol?: number; readonly atol?: number; readonly equalNan?: boolean } = {}): boolean {
  const { rtol, atol, equalNan } = optionsOf('allclose', given, { rtol: 1e-5, atol: 1e-8, equalNan: false })
  checkTensors('allclose', [a, b])
  const shape = broadcastShapes('allclose', a.shape, b.shape)
  const [x, y] = [a.expand(shape).data, b.expand(shape).data]
  const close = (p: number, q: number) => p === q || (Number.isFinite(p - q) && Math.abs(p - q) <= atol + rtol * Math.abs(q))
  return x.every((value, i) => close(value, y[i]) || (equalNan && Number.isNaN(value) && Number.isNaN(y[i])))
}
