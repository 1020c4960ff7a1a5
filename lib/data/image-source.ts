/** Labelled pictures as bytes, and how each is made into numbers: all that a thread needs to prepare a batch. */
import { ShapeError } from '../tensor/errors.ts'
import { defaultGenerator, type Generator } from '../tensor/random.ts'
import { numelOf, showShape } from '../tensor/shape.ts'
import { Picture, unitValues, type Size } from './picture.ts'
import type { Transform } from './transforms/transform.ts'

/** Pictures (N, channels, height, width) of bytes, row by row, with a label each. */
export interface LabelledImages {
  readonly images: Uint8Array
  readonly labels: Uint8Array | Uint16Array
}

/** Where the random numbers of sample n of a batch come from. */
export type SampleGenerators = (n: number) => Generator

export class ImageSource {
  readonly images: Uint8Array
  readonly labels: Uint8Array | Uint16Array
  readonly shape: Size
  readonly #transform: Transform | null

  constructor({ images, labels }: LabelledImages, shape: Size, transform: Transform | null) {
    if (images.length !== labels.length * numelOf(shape))
      throw new ShapeError('ImageDataset', `${images.length} bytes are not ${labels.length} pictures of ${showShape(shape)}`, 'give all bytes of each picture, and a label for each')
    this.images = images
    this.labels = labels
    this.shape = shape
    this.#transform = transform
  }
  get length(): number {
    return this.labels.length
  }
  /** The picture after its transform, its values in [0, 1] before. */
  picture(index: number, generator: Generator): Picture {
    const picture = Picture.ofBytes(this.images, index * numelOf(this.shape), this.shape, unitValues(this.shape[0]))
    return this.#transform ? this.#transform.use([picture], generator)[0] : picture
  }
  /** Prepares a batch of pictures and labels in the memory that `allocate` gives for pictures of the size of the first. */
  prepare(indices: readonly number[], generators: SampleGenerators, allocate: (size: Size) => { readonly images: Float32Array; readonly labels: Float32Array }): void {
    let batch: ReturnType<typeof allocate> | null = null
    let expected: Size = this.shape
    indices.forEach((index, n) => {
      const picture = this.picture(index, generators(n))
      if (!batch) batch = allocate((expected = picture.size))
      if (picture.size.some((side, d) => side !== expected[d]))
        throw new ShapeError('ImageDataset', `pictures of ${showShape(expected)} and ${showShape(picture.size)} cannot be stacked`, 'let the transform end with a crop or a resize to one size')
      picture.writeTo(batch.images, n * picture.numel)
      batch.labels[n] = this.labels[index]
    })
  }
}

/** All samples draw from the default generator, one after the other. */
export const fromDefaultGenerator: SampleGenerators = () => defaultGenerator

/** Bytes that all threads can see, where memory can be shared. */
export function sharedBytes(length: number): Uint8Array {
  return typeof SharedArrayBuffer === 'function' ? new Uint8Array(new SharedArrayBuffer(length)) : new Uint8Array(length)
}
