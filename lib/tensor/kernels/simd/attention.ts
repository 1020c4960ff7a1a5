/** Attention of one head after the other, in WebAssembly: scores, weights and their gradients never leave the cache. */
import type { NDArray } from '../../ndarray.ts'
import { emitSmallProducts, packedBytes, wholeVectors, ZEROS } from './gemm.ts'
import { power2 } from './math.ts'
import type { Runtime } from './runtime.ts'
import { withDense } from './copy.ts'
import { madd, type Target } from './target.ts'
import { acrossLanes, allOf, eachTurn, eachVector, firstLanes, lookAhead, mapVectors, type Pointer, type Vector } from './vectors.ts'
import { f32x4, i32, v128, type Arg, type Expr, type FunctionBuilder, type Local, type WasmModule } from './wasm.ts'

/** An array (B, h, N, d): its address and the strides of its first three dimensions, in bytes. */
const LAYOUT = ['', 'B', 'H', 'N'] as const
type Layout<Name extends string> = `${Name}${(typeof LAYOUT)[number]}`

function parametersOf<const Names extends readonly string[], const Others extends readonly string[]>(arrays: Names, others: Others): Record<Layout<Names[number]> | Others[number], 'i32'> {
  const names = [...arrays.flatMap((name) => LAYOUT.map((suffix) => name + suffix)), ...others]
  return Object.fromEntries(names.map((name) => [name, 'i32'])) as Record<Layout<Names[number]> | Others[number], 'i32'>
}

const FORWARD = parametersOf(['q', 'k', 'v', 'out'], ['weights', 'mask', 'heads', 'N', 'M', 'd', 'e', 'scratch', 'scratchBytes', 'packBytes', 'scoreBytes'])
const BACKWARD = parametersOf(['dq', 'dk', 'dv', 'grad', 'q', 'k', 'v'], ['gradWeights', 'weights', 'mask', 'heads', 'N', 'M', 'd', 'e', 'scratch', 'scratchBytes', 'packBytes', 'scoreBytes'])
const UNITS = { scale: 'f32', begin: 'i32', end: 'i32', thread: 'i32' } as const

