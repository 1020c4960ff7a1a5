/** Softmax and log-softmax over the last dimension, forward and backward, in WebAssembly: a unit of work is a row. */
import type { NDArray } from '../../ndarray.ts'
import { withRows } from './copy.ts'
import { exp, log } from './math.ts'
import type { Runtime } from './runtime.ts'
import { madd, type Target } from './target.ts'
import { acrossLanes, allOf, constant, eachVector, firstLanes, storeFirst } from './vectors.ts'
import { f32x4, i32, v128, type WasmModule } from './wasm.ts'

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
    const ln = logarithm ? log(f, target) : null
    const lowest = constant(f, -Infinity)
    const one = constant(f, 1)
    const maxima = [0, 1, 2, 3].map(() => f.local('v128'))
    const sum = f.local('v128')
    const [from, to] = [f.local('i32'), f.local('i32')]
    f.for(end, { from: begin }, (row) => {
      const start = f.let(i32.add(x, i32.mul(row, stride)))
      const first = f.let(i32.add(out, i32.shl(i32.mul(row, n), 2)))

      f.set(from, start)
      for (const maximum of maxima) f.set(maximum, lowest)
      eachVector(f, n, [from], 4, (offset, k) => f.set(maxima[k], f32x4.pmax(maxima[k], v128.load(from, offset))), (rest) => {
        f.set(maxima[0], f32x4.pmax(maxima[0], v128.select(v128.load(from), lowest, firstLanes(rest))))
      })
      const max = acrossLanes(f, allOf(maxima, f32x4.pmax), f32x4.pmax)

      f.set(from, start)
      f.set(to, first)
      f.set(sum, f32x4.splat(0))
      eachVector(f, n, [from, to], 1, () => {
        const value = e(f32x4.sub(v128.load(from), max))
        if (!ln) f.do(v128.store(to, value))
        f.set(sum, f32x4.add(sum, value))
      }, (rest) => {
        const mask = f.let(firstLanes(rest))
        const value = e(f32x4.sub(v128.select(v128.load(from), max, mask), max))
        if (!ln) storeFirst(f, to, value, rest)
        f.set(sum, f32x4.add(sum, v128.and(value, mask)))
      })
      const total = acrossLanes(f, sum, f32x4.add)

      const last = ln ? ln(total) : f.let(f32x4.div(one, total))
      const result = (offset: number) => (ln ? f32x4.sub(f32x4.sub(v128.load(from, offset), max), last) : f32x4.mul(v128.load(to, offset), last))
      f.set(from, start)
      f.set(to, first)
      eachVector(f, n, ln ? [from, to] : [to], 4, (offset) => f.do(v128.store(to, result(offset), offset)), (rest) => storeFirst(f, to, result(0), rest))
    })
  })
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
      eachVector(f, n, [g, p, to], e ? 1 : 4, (offset) => f.do(v128.store(to, result(offset), offset)), (rest) => storeFirst(f, to, result(0), rest))
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
