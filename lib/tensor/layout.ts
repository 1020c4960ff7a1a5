/** In which order the dimensions of a result lie in memory: as PyTorch's do. */
import { kernels } from './kernels/active.ts'
import { NDArray, type DType } from './ndarray.ts'
import { inverseOrder, type Shape } from './shape.ts'

/**
 * Dimensions of a result from the outermost to the innermost; null for row-major. Of two dimensions that one is further out which has
 * the larger stride in the first of the inputs that tells, that is, where neither is stretched. So pictures that have their channels last
 * keep them last. Inputs have as many dimensions as the result.
 */
export function orderOf(shape: Shape, inputs: readonly Shape[]): readonly number[] | null {
  if (shape.length < 2) return null
  // Innermost first, sorted by insertion, because the comparison does not always tell.
  const order = shape.map((_, d) => shape.length - 1 - d)
  for (let i = 1; i < order.length; i++)
    for (let at = i, j = i - 1; j >= 0; j--) {
      const comparison = compare(shape, inputs, order[j], order[at])
      if (comparison < 0) break
      if (comparison === 0) continue
      ;[order[j], order[at]] = [order[at], order[j]]
      at = j
    }
  order.reverse()
  return order.every((d, i) => d === i) ? null : order
}

/** Below 0 where dimension a has the smaller stride, above 0 where it has the larger one, 0 where no input tells. */
function compare(shape: Shape, inputs: readonly Shape[], a: number, b: number): number {
  for (const strides of inputs) {
    if (strides[a] === 0 || strides[b] === 0) continue
    if (strides[a] !== strides[b]) return strides[a] - strides[b]
    if (shape[a] > shape[b]) return 1
  }
  return 0
}

/** Strides of a dense array whose dimensions lie in that order. */
function stridesIn(shape: Shape, order: readonly number[] | null): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    const d = order ? order[i] : i
    strides[d] = stride
    stride *= Math.max(shape[d], 1)
  }
  return strides
}

/** A new array of `shape`, laid out as the inputs demand, written by `kernel`, which is given it and the inputs with their dimensions in that order. */
export function inOrder(shape: Shape, dtype: DType, inputs: readonly NDArray[], kernel: (out: NDArray, ...inputs: NDArray[]) => void): NDArray {
  const order = inputs.every((x) => x.isContiguous) ? null : orderOf(shape, inputs.map(({ strides }) => strides))
  const out = NDArray.empty(order ? order.map((d) => shape[d]) : shape, dtype)
  kernel(out, ...(order ? inputs.map((x) => x.permute(order)) : inputs))
  const result = order ? out.permute(inverseOrder(order)) : out
  return inputs.some(({ seenAs }) => seenAs) ? result.shownAs(stridesIn(shape, orderOf(shape, inputs.map(({ seenStrides }) => seenStrides)))) : result
}

/** A dense copy of x in the order of dimensions that `like` has. */
export function laidOutAs(like: NDArray, x: NDArray): NDArray {
  return inOrder(x.shape, x.dtype, [like, x], (out, _like, from) => kernels().copy(out, from))
}

/** A dense copy that keeps the order of dimensions. */
export const copyInOrder = (x: NDArray): NDArray => inOrder(x.shape, x.dtype, [x], (out, from) => kernels().copy(out, from))