/** A unit of work is one head. */
export function emitAttention(module: WasmModule, target: Target): void {
  const { NN, NT, NTPadded, TN } = emitSmallProducts(module, target)

  module.function('attention', { ...FORWARD, ...UNITS }, [], (f, p) => {
    const own = f.let(i32.add(p.scratch, i32.mul(p.thread, p.scratchBytes)))
    const scores = f.let(i32.add(own, p.packBytes))
    const dropped = f.let(i32.add(scores, p.scoreBytes))
    const size = f.let(i32.mul(p.N, p.M))
    const step = f.let(i32.shl(wholeVectors(p.M), 2))
    const weigh = weighing(f, target, f.let(f32x4.splat(p.scale)))
    eachHead(f, p, (index, at) => {
      const [q, k, v, out] = [at(p.q, p.qB, p.qH), at(p.k, p.kB, p.kH), at(p.v, p.vB, p.vH), at(p.out, p.outB, p.outH)]
      const weights = f.let(i32.add(p.weights, i32.shl(i32.mul(index, size), 2)))
      lookAhead(f, q, p.N, p.qN, i32.shl(p.d, 2))
      lookAhead(f, k, p.M, p.kN, i32.shl(p.d, 2))
      lookAhead(f, v, p.M, p.vN, i32.shl(p.e, 2))
      f.call(NTPadded, p.N, p.M, p.d, q, p.qN, k, p.kN, scores, step, own, ZEROS)
      weigh(weights, scores, step, p.N, p.M)
      const used = f.let(weights)
      f.if(p.mask, () => {
        multiply(f, size, dropped, weights, f.let(i32.add(p.mask, i32.shl(i32.mul(index, size), 2))))
        f.set(used, dropped)
      })
      f.call(NN, p.N, p.e, p.M, used, i32.shl(p.M, 2), v, p.vN, out, p.outN, own, ZEROS)
    })
  })

  module.function('attentionBackward', { ...BACKWARD, ...UNITS }, [], (f, p) => {
    const own = f.let(i32.add(p.scratch, i32.mul(p.thread, p.scratchBytes)))
    const size = f.let(i32.mul(p.N, p.M))
    const scores = f.let(i32.add(own, p.packBytes))
    const dropped = f.let(i32.add(scores, p.scoreBytes))
    const scale = f.let(f32x4.splat(p.scale))
    eachHead(f, p, (index, at) => {
      const [dq, dk, dv, grad] = [at(p.dq, p.dqB, p.dqH), at(p.dk, p.dkB, p.dkH), at(p.dv, p.dvB, p.dvH), at(p.grad, p.gradB, p.gradH)]
      const [q, k, v] = [at(p.q, p.qB, p.qH), at(p.k, p.kB, p.kH), at(p.v, p.vB, p.vH)]
      const ofHead = (base: Expr<'i32'>) => f.let(i32.add(base, i32.shl(i32.mul(index, size), 2)))
      const weights = ofHead(p.weights)
      lookAhead(f, weights, p.N, i32.shl(p.M, 2), i32.shl(p.M, 2))
      lookAhead(f, grad, p.N, p.gradN, i32.shl(p.e, 2))
      lookAhead(f, q, p.N, p.qN, i32.shl(p.d, 2))
      lookAhead(f, k, p.M, p.kN, i32.shl(p.d, 2))
      lookAhead(f, v, p.M, p.vN, i32.shl(p.e, 2))
      f.call(NT, p.N, p.M, p.e, grad, p.gradN, v, p.vN, scores, i32.shl(p.M, 2), own, ZEROS)
      const used = f.let(weights)
      f.if(p.mask, () => {
        const mask = ofHead(p.mask)
        multiply(f, size, scores, scores, mask)
        multiply(f, size, dropped, weights, mask)
        f.set(used, dropped)
      })
      f.if(p.gradWeights, () => add(f, size, scores, ofHead(p.gradWeights)))
      f.for(p.N, {}, (i) => {
        const offset = f.let(i32.shl(i32.mul(i, p.M), 2))
        scoreGradients(f, f.let(i32.add(scores, offset)), f.let(i32.add(weights, offset)), p.M, scale)
      })
      f.call(NN, p.N, p.d, p.M, scores, i32.shl(p.M, 2), k, p.kN, dq, p.dqN, own, ZEROS)
      f.call(TN, p.M, p.d, p.N, scores, i32.shl(p.M, 2), q, p.qN, dk, p.dkN, own, ZEROS)
      f.call(TN, p.M, p.e, p.N, used, i32.shl(p.M, 2), grad, p.gradN, dv, p.dvN, own, ZEROS)
    })
  })
}

type HeadAddress = (base: Expr<'i32'>, perEntry: Expr<'i32'>, perHead: Expr<'i32'>) => Local<'i32'>

function eachHead(f: FunctionBuilder, { begin, end, heads }: { readonly begin: Expr<'i32'>; readonly end: Expr<'i32'>; readonly heads: Expr<'i32'> }, body: (index: Local<'i32'>, at: HeadAddress) => void): void {
  f.for(end, { from: begin }, (index) => {
    const entry = f.let(i32.divU(index, heads))
    const head = f.let(i32.remU(index, heads))
    body(index, (base, perEntry, perHead) => f.let(i32.add(base, i32.add(i32.mul(entry, perEntry), i32.mul(head, perHead)))))
  })
}

/** Calls `body` for each of N rows with pointers to it in arrays of a start and a step. */
function eachRow(f: FunctionBuilder, N: Expr<'i32'>, arrays: readonly (readonly [start: Expr<'i32'>, step: Arg<'i32'>])[], body: (...rows: Pointer[]) => void): void {
  const starts = arrays.map(([start]) => f.let(start))
  f.for(N, {}, () => {
    body(...walking(f, ...starts))
    arrays.forEach(([, step], i) => f.increase(starts[i], step))
  })
}

const zeros = f32x4.constants(0, 0, 0, 0)
const lowest = f32x4.constants(-Infinity, -Infinity, -Infinity, -Infinity)

