/**
 * The first losses of training the notebook's Vit on real CIFAR-10, compared with PyTorch's:
 *
 *     npx tsx tests/end-to-end/cifar-losses.ts data/cifar10 tests/end-to-end/cifar-losses.json
 *
 * The goldens are written by `python3 generate.py cifar10 data/cifar10 cifar-losses.json 0 1 2`.
 */
import { readFileSync } from 'node:fs'
import { data, manualSeed, nn, optim, vit } from 'vitgrad'

interface Golden {
  readonly seed: number
  readonly blocks: number
  readonly dropout: number
  readonly lr: number
  readonly momentum: number
  readonly losses: readonly number[]
  readonly tolerance: number
}

const COUNT = 2048
const BATCH_SIZE = 64

function firstLosses(dataset: data.Dataset, { seed, blocks, dropout, lr, momentum, losses: { length } }: Golden): number[] {
  manualSeed(seed)
  const model = new vit.Vit({ imageSize: 32, patchSize: 4, numBlocks: blocks, heads: 4, dropout, classes: 10 })
  const optimizer = new optim.SGD(model.parameters(), { lr, momentum })
  const losses: number[] = []
  for (const [images, labels] of new data.DataLoader(dataset, { batchSize: BATCH_SIZE, shuffle: true })) {
    optimizer.zeroGrad()
    const loss = nn.functional.crossEntropy(model(images), labels)
    loss.backward()
    optimizer.step()
    losses.push(loss.item())
    if (losses.length === length) break
  }
  return losses
}

const [folder, goldenFile] = process.argv.slice(2)
if (!folder || !goldenFile) {
  console.error('usage: npx tsx tests/end-to-end/cifar-losses.ts FOLDER GOLDEN.json')
  process.exit(2)
}
const goldens: readonly Golden[] = JSON.parse(readFileSync(goldenFile, 'utf8'))
const dataset = data.cifar10(folder, { count: COUNT })
for (const golden of goldens) {
  const losses = firstLosses(dataset, golden)
  const error = Math.max(...losses.map((loss, i) => Math.abs(loss - golden.losses[i])))
  const same = losses.length === golden.losses.length && error <= golden.tolerance
  if (!same) process.exitCode = 1
  const { seed, blocks, dropout } = golden
  console.log(`${same ? 'same' : 'DIFFERENT'}  seed ${seed}, ${blocks} blocks, dropout ${dropout}: off by ${error.toExponential(1)}, allowed ${golden.tolerance.toExponential(1)}`)
  console.log(`  ${losses.map((loss) => loss.toFixed(4)).join(' ')}`)
}
