/**
 * Vector functions of mathematics, four float32 at a time. Each is made for one kernel, before its loops: the constants then stay in
 * variables. The polynomials are minimax fits; their errors are below float32's rounding.
 */
import { madd, type Target } from './target.ts'
import { constant, type Vector } from './vectors.ts'
import { f32x4, i32x4, v128, type FunctionBuilder, type Local } from './wasm.ts'

export type VectorFunction = (x: Vector) => Local<'v128'>

const SIGN = i32x4.splat(0x80000000)

/** c[0] + c[1] x + c[2] x² + ... */
function polynomial(f: FunctionBuilder, target: Target, coefficients: readonly number[]): VectorFunction {
  const [highest, ...lower] = coefficients.map((c) => constant(f, c)).reverse()
  return (x) => {
    const at = f.let(x)
    return f.let(lower.reduce<Vector>((sum, c) => madd(target, sum, at, c), highest))
  }
}

/**
 * eˣ within 1.5 ulp; 0 below −87, where it would be denormal. With n = round(x / ln 2) and r = x − n ln 2, eˣ = 2ⁿ⁻¹ · 2eʳ: the half keeps
 * 2ⁿ⁻¹ in range wherever eˣ is. Adding 1.5 · 2²³ rounds to a whole number, which then stands in the lowest bits.
 */
export function exp(f: FunctionBuilder, target: Target): VectorFunction {
  const [highest, lowest, log2e, magic, two] = [89, -87.3, Math.LOG2E, 1.5 * 2 ** 23, 2].map((c) => constant(f, c))
  // ln 2 in two parts: n times the first is exact.
  const [ln2High, ln2Low] = [-0.693359375, 2.1219444005e-4].map((c) => constant(f, c))
  const half = f.let(i32x4.splat(0x3f000000))
  const rest = polynomial(f, target, [0.9999998807907104, 0.3333303928375244, 0.08333681523799896, 0.016737844794988632, 0.0027628347743302584])
  return (x) => {
    const bounded = f.let(f32x4.pmax(f32x4.pmin(x, highest), lowest))
    const shifted = f.let(madd(target, bounded, log2e, magic))
    const n = f.let(f32x4.sub(shifted, magic))
    const r = f.let(madd(target, n, ln2Low, madd(target, n, ln2High, bounded)))
    const twice = madd(target, f32x4.mul(r, r), rest(r), madd(target, r, two, two))
    return f.let(f32x4.mul(twice, i32x4.add(i32x4.shl(shifted, 23), half)))
  }
}

/** 2ˣ⁺ᵇⁱᵃˢ for −126 <= x + bias <= 127, where nothing needs a bound; 0 where x + bias rounds to −127. */
export function power2(f: FunctionBuilder, target: Target, bias = 0): VectorFunction {
  const magic = constant(f, 1.5 * 2 ** 23)
  const offset = f.let(i32x4.splat((127 + bias) << 23))
  const fraction = polynomial(f, target, [1, 0.6931471824645996, 0.24022647738456726, 0.05550331622362137, 0.009618440642952919, 0.0013399262679740787, 0.0001535305054858327])
  return (x) => {
    const given = f.let(x)
    const shifted = f.let(f32x4.add(given, magic))
    const scale = i32x4.add(i32x4.shl(shifted, 23), offset)
    return f.let(f32x4.mul(fraction(f32x4.sub(given, f32x4.sub(shifted, magic))), scale))
  }
}

/** ln x: with x = 2ᵉ · m, √½ <= m < √2, it is e ln 2 + ln m. */
export function log(f: FunctionBuilder, target: Target): VectorFunction {
  const [one, half, zero, infinity, smallest, scale, ln2High, ln2Low] = [1, 0.5, 0, Infinity, 2 ** -126, 2 ** 23, 0.693359375, -2.1219444005e-4].map((c) => constant(f, c))
  const sqrtHalf = f.let(i32x4.splat(0x3f3504f3))
  const rest = polynomial(f, target, [0.3333331346511841, -0.25000008940696716, 0.2000211924314499, -0.1666799634695053, 0.14219552278518677, -0.124055877327919, 0.11888165026903152, -0.1167566254734993, 0.06746646761894226])
  return (x) => {
    const given = f.let(x)
    const tiny = f.let(f32x4.lt(given, smallest))
    const normal = f.let(v128.select(f32x4.mul(given, scale), given, tiny))
    const exponent = f.let(i32x4.shrS(i32x4.sub(normal, sqrtHalf), 23))
    const m = f.let(f32x4.sub(i32x4.sub(normal, i32x4.shl(exponent, 23)), one))
    const e = f.let(f32x4.sub(f32x4.fromI32x4(exponent), v128.and(tiny, f32x4.splat(23))))
    const square = f.let(f32x4.mul(m, m))
    const small = madd(target, e, ln2Low, f32x4.sub(f32x4.mul(f32x4.mul(square, m), rest(m)), f32x4.mul(half, square)))
    const finite = madd(target, e, ln2High, f32x4.add(small, m))
    const positive = v128.select(given, finite, f32x4.eq(given, infinity))
    // Below 0 and for NaN all bits are set, which is a NaN; at 0 it is −∞.
    const valid = f32x4.ge(given, zero)
    return f.let(v128.select(f32x4.splat(-Infinity), v128.or(positive, v128.not(valid)), f32x4.eq(given, zero)))
  }
}

