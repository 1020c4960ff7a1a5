/** The inverse error function in float32, as PyTorch computes it. */
import { bits, float, float32s, fround } from './float32.ts'

/**
 * The x with erf(x) = y, in float32: NaN outside [-1, 1], infinite at the ends. Same as torch.erfinv, to the last bit.
 * A rational first guess, then two Newton steps. Near the ends erf is flat and its rounding decides the answer,
 * so log, exp and erf are those of the C library below PyTorch (glibc before 2.41), rounding included.
 */
export function erfinv(y: number): number {
  const target = fround(y)
  const size = Math.abs(target)
  if (!(size <= 1)) return NaN
  if (size === 1) return target * Infinity
  let x: number
  if (size <= CENTRAL_RANGE) {
    const z = fround(target * target)
    x = fround(fround(target * horner(z, ERFINV_A)) / horner(z, ERFINV_B))
  } else {
    const z = fround(Math.sqrt(-logf(fround(fround(1 - size) / 2))))
    x = fround((Math.sign(target) * horner(z, ERFINV_C)) / horner(z, ERFINV_D))
  }
  for (let step = 0; step < 2; step++) {
    const slope = fround(TWO_OVER_SQRT_PI * expf(-fround(x * x)))
    x = fround(x - fround(fround(erff(x) - target) / slope))
  }
  return x
}

/** A polynomial in z with fused multiply-adds; coefficients from the highest power down. */
function horner(z: number, coefficients: Float64Array): number {
  let y = coefficients[0]
  for (let i = 1; i < coefficients.length; i++) y = fround(y * z + coefficients[i])
  return y
}

const CENTRAL_RANGE = fround(0.7)
const TWO_OVER_SQRT_PI = fround(2 / fround(Math.sqrt(Math.PI)))
const ERFINV_A = float32s(-0.140543331, 0.914624893, -1.645349621, 0.886226899)
const ERFINV_B = float32s(0.012229801, -0.329097515, 1.442710462, -2.118377725, 1)
const ERFINV_C = float32s(1.641345311, 3.429567803, -1.624906493, -1.970840454)
const ERFINV_D = float32s(1.6370678, 3.5438892, 1)

/** 1 / c for the centres c of the 16 intervals of logf. */
const LOGF_INVERSES = [
  1.398907162146528, 1.3403141896637998, 1.286432210124115, 1.2367150214269895, 1.1906977166711752, 1.1479821020556429, 1.1082251448272158, 1.0711297413057381,
  1.036437278977283, 1, 0.9492859795739057, 0.8951049428609004, 0.8476821620351103, 0.8050314851692001, 0.7664671008843108, 0.731428603316328,
]
const LOGF_LOGS = LOGF_INVERSES.map((inverse) => -Math.log(inverse))

/** log(x) for normal float32 x > 0: log(x) = k ln 2 + log(c) + log(1 + r), a cubic in r, in double and rounded once. */
function logf(x: number): number {
  float[0] = x
  const offset = bits[0] - 0x3f330000
  const interval = (offset >> 19) & 15
  bits[0] -= offset & 0xff800000
  const r = float[0] * LOGF_INVERSES[interval] - 1
  const square = r * r
  const tail = -0.25089342214237154 * square + (0.333456765744066 * r - 0.4999997485802103)
  return fround(tail * square + (LOGF_LOGS[interval] + (offset >> 23) * Math.LN2 + r))
}

/** 2^(k/32) for k from -2048 to 31. */
const EXPF_POWERS = Float64Array.from({ length: 2080 }, (_, i) => 2 ** ((i - 2048) / 32))

/** exp(x) for float32 x in [-44, 0.6]: 2^(k/32) times a cubic, in double and rounded once. */
function expf(x: number): number {
  const scaled = x * Math.LOG2E
  const k = Math.round(scaled * 32)
  const r = scaled - k / 32
  return fround(((0.05550361559341535 * r + 0.2402284522445722) * (r * r) + (0.6931471806916203 * r + 1)) * EXPF_POWERS[2048 + k])
}

/**
 * erf(x) in float32 for |x| < 5, more than erfinv needs: the rational approximations of fdlibm (Sun 1993), every operation rounded by
 * itself. Above 1 / 0.35 fdlibm has another one, which changes no bit of erfinv.
 */
function erff(x: number): number {
  const size = Math.abs(x)
  if (size < 0.84375) {
    if (size < 2 ** -28) {
      const scale = size < 2 ** -119 ? 16 : 1 // keeps the product out of the subnormal numbers
      return fround(fround(scale * x + fround(scale * ERFF_SMALL[0] * x)) / scale)
    }
    const square = fround(x * x)
    const y = fround(polynomial(square, ERFF_SMALL) / polynomial(square, ERFF_SMALL_DIVISOR))
    return fround(x + fround(x * y))
  }
  const sign = Math.sign(x)
  if (size < 1.25) {
    const s = fround(size - 1)
    return sign * fround(ERFF_NEAR_ONE + fround(polynomial(s, ERFF_MIDDLE) / polynomial(s, ERFF_MIDDLE_DIVISOR)))
  }
  const s = fround(1 / fround(size * size))
  const ratio = fround(polynomial(s, ERFF_TAIL) / polynomial(s, ERFF_TAIL_DIVISOR))
  // exp(-x²) from the leading 12 bits of x, whose square is exact, and a correction.
  float[0] = size
  bits[0] &= 0xfffff000
  const z = float[0]
  const leading = expf(fround(fround(-z * z) - 0.5625))
  const correction = expf(fround(fround(fround(z - size) * fround(z + size)) + ratio))
  return sign * fround(1 - fround(fround(leading * correction) / size))
}

/** A polynomial in z, product and sum each rounded; coefficients from the constant up. */
function polynomial(z: number, coefficients: Float64Array): number {
  let y = coefficients[coefficients.length - 1]
  for (let i = coefficients.length - 2; i >= 0; i--) y = fround(coefficients[i] + fround(z * y))
  return y
}

const ERFF_NEAR_ONE = fround(0.84506291151)
const ERFF_SMALL = float32s(1.2837916613e-1, -3.2504209876e-1, -2.8481749818e-2, -5.770270247e-3, -2.3763017452e-5)
const ERFF_SMALL_DIVISOR = float32s(1, 3.9791721106e-1, 6.50222525e-2, 5.0813062117e-3, 1.3249473704e-4, -3.9602282413e-6)
const ERFF_MIDDLE = float32s(
  -2.3621185683e-3, 4.1485610604e-1, -3.7220788002e-1, 3.1834661961e-1, -1.1089469492e-1, 3.5478305072e-2, -2.1663755178e-3,
)
const ERFF_MIDDLE_DIVISOR = float32s(1, 1.0642088205e-1, 5.4039794207e-1, 7.1828655899e-2, 1.2617121637e-1, 1.3637083583e-2, 1.1984500103e-2)
const ERFF_TAIL = float32s(
  -9.8649440333e-3, -6.938585639e-1, -1.0558626175e1, -6.2375331879e1, -1.6239666748e2, -1.8460508728e2, -8.1287437439e1, -9.8143291473,
)
const ERFF_TAIL_DIVISOR = float32s(
  1, 1.965127182e1, 1.3765776062e2, 4.3456588745e2, 6.4538726807e2, 4.2900814819e2, 1.0863500214e2, 6.5702495575, -6.0424413532e-2,
)
