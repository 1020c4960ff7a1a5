/** Reductions in plain TypeScript. Sums are kept in double precision and rounded once. */
import type { NDArray } from '../../ndarray.ts'
import type { ReduceOp } from '../kernels.ts'
import { eachRow } from './strided.ts'

const start: Record<ReduceOp, number> = { sum: 0, prod: 1, max: -Infinity, min: Infinity }
const combine: Record<ReduceOp, (total: number, x: number) => number> = {
  sum: (total, x) => total + x,
  prod: (total, x) => total * x,
  max: (total, x) => (total !== total || total > x ? total : x),
  min: (total, x) => (total !== total || total < x ? total : x),
}

export function reduce(op: ReduceOp, out: NDArray, x: NDArray, dims: number): void {
  const o = out.storage.data
  const p = x.storage.data
  const f = combine[op]
  const totals = new Float64Array(out.numel).fill(start[op])
  // The totals, seen with x's shape and stride 0 along the reduced dimensions, are walked beside x.
  const seen = out.restride(x.shape, [...out.strides, ...new Array<number>(dims).fill(0)].slice(0, x.ndim), 0)
  eachRow([seen, x], ([at, from], length, [so, sx]) => {
    if (op === 'sum' && so === 0) {
      let total = totals[at]
      for (let i = 0; i < length; i++) total += p[from + i * sx]
      totals[at] = total
    } else for (let i = 0; i < length; i++) totals[at + i * so] = f(totals[at + i * so], p[from + i * sx])
  })
  o.set(totals, out.offset)
}

export function argReduce(op: 'max' | 'min', out: NDArray, x: NDArray): void {
  const [o, data] = [out.storage.data, x.storage.data]
  const step = x.strides[x.ndim - 1]
  const length = x.shape[x.ndim - 1]
  eachRow([out, x.select(-1, 0)], ([at, from], rows, [so, sx]) => {
    for (let r = 0; r < rows; r++) {
      const row = from + r * sx
      let best = 0
      let value = data[row]
      for (let i = 1; i < length && value === value; i++) {
        const candidate = data[row + i * step]
        if (candidate !== candidate || (op === 'max' ? candidate > value : candidate < value)) {
          best = i
          value = candidate
        }
      }
      o[at + r * so] = best
    }
  })
}

export function cumsum(out: NDArray, x: NDArray): void {
  if (out.numel === 0) return
  const [o, p] = [out.storage.data, x.storage.data]
  const length = x.shape[x.ndim - 1]
  const step = x.strides[x.ndim - 1]
  eachRow([out.select(-1, 0), x.select(-1, 0)], ([at, from], rows, [so, sx]) => {
    for (let r = 0; r < rows; r++) {
      let total = 0
      for (let i = 0; i < length; i++) o[at + r * so + i] = total += p[from + r * sx + i * step]
    }
  })
}
