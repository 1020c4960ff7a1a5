/** The order of numbers along a dimension. */
import { ValueError } from '../../tensor/errors.ts'
import { laidOutAs } from '../../tensor/layout.ts'
import { NDArray, type DType } from '../../tensor/ndarray.ts'
import { argReduce } from '../../tensor/reduce.ts'
import { showShape, type Shape } from '../../tensor/shape.ts'
import { constant, defineOp, own, type Gradients } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { gather } from './indexing.ts'
import { choosing } from './where.ts'

/** Where along `dim` the smallest number stands, the second smallest, and so on, or from the largest on. Equal ones keep their order; NaN counts as the largest. */
export function sortedIndices(x: Tensor, dim: number, descending: boolean): Tensor {
  if (x.ndim === 0) return constant(NDArray.zeros([], 'int64'))
  const rows = x.array.transpose(dim, -1)
  const [values, size] = [rows.values(), x.shape[dim]]
  const order = new Float32Array(values.length)
  // Each number as 64 bits that sort as it does: its rank above, where it stands below.
  const keys = new BigUint64Array(size)
  const words = new Uint32Array(keys.buffer)
  const number = new Float32Array(1)
  const bits = new Uint32Array(number.buffer)
  for (let start = 0; start < values.length; start += size) {
    for (let i = 0; i < size; i++) {
      const value = values[start + i]
      // Adding 0 makes one zero of both, and there is but one NaN.
      number[0] = value === value ? value + 0 : NaN
      const rank = bits[0] >>> 31 ? ~bits[0] : bits[0] ^ 0x80000000
      words[2 * i] = i
      words[2 * i + 1] = descending ? ~rank : rank
    }
    keys.sort()
    for (let i = 0; i < size; i++) order[start + i] = words[2 * i]
  }
  return constant(laidOutAs(x.array, NDArray.from(order, rows.shape, 'int64').transpose(dim, -1)))
}

/** y laid out as x is. */
const inLayoutOf = defineOp('in_layout_of', {
  forward: (_, [y, x]: [y: NDArray, x: NDArray]) => laidOutAs(x, y),
  backward: (_, grad): Gradients => [grad, null],
})

/** The numbers in sorted order, and where they stood, both laid out as x is. */
export function sort(x: Tensor, dim: number, descending: boolean): [values: Tensor, indices: Tensor] {
  const indices = sortedIndices(x, dim, descending)
  const values = gather([x, indices], dim)
  return [own('SortBackward0', x.isContiguous() ? values : inLayoutOf([values, x.detach()])), indices]
}

/** The `k` largest or smallest numbers in sorted order, and where they stood. */
export function topk(x: Tensor, k: number, dim: number, largest: boolean): [values: Tensor, indices: Tensor] {
  const size = x.ndim === 0 ? 1 : x.shape[dim]
  if (!Number.isInteger(k) || k < 0 || k > size) throw new ValueError('topk', `k = ${k} is not from 0 to the ${size} numbers of dimension ${dim} of ${showShape(x.shape)}`, 'give a smaller k')
  const sorted = sortedIndices(x, dim, largest)
  const indices = x.ndim === 0 ? sorted : sorted.narrow(dim, 0, k).contiguous()
  return [own('TopkBackward0', gather([x, indices], dim)), indices]
}

/** The middle number along a dimension, of two the smaller, and where it stands; NaN where there is any. */
export function median(x: Tensor, dim: number): [values: Tensor, indices: Tensor] {
  const size = x.ndim === 0 ? 1 : x.shape[dim]
  if (size === 0) throw new ValueError('median', `dimension ${dim} of ${showShape(x.shape)} holds no numbers`, 'give a tensor that is not empty')
  const sorted = sortedIndices(x, dim, false)
  if (x.ndim === 0) return [gather([x, sorted], 0), sorted]
  // NaN counts as the largest, so the first of the largest is one where there is any.
  const [middle, largest] = [sorted.narrow(dim, Math.floor((size - 1) / 2), 1), constant(argReduce('max', x.array, dim)).unsqueeze(dim)]
  const indices = choosing(gather([x, largest], dim).isnan(), largest, middle)
  return [gather([x, indices], dim), indices]
}

/** The middle number of all, of two the smaller; NaN where there is any, or no number. Elements equal to it share the gradient evenly. */
export const medianOfAll = defineOp('median', {
  forward(ctx, [x]: [x: NDArray]) {
    const middle = x.numel === 0 && x.dtype === 'float32' ? NDArray.full([], NaN) : median(constant(x.reshape([x.numel])), 0)[0].array.reshape([])
    ctx.save(x, middle)
    return middle
  },
  backward({ saved: [x, middle] }, grad): Gradients {
    const ties = Number.isNaN(middle.item()) ? x.isnan() : x.eq(middle)
    return [choosing(ties, grad.div(ties.sum()), 0)]
  },
})

interface Uniques {
  readonly values: Tensor
  /** Where among the values each number of x stands. */
  readonly inverse: Tensor
  readonly counts: Tensor
}

/** The numbers that occur, from the smallest on. */
export function uniques(x: Tensor): Uniques {
  const numbers = x.array.values()
  const values = [...new Set(numbers)].sort((a, b) => a - b)
  const places = new Map(values.map((value, i) => [value, i]))
  const counts = new Float32Array(values.length)
  const inverse = Float32Array.from(numbers, (value) => places.get(value) ?? 0)
  for (const place of inverse) counts[place]++
  const of = (list: Float32Array, dtype: DType, shape: Shape = [list.length]) => constant(NDArray.from(list, shape, dtype))
  return { values: of(Float32Array.from(values), x.dtype), inverse: of(inverse, 'int64', x.shape), counts: of(counts, 'int64') }
}
