/** Resizing pictures. */
import { checkTensors, constant, own } from '../../autograd/op.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { checkIsFloat } from '../../tensor/dtype.ts'
import { ShapeError, ValueError } from '../../tensor/errors.ts'
import { fround } from '../../tensor/float32.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import { argumentsOf, checkWord, type Given } from '../../tensor/options.ts'
import { showShape, type Shape } from '../../tensor/shape.ts'
import { meansAlong } from './pooling.ts'

export type InterpolateMode = 'nearest' | 'nearest-exact' | 'area' | 'linear' | 'bilinear' | 'trilinear' | 'bicubic'

export interface InterpolateOptions {
  /** Sizes of the result behind (N, C), one for all or one for each; or `scaleFactor`, how many times the old ones, rounded down. */
  readonly size?: number | Shape | null
  readonly scaleFactor?: number | readonly number[] | null
  /** 'linear', 'bilinear' and 'trilinear' are for one, two and three dimensions behind (N, C), 'bicubic' for two, the others for any of these. */
  readonly mode?: InterpolateMode
  /** For the linear and cubic ones: let the centres of the corner pixels coincide, instead of the edges of the pictures. */
  readonly alignCorners?: boolean | null
  /** Take the ratio of the sizes for the scale, as if they had been given, and not scaleFactor itself. */
  readonly recomputeScaleFactor?: boolean | null
  /** For 'bilinear' and 'bicubic': widen the filter where pictures become smaller, so that every pixel counts. */
  readonly antialias?: boolean
}

type Places = [size: number | Shape | null, scaleFactor: number | readonly number[] | null, mode: InterpolateMode, alignCorners: boolean | null, recomputeScaleFactor: boolean | null, antialias: boolean]

export const upsampleDefaults = { size: null, scaleFactor: null, mode: 'nearest', alignCorners: null, recomputeScaleFactor: null } as const

/** How one axis is resized: from `size` pixels to `out`, of which the old picture has `step` each; or of the distance between the corner ones. */
interface Axis {
  readonly dim: number
  readonly size: number
  readonly out: number
  readonly step: number
  readonly alignCorners: boolean
}

/** Old pixels and their weights, as many for each new one. */
interface Tap {
  readonly indices: readonly number[]
  readonly weights: readonly number[]
}

const named = (mode: string) => mode.split('-').map((word) => word[0].toUpperCase() + word.slice(1)).join('')
/** How many dimensions behind (N, C) a mode is for, where it is not for any. */
const dimensionsOf: Readonly<Partial<Record<InterpolateMode, number>>> = { linear: 1, bilinear: 2, bicubic: 2, trilinear: 3 }

/** Pictures x (N, C, H, W), rows (N, C, L) or volumes (N, C, D, H, W) at another size. Same as torch.nn.functional.interpolate. */
export function interpolate(x: Tensor, ...given: Given<Places, InterpolateOptions>): Tensor {
  const options = argumentsOf('interpolate', given, { ...upsampleDefaults, antialias: false })
  const { mode, alignCorners, antialias } = options
  checkTensors('interpolate', [x])
  checkWord('interpolate', 'mode', mode, ['nearest', 'nearest-exact', 'area', 'linear', 'bilinear', 'trilinear', 'bicubic'])
  if (x.ndim < 3 || x.ndim > 5 || (dimensionsOf[mode] ?? x.ndim - 2) !== x.ndim - 2)
    throw new ShapeError('interpolate', `'${mode}' does not resize an input of shape ${showShape(x.shape)}`, 'give (N, C, H, W); (N, C, L) to linear, (N, C, D, H, W) to trilinear; nearest and area take all three')
  if (!(mode in dimensionsOf) && alignCorners !== null) throw new ValueError('interpolate', `alignCorners has no meaning for '${mode}'`, "leave it out, or give mode: 'bilinear'")
  if (antialias && mode !== 'bilinear' && mode !== 'bicubic') throw new ValueError('interpolate', `antialias has no meaning for '${mode}'`, "leave it out, or give mode: 'bilinear'")
  checkIsFloat('interpolate', x.dtype)
  const axes = axesOf(x.shape, options)
  const dimensions = `${x.ndim - 2}D`
  if (mode === 'area') {
    const means = axes.reduce((y, { dim, out }) => meansAlong(y, dim, out), x)
    const pooled = axes.every(({ out }) => out === 1) ? 'MeanBackward1' : `AdaptiveAvgPool${dimensions}Backward0`
    return own(x.ndim === 3 ? 'SqueezeBackward1' : pooled, means === x ? x.clone() : means)
  }
  if (mode === 'nearest' || mode === 'nearest-exact') return own(`Upsample${named(mode)}${dimensions}Backward1`, axes.reduce((y, axis) => nearest(y, axis, mode === 'nearest' ? 0 : 0.5), x))
  const taps = antialias ? filteredTaps : mode === 'bicubic' ? cubicTaps : linearTaps
  return own(`Upsample${named(mode)}${dimensions}${antialias ? 'Aa' : ''}Backward1`, axes.reduce((y, axis) => weighted(y, axis.dim, taps(axis, mode === 'bicubic')), x))
}

