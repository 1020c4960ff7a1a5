/** Pictures kept as bytes, which become float32 tensors when they are read: a quarter of the memory. */
import { constant } from '../autograd/op.ts'
import type { Tensor } from '../autograd/tensor.ts'
import { ShapeError } from '../tensor/errors.ts'
import { NDArray } from '../tensor/ndarray.ts'
import { numelOf, showShape } from '../tensor/shape.ts'
import { checkSampleIndex, type Dataset } from './dataset.ts'

/** Pictures (N, channels, height, width) of bytes, row by row, with a label each. */
export interface LabelledImages {
  readonly images: Uint8Array
  readonly labels: Uint8Array
}

export interface ImageDatasetOptions {
  /** (channels, height, width) of a picture. */
  readonly shape: readonly [number, number, number]
  /** Names of the classes, in the order of their labels. */
  readonly classes: readonly string[]
  /** A mean and deviation for each channel, by which byte / 255 is normalised. Default: 0 and 1. */
  readonly mean?: readonly number[]
  readonly std?: readonly number[]
}

/** Samples [picture (C, H, W), label]. A value is (byte / 255 − mean) / std, rounded as PyTorch rounds it. */
export class ImageDataset implements Dataset {
  readonly classes: readonly string[]
  readonly #data: LabelledImages
  readonly #shape: readonly [number, number, number]
  /** For each channel, what each of the 256 bytes stands for. */
  readonly #values: readonly Float32Array[]

  constructor(data: LabelledImages, { shape, classes, mean, std }: ImageDatasetOptions) {
    if (data.images.length !== data.labels.length * numelOf(shape))
      throw new ShapeError('ImageDataset', `${data.images.length} bytes are not ${data.labels.length} pictures of ${showShape(shape)}`, 'give all bytes of each picture, and a label for each')
    this.classes = classes
    this.#data = data
    this.#shape = shape
    this.#values = Array.from({ length: shape[0] }, (_, channel) => {
      const [m, s] = [Math.fround(mean?.[channel] ?? 0), Math.fround(std?.[channel] ?? 1)]
      return Float32Array.from({ length: 256 }, (_, byte) => Math.fround(Math.fround(byte / 255) - m) / s)
    })
  }
  get length(): number {
    return this.#data.labels.length
  }
  get(index: number): Tensor[] {
    return this.getItems([index]).map((part) => part.squeeze(0))
  }
  getItems(indices: readonly number[]): Tensor[] {
    const { images, labels } = this.#data
    const [channels, height, width] = this.#shape
    const pixels = height * width
    const out = NDArray.zeros([indices.length, ...this.#shape])
    const chosen = new Float32Array(indices.length)
    indices.forEach((index, n) => {
      checkSampleIndex('ImageDataset', index, this.length)
      chosen[n] = labels[index]
      for (let channel = 0; channel < channels; channel++) {
        const values = this.#values[channel]
        const from = (index * channels + channel) * pixels
        const to = (n * channels + channel) * pixels
        for (let i = 0; i < pixels; i++) out.storage.data[to + i] = values[images[from + i]]
      }
    })
    return [constant(out), constant(NDArray.from(chosen, [indices.length], 'int64'))]
  }
}
