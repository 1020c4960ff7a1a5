/** Pooling over windows of pictures. */
import { checkTensors, constant, named, own } from '../../autograd/op.ts'
import { gather } from '../../autograd/ops/indexing.ts'
import { cat } from '../../autograd/ops/joining.ts'
import { asPictures, maxPool, unfold } from '../../autograd/ops/windows.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { checkIsFloat } from '../../tensor/dtype.ts'
import { ShapeError, ValueError } from '../../tensor/errors.ts'
import type { Windows } from '../../tensor/kernels/kernels.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import { argumentsOf, required, type Arguments } from '../../tensor/options.ts'
import { showShape, type Shape } from '../../tensor/shape.ts'
import { adaptiveMaxPlaces, adaptiveParts, maxPoolPlaces, pair, windowsOver, type Pair } from '../../tensor/windows.ts'

export interface PoolOptions {
  /** Default: the kernel size, so that windows lie side by side. */
  readonly stride?: Pair | null
  readonly padding?: Pair
  /** Round the number of windows up instead of down. */
  readonly ceilMode?: boolean
}

export interface MaxPoolOptions extends PoolOptions {
  readonly dilation?: Pair
  /** Return where each number was found, too, counted through the H · W pixels of its channel: [numbers, indices]. */
  readonly returnIndices?: boolean
}

/** Numbers, and where each was found. */
export type WithIndices = [values: Tensor, indices: Tensor]

/** Runs `pool` on a batch; a single picture becomes a batch of one. */
function batched<T extends Tensor | WithIndices>(operation: string, x: Tensor, pool: (x: Tensor) => T): T {
  checkTensors(operation, [x])
  if (x.ndim !== 3 && x.ndim !== 4) throw new ShapeError(operation, `an input of shape ${showShape(x.shape)} is no picture`, 'give (N, C, H, W) or (C, H, W)')
  if (x.shape.slice(-3).includes(0)) throw new ShapeError(operation, `pictures of shape ${showShape(x.shape)} have no pixels`, 'only the batch may be empty')
  checkIsFloat(operation, x.dtype)
  if (x.ndim === 4) return pool(x)
  const result = pool(x.unsqueeze(0))
  const single = (y: Tensor) => own(y.gradFn?.name ?? '', y.squeeze(0))
  return (Array.isArray(result) ? result.map(single) : single(result)) as T
}

function checkPadding(operation: string, kernelSize: Pair, padding: Pair): void {
  const kernel = pair(operation, 'kernelSize', kernelSize, 1)
  pair(operation, 'padding', padding, 0).forEach((size, axis) => {
    if (size > kernel[axis] / 2) throw new ValueError(operation, `a padding of ${size} is more than half of the kernel size ${kernel[axis]}`, 'pad by at most half of the kernel')
  })
}

type MaxPoolArguments<Indices extends boolean> = MaxPoolOptions & { readonly kernelSize: Pair; readonly returnIndices?: Indices }
type MaxPoolPlaces = [stride: Pair | null, padding: Pair, dilation: Pair, ceilMode: boolean]

/**
 * The largest number of each window; the first of equal ones takes the gradient. x: (N, C, H, W) or (C, H, W). With returnIndices
 * [numbers, indices]. Same as torch.nn.functional.max_pool2d.
 */
export function maxPool2d(x: Tensor, ...given: Arguments<[kernelSize: Pair], [...MaxPoolPlaces, returnIndices: false], MaxPoolArguments<false>>): Tensor
export function maxPool2d(x: Tensor, ...given: readonly [kernelSize: Pair, ...Required<MaxPoolPlaces>, true] | Arguments<[kernelSize: Pair], MaxPoolPlaces, MaxPoolArguments<true>>): WithIndices
export function maxPool2d(x: Tensor, ...given: Arguments<[kernelSize: Pair], [...MaxPoolPlaces, returnIndices: boolean], MaxPoolArguments<boolean>>): Tensor | WithIndices
export function maxPool2d(x: Tensor, ...given: Arguments<[kernelSize: Pair], [...MaxPoolPlaces, returnIndices: boolean], MaxPoolArguments<boolean>>): Tensor | WithIndices {
  const { kernelSize, stride, padding, dilation, ceilMode, returnIndices } = argumentsOf('maxPool2d', given, { kernelSize: required, stride: null, padding: 0, dilation: 1, ceilMode: false, returnIndices: false })
  checkPadding('maxPool2d', kernelSize, padding)
  return batched<Tensor | WithIndices>('maxPool2d', x, (pictures) => {
    const windows = windowsOver('maxPool2d', pictures.shape, { kernel: kernelSize, stride: stride ?? kernelSize, padding, dilation, ceilMode })
    checkInside(pictures.shape, windows)
    const largest = named('MaxPool2DWithIndicesBackward0', maxPool([pictures], windows))
    return returnIndices ? [largest, constant(maxPoolPlaces(pictures.array, windows))] : largest
  })
}

/** Throws where the places of a window, which lie apart when they are dilated, all lie in the padding. */
function checkInside([, , ...sizes]: Shape, { kernel, stride, padding, dilation, output }: Windows): void {
  sizes.forEach((size, axis) => {
    for (let i = 0; i < output[axis]; i++) {
      const places = Array.from({ length: kernel[axis] }, (_, k) => i * stride[axis] - padding[axis] + k * dilation[axis])
      if (!places.some((place) => place >= 0 && place < size))
        throw new ValueError('maxPool2d', `a window of ${kernel[axis]} places ${dilation[axis]} apart lies in the padding alone`, 'use a smaller dilation or padding')
    }
  })
}

export interface AvgPoolOptions extends PoolOptions {
  /** Whether padding counts as zeros of the window, or not at all. */
  readonly countIncludePad?: boolean
  /** Divide by this instead of the number of places. */
  readonly divisorOverride?: number | null
}

