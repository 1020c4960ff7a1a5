/** Views that run through several dimensions at once, or through one more than once. */
import { ShapeError, ValueError } from '../../tensor/errors.ts'
import { kernels } from '../../tensor/kernels/active.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import { normalizeDim, showShape, type Shape } from '../../tensor/shape.ts'
import { defineOp, own, type Gradients } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { slicePlaced } from './views.ts'

/** A diagonal in two dimensions of a shape: `offset` is 0 for the main one, above 0 for those to its upper right. */
interface Diagonal {
  readonly offset: number
  readonly dims: readonly [number, number]
}

/** x seen along a diagonal, which becomes the last dimension in place of the two. */
function along(x: NDArray, { offset, dims: [row, column] }: Diagonal): NDArray {
  const size = Math.max(0, Math.min(x.shape[row] + Math.min(offset, 0), x.shape[column] - Math.max(offset, 0)))
  const start = size > 0 ? Math.max(-offset, 0) * x.strides[row] + Math.max(offset, 0) * x.strides[column] : 0
  const others = x.shape.map((_, d) => d).filter((d) => d !== row && d !== column)
  return x.restride([...others.map((d) => x.shape[d]), size], (strides) => [...others.map((d) => strides[d]), strides[row] + strides[column]], x.offset + start)
}

export const diagonal = defineOp('diagonal', {
  forward: (_, [x]: [x: NDArray], where: Diagonal) => along(x, where),
  backward: ({ shapes: [shape] }, grad, where): Gradients => [diagonalPlaced([grad], { shape, where })],
})

/** The adjoint: x on a diagonal of zeros. */
const diagonalPlaced = defineOp('diagonal_backward', {
  forward(_, [x]: [x: NDArray], { shape, where }: { readonly shape: Shape; readonly where: Diagonal }) {
    const out = NDArray.full(shape, 0, x.dtype)
    kernels().copy(along(out, where), x)
    return out
  },
  backward: (_, grad, { where }): Gradients => [diagonal([grad], where)],
})

/** A vector as the diagonal of a matrix, or a diagonal of a matrix as a vector. Same as torch.diag. */
export function diag(x: Tensor, offset: number): Tensor {
  if (x.ndim !== 1 && x.ndim !== 2) throw new ShapeError('diag', `a tensor of shape ${showShape(x.shape)} is no vector and no matrix`, 'give one of one or two dimensions, or use diagonal()')
  if (!Number.isInteger(offset)) throw new ValueError('diag', `${offset} is no diagonal`, 'give a whole number: 0 is the main diagonal, 1 the one above it')
  const where = { offset, dims: [0, 1] } as const
  if (x.ndim === 2) return own('DiagBackward0', diagonal([x], where).clone())
  const size = x.shape[0] + Math.abs(offset)
  return own('DiagBackward0', diagonalPlaced([x], { shape: [size, size], where }))
}

interface Unfolding {
  readonly dim: number
  readonly size: number
  readonly step: number
}

/** Windows of `size` elements along a dimension, every `step`-th, their elements in a new last dimension. */
const windows = defineOp('unfold', {
  forward(_, [x]: [x: NDArray], { dim, size, step }: Unfolding) {
    const count = Math.floor((x.shape[dim] - size) / step) + 1
    return x.restride([...x.shape.with(dim, count), size], (strides) => [...strides.with(dim, step * strides[dim]), strides[dim]])
  },
  backward({ shapes: [shape] }, grad, { dim, size, step }) {
    const placed = Array.from({ length: size }, (_, i) =>
      slicePlaced([grad.select(-1, i)], { shape, starts: shape.map((_size, d) => (d === dim ? i : 0)), steps: shape.map((_size, d) => (d === dim ? step : 1)) }))
    return [placed.reduce((sum, part) => sum.add(part))]
  },
})

/** x.unfold(2, 4, 4) cuts a dimension into patches. Same as torch.Tensor.unfold. */
export function unfold(x: Tensor, dimension: number, size: number, step: number): Tensor {
  const dim = normalizeDim('unfold', dimension, x.ndim)
  if (x.ndim === 0 || !Number.isInteger(size) || size < 1 || size > x.shape[dim] || !Number.isInteger(step) || step < 1)
    throw new ValueError('unfold', `windows of ${size} elements, ${step} apart, do not lie in dimension ${dim} of ${showShape(x.shape)}`, 'give whole numbers of at least 1, the size at most that of the dimension')
  return windows([x], { dim, size, step })
}
