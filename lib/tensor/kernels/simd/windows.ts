/**
 * Convolution and pooling windows laid out as rows (im2col) and summed back (col2im), and the largest of each, in WebAssembly. All
 * pictures have their channels last, so that a row of a window lies in one piece, and channels fill vectors.
 */
import type { NDArray } from '../../ndarray.ts'
import type { Windows } from '../kernels.ts'
import { withDense } from './copy.ts'
import type { Runtime } from './runtime.ts'
import { constant, eachTurn, mapVectors, storeFirst, type Pointer } from './vectors.ts'
import { f32, f32x4, i32, v128, type Arg, type Expr, type FunctionBuilder, type Local, type WasmModule } from './wasm.ts'

// ---- kernels

const GEOMETRY = [
  'H', 'W', 'C', 'kernelH', 'kernelW', 'strideH', 'strideW', 'paddingH', 'paddingW', 'dilationH', 'dilationW', 'outputH', 'outputW',
] as const
type Geometry = Readonly<Record<(typeof GEOMETRY)[number], Local<'i32'>>>

const geometry = Object.fromEntries(GEOMETRY.map((name) => [name, 'i32'])) as Record<(typeof GEOMETRY)[number], 'i32'>

const product = (first: Expr<'i32'>, ...others: Expr<'i32'>[]) => others.reduce((result, x) => i32.mul(result, x), first)
const bytes = (numbers: Expr<'i32'>) => i32.shl(numbers, 2)
const smaller = (a: Arg<'i32'>, b: Local<'i32'>) => i32.select(a, b, i32.ltS(a, b))
/** n / by rounded up, at least 0. */
const turns = (f: FunctionBuilder, n: Expr<'i32'>, by: Expr<'i32'>) => {
  const value = f.let(n)
  return i32.select(i32.divU(i32.add(value, i32.sub(by, 1)), by), 0, i32.gtS(value, 0))
}

/** What is done with numbers of windows and of the pixels that they belong to, which both move on. */
interface Visit {
  /** `n` numbers that lie in one piece on both sides. */
  inside(n: Expr<'i32'>, numbers: Pointer, pixels: Pointer): void
  outside(n: Expr<'i32'>, numbers: Pointer): void
}

/** A row of a window whose first column is `left`, with its numbers at `numbers`, on the row of pixels at `pixels`, if that `exists`. */
function visitRow(f: FunctionBuilder, { W, C, kernelW, dilationW }: Geometry, left: Local<'i32'>, numbers: Pointer, pixels: Local<'i32'>, exists: Arg<'i32'>, visit: Visit): void {
  const from = f.let(i32.add(pixels, bytes(i32.mul(left, C))))
  const fits = i32.and(i32.geS(left, 0), i32.leS(i32.add(left, kernelW), W))
  f.if(i32.and(exists, i32.and(i32.eq(dilationW, 1), fits)), () => visit.inside(i32.mul(kernelW, C), numbers, from), () => {
    const x = f.let(left)
    f.for(kernelW, {}, () => {
      const pixel = f.let(i32.add(pixels, bytes(i32.mul(x, C))))
      f.if(i32.and(exists, i32.ltU(x, W)), () => visit.inside(C, numbers, pixel), () => visit.outside(C, numbers))
      f.increase(x, dilationW)
    })
  })
}

