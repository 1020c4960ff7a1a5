/** Convolution and pooling windows laid out as rows (im2col) and summed back (col2im), in WebAssembly. */
import type { NDArray } from '../../ndarray.ts'
import type { Windows } from '../kernels.ts'
import { withDense } from './copy.ts'
import type { Runtime } from './runtime.ts'
import { eachVector, mapVectors, storeFirst, type Pointer } from './vectors.ts'
import { f32, f32x4, i32, v128, type Expr, type FunctionBuilder, type Local, type WasmModule } from './wasm.ts'

// ---- kernels

/** Channels of one picture that a unit of fold sums. */
const CHANNELS = 16

const GEOMETRY = [
  'C', 'H', 'W', 'kernelH', 'kernelW', 'strideH', 'strideW', 'paddingH', 'paddingW', 'dilationH', 'dilationW', 'outputH', 'outputW',
] as const
type Geometry = Readonly<Record<(typeof GEOMETRY)[number], Local<'i32'>>>

const geometry = Object.fromEntries(GEOMETRY.map((name) => [name, 'i32'])) as Record<(typeof GEOMETRY)[number], 'i32'>

/** What happens to the numbers of windows, at `values`, and to the pixels that they belong to. */
interface Visit {
  /** A row of the window, all of it inside the picture and consecutive there. It may move the pointers. */
  row(values: Pointer, pixels: Pointer): void
  one(value: Pointer, pixel: Expr<'i32'>): void
  outside(value: Pointer): void
}

const product = (first: Expr<'i32'>, ...others: Expr<'i32'>[]) => others.reduce((result, x) => i32.mul(result, x), first)
const bytes = (numbers: Expr<'i32'>) => i32.shl(numbers, 2)

/** A window: its first row and column in the picture, which may be outside, and whether its rows lie inside and are consecutive there. */
interface Window {
  readonly top: Local<'i32'>
  readonly left: Local<'i32'>
  readonly whole: Local<'i32'>
}

/** The part of a window that lies in one channel, whose first pixel is at `plane`. `perRow` bytes lead to the next row of pixels. */
function visitChannel(f: FunctionBuilder, { H, W, kernelH, kernelW, dilationH, dilationW }: Geometry, { top, left, whole }: Window, values: Pointer, plane: Pointer, perRow: Expr<'i32'>, visit: Visit): void {
  const y = f.let(top)
  f.for(kernelH, {}, () => {
    const pixels = f.let(i32.add(plane, i32.add(i32.mul(y, perRow), bytes(left))))
    const rowInside = f.let(i32.ltU(y, H))
    f.if(i32.and(rowInside, whole), () => {
      visit.row(f.let(values), pixels)
      f.increase(values, bytes(kernelW))
    }, () => {
      const x = f.let(left)
      f.for(kernelW, {}, () => {
        f.if(i32.and(rowInside, i32.ltU(x, W)), () => visit.one(values, pixels), () => visit.outside(values))
        f.increase(values, 4)
        f.increase(x, dilationW)
        f.increase(pixels, bytes(dilationW))
      })
    })
    f.increase(y, dilationH)
  })
}

/** The windows of one row of windows, from left to right. */
function eachWindow(f: FunctionBuilder, p: Geometry, row: Expr<'i32'>, body: (window: Window) => void): void {
  const top = f.let(i32.sub(i32.mul(row, p.strideH), p.paddingH))
  f.for(p.outputW, {}, (column) => {
    const left = f.let(i32.sub(i32.mul(column, p.strideW), p.paddingW))
    const inside = i32.and(i32.geS(left, 0), i32.leS(i32.add(left, p.kernelW), p.W))
    body({ top, left, whole: f.let(i32.and(i32.eq(p.dilationW, 1), inside)) })
  })
}