/**
 * Gives what makes weights (N, M) = softmax(scale · scores), as powers of two: 2^(log₂e · scale · (score − largest)) over their sum. Rows of
 * scores are whole vectors, `step` bytes apart; what stands in them behind the last key is no greater than it. Each step is taken for
 * all rows before the next, as the steps of one row would have to wait for each other; a vector for each row, behind the scores, takes
 * their results along.
 */
function weighing(f: FunctionBuilder, target: Target, scale: Vector) {
  const power = power2(f, target)
  const factor = f.let(f32x4.mul(scale, Math.LOG2E))
  const least = f.let(f32x4.splat(-127))
  const shift = f.local('v128')
  const parts = [0, 1, 2, 3].map(() => f.local('v128'))
  const values = [0, 1].map(() => f.local('v128'))
  const powerOf = (row: Pointer, offset: number) => power(f32x4.pmax(madd(target, v128.load(row, offset), factor, shift), least))
  return (weights: Pointer, scores: Pointer, step: Local<'i32'>, N: Local<'i32'>, M: Local<'i32'>) => {
    const columns = f.let(i32.shrU(step, 2))
    const rows = [[scores, step], [f.let(i32.add(scores, i32.mul(N, step))), 16]] as const
    eachRow(f, N, rows, (row, result) => {
      for (const part of parts) f.set(part, lowest)
      eachVector(f, columns, [row], 4, (offset, k) => f.set(parts[k], f32x4.pmax(parts[k], v128.load(row, offset))))
      const largest = acrossLanes(f, allOf(parts, f32x4.pmax), f32x4.pmax)
      f.do(v128.store(result, f32x4.neg(f32x4.mul(largest, factor))))
    })
    const sums = parts.slice(0, 2)
    eachRow(f, N, rows, (row, result) => {
      f.set(shift, v128.load(result))
      for (const sum of sums) f.set(sum, zeros)
      eachTurn(f, M, [row], 2, (vectors) => {
        for (let k = 0; k < vectors; k++) f.set(values[k], powerOf(row, 16 * k))
        f.do(...values.slice(0, vectors).map((value, k) => v128.store(row, value, 16 * k)))
        for (let k = 0; k < vectors; k++) f.set(sums[k], f32x4.add(sums[k], values[k]))
      }, (rest) => {
        f.set(values[0], powerOf(row, 0))
        f.do(v128.store(row, values[0]))
        f.set(sums[0], f32x4.add(sums[0], v128.and(values[0], firstLanes(rest))))
      })
      f.do(v128.store(result, f32x4.div(1, acrossLanes(f, f32x4.add(sums[0], sums[1]), f32x4.add))))
    })
    eachRow(f, N, [...rows, [weights, i32.shl(M, 2)]], (row, result, to) => {
      const share = f.let(v128.load(result))
      mapVectors(f, M, to, [row], 4, (offset) => f32x4.mul(v128.load(row, offset), share))
    })
  }
}

/** Pointers of their own over the same numbers. */
const walking = (f: FunctionBuilder, ...starts: readonly Expr<'i32'>[]): Pointer[] => starts.map((start) => f.let(start))

/** out = x · y, number by number. */
function multiply(f: FunctionBuilder, n: Expr<'i32'>, out: Expr<'i32'>, x: Expr<'i32'>, y: Expr<'i32'>): void {
  const [o, a, b] = walking(f, out, x, y)
  const value = (offset: number) => f32x4.mul(v128.load(a, offset), v128.load(b, offset))
  mapVectors(f, n, o, [a, b], 2, value)
}

/** x += y */
function add(f: FunctionBuilder, n: Expr<'i32'>, x: Expr<'i32'>, y: Expr<'i32'>): void {
  const [a, b] = walking(f, x, y)
  const value = (offset: number) => f32x4.add(v128.load(a, offset), v128.load(b, offset))
  mapVectors(f, n, a, [b], 2, value)
}