/** 1 / (1 + e⁻ˣ) */
export function sigmoid(f: FunctionBuilder, target: Target): VectorFunction {
  const e = exp(f, target)
  const one = constant(f, 1)
  return (x) => f.let(f32x4.div(one, f32x4.add(one, e(f32x4.neg(x)))))
}

/** tanh x: 1 − 2 / (e²ˣ + 1), and a polynomial near 0, where that would lose digits. */
export function tanh(f: FunctionBuilder, target: Target): VectorFunction {
  const e = exp(f, target)
  const [one, two, near] = [1, 2, 0.625].map((c) => constant(f, c))
  const sign = f.let(SIGN)
  const rest = polynomial(f, target, [-0.33333277702331543, 0.13331331312656403, -0.05373000726103783, 0.02060617320239544, -0.005666973069310188])
  return (x) => {
    const given = f.let(x)
    const size = f.let(v128.andNot(given, sign))
    const far = f.let(f32x4.sub(one, f32x4.div(two, f32x4.add(e(f32x4.add(size, size)), one))))
    const square = f.let(f32x4.mul(given, given))
    const close = f.let(madd(target, f32x4.mul(square, rest(square)), given, given))
    return f.let(v128.or(v128.select(close, far, f32x4.lt(size, near)), v128.and(given, sign)))
  }
}

/**
 * The normal distribution's tail Φ(−a) for a >= 0: ½ · 2^q(a) with a polynomial q. Its absolute error is below 4e-8. At 12.17, beyond
 * which q would turn round, it is 0.
 */
function normalTail(f: FunctionBuilder, target: Target): VectorFunction {
  const halfPower = power2(f, target, -1)
  const end = constant(f, 12.17)
  const q = polynomial(f, target, [-1.151105523109436, -0.45920491218566895, -0.05250528082251549, 0.007070483639836311, -0.0001316911802859977, -0.0001974237384274602, 4.6021650632610545e-5, -4.526073553279275e-6, 1.5888794280272123e-7])
  return (a) => {
    const bounded = f.let(f32x4.pmin(a, end))
    return halfPower(f32x4.mul(q(bounded), bounded))
  }
}

/** The normal distribution Φ(x) = ½ (1 + erf(x / √2)). */
export function normalCdf(f: FunctionBuilder, target: Target): VectorFunction {
  const tail = normalTail(f, target)
  const [zero, one] = [0, 1].map((c) => constant(f, c))
  return (x) => {
    const given = f.let(x)
    const below = tail(f32x4.abs(given))
    return f.let(v128.select(below, f32x4.sub(one, below), f32x4.lt(given, zero)))
  }
}

/** φ(x) = exp(−x² / 2) / √(2π); 0 from 13.2 on. */
export function normalPdf(f: FunctionBuilder, target: Target): VectorFunction {
  const power = power2(f, target)
  const [scale, lowest, factor] = [-0.5 * Math.LOG2E, -127, 1 / Math.sqrt(2 * Math.PI)].map((c) => constant(f, c))
  return (x) => {
    const given = f.let(x)
    return f.let(f32x4.mul(factor, power(f32x4.pmax(f32x4.mul(f32x4.mul(given, given), scale), lowest))))
  }
}

/** erf x: 1 − 2 Φ(−√2 x), and a polynomial near 0. */
export function erf(f: FunctionBuilder, target: Target): VectorFunction {
  const tail = normalTail(f, target)
  const [one, two, root] = [1, 2, Math.SQRT2].map((c) => constant(f, c))
  const sign = f.let(SIGN)
  // erf x / x − 1 in powers of x².
  const rest = polynomial(f, target, [2 / Math.sqrt(Math.PI) - 1, -0.3761262893676758, 0.11283617466688156, -0.02685491554439068, 0.00519016245380044, -0.0008024817216210067, 7.898690091678873e-5])
  return (x) => {
    const given = f.let(x)
    const size = f.let(v128.andNot(given, sign))
    const far = f.let(f32x4.sub(one, f32x4.mul(two, tail(f32x4.mul(size, root)))))
    const close = f.let(madd(target, rest(f32x4.mul(given, given)), given, given))
    return f.let(v128.select(close, v128.or(far, v128.and(given, sign)), f32x4.lt(size, one)))
  }
}
