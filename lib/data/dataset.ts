/** Datasets: collections of samples that are read by their number. */
import { randperm } from '../autograd/creation.ts'
import { stack } from '../autograd/functions.ts'
import { checkTensors, constant, indexVector } from '../autograd/op.ts'
import { take } from '../autograd/ops/indexing.ts'
import { Tensor } from '../autograd/tensor.ts'
import { IndexError, ShapeError, ValueError } from '../tensor/errors.ts'
import { NDArray } from '../tensor/ndarray.ts'
import { argumentsOf, type Given } from '../tensor/options.ts'
import { defaultGenerator, type Generator } from '../tensor/random.ts'
import { showShape } from '../tensor/shape.ts'
import type { SampleGenerators } from './image-source.ts'
import type { PlainSource } from './portable.ts'

/** One sample: its parts, such as a picture and its label. */
export type Sample = readonly (Tensor | number)[]

/** A dataset of one's own extends it, or is any object that has the same. Same as torch.utils.data.Dataset. */
export abstract class Dataset {
  /** Number of samples. */
  abstract readonly length: number
  /** Sample `index`, from 0 on. */
  abstract get(index: number): Sample
  /**
   * Several samples, each part stacked along a new first dimension; where it is missing they are read one by one.
   * What is random about sample n of them is drawn from generators(n), as a loader wants it, or else from the default generator.
   */
  getItems?(indices: readonly number[], generators?: SampleGenerators): Tensor[]
  /** The samples as plain data, if other threads can prepare them; null where they cannot. */
  portable?(): PortableSamples | null
}

/** Samples that other threads can prepare: their source, and which of its pictures a sample is. */
export interface PortableSamples {
  readonly source: PlainSource
  readonly indexOf: (sample: number) => number
}

/** Throws unless it is a dataset. */
export function checkDataset(operation: string, dataset: unknown): void {
  const isDataset = typeof dataset === 'object' && dataset !== null && 'length' in dataset && typeof dataset.length === 'number' && 'get' in dataset && typeof dataset.get === 'function'
  if (!isDataset) throw new ValueError(operation, 'what it was given is no dataset', 'give an object with length and get(index), such as a TensorDataset')
}

/** A batch of samples of any dataset: one tensor for each part. */
export function batchOf(dataset: Dataset, indices: readonly number[], generators?: SampleGenerators): Tensor[] {
  return dataset.getItems?.(indices, generators) ?? collate(indices.map((index) => dataset.get(index)))
}

/** Stacks samples part by part; numbers become a vector. */
function collate(samples: readonly Sample[]): Tensor[] {
  const alone = samples.findIndex((sample) => !Array.isArray(sample))
  if (alone >= 0) throw new ValueError('collate', `sample ${alone} of a batch is no list of its parts`, 'return [picture, label], or [x] for a single part')
  const parts = samples[0]?.length ?? 0
  if (samples.some((sample) => sample.length !== parts)) throw new ShapeError('collate', 'samples of a batch have different numbers of parts', 'return as many parts for every index')
  return Array.from({ length: parts }, (_, p) => stack(samples.map((sample) => toScalar(sample[p]))))
}

const toScalar = (part: Tensor | number) => (part instanceof Tensor ? part : constant(NDArray.full([], part)))

/** Throws unless `index` is a whole number from 0 to length − 1. */
export function checkSampleIndex(operation: string, index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length)
    throw new IndexError(operation, `there is no sample ${index} among ${length}`, length === 0 ? 'the dataset is empty' : `use a whole number from 0 to ${length - 1}`)
}

/** Samples that are rows of tensors of equal first size. Same as torch.utils.data.TensorDataset. */
export class TensorDataset extends Dataset {
  readonly tensors: readonly Tensor[]

