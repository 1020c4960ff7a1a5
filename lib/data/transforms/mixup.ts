/** Transforms of whole batches that mix each picture, and its label, with the one before it; the first with the last. */
import { noGrad } from '../../autograd/grad-mode.ts'
import { constant } from '../../autograd/op.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { IndexError, ShapeError, ValueError } from '../../tensor/errors.ts'
import { Callable } from '../../tensor/callable.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import { optionsOf } from '../../tensor/options.ts'
import { defaultGenerator, type Generator } from '../../tensor/random.ts'
import { showShape } from '../../tensor/shape.ts'
import { drawInteger } from './draws.ts'
import type { DrawOptions } from './transform.ts'

export interface MixOptions {
  /** The share λ of each picture is drawn from Beta(alpha, alpha): 1 (default) makes all shares equally likely, less makes mixing weak or strong. */
  readonly alpha?: number
  /** Needed where labels are class indices. */
  readonly numClasses?: number
}

interface BatchTransform {
  /** Pictures (B, C, H, W) and labels (B,) or (B, classes) -> mixed pictures (B, C, H, W) and soft labels (B, classes). */
  (images: Tensor, labels: Tensor, options?: DrawOptions): [images: Tensor, labels: Tensor]
}

abstract class BatchTransform extends Callable {
  readonly alpha: number
  readonly numClasses: number | undefined

  constructor(given: MixOptions = {}) {
    super()
    const { alpha, numClasses } = optionsOf(new.target.name, given, { alpha: 1, numClasses: undefined })
    if (!(alpha > 0)) throw new ValueError(new.target.name, `alpha ${alpha} is not above 0`, 'give the parameter of a Beta distribution')
    this.alpha = alpha
    this.numClasses = numClasses
  }
  /** The pictures with a share of the pictures before them, and the share that remained. */
  protected abstract mix(images: Tensor, generator: Generator): { images: Tensor; share: number }

  protected run([images, labels, { generator = defaultGenerator } = {}]: [Tensor, Tensor, DrawOptions?]): [Tensor, Tensor] {
    if (images.ndim !== 4 || labels.ndim === 0 || labels.shape[0] !== images.shape[0])
      throw new ShapeError(this.constructor.name, `pictures of ${showShape(images.shape)} and labels of ${showShape(labels.shape)} are no batch`, 'give pictures (B, C, H, W) with labels (B,) or (B, classes)')
    return noGrad(() => {
      const soft = this.#softLabels(labels)
      const mixed = this.mix(images, generator)
      return [mixed.images, blendWithPrevious(soft, mixed.share)]
    })
  }
  #softLabels(labels: Tensor): Tensor {
    const { numClasses } = this
    if (labels.ndim === 2 && (numClasses === undefined || labels.shape[1] === numClasses)) return labels
    if (labels.ndim !== 1 || numClasses === undefined)
      throw new ShapeError(this.constructor.name, `labels of ${showShape(labels.shape)} do not go with ${numClasses === undefined ? 'no numClasses' : `numClasses ${numClasses}`}`, 'give class indices (B,) and numClasses, or probabilities (B, classes)')
    return oneHot(this.constructor.name, labels, numClasses)
  }
}

/** share · x + (1 − share) · x of the sample before. */
const blendWithPrevious = (x: Tensor, share: number): Tensor => x.roll(1, 0).mul(1 - share).add(x.mul(share))

function oneHot(operation: string, labels: Tensor, classes: number): Tensor {
  const out = new Float32Array(labels.numel() * classes)
  labels.data.forEach((label, n) => {
    if (!Number.isInteger(label) || label < 0 || label >= classes) throw new IndexError(operation, `there is no class ${label} among ${classes}`, 'give whole numbers below numClasses')
    out[n * classes + label] = 1
  })
  return constant(NDArray.from(out, [labels.numel(), classes]))
}

/** Blends pictures (Zhang et al. 2017). Draws λ. Same as torchvision.transforms.v2.MixUp. */
export class MixUp extends BatchTransform {
  protected mix(images: Tensor, generator: Generator) {
    const share = generator.beta(this.alpha, this.alpha)
    return { images: blendWithPrevious(images, share), share }
  }
}

/** Puts a box of the picture before into each (Yun et al. 2019). Draws λ, then the middle of the box, x and y. Same as torchvision.transforms.v2.CutMix. */
export class CutMix extends BatchTransform {
  protected mix(images: Tensor, generator: Generator) {
    const [height, width] = images.shape.slice(-2)
    const half = 0.5 * Math.sqrt(1 - generator.beta(this.alpha, this.alpha))
    const x = drawInteger(generator, 0, width)
    const y = drawInteger(generator, 0, height)
    const [left, right] = [Math.max(x - Math.trunc(half * width), 0), Math.min(x + Math.trunc(half * width), width)]
    const [top, bottom] = [Math.max(y - Math.trunc(half * height), 0), Math.min(y + Math.trunc(half * height), height)]
    const box = { top, left, height: bottom - top, width: right - left }
    return { images: withBoxOfPrevious(images, box), share: 1 - (box.height * box.width) / (height * width) }
  }
}

function withBoxOfPrevious(images: Tensor, { top, left, height, width }: { top: number; left: number; height: number; width: number }): Tensor {
  const [count, channels, rows, columns] = images.shape
  const source = images.data
  const out = source.slice()
  const stride = channels * rows * columns
  for (let n = 0; n < count; n++)
    for (let row = 0; row < channels * height; row++) {
      const at = (Math.floor(row / height) * rows + top + (row % height)) * columns + left
      const from = ((n + count - 1) % count) * stride + at
      out.set(source.subarray(from, from + width), n * stride + at)
    }
  return constant(NDArray.from(out, images.shape))
}
