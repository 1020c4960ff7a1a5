/**
 * Whether memory stays flat: 10,000 steps of a small model in each kind of loop that people write, with the heap and the process
 * measured along the way. `tsx bench/memory.ts [STEPS]` prints a table and fails when a loop grows.
 */
import { data, manualSeed, nn, noGrad, optim, randint, randn, type Tensor } from 'vitgrad'
import { heapInUse } from '../lib/tensor/storage.ts'
import { oneNumber, readArguments } from './arguments.ts'

const STEPS = readArguments('npx tsx bench/memory.ts [STEPS]', (args) => Math.ceil(oneNumber(args, 10_000)))
const MEBIBYTE = 2 ** 20

const build = () => new nn.Sequential(new nn.Linear(64, 256), new nn.GELU(), new nn.LayerNorm(256), new nn.Linear(256, 10))
const x = randn([96, 64])
const y = randint(0, 10, [96])

function train(model: nn.Module, optimizer: optim.SGD, images: Tensor, labels: Tensor): Tensor {
  optimizer.zeroGrad()
  const loss = nn.functional.crossEntropy(model(images), labels)
  loss.backward()
  optimizer.step()
  return loss
}

const trainer = () => {
  const model = build()
  return { model, optimizer: new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 }) }
}

/** Each returns a function that makes one step. */
const loops: Record<string, () => () => void> = {
  'DataLoader, epoch after epoch': () => {
    const { model, optimizer } = trainer()
    const loader = new data.DataLoader(new data.TensorDataset(x, y), { batchSize: 32, shuffle: true })
    let batches = loader[Symbol.iterator]()
    return () => {
      let next = batches.next()
      if (next.done) next = (batches = loader[Symbol.iterator]()).next()
      const [images, labels]: Tensor[] = next.value
      train(model, optimizer, images, labels)
    }
  },
  'the same batch again and again': () => {
    const { model, optimizer } = trainer()
    return () => void train(model, optimizer, x, y)
  },
  'evaluation that keeps its outputs': () => {
    const model = build().eval()
    let kept: Tensor[] = []
    return () => {
      if (kept.length === 100) kept = []
      kept.push(noGrad(() => model(x)))
    }
  },
  'training that keeps loss.item()': () => {
    const { model, optimizer } = trainer()
    const losses: number[] = []
    return () => void losses.push(train(model, optimizer, x, y).item())
  },
  'two models in turn': () => {
    const [a, b] = [trainer(), trainer()]
    return () => {
      train(a.model, a.optimizer, x, y)
      train(b.model, b.optimizer, x, y)
    }
  },
  'forward without backward': () => {
    const model = build()
    return () => void model(x)
  },
}

let grew = false
for (const [name, start] of Object.entries(loops)) {
  manualSeed(0)
  const step = start()
  const readings: { heap: number; rss: number }[] = []
  for (let i = 1; i <= STEPS; i++) {
    step()
    if (i % Math.ceil(STEPS / 10) === 0) readings.push({ heap: heapInUse() / MEBIBYTE, rss: process.memoryUsage.rss() / MEBIBYTE })
  }
  const last = readings.slice(-5)
  const growth = (key: 'heap' | 'rss') => last[last.length - 1][key] - last[0][key]
  const flat = growth('heap') < 2 && growth('rss') < 40
  grew ||= !flat
  console.log(`${flat ? 'flat' : 'GROWS'}  ${name.padEnd(36)} heap ${last.map(({ heap }) => heap.toFixed(1)).join(' ')} MiB, process ${last.map(({ rss }) => rss.toFixed(0)).join(' ')} MiB`)
}
process.exitCode = grew ? 1 : 0