  constructor(...tensors: Tensor[]) {
    super()
    if (tensors.length === 0) throw new ValueError('TensorDataset', 'no tensors were given', 'give at least one')
    checkTensors('TensorDataset', tensors)
    const odd = tensors.find((tensor) => tensor.ndim === 0 || tensor.shape[0] !== tensors[0].shape[0])
    if (odd) throw new ShapeError('TensorDataset', `tensors of shapes ${tensors.map((tensor) => showShape(tensor.shape)).join(', ')} do not have the same number of samples`, 'their first sizes must be equal')
    this.tensors = tensors
  }
  get length(): number {
    return this.tensors[0].shape[0]
  }
  get(index: number): Tensor[] {
    checkSampleIndex('TensorDataset', index, this.length)
    return this.tensors.map((tensor) => tensor.select(0, index))
  }
  override getItems(indices: readonly number[]): Tensor[] {
    indices.forEach((index) => checkSampleIndex('TensorDataset', index, this.length))
    const rows = indexVector(indices)
    return this.tensors.map((tensor) => take([tensor, rows]))
  }
}

/** Some samples of another dataset. Same as torch.utils.data.Subset. */
export class Subset extends Dataset {
  readonly dataset: Dataset
  readonly indices: readonly number[]

  constructor(dataset: Dataset, indices: readonly number[]) {
    super()
    checkDataset('Subset', dataset)
    if (!Array.isArray(indices)) throw new ValueError('Subset', 'its second argument is no list', 'give the numbers of the samples')
    indices.forEach((index) => checkSampleIndex('Subset', index, dataset.length))
    this.dataset = dataset
    this.indices = indices
  }
  get length(): number {
    return this.indices.length
  }
  get(index: number): Sample {
    checkSampleIndex('Subset', index, this.length)
    return this.dataset.get(this.indices[index])
  }
  override getItems(indices: readonly number[], generators?: SampleGenerators): Tensor[] {
    indices.forEach((index) => checkSampleIndex('Subset', index, this.length))
    return batchOf(this.dataset, indices.map((index) => this.indices[index]), generators)
  }
  override portable(): PortableSamples | null {
    const all = this.dataset.portable?.() ?? null
    return all && { source: all.source, indexOf: (sample) => all.indexOf(this.indices[sample]) }
  }
}

/**
 * Cuts a dataset at random into parts of the given lengths, or of the given fractions that add up to 1; what fractions leave over goes to the
 * first parts, one sample each. Same draws as torch.utils.data.random_split.
 */
export function randomSplit(dataset: Dataset, lengths: readonly number[], ...given: Given<[generator: Generator], { readonly generator?: Generator }>): Subset[] {
  const { generator } = argumentsOf('randomSplit', given, { generator: defaultGenerator })
  checkDataset('randomSplit', dataset)
  if (!Array.isArray(lengths)) throw new ValueError('randomSplit', 'its second argument is no list', 'give the length of each part, or its fraction')
  const counts = isFractions(lengths) ? countsOf(lengths, dataset.length) : lengths
  const total = counts.reduce((sum, length) => sum + length, 0)
  if (total !== dataset.length || counts.some((length) => !Number.isInteger(length) || length < 0))
    throw new ValueError('randomSplit', `lengths [${lengths.join(', ')}] do not add up to the ${dataset.length} samples of the dataset`, 'give whole numbers whose sum is the length of the dataset, or fractions whose sum is 1')
  const order = [...randperm(total, { generator }).data]
  let start = 0
  return counts.map((length) => new Subset(dataset, order.slice(start, (start += length))))
}

/** Whether these are at least 0 and add up to 1, but for rounding. */
function isFractions(lengths: readonly number[]): boolean {
  const sum = lengths.reduce((total, length) => total + length, 0)
  return lengths.every((length) => length >= 0) && Math.abs(sum - 1) <= 1e-9 && sum <= 1
}

function countsOf(fractions: readonly number[], total: number): number[] {
  const counts = fractions.map((fraction) => Math.floor(total * fraction))
  const rest = total - counts.reduce((sum, count) => sum + count, 0)
  return counts.map((count, i) => count + Math.floor(rest / counts.length) + (i < rest % counts.length ? 1 : 0))
}
