/** DataLoader: a dataset in batches, in order or shuffled as PyTorch shuffles it. */
import type { Tensor } from '../autograd/tensor.ts'
import { ValueError } from '../tensor/errors.ts'
import { defaultGenerator, Generator } from '../tensor/random.ts'
import { reclaim } from '../tensor/storage.ts'
import { batchOf, type Dataset } from './dataset.ts'

export interface DataLoaderOptions {
  readonly batchSize?: number
  /** A new random order each epoch. */
  readonly shuffle?: boolean
  /** Leave out the last batch when it is smaller. */
  readonly dropLast?: boolean
  /** Where the order comes from. Default: the generator that manualSeed() seeds. */
  readonly generator?: Generator
}

/** A number that PyTorch draws as torch.empty((), dtype=torch.int64).random_(). */
const randomSeed = (generator: Generator) => generator.random64() & (2n ** 63n - 1n)

/**
 * Iterates over a dataset, one epoch each time: `for (const [x, y] of loader)`. A batch is a list of tensors, one for each
 * part of a sample. From the same seed the batches are those of torch.utils.data.DataLoader.
 */
export class DataLoader implements Iterable<Tensor[]> {
  readonly dataset: Dataset
  readonly batchSize: number
  readonly #options: DataLoaderOptions

  constructor(dataset: Dataset, options: DataLoaderOptions = {}) {
    const { batchSize = 1 } = options
    if (!Number.isInteger(batchSize) || batchSize < 1) throw new ValueError('DataLoader', `a batch size of ${batchSize} is not a whole number of at least 1`, 'give batchSize as a whole number')
    if (options.shuffle && dataset.length === 0) throw new ValueError('DataLoader', 'an empty dataset cannot be shuffled', 'give a dataset with samples')
    this.dataset = dataset
    this.batchSize = batchSize
    this.#options = options
  }
  /** Number of batches in an epoch. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize
    return this.#options.dropLast ? Math.floor(batches) : Math.ceil(batches)
  }
  [Symbol.iterator](): Iterator<Tensor[]> {
    // PyTorch draws a seed for its workers when an iterator is made, also when there are none.
    randomSeed(this.#options.generator ?? defaultGenerator)
    return this.#batches()
  }
  *#batches(): Iterator<Tensor[]> & Iterable<Tensor[]> {
    const order = this.#order()
    for (let i = 0; i < this.length; i++) {
      reclaim()
      yield batchOf(this.dataset, order.slice(i * this.batchSize, (i + 1) * this.batchSize))
    }
  }
  /** The epoch's order: a permutation drawn from a generator that is seeded by one draw, or from the one given. */
  #order(): number[] {
    const { shuffle = false, generator } = this.#options
    if (!shuffle) return Array.from({ length: this.dataset.length }, (_, i) => i)
    const source = generator ?? new Generator(randomSeed(defaultGenerator))
    return [...source.permutation(this.dataset.length)]
  }
}
