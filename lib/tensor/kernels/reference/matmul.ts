/** Matrix products in plain TypeScript: two rows by four columns of the result at a time stay in registers. */
import { NDArray } from '../../ndarray.ts'
import { binary } from './elementwise.ts'
import { eachRow } from './strided.ts'

export function matmul(out: NDArray, a: NDArray, b: NDArray, start: NDArray | 'out' | null): void {
  const first = (x: NDArray) => x.select(-1, 0).select(-1, 0)
  const [M, N] = out.shape.slice(-2)
  const K = a.shape[a.ndim - 1]
  if (out.numel === 0) return
  if (start === 'out') {
    const own = NDArray.zeros(out.shape)
    matmul(own, a, b, null)
    return binary('add', out, out, own)
  }
  const bias64 = new Float64Array(N)
  if (start) bias64.set(start.values())
  const panel = new Float64Array(4 * K)
  if (K === 0) return eachRow([out.restride([out.numel / N, N], [N, 1], out.offset)], ([at], length) => {
    for (let i = 0; i < length; i++) out.storage.data[at + i] = bias64[i % N]
  })
  eachRow([first(out), first(a), first(b)], ([co, ao, bo], length, [cs, as, bs]) => {
    for (let i = 0; i < length; i++)
      product(out.storage.data, co + i * cs, a, ao + i * as, b, bo + i * bs, bias64, panel, M, N, K)
  })
}

/** C (M, N) = A (M, K) · B (K, N) + bias. Four columns of B at a time are packed into `panel`, where the inner loop reads them in order. */
function product(c: Float32Array, co: number, A: NDArray, ao: number, B: NDArray, bo: number, bias: Float64Array, panel: Float64Array, M: number, N: number, K: number): void {
  const a = A.storage.data
  const b = B.storage.data
  const [rowA, colA] = A.strides.slice(-2)
  const [rowB, colB] = B.strides.slice(-2)
  for (let j = 0; j < N; j += 4) {
    const columns = Math.min(4, N - j)
    for (let q = 0; q < 4; q++) {
      // A column past the edge repeats the last one; its results are not stored.
      let from = bo + (j + Math.min(q, columns - 1)) * colB
      for (let k = 0; k < K; k++, from += rowB) panel[4 * k + q] = b[from]
    }
    for (let i = 0; i < M; i += 2) {
      const two = i + 1 < M
      let p = ao + i * rowA
      let r = two ? p + rowA : p
      let c00 = 0, c01 = 0, c02 = 0, c03 = 0, c10 = 0, c11 = 0, c12 = 0, c13 = 0
      for (let k = 0; k < 4 * K; k += 4, p += colA, r += colA) {
        const x = a[p], y = a[r]
        const b0 = panel[k], b1 = panel[k + 1], b2 = panel[k + 2], b3 = panel[k + 3]
        c00 += x * b0; c01 += x * b1; c02 += x * b2; c03 += x * b3
        c10 += y * b0; c11 += y * b1; c12 += y * b2; c13 += y * b3
      }
      const at = co + i * N + j
      store(c, at, columns, c00, c01, c02, c03, bias, j)
      if (two) store(c, at + N, columns, c10, c11, c12, c13, bias, j)
    }
  }
}

function store(c: Float32Array, at: number, columns: number, c0: number, c1: number, c2: number, c3: number, bias: Float64Array, j: number): void {
  c[at] = c0 + bias[j]
  if (columns > 1) c[at + 1] = c1 + bias[j + 1]
  if (columns > 2) c[at + 2] = c2 + bias[j + 2]
  if (columns > 3) c[at + 3] = c3 + bias[j + 3]
}
