/** Layer normalisation over rows, forward and backward, in plain TypeScript. */
import type { NDArray } from '../../ndarray.ts'

/** Mean and 1 / standard deviation of the n numbers from `at` on, in double precision. */
function moments(x: Float32Array, at: number, n: number, eps: number): { mean: number; rstd: number } {
  let sum = 0
  for (let i = 0; i < n; i++) sum += x[at + i]
  const mean = sum / n
  let squares = 0
  for (let i = 0; i < n; i++) squares += (x[at + i] - mean) * (x[at + i] - mean)
  return { mean, rstd: 1 / Math.sqrt(squares / n + eps) }
}

export function layerNorm(y: NDArray, mean: NDArray, rstd: NDArray, x: NDArray, weight: NDArray | null, bias: NDArray | null, eps: number): void {
  const [rows, n] = x.shape
  const p = x.values()
  const w = weight?.values()
  const b = bias?.values()
  for (let r = 0; r < rows; r++) {
    const at = r * n
    const { mean: centre, rstd: scale } = moments(p, at, n, eps)
    for (let i = 0; i < n; i++) y.storage.data[y.offset + at + i] = (p[at + i] - centre) * scale * (w ? w[i] : 1) + (b ? b[i] : 0)
    mean.storage.data[mean.offset + r] = centre
    rstd.storage.data[rstd.offset + r] = scale
  }
}

/**
 * With x̂ = (x − mean) · rstd and g = grad · weight: dx = rstd · (g − mean(g) − x̂ · mean(g · x̂)), dweight = Σ grad · x̂, dbias = Σ grad.
 * Mean and rstd are computed anew: rounded to float32, they would be most of the error in rows of few numbers.
 */
export function layerNormBackward(dx: NDArray, dweight: NDArray | null, dbias: NDArray | null, grad: NDArray, x: NDArray, _mean: NDArray, _rstd: NDArray, weight: NDArray | null, eps: number, onto: boolean): void {
  const [rows, n] = x.shape
  const p = x.values()
  const g = grad.values()
  const w = weight?.values()
  const weightSums = new Float64Array(n)
  const biasSums = new Float64Array(n)
  for (let r = 0; r < rows; r++) {
    const at = r * n
    const { mean, rstd } = moments(p, at, n, eps)
    let sum = 0
    let product = 0
    for (let i = 0; i < n; i++) {
      const hat = (p[at + i] - mean) * rstd
      const own = g[at + i] * (w ? w[i] : 1)
      sum += own
      product += own * hat
      weightSums[i] += g[at + i] * hat
      biasSums[i] += g[at + i]
    }
    for (let i = 0; i < n; i++) {
      const hat = (p[at + i] - mean) * rstd
      const slope = rstd * (g[at + i] * (w ? w[i] : 1) - sum / n - (hat * product) / n)
      dx.storage.data[dx.offset + at + i] = onto ? dx.storage.data[dx.offset + at + i] + slope : slope
    }
  }
  dweight?.storage.data.set(weightSums, dweight.offset)
  dbias?.storage.data.set(biasSums, dbias.offset)
}
