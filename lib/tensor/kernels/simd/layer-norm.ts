/** Layer normalisation over rows, forward and backward, in WebAssembly. */
import type { NDArray } from '../../ndarray.ts'
import * as reference from '../reference/layer-norm.ts'
import { denseAt, fill, fillDense, withDense, withRows } from './copy.ts'
import { reduce } from './reduce.ts'
import type { Runtime } from './runtime.ts'
import { madd, type Target } from './target.ts'
import { acrossLanes, allOf, constant, eachVector, firstLanes, mapVectors, storeFirst, type Vector } from './vectors.ts'
import { f32, f32x4, i32, v128, type WasmModule } from './wasm.ts'

export function emitLayerNorm(module: WasmModule, target: Target): void {
  emitForward(module, target)
  emitBackward(module, target, false)
  emitBackward(module, target, true)
}

/** A unit is a row: y = (x − mean) · rstd · weight + bias. */
function emitForward(module: WasmModule, target: Target): void {
  const parameters = { y: 'i32', mean: 'i32', rstd: 'i32', x: 'i32', stride: 'i32', n: 'i32', weight: 'i32', bias: 'i32', eps: 'f32', begin: 'i32', end: 'i32', thread: 'i32' } as const
  module.function('layerNorm', parameters, [], (f, { y, mean, rstd, x, stride, n, weight, bias, eps, begin, end }) => {
    const count = f.let(f32x4.splat(f32.fromI32(n)))
    const epsilon = f.let(f32x4.splat(eps))
    const one = constant(f, 1)
    const sums = [0, 1, 2, 3].map(() => f.local('v128'))
    const [from, to, w, b] = [0, 1, 2, 3].map(() => f.local('i32'))
    f.for(end, { from: begin }, (row) => {
      const start = f.let(i32.add(x, i32.mul(row, stride)))
      /** Σ term over the row, divided by n. */
      const average = (add: (x: Vector, sum: Vector) => Vector, term: (x: Vector) => Vector) => {
        f.set(from, start)
        for (const sum of sums) f.set(sum, f32x4.splat(0))
        eachVector(f, n, [from], 4, (offset, k) => f.set(sums[k], add(v128.load(from, offset), sums[k])), (rest) => {
          f.set(sums[0], f32x4.add(sums[0], v128.and(term(v128.load(from)), firstLanes(rest))))
        })
        return f.let(f32x4.div(acrossLanes(f, allOf(sums, f32x4.add), f32x4.add), count))
      }
      const mu = average((x, sum) => f32x4.add(x, sum), (x) => x)
      const deviation = (x: Vector) => f.let(f32x4.sub(x, mu))
      const variance = average((x, sum) => {
        const d = deviation(x)
        return madd(target, d, d, sum)
      }, (x) => {
        const d = deviation(x)
        return f32x4.mul(d, d)
      })
      const scale = f.let(f32x4.div(one, f32x4.sqrt(f32x4.add(variance, epsilon))))
      f.do(v128.store1(i32.add(mean, i32.shl(row, 2)), mu, 0), v128.store1(i32.add(rstd, i32.shl(row, 2)), scale, 0))

      f.set(from, start)
      f.set(to, i32.add(y, i32.shl(i32.mul(row, n), 2)))
      f.set(w, weight)
      f.set(b, bias)
      const result = (offset: number) => madd(target, f32x4.mul(f32x4.sub(v128.load(from, offset), mu), scale), v128.load(w, offset), v128.load(b, offset))
      mapVectors(f, n, to, [from, w, b], 4, result)
    })
  })
}

/** Rows of one unit of the backward pass, whose share of dweight and dbias is summed by itself. */
const BAND = 32

/**
 * With x̂ = (x − mean) · rstd and g = grad · weight: dx = rstd · (g − mean(g) − x̂ · mean(g · x̂)). With `parameters`, unit u also leaves
 * Σ grad · x̂ and Σ grad over its rows in partial (units, 2, n).
 */