/** x (N, H, W, C) -> out (N, Hout, Wout, kh, kw, C). A unit is a row of windows. */
function emitUnfold(module: WasmModule): void {
  module.function('unfold', { fill: 'f32', out: 'i32', x: 'i32', ...geometry, begin: 'i32', end: 'i32', thread: 'i32' }, [], (f, p) => {
    const perRow = f.let(bytes(i32.mul(p.W, p.C)))
    const filling = f.let(f32x4.splat(p.fill))
    const to = f.let(i32.add(p.out, bytes(product(p.begin, p.outputW, p.kernelH, p.kernelW, p.C))))
    const visit: Visit = {
      inside: (n, numbers, pixels) => mapVectors(f, n, numbers, [pixels], 4, (offset) => v128.load(pixels, offset), (rest) => f.increase(numbers, bytes(rest))),
      outside: (n, numbers) => mapVectors(f, n, numbers, [], 4, () => filling, (rest) => f.increase(numbers, bytes(rest))),
    }
    f.for(p.end, { from: p.begin }, (unit) => {
      const picture = f.let(i32.add(p.x, product(i32.divU(unit, p.outputH), p.H, perRow)))
      const top = f.let(i32.sub(i32.mul(i32.remU(unit, p.outputH), p.strideH), p.paddingH))
      f.for(p.outputW, {}, (column) => {
        const left = f.let(i32.sub(i32.mul(column, p.strideW), p.paddingW))
        const y = f.let(top)
        f.for(p.kernelH, {}, () => {
          visitRow(f, p, left, to, f.let(i32.add(picture, i32.mul(y, perRow))), f.let(i32.ltU(y, p.H)), visit)
          f.increase(y, p.dilationH)
        })
      })
    })
  })
}

/** x (N, Hout, Wout, kh, kw, C) -> out (N, H, W, C). A unit is a row of pixels: zeros first, then the rows of windows that lie on it are added. */
function emitFold(module: WasmModule): void {
  module.function('fold', { out: 'i32', x: 'i32', ...geometry, begin: 'i32', end: 'i32', thread: 'i32' }, [], (f, p) => {
    const perRow = f.let(bytes(i32.mul(p.W, p.C)))
    const perKernelRow = f.let(bytes(i32.mul(p.kernelW, p.C)))
    const perWindow = f.let(i32.mul(p.kernelH, perKernelRow))
    const zeros = constant(f, 0)
    const visit: Visit = {
      inside: (n, numbers, pixels) => mapVectors(f, n, pixels, [numbers], 4, (offset) => f32x4.add(v128.load(pixels, offset), v128.load(numbers, offset)), (rest) => f.increase(numbers, bytes(rest))),
      outside: (n, numbers) => f.increase(numbers, bytes(n)),
    }
    f.for(p.end, { from: p.begin }, (unit) => {
      const row = f.let(i32.add(p.out, i32.mul(unit, perRow)))
      mapVectors(f, i32.mul(p.W, p.C), f.let(row), [], 4, () => zeros)
      const firstWindow = f.let(product(i32.divU(unit, p.H), p.outputH, p.outputW))
      f.for(p.kernelH, {}, (ky) => {
        const fromTop = f.let(i32.sub(i32.add(i32.remU(unit, p.H), p.paddingH), i32.mul(ky, p.dilationH)))
        const windowRow = f.let(i32.divU(fromTop, p.strideH))
        f.if(i32.and(i32.geS(fromTop, 0), i32.and(i32.ltS(windowRow, p.outputH), i32.eq(i32.mul(windowRow, p.strideH), fromTop))), () => {
          const window = f.let(i32.add(p.x, i32.add(i32.mul(i32.add(firstWindow, i32.mul(windowRow, p.outputW)), perWindow), i32.mul(ky, perKernelRow))))
          f.for(p.outputW, {}, (column) => {
            visitRow(f, p, f.let(i32.sub(i32.mul(column, p.strideW), p.paddingW)), f.let(window), row, 1, visit)
            f.increase(window, perWindow)
          })
        })
      })
    })
  })
}

/** The places of an axis that a window begins with at `start` and that lie inside `size`: the first, and how many. */
function placesInside(f: FunctionBuilder, start: Local<'i32'>, count: Local<'i32'>, dilation: Local<'i32'>, size: Local<'i32'>) {
  const skipped = f.let(turns(f, i32.sub(0, start), dilation))
  const end = f.let(turns(f, i32.sub(size, start), dilation))
  return { first: f.let(i32.add(start, i32.mul(skipped, dilation))), count: f.let(i32.sub(smaller(end, count), skipped)) }
}

/**
 * x (N, H, W, C) -> out and places (N, Hout, Wout, C). A number takes the place of the largest so far if it is larger, or the first
 * NaN. A unit is a row of windows.
 */
