/** Elementwise kernels in WebAssembly: one formula an operation, one loop for all. */
import type { NDArray } from '../../ndarray.ts'
import type { BinaryOp, UnaryOp } from '../kernels.ts'
import * as reference from '../reference/elementwise.ts'
import { copy, denseAt } from './copy.ts'
import { erf, exp, log, normalCdf, normalPdf, sigmoid, tanh } from './math.ts'
import type { Runtime } from './runtime.ts'
import { madd, type Target } from './target.ts'
import { constant, mapVectors, type Vector } from './vectors.ts'
import { f32x4, i32, v128, type FunctionBuilder, type Local, type WasmModule } from './wasm.ts'

// ---- formulas

/** Puts constants into variables, then gives the formula that is applied in the loop. */
type Formula = (f: FunctionBuilder, target: Target) => (...inputs: Vector[]) => Vector

/** A formula of so few instructions that memory sets the pace. */
const light = (formula: (...inputs: Vector[]) => Vector): Formula => () => formula
/** 1 where the comparison holds, else 0. */
const truth = (compare: (a: Vector, b: Vector) => Vector): Formula => (f) => {
  const one = constant(f, 1)
  return (a, b) => v128.and(compare(a, b), one)
}

/** 2u = 2 √(2/π) · (x + 0.044715 x³), of which GELU's approximation x · ½ (1 + tanh u) = x · sigmoid(2u) is made (Hendrycks, Gimpel 2016). */
const GELU_SCALE = 2 * Math.sqrt(2 / Math.PI)
const GELU_CUBE = 0.044715

/** sigmoid(2u), with x and x² at hand. */
function geluGate(f: FunctionBuilder, target: Target) {
  const gate = sigmoid(f, target)
  const [scale, cube] = [GELU_SCALE, GELU_CUBE * GELU_SCALE].map((c) => constant(f, c))
  return (given: Vector) => {
    const x = f.let(given)
    const square = f.let(f32x4.mul(x, x))
    return { x, square, s: gate(f32x4.mul(x, madd(target, square, cube, scale))) }
  }
}

/** Operations that are left to the reference: rare, and no short vector code is accurate over their whole range. */
type Rare = 'sin' | 'cos' | 'log2' | 'log10' | 'pow'

const unaryFormulas: Record<Exclude<UnaryOp, Rare>, Formula> = {
  neg: light(f32x4.neg),
  abs: light(f32x4.abs),
  sign: (f) => {
    const [zero, one] = [0, 1].map((c) => constant(f, c))
    return (x) => {
      const given = f.let(x)
      return f32x4.sub(v128.and(f32x4.gt(given, zero), one), v128.and(f32x4.lt(given, zero), one))
    }
  },
  exp,
  log,
  sqrt: light(f32x4.sqrt),
  reciprocal: (f) => {
    const one = constant(f, 1)
    return (x) => f32x4.div(one, x)
  },
  tanh,
  sigmoid,
  erf,
  relu: (f) => {
    const zero = constant(f, 0)
    return (x) => f32x4.pmax(x, zero)
  },
  gelu: (f, target) => {
    const cdf = normalCdf(f, target)
    return (x) => {
      const given = f.let(x)
      return f32x4.mul(given, cdf(given))
    }
  },
  geluTanh: (f, target) => {
    const gate = geluGate(f, target)
    return (given) => {
      const { x, s } = gate(given)
      return f32x4.mul(x, s)
    }
  },
  floor: light(f32x4.floor),
  ceil: light(f32x4.ceil),
  round: light(f32x4.nearest),
  isNaN: (f) => {
    const one = constant(f, 1)
    return (x) => {
      const given = f.let(x)
      return v128.and(f32x4.ne(given, given), one)
    }
  },
}