function emitBackward(module: WasmModule, target: Target, parameters: boolean): void {
  const list = { dx: 'i32', partial: 'i32', grad: 'i32', gradStride: 'i32', x: 'i32', xStride: 'i32', mean: 'i32', rstd: 'i32', weight: 'i32', n: 'i32', rows: 'i32', onto: 'i32', begin: 'i32', end: 'i32', thread: 'i32' } as const
  module.function(parameters ? 'layerNormBackwardAll' : 'layerNormBackward', list, [], (f, { dx, partial, grad, gradStride, x, xStride, mean, rstd, weight, n, rows, onto, begin, end }) => {
    const share = f.let(f32x4.div(f32x4.splat(1), f32x4.splat(f32.fromI32(n))))
    const zero = constant(f, 0)
    const [sumG, sumGX] = [f.local('v128'), f.local('v128')]
    const [g, from, w, to, dweight, dbias] = Array.from({ length: 6 }, () => f.local('i32'))
    const bytes = f.let(i32.shl(n, 2))
    f.for(end, { from: begin }, (unit) => {
      const weightSums = f.let(i32.add(partial, i32.mul(unit, i32.shl(bytes, 1))))
      const biasSums = f.let(i32.add(weightSums, bytes))
      if (parameters) {
        f.set(to, weightSums)
        mapVectors(f, i32.shl(n, 1), to, [], 4, () => zero)
      }
      const top = f.let(i32.mul(unit, BAND))
      const bottom = f.let(i32.add(top, BAND))
      f.for(f.let(i32.select(bottom, rows, i32.ltS(bottom, rows))), { from: top }, (row) => {
        const mu = f.let(v128.loadSplat(i32.add(mean, i32.shl(row, 2))))
        const scale = f.let(v128.loadSplat(i32.add(rstd, i32.shl(row, 2))))
        const restart = () => {
          f.set(g, i32.add(grad, i32.mul(row, gradStride)))
          f.set(from, i32.add(x, i32.mul(row, xStride)))
          f.set(w, weight)
        }
        const hat = (offset: number) => f32x4.mul(f32x4.sub(v128.load(from, offset), mu), scale)

        restart()
        f.set(sumG, zero)
        f.set(sumGX, zero)
        f.set(dweight, weightSums)
        f.set(dbias, biasSums)
        const sumUp = (offset: number, mask: Vector | null, put: (pointer: typeof dbias, value: Vector) => void) => {
          const given = f.let(v128.load(g, offset))
          const normal = f.let(hat(offset))
          if (parameters) {
            put(dweight, madd(target, given, normal, v128.load(dweight, offset)))
            put(dbias, f32x4.add(given, v128.load(dbias, offset)))
          }
          const own = f.let(f32x4.mul(given, v128.load(w, offset)))
          f.set(sumG, f32x4.add(sumG, mask ? v128.and(own, mask) : own))
          f.set(sumGX, mask ? f32x4.add(sumGX, v128.and(f32x4.mul(own, normal), mask)) : madd(target, own, normal, sumGX))
        }
        eachVector(f, n, parameters ? [g, from, w, dweight, dbias] : [g, from, w], 2,
          (offset) => sumUp(offset, null, (pointer, value) => f.do(v128.store(pointer, value, offset))),
          (rest) => sumUp(0, f.let(firstLanes(rest)), (pointer, value) => storeFirst(f, pointer, value, rest)))
        const meanG = f.let(f32x4.mul(acrossLanes(f, sumG, f32x4.add), share))
        const meanGX = f.let(f32x4.mul(acrossLanes(f, sumGX, f32x4.add), share))

        restart()
        f.set(to, i32.add(dx, i32.mul(row, bytes)))
        const result = (offset: number) => f32x4.mul(scale, f32x4.sub(f32x4.sub(f32x4.mul(v128.load(g, offset), v128.load(w, offset)), meanG), f32x4.mul(hat(offset), meanGX)))
        f.if(onto, () => mapVectors(f, n, to, [g, from, w], 4, (offset) => f32x4.add(result(offset), v128.load(to, offset))), () => mapVectors(f, n, to, [g, from, w], 4, result))
      })
    })
  })
}

// ---- dispatch

/** Numbers that a thread takes at a time. */
const CHUNK = 16384

/** Rows of fewer numbers hardly fill a vector, and rounding weighs most in them: the reference, in double precision, does those. */
const SHORT = 8

/** The address of an affine parameter; of n times `missing` where there is none. */
function withParameter(runtime: Runtime, parameter: NDArray | null, n: number, missing: number, use: (address: number) => void): void {
  if (parameter) return withDense(runtime, parameter, (dense) => use(dense.pointer))
  runtime.withScratch(4 * n, (address) => {
    fillDense(runtime, address, n, missing)
    use(address)
  })
}

export function layerNorm(runtime: Runtime, y: NDArray, mean: NDArray, rstd: NDArray, x: NDArray, weight: NDArray | null, bias: NDArray | null, eps: number): void {
  const [rows, n] = x.shape
  if (x.numel === 0) return
  if (n < SHORT) return reference.layerNorm(y, mean, rstd, x, weight, bias, eps)
  withRows(runtime, x, (from, stride) => withParameter(runtime, weight, n, 1, (w) => withParameter(runtime, bias, n, 0, (b) => {
    runtime.run('layerNorm', [y.pointer, mean.pointer, rstd.pointer, from, stride, n, w, b, eps], rows, Math.ceil(CHUNK / n))
  })))
}

export function layerNormBackward(runtime: Runtime, dx: NDArray, dweight: NDArray | null, dbias: NDArray | null, grad: NDArray, x: NDArray, mean: NDArray, rstd: NDArray, weight: NDArray | null, eps: number, onto: boolean): void {
  const [rows, n] = x.shape
  if (x.numel === 0) {
    for (const out of [dweight, dbias]) if (out) fill(runtime, out, 0)
    return
  }
  if (n < SHORT) return reference.layerNormBackward(dx, dweight, dbias, grad, x, mean, rstd, weight, eps, onto)
  const bands = Math.ceil(rows / BAND)
  const pass = (kernel: string, partial: number) => withRows(runtime, grad, (g, gradStride) => withRows(runtime, x, (from, xStride) => withDense(runtime, mean, (means) => withDense(runtime, rstd, (scales) => withParameter(runtime, weight, n, 1, (w) => {
    runtime.run(kernel, [dx.pointer, partial, g, gradStride, from, xStride, means.pointer, scales.pointer, w, n, rows, Number(onto)], bands, Math.ceil(CHUNK / (BAND * n)), { inPlace: onto })
  })))))
  if (!dweight && !dbias) return pass('layerNormBackward', 0)
  runtime.withScratch(8 * bands * n, (address) => {
    pass('layerNormBackwardAll', address)
    const sums = denseAt(address, [bands, 2, n]).permute([1, 2, 0])
    if (dweight) reduce(runtime, 'sum', dweight, sums.select(0, 0), 1)
    if (dbias) reduce(runtime, 'sum', dbias, sums.select(0, 1), 1)
  })
}
