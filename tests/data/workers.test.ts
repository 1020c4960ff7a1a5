/** Batches that workers prepare: the same as without them, whatever becomes of the workers. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { data, Generator, manualSeed, rand, tensor, type Tensor } from 'vitgrad'

const { DataLoader, ImageDataset, randomSplit, Subset, transforms } = data

// CommonJS exports can be replaced, so a test can see the workers that a loader starts, or keep it from starting any.
const threads = process.getBuiltinModule('node:worker_threads')
const RealWorker = threads.Worker
const { warn } = console
let warnings: string[] = []
let workers: Worker[] = []

test.before.each(() => {
  manualSeed(0)
  warnings = []
  workers = []
  console.warn = (text: string) => warnings.push(text)
  threads.Worker = class extends RealWorker {
    constructor(...args: ConstructorParameters<typeof RealWorker>) {
      super(...args)
      workers.push(this)
    }
  }
})
test.after.each(() => {
  console.warn = warn
  threads.Worker = RealWorker
})

/** Random pictures of 3 x 8 x 8. */
function pictures(count: number, transform: data.transforms.PictureFunction | null): data.ImageDataset {
  const generator = new Generator(1)
  const bytes = Uint8Array.from({ length: count * 192 }, () => generator.random())
  return new ImageDataset({ images: bytes, labels: Uint8Array.from({ length: count }, (_, i) => i) }, { shape: [3, 8, 8], classes: [], transform, mean: [0.5], std: [0.25] })
}

const augment = new transforms.Compose([
  new transforms.RandomCrop(8, { padding: 2 }),
  new transforms.Compose([new transforms.RandomHorizontalFlip(), new transforms.RandAugment()]),
  new transforms.RandomErasing({ value: 'random' }),
])

const numbers = (batch: Tensor[]) => batch.map((part) => [...part.shape, ...part.data])
const epoch = (loader: Iterable<Tensor[]>) => [...loader].map(numbers)

