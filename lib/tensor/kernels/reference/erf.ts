/** The error function in double precision. */

const TWO_OVER_SQRT_PI = 2 / Math.sqrt(Math.PI)

/**
 * erf(x) to about 1e-15: the Maclaurin series 2/√π · exp(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!! for |x| < 3, and 1 − erfc with
 * Laplace's continued fraction beyond (Abramowitz, Stegun, Handbook of Mathematical Functions, 7.1.6 and 7.1.14).
 */
export function erf(x: number): number {
  const z = Math.abs(x)
  if (z > 6) return Math.sign(x)
  if (!(z >= 3)) {
    let term = x
    let sum = x
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (2 * x * x) / (2 * n + 1)
      sum += term
    }
    return TWO_OVER_SQRT_PI * Math.exp(-x * x) * sum
  }
  let fraction = z
  for (let n = 40; n > 0; n--) fraction = z + n / 2 / fraction
  const erfc = (Math.exp(-z * z) * TWO_OVER_SQRT_PI) / 2 / fraction
  return Math.sign(x) * (1 - erfc)
}