function axesOf(shape: Shape, { size, scaleFactor, alignCorners, recomputeScaleFactor }: Required<InterpolateOptions>): Axis[] {
  const old = shape.slice(2)
  if ((size === null) === (scaleFactor === null)) throw new ValueError('interpolate', `${size === null ? 'neither' : 'both'} of size and scaleFactor ${size === null ? 'is' : 'are'} given`, 'give one of them')
  if (size !== null && recomputeScaleFactor) throw new ValueError('interpolate', 'recomputeScaleFactor has no meaning for a size', 'leave it out')
  const forEach = (name: string, value: number | Shape | null): Shape | null => {
    if (value === null) return null
    const list = typeof value === 'number' ? old.map(() => value) : value
    if (!Array.isArray(list) || list.length !== old.length || !list.every((part) => typeof part === 'number'))
      throw new ValueError('interpolate', `${name} ${String(value)} is not a number, or one for each of the sizes ${showShape(old)}`, `give ${name} as a number or as a list of ${old.length}`)
    return list
  }
  const [sizes, factors] = [forEach('size', size), forEach('scaleFactor', scaleFactor)]
  return old.map((from, i): Axis => {
    const factor = factors?.[i] ?? 1
    const out = sizes?.[i] ?? Math.floor(from * factor)
    if (!Number.isInteger(out) || from < 1 || out < 1) throw new ShapeError('interpolate', `dimension ${i + 2} of ${showShape(shape)} cannot become ${out}`, 'sizes must be whole numbers of at least 1')
    if (alignCorners) return { dim: i + 2, size: from, out, step: fround(out > 1 ? (from - 1) / (out - 1) : 0), alignCorners }
    return { dim: i + 2, size: from, out, step: fround(factors && !recomputeScaleFactor ? 1 / factor : from / out), alignCorners: false }
  })
}

const each = <T>({ out }: Axis, fn: (i: number) => T): T[] => Array.from({ length: out }, (_, i) => fn(i))

/** The pixel in which a point of the new one lies: its upper left corner, or its centre. PyTorch counts in float32. */
function nearest(x: Tensor, axis: Axis, point: number): Tensor {
  return x.indexSelect(axis.dim, each(axis, (i) => Math.min(Math.floor(fround(fround(i + point) * axis.step)), axis.size - 1)))
}

/** Where the centre of a new pixel lies among those of the old ones. */
const placeOf = ({ step, alignCorners }: Axis, i: number) => (alignCorners ? fround(step * i) : fround(fround(step * fround(i + 0.5)) - 0.5))

/** The two pixels around the new one's centre, weighted by how near they are. */
function linearTaps(axis: Axis): Tap[] {
  const places = each(axis, (i) => Math.max(0, placeOf(axis, i)))
  const before = places.map((place) => Math.min(Math.floor(place), axis.size - 1))
  const shares = places.map((place, i) => fround(place - before[i]))
  return [
    { indices: before, weights: shares.map((share) => 1 - share) },
    { indices: before.map((index) => Math.min(index + 1, axis.size - 1)), weights: shares },
  ]
}

/** The cubic convolution of Keys (1981): the weight of what lies `distance` away. */
function cubic(distance: number, a: number): number {
  const x = Math.abs(distance)
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
}

/** The four pixels around the new one's centre. Outside of the picture its edge goes on. */
function cubicTaps(axis: Axis): Tap[] {
  const places = each(axis, (i) => placeOf(axis, i))
  return [-1, 0, 1, 2].map((shift) => ({
    indices: places.map((place) => Math.min(Math.max(Math.floor(place) + shift, 0), axis.size - 1)),
    weights: places.map((place) => cubic(fround(place - Math.floor(place)) - shift, -0.75)),
  }))
}

/** All pixels under a filter that is as wide as a new pixel, or as an old one where these are wider. */
function filteredTaps(axis: Axis, isCubic: boolean): Tap[] {
  const { size, step } = axis
  const width = Math.max(step, 1)
  const support = (isCubic ? 2 : 1) * width
  const weigh = (distance: number) => (isCubic ? cubic(distance, -0.5) : Math.max(0, 1 - Math.abs(distance)))
  const rows = each(axis, (i) => {
    const centre = step * (i + 0.5)
    const start = Math.max(Math.trunc(centre - support + 0.5), 0)
    const weights = Array.from({ length: Math.min(Math.trunc(centre + support + 0.5), size) - start }, (_, j) => weigh((start + j - centre + 0.5) / width))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    return { start, weights: weights.map((weight) => weight / total) }
  })
  const count = Math.max(...rows.map(({ weights }) => weights.length))
  return Array.from({ length: count }, (_, j) => ({ indices: rows.map(({ start }) => Math.min(start + j, size - 1)), weights: rows.map(({ weights }) => weights[j] ?? 0) }))
}

/** Each new pixel the sum of old ones with their weights. */
function weighted(x: Tensor, dim: number, taps: readonly Tap[]): Tensor {
  const shape = x.shape.map((_, d) => (d === dim ? taps[0].indices.length : 1))
  return taps.map(({ indices, weights }) => x.indexSelect(dim, indices).mul(constant(NDArray.from(Float32Array.from(weights), shape)))).reduce((sum, part) => sum.add(part))
}