export type AvgPoolPlaces = [stride: Pair | null, padding: Pair, ceilMode: boolean, countIncludePad: boolean, divisorOverride: number | null]

export const avgPoolDefaults = { stride: null, padding: 0, ceilMode: false, countIncludePad: true, divisorOverride: null } as const

/** The mean of each window. x: (N, C, H, W) or (C, H, W). Same as torch.nn.functional.avg_pool2d. */
export function avgPool2d(x: Tensor, ...given: Arguments<[kernelSize: Pair], AvgPoolPlaces, AvgPoolOptions & { readonly kernelSize: Pair }>): Tensor {
  const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = argumentsOf('avgPool2d', given, { kernelSize: required, ...avgPoolDefaults })
  checkPadding('avgPool2d', kernelSize, padding)
  if (divisorOverride === 0) throw new ValueError('avgPool2d', 'a divisorOverride of 0 was given', 'leave it out to divide by the number of places')
  return batched('avgPool2d', x, (pictures) => {
    const windows = windowsOver('avgPool2d', pictures.shape, { kernel: kernelSize, stride: stride ?? kernelSize, padding, ceilMode })
    const sums = asPictures([unfold([pictures], { windows, fill: 0 }).sum([3, 4])])
    return named('AvgPool2DBackward0', sums.div(divisorOverride ?? placesOf(windows, pictures.shape, countIncludePad)))
  })
}

/** How many places of the picture, or of the padded picture, each window covers: (Hout, Wout). */
function placesOf({ kernel, stride, padding, output }: Windows, shape: readonly number[], countIncludePad: boolean): Tensor {
  const [down, across] = ([0, 1] as const).map((axis) => {
    const margin = countIncludePad ? padding[axis] : 0
    return Array.from({ length: output[axis] }, (_, i) => {
      const start = i * stride[axis] - padding[axis]
      return Math.min(start + kernel[axis], shape[2 + axis] + margin) - Math.max(start, -margin)
    })
  })
  return constant(NDArray.from(Float32Array.from(down.flatMap((rows) => across.map((columns) => rows * columns))), output))
}

/** Means over windows that cut the picture into `outputSize` parts, overlapping where it does not divide; null keeps a size. Same as torch.nn.functional.adaptive_avg_pool2d. */
export function adaptiveAvgPool2d(x: Tensor, ...given: Arguments<[outputSize: AdaptiveSize], [], { readonly outputSize: AdaptiveSize }>): Tensor {
  const { outputSize } = argumentsOf('adaptiveAvgPool2d', given, { outputSize: required })
  return batched('adaptiveAvgPool2d', x, (pictures) => {
    const size = partsOf('adaptiveAvgPool2d', outputSize, pictures)
    if (size.every((part) => part === 1)) return pictures.mean([2, 3], true)
    const means = meansAlong(meansAlong(pictures, 2, size[0]), 3, size[1])
    return own('AdaptiveAvgPool2DBackward0', means === pictures ? pictures.clone() : means)
  })
}

type AdaptiveMaxPoolArguments<Indices extends boolean> = { readonly outputSize: AdaptiveSize; readonly returnIndices?: Indices }

/** The largest numbers of such windows; with returnIndices [numbers, indices]. Same as torch.nn.functional.adaptive_max_pool2d. */
export function adaptiveMaxPool2d(x: Tensor, ...given: Arguments<[outputSize: AdaptiveSize], [returnIndices: false], AdaptiveMaxPoolArguments<false>>): Tensor
export function adaptiveMaxPool2d(x: Tensor, ...given: Arguments<[outputSize: AdaptiveSize], [returnIndices: true], AdaptiveMaxPoolArguments<true>>): WithIndices
export function adaptiveMaxPool2d(x: Tensor, ...given: Arguments<[outputSize: AdaptiveSize], [returnIndices: boolean], AdaptiveMaxPoolArguments<boolean>>): Tensor | WithIndices
export function adaptiveMaxPool2d(x: Tensor, ...given: Arguments<[outputSize: AdaptiveSize], [returnIndices: boolean], AdaptiveMaxPoolArguments<boolean>>): Tensor | WithIndices {
  const { outputSize, returnIndices } = argumentsOf('adaptiveMaxPool2d', given, { outputSize: required, returnIndices: false })
  return batched<Tensor | WithIndices>('adaptiveMaxPool2d', x, (pictures) => {
    const places = constant(adaptiveMaxPlaces(pictures.array, partsOf('adaptiveMaxPool2d', outputSize, pictures)))
    const largest = own('AdaptiveMaxPool2DBackward0', gather([pictures.flatten(2), places.flatten(2)], 2).reshape(places.shape))
    return returnIndices ? [largest, places] : largest
  })
}

function partsOf(operation: string, outputSize: AdaptiveSize, pictures: Tensor): [number, number] {
  const given = typeof outputSize === 'number' ? [outputSize, outputSize] : outputSize
  if (!Array.isArray(given)) throw new ValueError(operation, `outputSize = ${String(outputSize)} is no size`, 'give a number or [height, width]')
  return pair(operation, 'outputSize', given.map((part: number | null, axis: number) => part ?? pictures.shape[2 + axis]), 0)
}

/** A number for both, or [height, width], where null keeps a size. */
export type AdaptiveSize = number | readonly (number | null)[]

/** The mean of each of `count` parts of a dimension. */
export function meansAlong(x: Tensor, dim: number, count: number): Tensor {
  if (count === x.shape[dim]) return x
  if (count === 0) return x.narrow(dim, 0, 0)
  return cat(adaptiveParts(x.shape[dim], count).map(({ start, end }) => x.narrow(dim, start, end - start).mean(dim, true)), dim)
}