const binaryFormulas: Record<Exclude<BinaryOp, Rare>, Formula> = {
  add: light(f32x4.add),
  sub: light(f32x4.sub),
  mul: light(f32x4.mul),
  div: light(f32x4.div),
  maximum: light(f32x4.max),
  minimum: light(f32x4.min),
  // Unlike max and min these keep −0 beside a bound of 0.
  atLeast: light(f32x4.pmax),
  atMost: light(f32x4.pmin),
  gt: truth(f32x4.gt),
  ge: truth(f32x4.ge),
  lt: truth(f32x4.lt),
  le: truth(f32x4.le),
  eq: truth(f32x4.eq),
  ne: truth(f32x4.ne),
  reluBackward: (f) => {
    const zero = constant(f, 0)
    return (grad, y) => v128.andNot(grad, f32x4.le(y, zero))
  },
  // d/dx x Φ(x) = Φ(x) + x φ(x)
  geluBackward: (f, target) => {
    const cdf = normalCdf(f, target)
    const pdf = normalPdf(f, target)
    return (grad, given) => {
      const x = f.let(given)
      return f32x4.mul(grad, madd(target, x, pdf(x), cdf(x)))
    }
  },
  // d/dx x s(2u) = s + x s (1 − s) 2u'
  geluTanhBackward: (f, target) => {
    const gate = geluGate(f, target)
    const [one, scale, cube] = [1, GELU_SCALE, 3 * GELU_CUBE * GELU_SCALE].map((c) => constant(f, c))
    return (grad, given) => {
      const { x, square, s } = gate(given)
      const inner = f32x4.mul(f32x4.mul(x, f32x4.sub(one, s)), madd(target, square, cube, scale))
      return f32x4.mul(grad, madd(target, s, inner, s))
    }
  },
  tanhBackward: (f) => {
    const one = constant(f, 1)
    return (grad, y) => {
      const given = f.let(y)
      return f32x4.mul(grad, f32x4.sub(one, f32x4.mul(given, given)))
    }
  },
  sigmoidBackward: (f) => {
    const one = constant(f, 1)
    return (grad, y) => {
      const given = f.let(y)
      return f32x4.mul(f32x4.mul(grad, given), f32x4.sub(one, given))
    }
  },
}

const choose: Formula = (f) => {
  const zero = constant(f, 0)
  return (condition, a, b) => v128.select(a, b, f32x4.ne(condition, zero))
}

/** Operations that take longer to compute than to load: less unrolled, and cut into smaller chunks. */
const HEAVY: ReadonlySet<string> = new Set(['exp', 'log', 'tanh', 'sigmoid', 'erf', 'gelu', 'geluTanh', 'geluBackward', 'geluTanhBackward'])

// ---- kernels

/** How rows of the inputs run: v for a number each, s for one number that serves the whole row. */
const LAYOUTS: readonly (readonly string[])[] = [[], ['v'], ['vv', 'vs', 'sv'], ['vvv', 'vsv', 'vvs', 'vss']]

const kernelName = (op: string, layout: string) => `${op} ${layout}`

export function emitElementwise(module: WasmModule, target: Target): void {
  const emit = (op: string, inputs: number, formula: Formula) => LAYOUTS[inputs].forEach((layout) => emitRows(module, target, op, layout, formula))
  for (const [op, formula] of Object.entries(unaryFormulas)) emit(op, 1, formula)
  for (const [op, formula] of Object.entries(binaryFormulas)) emit(op, 2, formula)
  emit('where', 3, choose)
}

/** A unit is a row of n numbers of a dense out. Rows of input i lie stride_i bytes apart. */
function emitRows(module: WasmModule, target: Target, op: string, layout: string, formula: Formula): void {
  const kinds = [...layout]
  const inputs: Record<string, 'i32'> = Object.fromEntries(kinds.flatMap((_, i) => [[`x${i}`, 'i32'], [`stride${i}`, 'i32']]))
  module.function(kernelName(op, layout), { out: 'i32', n: 'i32', ...inputs, begin: 'i32', end: 'i32', thread: 'i32' }, [], (f, parameters: Readonly<Record<string, Local<'i32'>>>) => {
    const { out, n, begin, end } = parameters
    const compute = formula(f, target)
    const to = f.let(i32.add(out, i32.shl(i32.mul(begin, n), 2)))
    const pointers = kinds.map(() => f.local('i32'))
    f.for(end, { from: begin }, (row) => {
      pointers.forEach((pointer, i) => f.set(pointer, i32.add(parameters[`x${i}`], i32.mul(row, parameters[`stride${i}`]))))
      const same = kinds.map((kind, i) => (kind === 's' ? f.let(v128.loadSplat(pointers[i])) : null))
      const value = (offset: number) => compute(...pointers.map((pointer, i) => same[i] ?? v128.load(pointer, offset)))
      const moving = pointers.filter((_, i) => kinds[i] === 'v')
      mapVectors(f, n, to, moving, HEAVY.has(op) ? 2 : 4, value, (rest) => f.increase(to, i32.shl(rest, 2)))
    })
  })
}

// ---- dispatch

const CHUNK = 32768
const HEAVY_CHUNK = 16384
/** Flat arrays are cut into rows of this length. */
const ROW = 4096

export function unary(runtime: Runtime, op: UnaryOp, out: NDArray, x: NDArray): void {
  if (op === 'sin' || op === 'cos' || op === 'log2' || op === 'log10') reference.unary(op, out, x)
  else apply(runtime, op, out, [x])
}