/** A unit is a row of windows. Pictures, channels and rows of x lie `perPicture`, `perChannel` and `perRow` bytes apart. */
function emitUnfold(module: WasmModule): void {
  module.function('unfold', { fill: 'f32', out: 'i32', x: 'i32', perPicture: 'i32', perChannel: 'i32', perRow: 'i32', ...geometry, begin: 'i32', end: 'i32', thread: 'i32' }, [], (f, p) => {
    const values = f.let(i32.add(p.out, bytes(product(p.begin, p.outputW, p.C, p.kernelH, p.kernelW))))
    const visit: Visit = {
      row: (to, from) => eachVector(f, p.kernelW, [to, from], 1, () => f.do(v128.store(to, v128.load(from))), (rest) => storeFirst(f, to, v128.load(from), rest)),
      one: (to, from) => f.do(f32.store(to, f32.load(from))),
      outside: (to) => f.do(f32.store(to, p.fill)),
    }
    f.for(p.end, { from: p.begin }, (unit) => {
      const picture = f.let(i32.add(p.x, i32.mul(i32.divU(unit, p.outputH), p.perPicture)))
      eachWindow(f, p, i32.remU(unit, p.outputH), (window) => {
        const plane = f.let(picture)
        f.for(p.C, {}, () => {
          visitChannel(f, p, window, values, plane, p.perRow, visit)
          f.increase(plane, p.perChannel)
        })
      })
    })
  })
}

/** A unit is a group of channels of one picture: zeros first, then one window after the other is added. */
function emitFold(module: WasmModule): void {
  module.function('fold', { out: 'i32', x: 'i32', groups: 'i32', ...geometry, begin: 'i32', end: 'i32', thread: 'i32' }, [], (f, p) => {
    const area = f.let(i32.mul(p.H, p.W))
    const perWindow = f.let(bytes(product(p.C, p.kernelH, p.kernelW)))
    const perRow = f.let(bytes(p.W))
    const zeros = f.let(f32x4.constants(0, 0, 0, 0))
    const visit: Visit = {
      row: (from, to) => {
        const sum = () => f32x4.add(v128.load(to), v128.load(from))
        eachVector(f, p.kernelW, [to, from], 1, () => f.do(v128.store(to, sum())), (rest) => storeFirst(f, to, sum(), rest))
      },
      one: (from, to) => f.do(f32.store(to, f32.add(f32.load(to), f32.load(from)))),
      outside: () => {},
    }
    f.for(p.end, { from: p.begin }, (unit) => {
      const picture = f.let(i32.divU(unit, p.groups))
      const first = f.let(i32.mul(i32.remU(unit, p.groups), CHANNELS))
      const remaining = f.let(i32.sub(p.C, first))
      const channels = f.let(i32.select(remaining, CHANNELS, i32.ltS(remaining, CHANNELS)))
      const planes = f.let(i32.add(p.out, bytes(i32.mul(i32.add(i32.mul(picture, p.C), first), area))))
      const to = f.let(planes)
      mapVectors(f, i32.mul(channels, area), to, [], 4, () => zeros)
      const next = f.let(i32.add(p.x, i32.add(product(picture, p.outputH, p.outputW, perWindow), bytes(product(first, p.kernelH, p.kernelW)))))
      f.for(p.outputH, {}, (row) => {
        eachWindow(f, p, row, (window) => {
          const values = f.let(next)
          const plane = f.let(planes)
          f.for(channels, {}, () => {
            visitChannel(f, p, window, values, plane, perRow, visit)
            f.increase(plane, bytes(area))
          })
          f.increase(next, perWindow)
        })
      })
    })
  })
}

