/** Pooling over windows of pictures. */
import { checkTensors, constant, named } from '../../autograd/op.ts'
import { cat } from '../../autograd/ops/joining.ts'
import { maxPool, unfold } from '../../autograd/ops/windows.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { ShapeError, ValueError } from '../../tensor/errors.ts'
import type { Windows } from '../../tensor/kernels/kernels.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import { optionsOf } from '../../tensor/options.ts'
import { showShape, type Shape } from '../../tensor/shape.ts'
import { pair, windowsOver, type Pair } from '../../tensor/windows.ts'

export interface PoolOptions {
  /** Default: the kernel size, so that windows lie side by side. */
  readonly stride?: Pair
  readonly padding?: Pair
  /** Round the number of windows up instead of down. */
  readonly ceilMode?: boolean
}

/** Runs `pool` on a batch; a single picture becomes a batch of one. */
function batched(operation: string, x: Tensor, pool: (x: Tensor) => Tensor): Tensor {
  checkTensors(operation, [x])
  if (x.ndim === 3) return pool(x.unsqueeze(0)).squeeze(0)
  if (x.ndim !== 4) throw new ShapeError(operation, `an input of shape ${showShape(x.shape)} is no picture`, 'give (N, C, H, W) or (C, H, W)')
  return pool(x)
}

function checkPadding(operation: string, kernelSize: Pair, padding: Pair): void {
  const kernel = pair(operation, 'kernelSize', kernelSize, 1)
  pair(operation, 'padding', padding, 0).forEach((size, axis) => {
    if (size > kernel[axis] / 2) throw new ValueError(operation, `a padding of ${size} is more than half of the kernel size ${kernel[axis]}`, 'pad by at most half of the kernel')
  })
}

/** The largest number of each window; the first of equal ones takes the gradient. x: (N, C, H, W) or (C, H, W). Same as torch.nn.functional.max_pool2d. */
export function maxPool2d(x: Tensor, kernelSize: Pair, given: PoolOptions & { readonly dilation?: Pair } = {}): Tensor {
  const { stride, padding, dilation, ceilMode } = optionsOf('maxPool2d', given, { stride: kernelSize, padding: 0, dilation: 1, ceilMode: false })
  checkPadding('maxPool2d', kernelSize, padding)
  return batched('maxPool2d', x, (pictures) => {
    const windows = windowsOver('maxPool2d', pictures.shape, { kernel: kernelSize, stride, padding, dilation, ceilMode })
    checkInside(pictures.shape, windows)
    return named('MaxPool2DWithIndicesBackward0', maxPool([pictures], windows))
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

/** The mean of each window. x: (N, C, H, W) or (C, H, W). Same as torch.nn.functional.avg_pool2d. */
export function avgPool2d(x: Tensor, kernelSize: Pair, given: AvgPoolOptions = {}): Tensor {
  const { stride, padding, ceilMode, countIncludePad, divisorOverride } = optionsOf('avgPool2d', given, { stride: kernelSize, padding: 0, ceilMode: false, countIncludePad: true, divisorOverride: null })
  checkPadding('avgPool2d', kernelSize, padding)
  if (divisorOverride === 0) throw new ValueError('avgPool2d', 'a divisorOverride of 0 was given', 'leave it out to divide by the number of places')
  return batched('avgPool2d', x, (pictures) => {
    const windows = windowsOver('avgPool2d', pictures.shape, { kernel: kernelSize, stride, padding, ceilMode })
    const sums = unfold([pictures], { windows, fill: 0 }).sum([3, 4]).permute([0, 3, 1, 2])
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
export function adaptiveAvgPool2d(x: Tensor, outputSize: AdaptiveSize): Tensor {
  const given = typeof outputSize === 'number' ? [outputSize, outputSize] : outputSize
  return batched('adaptiveAvgPool2d', x, (pictures) => {
    const size = pair('adaptiveAvgPool2d', 'outputSize', given.map((part, axis) => part ?? pictures.shape[2 + axis]), 0)
    if (size.every((part) => part === 1)) return pictures.mean([2, 3], true)
    return named('AdaptiveAvgPool2DBackward0', meansAlong(meansAlong(pictures, 2, size[0]), 3, size[1]))
  })
}

/** A number for both, or [height, width], where null keeps a size. */
export type AdaptiveSize = number | readonly (number | null)[]

/** The mean of each of `count` parts of a dimension: part i goes from ⌊i · size / count⌋ to ⌈(i + 1) · size / count⌉. */
function meansAlong(x: Tensor, dim: number, count: number): Tensor {
  const size = x.shape[dim]
  if (count === size) return x
  if (count === 0) return x.narrow(dim, 0, 0)
  const parts = Array.from({ length: count }, (_, i) => {
    const start = Math.floor((i * size) / count)
    return x.narrow(dim, start, Math.ceil(((i + 1) * size) / count) - start).mean(dim, true)
  })
  return cat(parts, dim)
}
