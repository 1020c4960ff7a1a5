/** Reading arrays by index, and the adjoints that sum into the places read. */
import { countedAs } from './dtype.ts'
import { IndexError, ShapeError } from './errors.ts'
import { kernels } from './kernels/active.ts'
import { NDArray } from './ndarray.ts'
import { normalizeDim, rowMajorStrides, sameShape, showShape, type Shape } from './shape.ts'

/** `index` as whole numbers from 0 to size - 1, negative ones counted from the end where that is allowed. Throws on any other. */
export function checkIndex(operation: string, index: NDArray, size: number, negative = false): NDArray {
  const least = negative ? -size : 0
  const values = index.values()
  let wraps = false
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (!(Number.isInteger(value) && value >= least && value < size))
      throw new IndexError(operation, `index ${value} at position ${i} is out of range for size ${size}`, size === 0 ? 'the dimension is empty' : `use whole numbers from ${least} to ${size - 1}`)
    if (value < 0) wraps = true
  }
  return wraps ? NDArray.from(values.map((value) => (value < 0 ? value + size : value)), index.shape, 'int64') : index
}

/** x[index] along the first dimension: index (...) and x (n, rest) -> (..., rest). */
export function take(x: NDArray, index: NDArray): NDArray {
  const out = NDArray.empty([...index.shape, ...x.shape.slice(1)], x.dtype)
  if (out.numel > 0) kernels().take(out, x, index)
  return out
}

/** The adjoint of take: rows of x summed into zeros of `shape` at `index`. */
export function putAdd(x: NDArray, index: NDArray, shape: Shape): NDArray {
  const out = NDArray.full(shape, 0)
  if (x.numel > 0) kernels().putAdd(out, x, index)
  return out
}

/** A copy of x whose numbers at `index`, counted in row-major order, are those of `values`; of those for the same place the last one. */
export function put(x: NDArray, values: NDArray, index: NDArray): NDArray {
  const out = x.copy()
  const [numbers, places, source] = [out.storage.data, index.values(), values.values()]
  for (let i = 0; i < places.length; i++) numbers[out.offset + places[i]] = source[i]
  return out
}

function checkGather(operation: string, shape: Shape, dim: number, index: NDArray): void {
  if (index.ndim !== shape.length || index.shape.some((size, d) => d !== dim && size > shape[d]))
    throw new ShapeError(operation, `an index of shape ${showShape(index.shape)} does not fit ${showShape(shape)} along dimension ${dim}`, 'index and tensor need the same number of dimensions, and the index may be longer only along dim')
  checkIndex(operation, index, shape[dim])
}

/** out[i][j][k] = x[i][index[i][j][k]][k] for dim 1. */
export function gather(x: NDArray, dim: number, index: NDArray): NDArray {
  const d = normalizeDim('gather', dim, x.ndim)
  if (x.ndim === 0) return gather(x.reshape([1]), 0, index.reshape([1])).reshape(index.shape)
  checkGather('gather', x.shape, d, index)
  const window = x.slice(x.shape.map((size, i) => ({ start: 0, size: i === d ? size : index.shape[i], step: 1 })))
  const last = index.transpose(d, -1)
  const out = NDArray.empty(last.shape, x.dtype)
  if (out.numel > 0) kernels().gather(out, window.transpose(d, -1), last)
  return out.transpose(d, -1).contiguous()
}

/** The adjoint of gather: x summed into zeros of `shape`, whose other sizes may exceed the index's. */
export function scatterAdd(x: NDArray, dim: number, index: NDArray, shape: Shape): NDArray {
  const d = normalizeDim('scatterAdd', dim, shape.length)
  if (shape.length === 0) return scatterAdd(x.reshape([1]), 0, index.reshape([1]), [1]).reshape(shape)
  checkGather('scatterAdd', shape, d, index)
  if (!sameShape(x.shape, index.shape))
    throw new ShapeError('scatterAdd', `a source of shape ${showShape(x.shape)} does not fit an index of shape ${showShape(index.shape)}`, 'source and index must have the same shape')
  const last = index.transpose(d, -1)
  const window = NDArray.full(last.shape.with(-1, shape[d]), 0, countedAs(x.dtype))
  if (index.numel > 0) kernels().scatterAdd(window, x.transpose(d, -1), last)
  return place(window.transpose(d, -1), shape, shape.map(() => 0), shape.map(() => 1))
}

/** A copy of x with `source` at the places that gather would read; of several written to one place the last stays. */
export function scatter(x: NDArray, dim: number, index: NDArray, source: NDArray): NDArray {
  if (x.ndim === 0) return scatter(x.reshape([1]), 0, index.reshape([1]), source.reshape([1])).reshape([])
  checkGather('scatter', x.shape, dim, index)
  if (source.ndim !== index.ndim || index.shape.some((size, d) => size > source.shape[d]))
    throw new ShapeError('scatter', `a source of shape ${showShape(source.shape)} does not fit an index of shape ${showShape(index.shape)}`, 'give as many numbers as there are indices')
  const out = x.copy()
  const used = source.slice(index.shape.map((size) => ({ start: 0, size, step: 1 })))
  const window = out.slice(out.shape.map((size, d) => ({ start: 0, size: d === dim ? size : index.shape[d], step: 1 })))
  const [places, numbers] = [index.values(), used.values()]
  const strides = rowMajorStrides(index.shape)
  for (let i = 0; i < places.length; i++)
    out.storage.data[strides.reduce((offset, stride, d) => offset + (d === dim ? places[i] : Math.floor(i / stride) % index.shape[d]) * window.strides[d], window.offset)] = numbers[i]
  return out
}

/** Zeros of `shape` that hold x from `starts` on, every `steps`-th: the adjoint of a slice. */
export function place(x: NDArray, shape: Shape, starts: Shape, steps: Shape): NDArray {
  const out = NDArray.full(shape, 0, x.dtype)
  kernels().copy(out.slice(x.shape.map((size, d) => ({ start: starts[d], size, step: steps[d] }))), x)
  return out
}