/** A unit is one channel of one picture. A number takes the place of the largest so far if it is larger, or the first NaN. */
function emitMaxPlaces(module: WasmModule): void {
  module.function('maxPlaces', { out: 'i32', x: 'i32', ...geometry, begin: 'i32', end: 'i32', thread: 'i32' }, [], (f, p) => {
    const area = f.let(i32.mul(p.H, p.W))
    const to = f.let(i32.add(p.out, bytes(product(p.begin, p.outputH, p.outputW))))
    const [place, y, x] = [f.local('i32'), f.local('i32'), f.local('i32')]
    const [largest, value] = [f.local('f32'), f.local('f32')]
    f.for(p.end, { from: p.begin }, (unit) => {
      const plane = f.let(i32.add(p.x, bytes(i32.mul(unit, area))))
      f.for(p.outputH, {}, (row) => f.for(p.outputW, {}, (column) => {
        f.set(place, -1)
        f.set(y, i32.sub(i32.mul(row, p.strideH), p.paddingH))
        f.for(p.kernelH, {}, () => {
          f.set(x, i32.sub(i32.mul(column, p.strideW), p.paddingW))
          f.for(p.kernelW, {}, () => {
            f.if(i32.and(i32.ltU(y, p.H), i32.ltU(x, p.W)), () => {
              const here = f.let(i32.add(i32.mul(y, p.W), x))
              f.set(value, f32.load(i32.add(plane, bytes(here))))
              const firstNaN = i32.and(f32.ne(value, value), i32.eqz(f32.ne(largest, largest)))
              f.if(i32.or(i32.ltS(place, 0), i32.or(f32.gt(value, largest), firstNaN)), () => {
                f.set(place, here)
                f.set(largest, value)
              })
            })
            f.increase(x, p.dilationW)
          })
          f.increase(y, p.dilationH)
        })
        f.do(f32.store(to, f32.fromI32(place)))
        f.increase(to, 4)
      }))
    })
  })
}

export function emitWindows(module: WasmModule): void {
  emitUnfold(module)
  emitFold(module)
  emitMaxPlaces(module)
}

// ---- dispatch

/** Numbers that a thread takes at a time. */
const CHUNK = 16384

/** The arguments of GEOMETRY, for pictures of `shape` (N, C, H, W). */
const geometryOf = (shape: readonly number[], { kernel, stride, padding, dilation, output }: Windows) => [...shape.slice(1), ...kernel, ...stride, ...padding, ...dilation, ...output]

/** x (N, C, H, W) -> out (N, Hout, Wout, C, kh, kw); places outside the picture read `fill`. */
export function unfold(runtime: Runtime, out: NDArray, x: NDArray, windows: Windows, fill: number): void {
  if (out.numel === 0) return
  if (x.strides[3] !== 1 && x.shape[3] > 1) return withDense(runtime, x, (dense) => unfold(runtime, out, dense, windows, fill))
  const rows = out.shape[0] * out.shape[1]
  const [perPicture, perChannel, perRow] = x.strides.map((stride) => 4 * stride)
  runtime.run('unfold', [fill, out.pointer, x.pointer, perPicture, perChannel, perRow, ...geometryOf(x.shape, windows)], rows, Math.ceil((CHUNK * rows) / out.numel))
}

/** The adjoint of unfold: x (N, Hout, Wout, C, kh, kw) summed into out (N, C, H, W). */
export function fold(runtime: Runtime, out: NDArray, x: NDArray, windows: Windows): void {
  if (out.numel === 0) return
  const groups = Math.ceil(out.shape[1] / CHANNELS)
  const units = out.shape[0] * groups
  withDense(runtime, x, (dense) => runtime.run('fold', [out.pointer, dense.pointer, groups, ...geometryOf(out.shape, windows)], units, Math.ceil((CHUNK * units) / (out.numel + x.numel))))
}

/** The place of the first largest (or first NaN) of each window among its channel's pixels: x (N, C, H, W) -> out (N, C, Hout, Wout). */
export function maxPlaces(runtime: Runtime, out: NDArray, x: NDArray, windows: Windows): void {
  if (out.numel === 0) return
  const planes = out.shape[0] * out.shape[1]
  const work = (out.numel / planes) * windows.kernel[0] * windows.kernel[1]
  withDense(runtime, x, (dense) => runtime.run('maxPlaces', [out.pointer, dense.pointer, ...geometryOf(x.shape, windows)], planes, Math.ceil(CHUNK / work)))
}
