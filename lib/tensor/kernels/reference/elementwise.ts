/** Elementwise kernels in plain TypeScript: one formula an operation, one loop for all. */
import type { NDArray } from '../../ndarray.ts'
import type { BinaryOp, UnaryOp } from '../kernels.ts'
import { erf } from './erf.ts'
import { eachRow } from './strided.ts'

const SQRT_2_OVER_PI = Math.sqrt(2 / Math.PI)
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const normalCdf = (x: number) => 0.5 * (1 + erf(x * Math.SQRT1_2))
const normalPdf = (x: number) => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI)

/** Rounds half to even, as torch does. */
function roundEven(x: number): number {
  const floor = Math.floor(x)
  return x - floor === 0.5 ? 2 * Math.round(floor / 2 + 0.25) : Math.round(x)
}

/** Halves of x · tanh(√(2/π) · (x + 0.044715 x³)) (Hendrycks, Gimpel 2016) and its derivative. */
function geluTanhBackward(grad: number, x: number): number {
  const t = Math.tanh(SQRT_2_OVER_PI * (x + 0.044715 * x * x * x))
  return grad * 0.5 * (1 + t + x * (1 - t * t) * SQRT_2_OVER_PI * (1 + 3 * 0.044715 * x * x))
}

const unaryFormulas: Record<UnaryOp, (x: number) => number> = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: (x) => (x > 0 ? 1 : x < 0 ? -1 : 0),
  exp: Math.exp,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  sqrt: Math.sqrt,
  reciprocal: (x) => 1 / x,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  sigmoid,
  erf,
  relu: (x) => (x <= 0 ? 0 : x),
  gelu: (x) => x * normalCdf(x),
  geluTanh: (x) => 0.5 * x * (1 + Math.tanh(SQRT_2_OVER_PI * (x + 0.044715 * x * x * x))),
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundEven,
  isNaN: (x) => (x !== x ? 1 : 0),
}

const binaryFormulas: Record<BinaryOp, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow: (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b),
  maximum: (a, b) => (a !== a || a > b ? a : b),
  minimum: (a, b) => (a !== a || a < b ? a : b),
  atLeast: (a, least) => (a < least ? least : a),
  atMost: (a, most) => (most < a ? most : a),
  gt: (a, b) => (a > b ? 1 : 0),
  ge: (a, b) => (a >= b ? 1 : 0),
  lt: (a, b) => (a < b ? 1 : 0),
  le: (a, b) => (a <= b ? 1 : 0),
  eq: (a, b) => (a === b ? 1 : 0),
  ne: (a, b) => (a !== b ? 1 : 0),
  reluBackward: (grad, y) => (y <= 0 ? 0 : grad),
  geluBackward: (grad, x) => grad * (normalCdf(x) + x * normalPdf(x)),
  geluTanhBackward,
  tanhBackward: (grad, y) => grad * (1 - y * y),
  sigmoidBackward: (grad, y) => grad * y * (1 - y),
}

export function unary(op: UnaryOp, out: NDArray, x: NDArray): void {
  const f = unaryFormulas[op]
  const o = out.storage.data
  const p = x.storage.data
  eachRow([out, x], ([at, from], length, [, step]) => {
    for (let i = 0; i < length; i++) o[at + i] = f(p[from + i * step])
  })
}

export function binary(op: BinaryOp, out: NDArray, a: NDArray, b: NDArray): void {
  const f = binaryFormulas[op]
  const o = out.storage.data
  const p = a.storage.data
  const q = b.storage.data
  eachRow([out, a, b], ([at, pa, qb], length, [, sa, sb]) => {
    // The arithmetic that training spends its time on gets loops of its own: a call per number costs several times as much.
    if (op === 'add') for (let i = 0; i < length; i++) o[at + i] = p[pa + i * sa] + q[qb + i * sb]
    else if (op === 'mul') for (let i = 0; i < length; i++) o[at + i] = p[pa + i * sa] * q[qb + i * sb]
    else if (op === 'sub') for (let i = 0; i < length; i++) o[at + i] = p[pa + i * sa] - q[qb + i * sb]
    else for (let i = 0; i < length; i++) o[at + i] = f(p[pa + i * sa], q[qb + i * sb])
  })
}

export function where(out: NDArray, condition: NDArray, a: NDArray, b: NDArray): void {
  const o = out.storage.data
  const c = condition.storage.data
  const p = a.storage.data
  const q = b.storage.data
  eachRow([out, condition, a, b], ([at, cc, pa, qb], length, [, sc, sa, sb]) => {
    for (let i = 0; i < length; i++) o[at + i] = c[cc + i * sc] !== 0 ? p[pa + i * sa] : q[qb + i * sb]
  })
}

export function fill(out: NDArray, value: number): void {
  eachRow([out], ([at], length, [step]) => {
    if (step === 1) out.storage.data.fill(value, at, at + length)
    else for (let i = 0; i < length; i++) out.storage.data[at + i * step] = value
  })
}

export function copy(out: NDArray, x: NDArray): void {
  const o = out.storage.data
  const p = x.storage.data
  eachRow([out, x], ([at, from], length, [so, sx]) => {
    if (so === 1 && sx === 1) o.set(p.subarray(from, from + length), at)
    else for (let i = 0; i < length; i++) o[at + i * so] = p[from + i * sx]
  })
}