/** Computes nothing for a while, as a training step would: workers can get ahead meanwhile. */
function rest(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

/** Goes on with a loader of which each batch is wanted after a rest, until a worker has delivered one of them. */
function untilWorkersDeliver(batches: Iterator<Tensor[]>): Tensor[][] {
  const seen: Tensor[][] = []
  const { receiveMessageOnPort } = threads
  let delivered = 0
  threads.receiveMessageOnPort = (port) => {
    const message = receiveMessageOnPort(port)
    if (message) delivered++
    return message
  }
  try {
    while (delivered === 0) {
      const { value, done } = batches.next()
      if (done) throw new Error('no batch has come from a worker')
      seen.push(value)
      rest(20)
    }
  } finally {
    threads.receiveMessageOnPort = receiveMessageOnPort
  }
  return seen
}

for (const [name, make] of Object.entries({
  'augmented pictures': () => pictures(100, augment),
  'pictures without a transform': () => pictures(100, null),
  'a part of the pictures': () => randomSplit(pictures(100, augment), [60, 40], { generator: new Generator(2) })[0],
  'a part of a part': () => new Subset(new Subset(pictures(100, augment), [5, 50, 7, 9, 11]), [4, 1, 2]),
}))
  test(`${name}: the same batches and random numbers with 0, 1 and 3 workers`, () => {
    const dataset = make()
    const results = [0, 1, 3].map((numWorkers) => {
      manualSeed(7)
      const loader = new DataLoader(dataset, { batchSize: 16, shuffle: true, numWorkers })
      return [epoch(loader), epoch(loader), rand([1]).item()]
    })
    assert.equal(results[1], results[0])
    assert.equal(results[2], results[0])
    assert.equal(warnings, [])
  })

test('batches do come from workers, and are those of a loader without', () => {
  const dataset = pictures(3000, augment)
  manualSeed(3)
  const expected = epoch(new DataLoader(dataset, { batchSize: 4 }))
  manualSeed(3)
  const batches = new DataLoader(dataset, { batchSize: 4, numWorkers: 2 })[Symbol.iterator]()
  const seen = untilWorkersDeliver(batches)
  while (seen.length < 750) seen.push(batches.next().value)
  assert.ok(batches.next().done)
  assert.equal(seen.map(numbers), expected)
  assert.equal(warnings, [])
})

test('each sample draws from its own generator: other augmentations each epoch, the same in any batch size', () => {
  const dataset = pictures(12, augment)
  const flat = (batchSize: number) => {
    manualSeed(5)
    return epoch(new DataLoader(dataset, { batchSize })).flatMap(([images]) => images.slice(4))
  }
  assert.equal(flat(5), flat(12))
  const loader = new DataLoader(dataset, { batchSize: 12 })
  assert.not.equal(epoch(loader), epoch(loader))
})

test('an epoch resumed in the middle goes on with the same batches, and prepares none that it skips', () => {
  for (const numWorkers of [0, 2])
    for (const generator of [undefined, new Generator(4)]) {
      let prepared = 0
      const counting = new transforms.Compose([augment, ...(numWorkers === 0 ? [(picture: Tensor) => (prepared++, picture)] : [])])
      const loader = new DataLoader(pictures(20, counting), { batchSize: 3, shuffle: true, numWorkers, generator })
      const source = generator ?? manualSeed(9)
      const atStart = source.getState()
      const whole = epoch(loader)
      const after = source.getState()
      prepared = 0
      source.setState(atStart)
      const batches = loader.iterate({ skip: 4 })
      assert.equal(source.getState(), after, 'what decides the epoch has been drawn')
      assert.equal(epoch(batches), whole.slice(4))
      if (numWorkers === 0) assert.is(prepared, 20 - 4 * 3)
      assert.equal(epoch(loader.iterate({ skip: 7 })), [])
    }
  assert.throws(() => new DataLoader(pictures(20, null), { batchSize: 3 }).iterate({ skip: 8 }), /skip 8 is not a whole number from 0 to 7/)
})

test("a user's own transform and dataset are prepared on the main thread, with one warning and the same results", () => {
  const own = pictures(20, (picture, { generator }) => picture.add(rand([1], { generator })))
  const [without, withWorkers] = [0, 2].map((numWorkers) => {
    manualSeed(6)
    const loader = new DataLoader(own, { batchSize: 8, numWorkers })
    return [epoch(loader), epoch(loader)]
  })
  assert.equal(withWorkers, without)
  assert.is(warnings.length, 1)
  assert.match(warnings[0], /numWorkers 2 prepares its batches on the main thread: only pictures kept as bytes/)
  const mine: data.Dataset = { length: 3, get: (i) => [tensor([i]), i] }
  assert.equal(epoch(new DataLoader(mine, { numWorkers: 1 })), epoch(new DataLoader(mine)))
  assert.is(warnings.length, 2)
  class MyCrop extends transforms.RandomCrop {}
  epoch(new DataLoader(pictures(4, new MyCrop(4)), { numWorkers: 1 }))
  assert.is(warnings.length, 3)
  assert.equal(workers, [])
})

test('where there are no threads, a warning says so and batches are the same', () => {
  const dataset = pictures(20, augment)
  const expected = epoch(new DataLoader(dataset, { batchSize: 8 }))
  manualSeed(0)
  const { getBuiltinModule } = process
  process.getBuiltinModule = ((name: string) => (name === 'node:worker_threads' ? undefined : getBuiltinModule(name))) as typeof getBuiltinModule
  try {
    assert.equal(epoch(new DataLoader(dataset, { batchSize: 8, numWorkers: 2 })), expected)
  } finally {
    process.getBuiltinModule = getBuiltinModule
  }
  assert.is(warnings.length, 1)
  assert.match(warnings[0], /has no worker_threads/)
})

test('workers end with the loop, also when it is left early', async () => {
  const loader = new DataLoader(pictures(3000, augment), { batchSize: 4, numWorkers: 2 })
  for (const _ of loader) break
  const batches = loader.iterate()
  untilWorkersDeliver(batches)
  batches.return?.()
  assert.throws(() => {
    for (const _ of loader) throw new Error('of the loop')
  }, /of the loop/)
  assert.is(workers.length, 6)
  await Promise.all(workers.map((worker) => worker.threadId === -1 || once(worker, 'exit')))
  assert.equal(warnings, [])
})

test('workers that die leave a loop that goes on, with a warning', async () => {
  const dataset = pictures(3000, augment)
  manualSeed(8)
  const expected = epoch(new DataLoader(dataset, { batchSize: 4 }))
  manualSeed(8)
  const batches = new DataLoader(dataset, { batchSize: 4, numWorkers: 2 })[Symbol.iterator]()
  const seen = untilWorkersDeliver(batches)
  const ends = workers.map((worker) => once(worker, 'exit'))
  // Without a return to the event loop, while the workers are at work.
  for (const worker of workers) void worker.terminate()
  while (seen.length < 750) seen.push(batches.next().value)
  await Promise.all(ends)
  batches.next()
  assert.equal(seen.map(numbers), expected)
  assert.is(warnings.length, 1)
  assert.match(warnings[0], /a worker of a DataLoader has ended/)
})

test('what cannot be prepared is the same error with workers as without', () => {
  const unequal = new transforms.RandomRotation([0, 90], { expand: true })
  for (const numWorkers of [0, 2]) assert.throws(() => epoch(new DataLoader(pictures(200, unequal), { batchSize: 20, numWorkers })), /pictures of .* cannot be stacked/)
  assert.throws(() => new DataLoader(pictures(4, null), { numWorkers: -1 }), /numWorkers = -1/)
})

test('workers do not keep a process alive', async () => {
  const program = fileURLToPath(new URL('workers.fixture.ts', import.meta.url))
  const child = spawn(process.execPath, [...process.execArgv, program], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (text) => (output += text))
  const late = setTimeout(() => child.kill('SIGKILL'), 60_000)
  const [code] = await once(child, 'exit')
  clearTimeout(late)
  assert.equal([code, output], [0, 'left\n'])
})

test('a worker that has prepared all there was ends without a word, also where events are let in before the last batch is taken', async () => {
  const batches = new DataLoader(pictures(4, null), { batchSize: 1, numWorkers: 1 })[Symbol.iterator]()
  for (let taken = 0; taken < 3; taken++) batches.next()
  while (workers[0].threadId !== -1) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(warnings, [])
  batches.next()
})

test.run()
