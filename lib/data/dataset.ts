/** Datasets: collections of samples that are read by their number. */
import { randperm } from '../autograd/creation.ts'
import { stack } from '../autograd/functions.ts'
import { constant } from '../autograd/op.ts'
import { take } from '../autograd/ops/indexing.ts'
import { Tensor } from '../autograd/tensor.ts'
import { IndexError, ShapeError, ValueError } from '../tensor/errors.ts'
import { NDArray } from '../tensor/ndarray.ts'
import type { Generator } from '../tensor/random.ts'
import { showShape } from '../tensor/shape.ts'

/** One sample: its parts, such as a picture and its label. */
export type Sample = readonly (Tensor | number)[]

export interface Dataset {
  /** Number of samples. */
  readonly length: number
  /** Sample `index`, from 0 on. */
  get(index: number): Sample
  /** Several samples, each part stacked along a new first dimension; where it is missing they are read one by one. */
  getItems?(indices: readonly number[]): Tensor[]
}

/** A batch of samples of any dataset: one tensor for each part. */
export function batchOf(dataset: Dataset, indices: readonly number[]): Tensor[] {
  return dataset.getItems?.(indices) ?? collate(indices.map((index) => dataset.get(index)))
}

/** Stacks samples part by part; numbers become a vector. */
export function collate(samples: readonly Sample[]): Tensor[] {
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
export class TensorDataset implements Dataset {
  readonly tensors: readonly Tensor[]

  constructor(...tensors: Tensor[]) {
    if (tensors.length === 0) throw new ValueError('TensorDataset', 'no tensors were given', 'give at least one')
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
  getItems(indices: readonly number[]): Tensor[] {
    indices.forEach((index) => checkSampleIndex('TensorDataset', index, this.length))
    const rows = constant(NDArray.from(Float32Array.from(indices), [indices.length], 'int64'))
    return this.tensors.map((tensor) => take([tensor, rows]))
  }
}

/** Some samples of another dataset. Same as torch.utils.data.Subset. */
export class Subset implements Dataset {
  readonly dataset: Dataset
  readonly indices: readonly number[]

  constructor(dataset: Dataset, indices: readonly number[]) {
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
  getItems(indices: readonly number[]): Tensor[] {
    indices.forEach((index) => checkSampleIndex('Subset', index, this.length))
    return batchOf(this.dataset, indices.map((index) => this.indices[index]))
  }
}

/** Cuts a dataset at random into parts of the given lengths. Same draws as torch.utils.data.random_split. */
export function randomSplit(dataset: Dataset, lengths: readonly number[], options: { readonly generator?: Generator } = {}): Subset[] {
  const total = lengths.reduce((sum, length) => sum + length, 0)
  if (total !== dataset.length || lengths.some((length) => !Number.isInteger(length) || length < 0))
    throw new ValueError('randomSplit', `lengths [${lengths.join(', ')}] do not add up to the ${dataset.length} samples of the dataset`, 'give whole numbers whose sum is the length of the dataset')
  const order = [...randperm(total, options).data]
  let start = 0
  return lengths.map((length) => new Subset(dataset, order.slice(start, (start += length))))
}