/** One row: dS = scale · P · (dP − Σ dP · P), in the place of dP. */
function scoreGradients(f: FunctionBuilder, gradients: Local<'i32'>, weights: Local<'i32'>, n: Expr<'i32'>, scale: Vector): void {
  const sums = [0, 1, 2, 3].map(() => f.let(f32x4.constants(0, 0, 0, 0)))
  const [g, w] = walking(f, gradients, weights)
  const product = (offset: number) => f32x4.mul(v128.load(g, offset), v128.load(w, offset))
  eachVector(f, n, [g, w], 4, (offset, k) => f.set(sums[k], f32x4.add(sums[k], product(offset))), (rest) => f.set(sums[0], f32x4.add(sums[0], v128.and(product(0), firstLanes(rest)))))
  const total = acrossLanes(f, allOf(sums, f32x4.add), f32x4.add)
  const [to, p] = walking(f, gradients, weights)
  mapVectors(f, n, to, [p], 4, (offset) => f32x4.mul(f32x4.mul(v128.load(p, offset), scale), f32x4.sub(v128.load(to, offset), total)))
}

// ---- dispatch

const layoutOf = (x: NDArray): number[] => [x.pointer, 4 * x.strides[0], 4 * x.strides[1], 4 * x.strides[2]]
/** Room for n numbers, behind which a vector may be read. */
const roomFor = (n: number) => 64 * Math.ceil(n / 16) + 64

/** Makes dense copies of arrays whose rows do not have their numbers side by side. */
function withRows(runtime: Runtime, arrays: readonly NDArray[], use: (arrays: readonly NDArray[]) => void, ready: readonly NDArray[] = []): void {
  if (ready.length === arrays.length) return use(ready)
  const next = arrays[ready.length]
  const goOn = (x: NDArray) => withRows(runtime, arrays, use, [...ready, x])
  if (next.strides[3] === 1 || next.shape[3] === 1) goOn(next)
  else withDense(runtime, next, goOn)
}

/** Heads are handed out in chunks of about so many multiplications. */
const CHUNK = 1 << 19
const grainFor = (N: number, M: number, d: number) => Math.max(1, Math.round(CHUNK / (N * M * d)))

export function attention(runtime: Runtime, out: NDArray, weights: NDArray, q: NDArray, k: NDArray, v: NDArray, mask: NDArray | null, scale: number): void {
  const [B, h, N, d] = q.shape
  const [M, e] = v.shape.slice(2)
  if (B * h * N * e === 0) return
  withRows(runtime, [q, k, v], ([query, key, value]) => {
    const pack = roomFor(packedBytes(M, d) / 4)
    // Rows of whole vectors, and one vector more for each.
    const scores = roomFor(4 * N * (Math.ceil(M / 4) + 1))
    const bytes = pack + scores + (mask ? roomFor(N * M) : 0)
    runtime.withScratch(bytes * runtime.threads, (scratch) =>
      runtime.run('attention', [...[query, key, value, out].flatMap(layoutOf), weights.pointer, mask?.pointer ?? 0, h, N, M, d, e, scratch, bytes, pack, scores, scale], B * h, grainFor(N, M, d)))
  })
}

export function attentionBackward(runtime: Runtime, dq: NDArray, dk: NDArray, dv: NDArray, grad: NDArray, gradWeights: NDArray | null, weights: NDArray, q: NDArray, k: NDArray, v: NDArray, mask: NDArray | null, scale: number): void {
  const [B, h, N, d] = q.shape
  const [M, e] = v.shape.slice(2)
  if (dq.numel + dk.numel + dv.numel === 0) return
  withRows(runtime, [grad, q, k, v], ([g, query, key, value]) => {
    const pack = roomFor(packedBytes(M, e) / 4)
    const scores = roomFor(N * M)
    const bytes = pack + scores + (mask ? scores : 0)
    const run = (gradWeightsAt: number) => runtime.withScratch(bytes * runtime.threads, (scratch) =>
      runtime.run('attentionBackward', [...[dq, dk, dv, g, query, key, value].flatMap(layoutOf), gradWeightsAt, weights.pointer, mask?.pointer ?? 0, h, N, M, d, e, scratch, bytes, pack, scores, scale], B * h, grainFor(N, M, d)))
    if (gradWeights) withDense(runtime, gradWeights, (dense) => run(dense.pointer))
    else run(0)
  })
}
