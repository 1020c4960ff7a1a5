/** Labelled pictures as bytes, and how each is made into numbers: all that a thread needs to prepare a batch. */
import { ShapeError } from '../tensor/errors.ts'
import { defaultGenerator, Generator } from '../tensor/random.ts'
import { numelOf, sameShape, showShape } from '../tensor/shape.ts'
import { Picture, unitValues, type Size } from './picture.ts'
import type { Transform } from './transforms/transform.ts'

/** Pictures (N, channels, height, width) of bytes, row by row, with a label each. */
export interface LabelledImages {
  readonly images: Uint8Array
  readonly labels: Uint8Array | Uint16Array
}

/** Where the random numbers of sample n of a batch come from; it is asked in order, and only about samples that draw some. */
export type SampleGenerators = (n: number) => Generator

/** All samples draw from the default generator, one after the other. */
export const fromDefaultGenerator: SampleGenerators = () => defaultGenerator

/** Sample n draws from a generator of its own, with the seed `seed` + n. */
export function fromSeeds(seed: bigint): SampleGenerators {
  const generator = new Generator()
  return (n) => generator.manualSeed(seed + BigInt(n))
}

/** The numbers of a batch: pictures (B, ...size) and a label each. */
export interface PreparedBatch {
  readonly images: Float32Array<ArrayBuffer>
  readonly size: Size
  readonly labels: Float32Array<ArrayBuffer>
}

export class ImageSource {
  readonly images: Uint8Array
  readonly labels: Uint8Array | Uint16Array
  readonly shape: Size
  readonly transform: Transform | null

  constructor({ images, labels }: LabelledImages, shape: Size, transform: Transform | null) {
    if (images.length !== labels.length * numelOf(shape))
      throw new ShapeError('ImageDataset', `${images.length} bytes are not ${labels.length} pictures of ${showShape(shape)}`, 'give all bytes of each picture, and a label for each')
    this.images = images
    this.labels = labels
    this.shape = shape
    this.transform = transform
  }
  prepare(indices: ArrayLike<number>, generators: SampleGenerators): PreparedBatch {
    const labels = Float32Array.from(indices, (index) => this.labels[index])
    let images = new Float32Array(0)
    let size = this.shape
    for (let n = 0; n < indices.length; n++) {
      const picture = this.#picture(indices[n], generators, n)
      if (n === 0) images = new Float32Array(indices.length * numelOf((size = picture.size)))
      if (!sameShape(picture.size, size))
        throw new ShapeError('ImageDataset', `pictures of ${showShape(size)} and ${showShape(picture.size)} cannot be stacked`, 'let the transform end with a crop or a resize to one size')
      picture.writeTo(images, n * picture.numel)
    }
    return { images, size, labels }
  }
  /** The picture after its transform; before, its values are in [0, 1]. */
  #picture(index: number, generators: SampleGenerators, n: number): Picture {
    const picture = Picture.ofBytes(this.images, index * numelOf(this.shape), this.shape, unitValues(this.shape[0]))
    return this.transform ? this.transform.use([picture], generators(n))[0] : picture
  }
}

/** Bytes that all threads can see, where memory can be shared. */
export function sharedBytes(length: number): Uint8Array {
  return new Uint8Array(sharedMemory(length))
}

/** The same numbers in memory that all threads can see, copied there unless they are in it already; null where memory cannot be shared. */
export function inSharedMemory<T extends Uint8Array | Uint16Array>(numbers: T): T | null {
  if (typeof SharedArrayBuffer !== 'function') return null
  if (numbers.buffer instanceof SharedArrayBuffer) return numbers
  const copy = numbers instanceof Uint8Array ? new Uint8Array(sharedMemory(numbers.byteLength)) : new Uint16Array(sharedMemory(numbers.byteLength))
  copy.set(numbers)
  return copy as T
}

const sharedMemory = (bytes: number): ArrayBufferLike => (typeof SharedArrayBuffer === 'function' ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes))
