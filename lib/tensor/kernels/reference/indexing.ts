/** Reading and summing by index, in plain TypeScript. */
import type { NDArray } from '../../ndarray.ts'

export function take(out: NDArray, x: NDArray, index: NDArray): void {
  const row = out.numel / index.numel
  const [o, p] = [out.storage.data, x.values()]
  if (row === 1) index.values().forEach((from, i) => (o[i] = p[from]))
  else index.values().forEach((from, i) => o.set(p.subarray(from * row, (from + 1) * row), i * row))
}

export function putAdd(out: NDArray, x: NDArray, index: NDArray): void {
  const row = x.numel / index.numel
  const p = x.values()
  const sums = new Float64Array(out.numel)
  index.values().forEach((to, i) => {
    for (let j = 0; j < row; j++) sums[to * row + j] += p[i * row + j]
  })
  out.storage.data.set(sums, out.offset)
}

export function gather(out: NDArray, x: NDArray, index: NDArray): void {
  const length = index.shape[index.ndim - 1]
  const source = x.shape[x.ndim - 1]
  const p = x.values()
  index.values().forEach((from, i) => (out.storage.data[i] = p[Math.floor(i / length) * source + from]))
}

export function scatterAdd(out: NDArray, x: NDArray, index: NDArray): void {
  const length = index.shape[index.ndim - 1]
  const target = out.shape[out.ndim - 1]
  const p = x.values()
  const sums = new Float64Array(out.numel)
  index.values().forEach((to, i) => (sums[Math.floor(i / length) * target + to] += p[i]))
  out.storage.data.set(sums, out.offset)
}
