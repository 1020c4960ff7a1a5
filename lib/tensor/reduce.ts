/** Reductions of arrays over any of their dimensions. */
import { countedAs } from './dtype.ts'
import { IndexError } from './errors.ts'
import { kernels } from './kernels/active.ts'
import type { ReduceOp } from './kernels/kernels.ts'
import { NDArray } from './ndarray.ts'
import { normalizeDim, showShape } from './shape.ts'

function refuseEmpty(operation: string, x: NDArray, dims: readonly number[]): void {
  if (dims.some((d) => x.shape[d] === 0))
    throw new IndexError(operation, `the reduced dimensions of shape ${showShape(x.shape)} hold no elements`, 'only a sum or a product of nothing has a value')
}

/** Reduces the dimensions `dims` (from the front, ascending). They stay with size 1 where `keepdim` is set. */
export function reduce(op: ReduceOp, x: NDArray, dims: readonly number[], keepdim: boolean): NDArray {
  if (op === 'max' || op === 'min') refuseEmpty(op, x, dims)
  const kept = x.shape.map((_, d) => d).filter((d) => !dims.includes(d))
  const out = NDArray.empty(kept.map((d) => x.shape[d]), op === 'max' || op === 'min' ? x.dtype : countedAs(x.dtype))
  const rows = x.permute([...kept, ...dims])
  // A sum of one number is that number added to 0, which makes 0 of −0.
  if (op === 'sum' && dims.every((d) => x.shape[d] === 1)) kernels().binary('add', out, rows.restride(out.shape, (strides) => strides.slice(0, kept.length)), NDArray.full([], 0).expand(out.shape))
  else kernels().reduce(op, out, rows, dims.length)
  return keepdim ? out.reshape(x.shape.map((size, d) => (dims.includes(d) ? 1 : size))) : out
}

/** Index of the first largest or smallest along `dim`, which is dropped. */
export function argReduce(op: 'max' | 'min', x: NDArray, dim: number): NDArray {
  if (x.ndim === 0) return NDArray.zeros([], 'int64')
  refuseEmpty(`arg${op}`, x, [dim])
  const rows = x.permute([...x.shape.map((_, d) => d).filter((d) => d !== dim), dim])
  const out = NDArray.empty(rows.shape.slice(0, -1), 'int64')
  if (out.numel > 0) kernels().argReduce(op, out, rows)
  return out
}

/** Runs `kernel` over arrays of one shape along `dim` as if it were the last one. */
export function alongDim(operation: string, arrays: readonly NDArray[], dim: number, kernel: (out: NDArray, ...arrays: NDArray[]) => void): NDArray {
  const [{ shape, ndim }] = arrays
  const d = normalizeDim(operation, dim, ndim)
  const last = arrays.map((x) => (ndim === 0 ? x.reshape([1]) : x.transpose(d, -1)))
  const out = NDArray.empty(last[0].shape)
  if (out.numel > 0) kernel(out, ...last)
  return ndim === 0 ? out.reshape(shape) : out.transpose(d, -1).contiguous()
}