function emitMaxPool(module: WasmModule): void {
  module.function('maxPool', { out: 'i32', places: 'i32', x: 'i32', ...geometry, begin: 'i32', end: 'i32', thread: 'i32' }, [], (f, p) => {
    const perPixel = f.let(bytes(p.C))
    const first = f.let(product(p.begin, p.outputW, perPixel))
    const [to, toPlaces] = [f.let(i32.add(p.out, first)), f.let(i32.add(p.places, first))]
    const lowest = constant(f, -Infinity)
    const [largest, place] = [0, 1].map(() => [f.local('v128'), f.local('v128')])
    const [value, here] = [f.local('v128'), f.local('v128')]
    f.for(p.end, { from: p.begin }, (unit) => {
      const picture = f.let(i32.add(p.x, product(i32.divU(unit, p.outputH), p.H, p.W, perPixel)))
      const rows = placesInside(f, f.let(i32.sub(i32.mul(i32.remU(unit, p.outputH), p.strideH), p.paddingH)), p.kernelH, p.dilationH, p.H)
      f.for(p.outputW, {}, (column) => {
        const columns = placesInside(f, f.let(i32.sub(i32.mul(column, p.strideW), p.paddingW)), p.kernelW, p.dilationW, p.W)
        const corner = f.let(i32.add(i32.mul(rows.first, p.W), columns.first))
        const channels = f.let(picture)
        const find = (vectors: number) => {
          for (let k = 0; k < vectors; k++) {
            f.set(largest[k], lowest)
            f.set(place[k], f32x4.splat(f32.fromI32(corner)))
          }
          const rowStart = f.let(corner)
          f.for(rows.count, {}, () => {
            const index = f.let(rowStart)
            f.for(columns.count, {}, () => {
              const pixel = f.let(i32.add(channels, i32.mul(index, perPixel)))
              f.set(here, f32x4.splat(f32.fromI32(index)))
              for (let k = 0; k < vectors; k++) {
                f.set(value, v128.load(pixel, 16 * k))
                const takes = f.let(v128.andNot(f32x4.eq(largest[k], largest[k]), f32x4.le(value, largest[k])))
                f.set(largest[k], v128.select(value, largest[k], takes))
                f.set(place[k], v128.select(here, place[k], takes))
              }
              f.increase(index, p.dilationW)
            })
            f.increase(rowStart, i32.mul(p.dilationH, p.W))
          })
        }
        eachTurn(f, p.C, [channels, to, toPlaces], 2, (vectors) => {
          find(vectors)
          for (let k = 0; k < vectors; k++) f.do(v128.store(to, largest[k], 16 * k), v128.store(toPlaces, place[k], 16 * k))
        }, (rest) => {
          find(1)
          storeFirst(f, to, largest[0], rest)
          storeFirst(f, toPlaces, place[0], rest)
          f.increase(to, bytes(rest))
          f.increase(toPlaces, bytes(rest))
        })
      })
    })
  })
}

