/** Pictures kept as bytes, which become float32 tensors when they are read: a quarter of the memory. */
import { constant } from '../autograd/op.ts'
import type { Tensor } from '../autograd/tensor.ts'
import { NDArray } from '../tensor/ndarray.ts'
import { checkSampleIndex, Dataset, type PortableSamples } from './dataset.ts'
import { fromDefaultGenerator, ImageSource, type LabelledImages, type PreparedBatch, type SampleGenerators } from './image-source.ts'
import type { Size } from './picture.ts'
import { toPlain, type PlainSource } from './portable.ts'
import { asTransform, Compose } from './transforms/compose.ts'
import { Normalize } from './transforms/normalize.ts'
import type { PictureFunction, Transform } from './transforms/transform.ts'

export interface ImageDatasetOptions {
  /** (channels, height, width) of a picture. */
  readonly shape: Size
  /** Names of the classes, in the order of their labels. */
  readonly classes: readonly string[]
  /** What is done to each picture when it is read, its values in [0, 1]: a transform, or a function from (C, H, W) to (C, H', W'). */
  readonly transform?: PictureFunction | null
  /** A mean and deviation for each channel, by which values are normalised after that. Default: 0 and 1. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
}

/** How the pictures of a published dataset are read. */
export interface PicturesOptions {
  /** The training pictures (default) or the test pictures. */
  readonly train?: boolean
  /** Only the first so many. */
  readonly count?: number
  /** What is done to each picture when it is read, its values in [0, 1]. */
  readonly transform?: PictureFunction
  /** Subtract each channel's mean and divide by its deviation, after the transform. Default: only if there is no transform. */
  readonly normalize?: boolean
}

export const picturesDefaults = ({ transform }: PicturesOptions) => ({ train: true, count: undefined, transform: undefined, normalize: !transform })

/** Samples [picture (C, H, W), label]. A value is byte / 255, transformed, and (value − mean) / std, rounded as PyTorch rounds it. */
export class ImageDataset extends Dataset {
  readonly classes: readonly string[]
  readonly #source: ImageSource
  #plain: PlainSource | null = null
  readonly #data: LabelledImages
  readonly #options: ImageDatasetOptions

  constructor(data: LabelledImages, options: ImageDatasetOptions) {
    super()
    this.classes = options.classes
    this.#source = new ImageSource(data, options.shape, transformOf(options))
    this.#data = data
    this.#options = options
  }
  get length(): number {
    return this.#data.labels.length
  }
  /** The label of each picture. */
  get labels(): Uint8Array | Uint16Array {
    return this.#data.labels
  }
  /** The same pictures under another transform: to test on some of those that others are trained on. */
  withTransform(transform: PictureFunction | null): ImageDataset {
    return new ImageDataset(this.#data, { ...this.#options, transform })
  }
  get(index: number): Tensor[] {
    return this.getItems([index]).map((part) => part.squeeze(0))
  }
  override getItems(indices: readonly number[], generators: SampleGenerators = fromDefaultGenerator): Tensor[] {
    indices.forEach((index) => checkSampleIndex('ImageDataset', index, this.length))
    return toTensors(this.#source.prepare(indices, generators))
  }
  override portable(): PortableSamples | null {
    this.#plain ??= toPlain(this.#source)
    return this.#plain && { source: this.#plain, indexOf: (sample) => sample }
  }
}

/** A batch as a dataset gives it: pictures and class indices. */
export function toTensors({ images, size, labels }: PreparedBatch): Tensor[] {
  return [constant(NDArray.from(images, [labels.length, ...size])), constant(NDArray.from(labels, [labels.length], 'int64'))]
}

function transformOf({ transform, mean, std, shape: [channels] }: ImageDatasetOptions): Transform | null {
  const parts = [
    ...(transform ? [asTransform(transform)] : []),
    ...(mean || std ? [new Normalize(mean ?? new Array<number>(channels).fill(0), std ?? new Array<number>(channels).fill(1))] : []),
  ]
  return parts.length === 0 ? null : parts.length === 1 ? parts[0] : new Compose(parts)
}
