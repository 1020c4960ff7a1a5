/** DataLoader: a dataset in batches, in order or shuffled as PyTorch shuffles it. */
import type { Tensor } from '../autograd/tensor.ts'
import { messageOf, ValueError } from '../tensor/errors.ts'
import { argumentsOf, checkSize, optionsOf, type Given } from '../tensor/options.ts'
import { defaultGenerator, Generator } from '../tensor/random.ts'
import { reclaim } from '../tensor/storage.ts'
import { batchOf, checkDataset, type Dataset } from './dataset.ts'
import { toTensors } from './image-dataset.ts'
import { fromSeeds } from './image-source.ts'
import { Prefetcher } from './prefetch.ts'

export interface DataLoaderOptions {
  readonly batchSize?: number
  /** A new random order each epoch. */
  readonly shuffle?: boolean
  /** Leave out the last batch when it is smaller. */
  readonly dropLast?: boolean
  /** Where the order comes from. Default: the generator that manualSeed() seeds. */
  readonly generator?: Generator
  /** How many threads prepare the next batches meanwhile. Default: 0, batches are prepared when they are asked for. */
  readonly numWorkers?: number
}

export interface IterateOptions {
  /** How many batches at the beginning of the epoch are left out. */
  readonly skip?: number
}

/** What decides an epoch. */
interface Course {
  readonly seed: bigint
  readonly order: readonly number[]
}

/** A number that PyTorch draws as torch.empty((), dtype=torch.int64).random_(). */
const randomSeed = (generator: Generator) => generator.random64() & (2n ** 63n - 1n)

/**
 * Iterates over a dataset, one epoch each time: `for (const [x, y] of loader)`. A batch is a list of tensors, one for each
 * part of a sample. From the same seed the batches are those of torch.utils.data.DataLoader.
 *
 * Transforms of an ImageDataset draw from a generator of each sample's own, whose seed is the epoch's (the base seed that PyTorch draws for
 * its workers, also when there are none) plus the sample's place in the epoch. So batches are the same whatever the number of workers.
 * Workers prepare pictures kept as bytes with transforms from data.transforms; what is a user's own is prepared on the main thread.
 */
export class DataLoader implements Iterable<Tensor[]> {
  readonly dataset: Dataset
  readonly batchSize: number
  readonly numWorkers: number
  readonly #options: Required<Omit<DataLoaderOptions, 'generator'>> & Pick<DataLoaderOptions, 'generator'>
  #warned = false

  constructor(dataset: Dataset, ...given: Given<[batchSize: number, shuffle: boolean], DataLoaderOptions>) {
    const options = argumentsOf('DataLoader', given, { batchSize: 1, shuffle: false, dropLast: false, generator: undefined, numWorkers: 0 }, 2)
    const { batchSize, numWorkers } = options
    checkDataset('DataLoader', dataset)
    if (options.shuffle && dataset.length === 0) throw new ValueError('DataLoader', 'an empty dataset cannot be shuffled', 'give a dataset with samples')
    this.dataset = dataset
    this.batchSize = checkSize('DataLoader', 'batchSize', batchSize)
    this.numWorkers = checkSize('DataLoader', 'numWorkers', numWorkers, 0)
    this.#options = options
  }
  /** Number of batches in an epoch. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize
    return this.#options.dropLast ? Math.floor(batches) : Math.ceil(batches)
  }
  [Symbol.iterator](): Iterator<Tensor[]> {
    // As in PyTorch, the seed is drawn when an iterator is made, and the order with the first batch.
    const seed = randomSeed(this.#options.generator ?? defaultGenerator)
    return this.#batches(() => ({ seed, order: this.#drawOrder() }), 0, () => this.#endOrder())
  }
  /**
   * An epoch that may begin in the middle. What decides it is drawn at once, and nothing later: a run that is resumed sets the generator to
   * its state at the beginning of the epoch, calls this with the number of batches that were done, and sets the generator to its state
   * of then; the batches that follow are the same to the bit.
   */
  iterate(given: IterateOptions = {}): IterableIterator<Tensor[]> {
    const { skip } = optionsOf('DataLoader.iterate', given, { skip: 0 })
    if (!Number.isInteger(skip) || skip < 0 || skip > this.length) throw new ValueError('DataLoader.iterate', `skip ${skip} is not a whole number from 0 to ${this.length}`, `an epoch has ${this.length} batches`)
    const course = { seed: randomSeed(this.#options.generator ?? defaultGenerator), order: this.#drawOrder() }
    this.#endOrder()
    return this.#batches(() => course, skip, () => {})
  }
  *#batches(draw: () => Course, first: number, atEnd: () => void): IterableIterator<Tensor[]> {
    const { seed, order } = draw()
    const prefetcher = this.#prefetcher({ seed, order }, first)
    try {
      for (let batch = first; batch < this.length; batch++) {
        reclaim()
        const prepared = prefetcher?.take(batch)
        const start = batch * this.batchSize
        if (start + this.batchSize > order.length) atEnd()
        yield prepared ? toTensors(prepared) : batchOf(this.dataset, order.slice(start, start + this.batchSize), fromSeeds(seed + BigInt(start)))
      }
      if (this.length * this.batchSize <= order.length) atEnd()
    } finally {
      prefetcher?.close()
    }
  }
  /** The epoch's order: a permutation drawn from a generator that is seeded by one draw, or from the one given. */
  #drawOrder(): number[] {
    const { shuffle, generator } = this.#options
    if (!shuffle) return Array.from({ length: this.dataset.length }, (_, i) => i)
    const source = generator ?? new Generator(randomSeed(defaultGenerator))
    return [...source.permutation(this.dataset.length)]
  }
  /** Given a generator, PyTorch's sampler draws one order more when it has come to the end, and takes nothing from it. */
  #endOrder(): void {
    const { shuffle, generator } = this.#options
    if (shuffle) generator?.permutation(this.dataset.length)
  }
  #prefetcher({ seed, order }: Course, first: number): Prefetcher | null {
    if (this.numWorkers === 0 || first >= this.length) return null
    try {
      const samples = this.dataset.portable?.()
      if (!samples) throw new Error('only pictures kept as bytes, with transforms from data.transforms, can be handed to other threads')
      const shared = new Int32Array(new SharedArrayBuffer(4 * order.length))
      order.forEach((sample, n) => (shared[n] = samples.indexOf(sample)))
      return new Prefetcher({ source: samples.source, order: shared, batchSize: this.batchSize, first, batches: this.length, seed }, Math.min(this.numWorkers, this.length - first))
    } catch (error) {
      if (!this.#warned) console.warn(`vitgrad: a DataLoader with numWorkers ${this.numWorkers} prepares its batches on the main thread: ${messageOf(error)}.`)
      this.#warned = true
      return null
    }
  }
}