/** grad and places (N, Hout, Wout, C) -> out (N, H, W, C): each pixel looks through the windows around it. A unit is a row of pixels. */
function emitMaxPoolBackward(module: WasmModule): void {
  module.function('maxPoolBackward', { out: 'i32', grad: 'i32', places: 'i32', ...geometry, begin: 'i32', end: 'i32', thread: 'i32' }, [], (f, p) => {
    const perWindow = f.let(bytes(p.C))
    const perRow = f.let(i32.mul(p.outputW, perWindow))
    const to = f.let(i32.add(p.out, product(p.begin, p.W, perWindow)))
    const sums = [f.local('v128'), f.local('v128')]
    /** The windows of an axis that reach over a place of it: the first, and how many. */
    const windowsOver = (place: Expr<'i32'>, [padding, kernel, dilation, stride, output]: readonly Local<'i32'>[]) => {
      const reached = f.let(i32.add(place, padding))
      const first = f.let(turns(f, i32.sub(reached, i32.mul(i32.sub(kernel, 1), dilation)), stride))
      return { first, count: f.let(i32.sub(smaller(f.let(i32.add(i32.divU(reached, stride), 1)), output), first)) }
    }
    f.for(p.end, { from: p.begin }, (unit) => {
      const y = f.let(i32.remU(unit, p.H))
      const rows = windowsOver(y, [p.paddingH, p.kernelH, p.dilationH, p.strideH, p.outputH])
      const firstRow = f.let(i32.mul(i32.add(i32.mul(i32.divU(unit, p.H), p.outputH), rows.first), perRow))
      f.for(p.W, {}, (x) => {
        const columns = windowsOver(x, [p.paddingW, p.kernelW, p.dilationW, p.strideW, p.outputW])
        const here = f.let(f32x4.splat(f32.fromI32(i32.add(i32.mul(y, p.W), x))))
        const first = f.let(i32.add(firstRow, i32.mul(columns.first, perWindow)))
        const sum = (vectors: number) => {
          for (let k = 0; k < vectors; k++) f.set(sums[k], f32x4.constants(0, 0, 0, 0))
          const rowStart = f.let(first)
          f.for(rows.count, {}, () => {
            const [grad, place] = [f.let(i32.add(p.grad, rowStart)), f.let(i32.add(p.places, rowStart))]
            f.for(columns.count, {}, () => {
              for (let k = 0; k < vectors; k++)
                f.set(sums[k], f32x4.add(sums[k], v128.and(v128.load(grad, 16 * k), f32x4.eq(v128.load(place, 16 * k), here))))
              f.increase(grad, perWindow)
              f.increase(place, perWindow)
            })
            f.increase(rowStart, perRow)
          })
        }
        eachTurn(f, p.C, [first, to], 2, (vectors) => {
          sum(vectors)
          f.do(...sums.slice(0, vectors).map((vector, k) => v128.store(to, vector, 16 * k)))
        }, (rest) => {
          sum(1)
          storeFirst(f, to, sums[0], rest)
          f.increase(to, bytes(rest))
        })
      })
    })
  })
}

export function emitWindows(module: WasmModule): void {
  emitUnfold(module)
  emitFold(module)
  emitMaxPool(module)
  emitMaxPoolBackward(module)
}

// ---- dispatch

/** Numbers that a thread takes at a time. */
const CHUNK = 16384

/** The arguments of GEOMETRY, for pictures of `shape` (N, H, W, C). */
const geometryOf = (shape: readonly number[], { kernel, stride, padding, dilation, output }: Windows) => [...shape.slice(1), ...kernel, ...stride, ...padding, ...dilation, ...output]

/** So many units that a thread reads or writes about CHUNK of `numbers`. */
const grainOf = (units: number, numbers: number) => Math.ceil((CHUNK * units) / numbers)

export function unfold(runtime: Runtime, out: NDArray, x: NDArray, windows: Windows, fill: number): void {
  if (out.numel === 0) return
  const units = out.shape[0] * out.shape[1]
  withDense(runtime, x, (dense) => runtime.run('unfold', [fill, out.pointer, dense.pointer, ...geometryOf(x.shape, windows)], units, grainOf(units, out.numel)))
}

export function fold(runtime: Runtime, out: NDArray, x: NDArray, windows: Windows): void {
  if (out.numel === 0) return
  const units = out.shape[0] * out.shape[1]
  withDense(runtime, x, (dense) => runtime.run('fold', [out.pointer, dense.pointer, ...geometryOf(out.shape, windows)], units, grainOf(units, out.numel + x.numel)))
}

export function maxPool(runtime: Runtime, out: NDArray, places: NDArray, x: NDArray, windows: Windows): void {
  if (out.numel === 0) return
  const units = out.shape[0] * out.shape[1]
  const read = out.numel * windows.kernel[0] * windows.kernel[1]
  withDense(runtime, x, (dense) => runtime.run('maxPool', [out.pointer, places.pointer, dense.pointer, ...geometryOf(x.shape, windows)], units, grainOf(units, read)))
}

export function maxPoolBackward(runtime: Runtime, out: NDArray, grad: NDArray, places: NDArray, windows: Windows): void {
  if (out.numel === 0) return
  const units = out.shape[0] * out.shape[1]
  const read = out.numel + grad.numel * windows.kernel[0] * windows.kernel[1]
  withDense(runtime, grad, (g) => withDense(runtime, places, (p) =>
    runtime.run('maxPoolBackward', [out.pointer, g.pointer, p.pointer, ...geometryOf(out.shape, windows)], units, grainOf(units, read))))
}
