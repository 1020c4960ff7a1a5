/** Joining tensors, and turning one around. */
import { promote } from '../../tensor/dtype.ts'
import { ShapeError, ValueError } from '../../tensor/errors.ts'
import { kernels } from '../../tensor/kernels/active.ts'
import { laidOutAs } from '../../tensor/layout.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import { argumentsOf, type Given } from '../../tensor/options.ts'
import { normalizeDim, normalizeDims, sameShape, showShape } from '../../tensor/shape.ts'
import { checkTensors, constant, defineOp, named } from '../op.ts'
import type { Tensor } from '../tensor.ts'

/** Tensors behind each other along a dimension. Empty tensors of shape (0,) are passed over, as in PyTorch. */
const catOp = defineOp('cat', {
  forward(_, inputs: readonly NDArray[], dim: number) {
    const joined = inputs.filter((x) => !isLegacyEmpty(x))
    if (joined.length === 0) return NDArray.zeros([0], inputs.map((x) => x.dtype).reduce(promote))
    const [{ shape }] = joined
    if (shape.length === 0) throw new ShapeError('cat', 'a scalar has no dimension to join along', 'use stack(), or unsqueeze them first')
    const d = normalizeDim('cat', dim, shape.length)
    for (const x of joined)
      if (x.ndim !== shape.length || x.shape.some((size, i) => i !== d && size !== shape[i]))
        throw new ShapeError('cat', `${showShape(shape)} and ${showShape(x.shape)} cannot be joined along dimension ${d}`, 'all other sizes must be equal')
    const out = NDArray.empty(shape.with(d, joined.reduce((sum, x) => sum + x.shape[d], 0)), inputs.map((x) => x.dtype).reduce(promote))
    let start = 0
    for (const x of joined) {
      kernels().copy(out.narrow(d, start, x.shape[d]), x)
      start += x.shape[d]
    }
    return out
  },
  backward({ shapes }, grad, dim) {
    let start = 0
    return shapes.map((shape) => {
      if (shape.length === 1 && shape[0] === 0) return constant(NDArray.zeros([0]))
      const size = shape[dim < 0 ? dim + shape.length : dim]
      start += size
      return grad.narrow(dim, start - size, size)
    })
  },
})

const isLegacyEmpty = (x: NDArray) => x.ndim === 1 && x.shape[0] === 0

function checkList(operation: string, tensors: readonly Tensor[]): void {
  if (!Array.isArray(tensors) || tensors.length === 0) throw new ValueError(operation, 'no list of tensors was given', 'give a list of at least one tensor')
  checkTensors(operation, tensors)
}

/** Joins tensors along an existing dimension. (2, 3) and (4, 3) along 0 -> (6, 3). Same as torch.cat. */
export function cat(tensors: readonly Tensor[], ...given: Given<[dim: number], { readonly dim?: number }>): Tensor {
  const { dim } = argumentsOf('cat', given, { dim: 0 })
  checkList('cat', tensors)
  return catOp([...tensors], dim)
}

/** Joins tensors of one shape along a new dimension. Two of (3,) along 0 -> (2, 3). Same as torch.stack. */
export function stack(tensors: readonly Tensor[], ...given: Given<[dim: number], { readonly dim?: number }>): Tensor {
  const { dim } = argumentsOf('stack', given, { dim: 0 })
  checkList('stack', tensors)
  const [{ shape }] = tensors
  const d = normalizeDim('stack', dim, shape.length + 1)
  for (const x of tensors)
    if (!sameShape(x.shape, shape)) throw new ShapeError('stack', `${showShape(shape)} and ${showShape(x.shape)} differ`, 'all tensors must have the same shape')
  return named('StackBackward0', catOp(tensors.map((x) => x.unsqueeze(d)), d))
}

/** A copy with the order of elements reversed along each of the dimensions. */
export const flip = defineOp('flip', {
  forward(_, [x]: [x: NDArray], dims: readonly number[]) {
    const turned = new Set(dims.length === 0 ? [] : normalizeDims('flip', dims, x.ndim))
    if (x.numel === 0) return x.copy()
    const offset = x.shape.reduce((sum, size, d) => sum + (turned.has(d) ? (size - 1) * x.strides[d] : 0), x.offset)
    const backwards = x.restride(x.shape, x.strides.map((stride, d) => (turned.has(d) ? -stride : stride)), offset)
    return laidOutAs(x, backwards)
  },
  backward: (_, grad, dims) => [grad.flip(dims)],
})
