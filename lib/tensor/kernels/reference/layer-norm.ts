/** Layer normalisation over rows, forward and backward, in plain TypeScript. */
import type { NDArray } from '../../ndarray.ts'

export function layerNorm(y: NDArray, mean: NDArray, rstd: NDArray, x: NDArray, weight: NDArray | null, bias: NDArray | null, eps: number): void {
  const [rows, n] = x.shape
  const p = x.values()
  const w = weight?.values()
  const b = bias?.values()
  for (let r = 0; r < rows; r++) {
    const at = r * n
    let sum = 0
    for (let i = 0; i < n; i++) sum += p[at + i]
    const mu = sum / n
    let squares = 0
    for (let i = 0; i < n; i++) squares += (p[at + i] - mu) * (p[at + i] - mu)
    const scale = 1 / Math.sqrt(squares / n + eps)
    for (let i = 0; i < n; i++) y.storage.data[at + i] = (p[at + i] - mu) * scale * (w ? w[i] : 1) + (b ? b[i] : 0)
    mean.storage.data[r] = mu
    rstd.storage.data[r] = scale
  }
}

/** With x̂ = (x − mean) · rstd and g = grad · weight: dx = rstd · (g − mean(g) − x̂ · mean(g · x̂)), dweight = Σ grad · x̂, dbias = Σ grad. */
export function layerNormBackward(dx: NDArray, dweight: NDArray | null, dbias: NDArray | null, grad: NDArray, x: NDArray, mean: NDArray, rstd: NDArray, weight: NDArray | null): void {
  const [rows, n] = x.shape
  const p = x.values()
  const g = grad.values()
  const w = weight?.values()
  const means = mean.values()
  const scales = rstd.values()
  const weightSums = new Float64Array(n)
  const biasSums = new Float64Array(n)
  for (let r = 0; r < rows; r++) {
    const at = r * n
    let sum = 0
    let product = 0
    for (let i = 0; i < n; i++) {
      const hat = (p[at + i] - means[r]) * scales[r]
      const own = g[at + i] * (w ? w[i] : 1)
      sum += own
      product += own * hat
      weightSums[i] += g[at + i] * hat
      biasSums[i] += g[at + i]
    }
    for (let i = 0; i < n; i++) {
      const hat = (p[at + i] - means[r]) * scales[r]
      dx.storage.data[at + i] = scales[r] * (g[at + i] * (w ? w[i] : 1) - sum / n - (hat * product) / n)
    }
  }
  dweight?.storage.data.set(weightSums, dweight.offset)
  dbias?.storage.data.set(biasSums, dbias.offset)
}
