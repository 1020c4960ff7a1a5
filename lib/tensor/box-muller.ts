/** Normal numbers from uniform ones (Box, Muller 1958), in float32, rounded as random.ts tells. */
import { bits, float, float32s, fround } from './float32.ts'

const TWO_PI = fround(2 * Math.PI)

/** Box-Muller in float32, in place: 16 uniforms, of which the first 8 give radii and the last 8 angles, become 16 normals. */
export function boxMuller(out: Float32Array, start: number, mean: number, std: number): void {
  for (let i = start; i < start + 8; i++) {
    const radius = fround(Math.sqrt(fround(-2 * logCephes(1 - out[i]))))
    const angle = fround(TWO_PI * out[i + 8])
    const octant = (Math.trunc(fround(angle * fround(1.27323954473516))) + 1) & ~1
    let x = fround(octant * -0.78515625 + angle)
    x = fround(octant * fround(-2.4187564849853515625e-4) + x)
    x = fround(octant * fround(-3.77489497744594108e-8) + x)
    const square = fround(x * x)
    const sine = sineCephes(x, square)
    const cosine = cosineCephes(square)
    const isSwapped = (octant & 2) !== 0
    const sinAngle = isSwapped ? cosine : sine
    const cosAngle = isSwapped ? sine : cosine
    const sinSign = (octant & 4) !== 0 ? -1 : 1
    const cosSign = ((octant + 2) & 4) !== 0 ? -1 : 1
    out[i] = fround(radius * cosAngle * cosSign) * std + mean
    out[i + 8] = fround(radius * sinAngle * sinSign) * std + mean
  }
}

// The polynomials of the Cephes library for float32 (Moshier 1992), the ones PyTorch's vector kernels evaluate.

const LOG_COEFFICIENTS = float32s(
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)
const [SIN_7, SIN_5, SIN_3] = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1].map(fround)
const [COS_8, COS_6, COS_4] = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2].map(fround)
const SQRT_HALF = fround(Math.SQRT1_2)
const LN2_LOW = fround(-2.1219444e-4)

/** log(x) in float32, for normal x > 0: x = m · 2^e with m in [√½, √2), log(x) = log(m) + e · ln 2. */
function logCephes(x: number): number {
  float[0] = x
  let exponent = (bits[0] >> 23) - 126
  bits[0] = (bits[0] & 0x007fffff) | 0x3f000000
  let m = float[0]
  if (m < SQRT_HALF) {
    exponent--
    m += m
  }
  m = fround(m - 1)
  const square = fround(m * m)
  let y = LOG_COEFFICIENTS[0]
  for (let i = 1; i < 9; i++) y = fround(y * m + LOG_COEFFICIENTS[i])
  y = fround(y * m)
  y = fround(y * square + fround(exponent * LN2_LOW))
  y = fround(square * -0.5 + y)
  return fround(exponent * 0.693359375 + fround(m + y))
}

/** sin(x) in float32 for |x| <= π/4, given x². */
function sineCephes(x: number, square: number): number {
  const y = fround(fround(SIN_7 * square + SIN_5) * square + SIN_3)
  return fround(fround(y * square) * x + x)
}

/** cos(x) in float32 for |x| <= π/4, given x². */
function cosineCephes(square: number): number {
  const y = fround(fround(COS_8 * square + COS_6) * square + COS_4)
  return fround(fround(fround(y * square) * square - fround(square * 0.5)) + 1)
}