export function binary(runtime: Runtime, op: BinaryOp, out: NDArray, a: NDArray, b: NDArray): void {
  if (op !== 'pow') return apply(runtime, op, out, [a, b])
  const exponent = b.numel > 0 && b.strides.every((stride, d) => stride === 0 || b.shape[d] === 1) ? b.storage.data[b.offset] : null
  if (exponent !== 2 && exponent !== 3) return reference.binary(op, out, a, b)
  if (exponent === 2) return apply(runtime, 'mul', out, [a, a])
  runtime.withScratch(4 * out.numel, (address) => {
    const square = denseAt(address, out.shape)
    apply(runtime, 'mul', square, [a, a])
    apply(runtime, 'mul', out, [square, a])
  })
}

export function where(runtime: Runtime, out: NDArray, condition: NDArray, a: NDArray, b: NDArray): void {
  apply(runtime, 'where', out, [condition, a, b])
}

function apply(runtime: Runtime, op: string, out: NDArray, inputs: readonly NDArray[]): void {
  if (out.numel === 0) return
  const pointers = inputs.map((x) => x.pointer)
  if (inputs.every((x) => x.isContiguous)) return flat(runtime, op, out.pointer, out.numel, pointers, inputs.map(() => 1))
  const dims = rowsOf(out, inputs)
  if (dims && LAYOUTS[inputs.length].includes(layoutOf(dims.steps))) {
    const { rows, strides, n, steps } = dims
    if (rows > 1 && n <= chunkOf(op)) return run(runtime, op, out.pointer, rows, n, pointers, strides, steps)
    for (let r = 0; r < rows; r++) flat(runtime, op, out.pointer + 4 * r * n, n, pointers.map((pointer, i) => pointer + 4 * r * strides[i]), steps)
    return
  }
  const odd = inputs.find((x) => !x.isContiguous)
  if (!odd) return
  runtime.withScratch(4 * odd.numel, (address) => {
    const dense = denseAt(address, out.shape)
    copy(runtime, dense, odd)
    apply(runtime, op, out, inputs.map((x) => (x === odd ? dense : x)))
  })
}

const chunkOf = (op: string) => (HEAVY.has(op) ? HEAVY_CHUNK : CHUNK)

function layoutOf(steps: readonly number[]): string {
  let layout = ''
  for (const step of steps) layout += step === 1 ? 'v' : step === 0 ? 's' : '?'
  return layout
}

/** The inputs as rows of `n` numbers, `strides` apart; null where more than two loops are needed. Strides and steps are in numbers. */
function rowsOf(out: NDArray, inputs: readonly NDArray[]): { readonly rows: number; readonly strides: readonly number[]; readonly n: number; readonly steps: readonly number[] } | null {
  const sizes: number[] = []
  const strides: (readonly number[])[] = []
  for (let d = 0; d < out.ndim; d++) {
    const size = out.shape[d]
    if (size === 1) continue
    const own = inputs.map((x) => x.strides[d])
    const last = sizes.length - 1
    if (last >= 0 && own.every((stride, i) => strides[last][i] === size * stride)) {
      sizes[last] *= size
      strides[last] = own
    } else {
      sizes.push(size)
      strides.push(own)
    }
  }
  if (sizes.length > 2) return null
  const [n = 1, rows = 1] = sizes.reverse()
  const [steps = inputs.map(() => 1), outer = inputs.map(() => 0)] = strides.reverse()
  return { rows, strides: outer, n, steps }
}

/** Over n consecutive numbers of out, in rows that threads can share. */
function flat(runtime: Runtime, op: string, out: number, n: number, pointers: readonly number[], steps: readonly number[]): void {
  if (n <= chunkOf(op)) return run(runtime, op, out, 1, n, pointers, steps, steps)
  const rows = Math.floor(n / ROW)
  const done = rows * ROW
  run(runtime, op, out, rows, ROW, pointers, steps.map((step) => step * ROW), steps)
  if (done < n) run(runtime, op, out + 4 * done, 1, n - done, pointers.map((pointer, i) => pointer + 4 * done * steps[i]), steps, steps)
}

function run(runtime: Runtime, op: string, out: number, rows: number, n: number, pointers: readonly number[], strides: readonly number[], steps: readonly number[]): void {
  const args = [out, n]
  for (let i = 0; i < pointers.length; i++) args.push(pointers[i], 4 * strides[i])
  runtime.run(kernelName(op, layoutOf(steps)), args, rows, Math.ceil(chunkOf(op) / n))
}
