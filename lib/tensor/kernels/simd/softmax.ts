/** Softmax and log-softmax over the last dimension, forward and backward, in WebAssembly: a unit of work is a row. */
import type { NDArray } from '../../ndarray.ts'
import { withRows } from './copy.ts'
import { exp, log, type VectorFunction } from './math.ts'
import type { Runtime } from './runtime.ts'
import { madd, type Target } from './target.ts'
import { acrossLanes, allOf, eachVector, firstLanes, mapVectors, type Pointer, type Vector } from './vectors.ts'
import { f32x4, i32, v128, type Expr, type FunctionBuilder, type WasmModule } from './wasm.ts'

export function emitSoftmax(module: WasmModule, target: Target): void {
  emitForward(module, target, false)
  emitForward(module, target, true)
  emitBackward(module, target, false)
  emitBackward(module, target, true)
}

/** y = exp(x − max) / Σ exp(x − max), or its logarithm (x − max) − log Σ exp(x − max). */
function emitForward(module: WasmModule, target: Target, logarithm: boolean): void {
  module.function(logarithm ? 'logSoftmax' : 'softmax', { out: 'i32', x: 'i32', stride: 'i32', n: 'i32', begin: 'i32', end: 'i32', thread: 'i32' }, [], (f, { out, x, stride, n, begin, end }) => {
    const e = exp(f, target)
    const [ln, gather] = logarithm ? [log(f, target), gathering(f)] : []
    const weigh = weighing(f, e)
    f.for(end, { from: begin }, (row) => {
      const from = f.let(i32.add(x, i32.mul(row, stride)))
      const to = f.let(i32.add(out, i32.shl(i32.mul(row, n), 2)))
      if (!ln || !gather) return divideRow(f, to, n, weigh(from, to, n))
      const max = gather(from, n, lowest, f32x4.pmax)
      const last = ln(gather(from, n, zero, f32x4.add, (x) => e(f32x4.sub(x, max)), lowest))
      mapVectors(f, n, to, [from], 4, (offset) => f32x4.sub(f32x4.sub(v128.load(from, offset), max), last))
    })
  })
}

const zero = f32x4.constants(0, 0, 0, 0)
const lowest = f32x4.constants(-Infinity, -Infinity, -Infinity, -Infinity)

/**
 * Gives what combines the numbers of a row, or what `term` makes of them, into one, in every lane, from `start` on. Numbers past the
 * row's end count as `beyond`, whose term must change nothing.
 */
function gathering(f: FunctionBuilder) {
  const parts = [0, 1, 2, 3].map(() => f.local('v128'))
  const at = f.local('i32')
  return (from: Pointer, n: Expr<'i32'>, start: Vector, combine: (a: Vector, b: Vector) => Vector, term = (x: Vector) => x, beyond = start) => {
    f.set(at, from)
    for (const part of parts) f.set(part, start)
    eachVector(f, n, [at], 4, (offset, k) => f.set(parts[k], combine(parts[k], term(v128.load(at, offset)))), (rest) => {
      f.set(parts[0], combine(parts[0], term(v128.select(v128.load(at), beyond, firstLanes(rest)))))
    })
    return acrossLanes(f, allOf(parts, combine), combine)
  }
}

/** Gives what makes a row of n numbers x into exp(x − max), at `to`, and returns its sum, in every lane. */
function weighing(f: FunctionBuilder, e: VectorFunction) {
  const gather = gathering(f)
  const [source, target] = [f.local('i32'), f.local('i32')]
  return (from: Pointer, to: Pointer, n: Expr<'i32'>) => {
    const max = gather(from, n, lowest, f32x4.pmax)
    f.set(source, from)
    f.set(target, to)
    mapVectors(f, n, target, [source], 2, (offset) => e(f32x4.sub(v128.load(source, offset), max)))
    return gather(to, n, zero, f32x4.add)
  }
}

