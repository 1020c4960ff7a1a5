/** Datasets and the loader. The orders are PyTorch's, from torch.utils.data with the same seed. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { arange, data, Generator, manualSeed, rand, tensor } from 'vitgrad'

const { DataLoader, randomSplit, Subset, TensorDataset } = data
const numbers = (n: number) => new TensorDataset(arange(n))
const orderOf = (loader: Iterable<{ data: Float32Array }[]>) => [...loader].map(([x]) => [...x.data])

test.before.each(() => void manualSeed(0))

test('an unshuffled loader cuts the dataset into batches in order, the last one smaller or left out', () => {
  assert.equal(orderOf(new DataLoader(numbers(5), { batchSize: 2 })), [[0, 1], [2, 3], [4]])
  const dropping = new DataLoader(numbers(5), { batchSize: 2, dropLast: true })
  assert.equal(orderOf(dropping), [[0, 1], [2, 3]])
  assert.is(dropping.length, 2)
})

// torch.manual_seed(0); dl = DataLoader(list(range(10)), batch_size=4, shuffle=True); [b.tolist() for _ in range(2) for b in dl]; torch.rand(2)
test('shuffled batches and the numbers drawn afterwards are those of torch', () => {
  const loader = new DataLoader(numbers(10), { batchSize: 4, shuffle: true })
  assert.equal([...orderOf(loader), ...orderOf(loader)], SHUFFLED)
  assert.equal([...rand([2]).data], AFTER.map(Math.fround))
})

// the same with generator=torch.Generator().manual_seed(5): the order comes from it, and the default generator is left alone
test('a generator of its own gives the order and leaves the default one alone', () => {
  const before = rand([1]).item()
  manualSeed(0)
  const loader = new DataLoader(numbers(6), { batchSize: 6, shuffle: true, generator: new Generator(5) })
  assert.equal(orderOf(loader), OWN_GENERATOR)
  assert.is(rand([1]).item(), before)
})

// g = torch.Generator().manual_seed(7); dl = DataLoader(range(5), batch_size, shuffle=True, drop_last=..., generator=g); [b.tolist() for _ in range(2) for b in dl]
test('later epochs from a generator are those of torch, whose sampler draws once more at the end of each', () => {
  const epochs = (batchSize: number, dropLast = false) => {
    const generator = new Generator(7)
    const loader = new DataLoader(numbers(5), { batchSize, shuffle: true, dropLast, generator })
    return [[...orderOf(loader), ...orderOf(loader)], rand([1], { generator }).item()]
  }
  const after = Math.fround(0.8828775882720947)
  assert.equal(epochs(2), [[[1, 3], [0, 4], [2], [3, 2], [4, 0], [1]], after])
  assert.equal(epochs(2, true), [[[1, 3], [0, 4], [3, 2], [4, 0]], after])
  assert.equal(epochs(5), [[[1, 3, 0, 4, 2], [3, 2, 4, 0, 1]], after])
  const loader = new DataLoader(numbers(5), { batchSize: 2, shuffle: true, generator: new Generator(7) })
  for (const [x] of loader) {
    assert.equal([...x.data], [1, 3])
    break
  }
  assert.equal(orderOf(loader), [[3, 2], [0, 4], [1]], 'an epoch that was broken off draws nothing more')
})

// torch.manual_seed(0); [s.indices for s in random_split(range(7), [4, 3])]
test('randomSplit gives the parts that torch gives', () => {
  assert.equal(randomSplit(numbers(7), [4, 3]).map(({ indices }) => [...indices]), SPLIT)
  assert.throws(() => randomSplit(numbers(7), [4, 4]), /randomSplit: lengths \[4, 4\]/)
})

// torch.manual_seed(0); [list(s.indices) for s in random_split(range(11), [0.5, 0.3, 0.2])]; [len(s) for s in random_split(range(n), fractions)]
test('fractions are rounded down, and what is left over goes to the first parts, as in torch', () => {
  assert.equal(randomSplit(numbers(11), [0.5, 0.3, 0.2]).map(({ indices }) => [...indices]), [[10, 0, 4, 3, 5, 8], [2, 1, 9], [7, 6]])
  const sizes = (n: number, fractions: number[]) => randomSplit(numbers(n), fractions).map(({ length }) => length)
  assert.equal([sizes(1000, [0.7, 0.2, 0.1]), sizes(7, [1 / 3, 1 / 3, 1 / 3]), sizes(1, [0, 1])], [[700, 200, 100], [3, 2, 2], [0, 1]])
  assert.throws(() => randomSplit(numbers(10), [0.5, 0.4]), /or fractions whose sum is 1/)
})

test('a batch has one tensor for each part of a sample, of any dataset', () => {
  const pairs: data.Dataset = { length: 3, get: (i) => [tensor([i, 2 * i]), i % 2] }
  const batches = [...new DataLoader(pairs, { batchSize: 2 })]
  assert.equal(batches.map((parts) => parts.map((part) => part.tolist())), [[[[0, 0], [1, 2]], [0, 1]], [[[2, 4]], [0]]])
  assert.equal([...new DataLoader(new Subset(pairs, [2, 1]), { batchSize: 2 })].map(([x]) => x.tolist()), [[[2, 4], [1, 2]]])
})

// class Own(Dataset): __len__ -> 5, __getitem__(i) -> torch.arange(2.) + i, 2 * i; torch.manual_seed(0); list(DataLoader(Own(), batch_size=3, shuffle=True))
test('a dataset may extend Dataset', () => {
  class Own extends data.Dataset {
    get length(): number {
      return 5
    }
    get(i: number): data.Sample {
      return [arange(2).add(i), 2 * i]
    }
  }
  const batches = [...new DataLoader(new Own(), { batchSize: 3, shuffle: true })].map(([x, y]) => [x.tolist(), y.tolist()])
  assert.equal(batches, [[[[1, 2], [4, 5], [2, 3]], [2, 8, 4]], [[[3, 4], [0, 1]], [6, 0]]])
  assert.ok(numbers(2) instanceof data.Dataset && new Subset(numbers(2), [1]) instanceof data.Dataset)
  assert.throws(() => [...new DataLoader({ length: 1, get: () => JSON.parse('3') })], /collate: sample 0 of a batch is no list of its parts/)
})

test('bad datasets and batch sizes are refused with the way out', () => {
  assert.throws(() => new TensorDataset(arange(3), arange(4)), /TensorDataset: tensors of shapes \(3,\), \(4,\).*\n {2}help: /)
  assert.throws(() => new DataLoader(numbers(3), { batchSize: 0 }), /DataLoader: batchSize = 0/)
  assert.throws(() => numbers(3).get(3), /no sample 3 among 3/)
  assert.throws(() => new Subset(numbers(3), [3]), /no sample 3 among 3/)
})

const SHUFFLED = [[6, 7, 1, 4], [2, 0, 9, 8], [3, 5], [2, 4, 7, 0], [8, 9, 5, 3], [6, 1]]
const AFTER = [0.455627977848053, 0.6323062777519226]
const OWN_GENERATOR = [[1, 0, 4, 2, 3, 5]]
const SPLIT = [[4, 0, 5, 3], [2, 6, 1]]

test.run()
