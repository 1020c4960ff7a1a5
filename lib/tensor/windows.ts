/** The windows of convolutions and poolings over pictures (N, C, H, W). */
import { ShapeError, ValueError } from './errors.ts'
import { kernels } from './kernels/active.ts'
import type { Windows } from './kernels/kernels.ts'
import { NDArray } from './ndarray.ts'
import { rowMajorStrides, showShape, type Shape } from './shape.ts'

/** A size for height and width: one number stands for both. */
export type Pair = number | readonly [number, number] | readonly number[]

export function pair(operation: string, name: string, value: Pair, least: number): [number, number] {
  if (typeof value !== 'number' && !Array.isArray(value)) throw new ValueError(operation, `${name} = ${String(value)} is no size`, `give ${name} as a number or as [height, width]`)
  const [height, width = height] = typeof value === 'number' ? [value] : value
  if (![height, width].every((v) => Number.isInteger(v) && v >= least) || (typeof value !== 'number' && value.length > 2))
    throw new ValueError(operation, `${name} ${typeof value === 'number' ? value : showShape(value)} is not a number or pair of whole numbers of at least ${least}`, `give ${name} as a number or as [height, width]`)
  return [height, width]
}

export interface WindowOptions {
  readonly kernel: Pair
  readonly stride?: Pair
  readonly padding?: Pair
  readonly dilation?: Pair
  /** Round the number of windows up; a window may then hang over the edge, but must start inside. */
  readonly ceilMode?: boolean
}

/** Lays windows over a picture of `shape` (N, C, H, W). */
export function windowsOver(operation: string, shape: Shape, options: WindowOptions): Windows {
  const kernel = pair(operation, 'kernelSize', options.kernel, 1)
  const stride = pair(operation, 'stride', options.stride ?? options.kernel, 1)
  const padding = pair(operation, 'padding', options.padding ?? 0, 0)
  const dilation = pair(operation, 'dilation', options.dilation ?? 1, 1)
  const count = (axis: 0 | 1) => {
    const size = shape[2 + axis]
    const span = dilation[axis] * (kernel[axis] - 1) + 1
    const room = size + 2 * padding[axis] - span
    if (room < 0)
      throw new ShapeError(operation, `a kernel spanning ${span} does not fit into ${axis === 0 ? 'height' : 'width'} ${size} of ${showShape(shape)} padded by ${padding[axis]} on both sides`, 'use a smaller kernel or more padding')
    if (!options.ceilMode) return Math.floor(room / stride[axis]) + 1
    const windows = Math.ceil(room / stride[axis]) + 1
    return (windows - 1) * stride[axis] >= size + padding[axis] ? windows - 1 : windows
  }
  return { kernel, stride, padding, dilation, output: [count(0), count(1)] }
}

const channelsLast = (x: NDArray) => x.permute([0, 2, 3, 1])

/** Kernels have channels last, and what they make stays so in memory: it is seen as (N, C, H, W) in row-major order, as in PyTorch, but a pixel's channels lie together. */
export function channelsFirst(x: NDArray): NDArray {
  const pictures = x.permute([0, 3, 1, 2])
  return pictures.shownAs(rowMajorStrides(pictures.shape))
}

/** (N, C, H, W) -> (N, Hout, Wout, kh, kw, C): every window's numbers; places outside the picture read `fill`. */
export function unfold(x: NDArray, windows: Windows, fill = 0): NDArray {
  const [N, C] = x.shape
  const out = NDArray.empty([N, ...windows.output, ...windows.kernel, C])
  kernels().unfold(out, channelsLast(x), windows, fill)
  return out
}

/** The adjoint of unfold: sums windows (N, Hout, Wout, kh, kw, C) into a picture of `shape`. */
export function fold(x: NDArray, [N, C, H, W]: Shape, windows: Windows): NDArray {
  const out = NDArray.empty([N, H, W, C])
  kernels().fold(out, x, windows)
  return channelsFirst(out)
}

/** The first largest number of each window, and its place among its channel's H · W pixels: x (N, C, H, W) -> two of (N, C, Hout, Wout). */
export function maxPool(x: NDArray, windows: Windows): [largest: NDArray, places: NDArray] {
  const [N, C] = x.shape
  const out = NDArray.empty([N, ...windows.output, C])
  const places = NDArray.empty(out.shape, 'int64')
  kernels().maxPool(out, places, channelsLast(x), windows)
  return [channelsFirst(out), channelsFirst(places)]
}

/** Those places alone, in row-major order. */
export const maxPoolPlaces = (x: NDArray, windows: Windows): NDArray => maxPool(x, windows)[1].contiguous()

/** `count` parts of a dimension, overlapping where it does not divide: part i goes from ⌊i · size / count⌋ to ⌈(i + 1) · size / count⌉. */
export const adaptiveParts = (size: number, count: number): { readonly start: number; readonly end: number }[] =>
  Array.from({ length: count }, (_, i) => ({ start: Math.floor((i * size) / count), end: Math.ceil(((i + 1) * size) / count) }))

/** The place of the first largest number, or the last NaN, of each part of a picture: x (N, C, H, W) -> (N, C, ...counts). */
export function adaptiveMaxPlaces(x: NDArray, counts: readonly [number, number]): NDArray {
  const [N, C, H, W] = x.shape
  const [down, across] = [adaptiveParts(H, counts[0]), adaptiveParts(W, counts[1])]
  const numbers = x.values()
  const places = NDArray.zeros([N, C, ...counts], 'int64')
  let next = 0
  for (let channel = 0; channel < N * C; channel++)
    for (const rows of down)
      for (const columns of across) {
        let best = rows.start * W + columns.start
        for (let i = rows.start; i < rows.end; i++)
          for (let j = columns.start; j < columns.end; j++) {
            const [value, largest] = [numbers[channel * H * W + i * W + j], numbers[channel * H * W + best]]
            if (value > largest || Number.isNaN(value)) best = i * W + j
          }
        places.storage.data[next++] = best
      }
  return places
}

/** Numbers (N, C, Hout, Wout) summed at the places that maxPool found, into a picture of `shape`. */
export function maxPoolBackward(grad: NDArray, places: NDArray, [N, C, H, W]: Shape, windows: Windows): NDArray {
  const out = NDArray.empty([N, H, W, C])
  kernels().maxPoolBackward(out, channelsLast(grad), channelsLast(places), windows)
  return channelsFirst(out)
}