/** x /= total, for a row of n numbers. */
function divideRow(f: FunctionBuilder, row: Pointer, n: Expr<'i32'>, total: Vector): void {
  const share = f.let(f32x4.div(1, total))
  const at = f.let(row)
  mapVectors(f, n, at, [], 4, (offset) => f32x4.mul(v128.load(at, offset), share))
}

/** dx = y · (grad − Σ grad · y), or of the logarithm grad − exp(y) · Σ grad. */
function emitBackward(module: WasmModule, target: Target, logarithm: boolean): void {
  const parameters = { out: 'i32', grad: 'i32', gradStride: 'i32', y: 'i32', yStride: 'i32', n: 'i32', begin: 'i32', end: 'i32', thread: 'i32' } as const
  module.function(logarithm ? 'logSoftmaxBackward' : 'softmaxBackward', parameters, [], (f, { out, grad, gradStride, y, yStride, n, begin, end }) => {
    const e = logarithm ? exp(f, target) : null
    const sums = [0, 1, 2, 3].map(() => f.local('v128'))
    const [g, p, to] = [0, 1, 2].map(() => f.local('i32'))
    f.for(end, { from: begin }, (row) => {
      const restart = () => {
        f.set(g, i32.add(grad, i32.mul(row, gradStride)))
        f.set(p, i32.add(y, i32.mul(row, yStride)))
      }
      restart()
      for (const sum of sums) f.set(sum, f32x4.splat(0))
      eachVector(f, n, e ? [g] : [g, p], 4, (offset, k) => f.set(sums[k], e ? f32x4.add(sums[k], v128.load(g, offset)) : madd(target, v128.load(g, offset), v128.load(p, offset), sums[k])), (rest) => {
        const value = e ? v128.load(g) : f32x4.mul(v128.load(g), v128.load(p))
        f.set(sums[0], f32x4.add(sums[0], v128.and(value, firstLanes(rest))))
      })
      const sum = acrossLanes(f, allOf(sums, f32x4.add), f32x4.add)

      restart()
      f.set(to, i32.add(out, i32.shl(i32.mul(row, n), 2)))
      const result = (offset: number) => (e ? f32x4.sub(v128.load(g, offset), f32x4.mul(e(v128.load(p, offset)), sum)) : f32x4.mul(v128.load(p, offset), f32x4.sub(v128.load(g, offset), sum)))
      mapVectors(f, n, to, [g, p], e ? 1 : 4, result)
    })
  })
}

// ---- dispatch

/** Numbers that a thread takes at a time. */
const CHUNK = 16384

const rowLength = (x: NDArray) => (x.ndim === 0 ? 1 : x.shape[x.ndim - 1])

function forward(runtime: Runtime, kernel: string, out: NDArray, x: NDArray): void {
  if (out.numel === 0) return
  const n = rowLength(x)
  withRows(runtime, x, (address, stride) => runtime.run(kernel, [out.pointer, address, stride, n], x.numel / n, Math.ceil(CHUNK / n)))
}

function backward(runtime: Runtime, kernel: string, out: NDArray, grad: NDArray, y: NDArray): void {
  if (out.numel === 0) return
  const n = rowLength(y)
  withRows(runtime, grad, (g, gradStride) => withRows(runtime, y, (p, yStride) => runtime.run(kernel, [out.pointer, g, gradStride, p, yStride, n], y.numel / n, Math.ceil(CHUNK / n))))
}

export const softmax = (runtime: Runtime, out: NDArray, x: NDArray): void => forward(runtime, 'softmax', out, x)
export const logSoftmax = (runtime: Runtime, out: NDArray, x: NDArray): void => forward(runtime, 'logSoftmax', out, x)
export const softmaxBackward = (runtime: Runtime, out: NDArray, grad: NDArray, y: NDArray): void => backward(runtime, 'softmaxBackward', out, grad, y)
export const logSoftmaxBackward = (runtime: Runtime, out: NDArray, grad: NDArray, y: NDArray): void => backward(runtime, 'logSoftmaxBackward', out, grad, y)
