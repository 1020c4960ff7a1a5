/**
 * Whole runs from one seed: the same initial weights, losses, logits and random numbers as in PyTorch, with dropout on.
 * Truth: end-to-end.json, written by `python3 generate.py runs end-to-end.json 0 1 2`.
 */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { data, manualSeed, nn, optim, rand, randint, randn, vit, type Tensor } from 'vitgrad'

interface Golden {
  readonly name: string
  readonly seed: number
  readonly firstOfEachParameter: Readonly<Record<string, readonly number[]>>
  readonly losses: readonly number[]
  readonly lossesTolerance: number
  readonly logits: readonly (readonly number[])[]
  readonly logitsTolerance: number
  readonly randomAfterwards: readonly number[]
}

interface Setting {
  readonly model: () => Model
  readonly shape: readonly number[]
  readonly classes: number
  readonly sgd: Partial<optim.SGDOptions>
  /** Steps on all the data, or epochs where there is a batch size. */
  readonly steps: number
  readonly batchSize?: number
}

type Model = InstanceType<typeof nn.Sequential> | InstanceType<typeof vit.Vit>

const mlp = () =>
  new nn.Sequential(new nn.Linear(10, 32), new nn.ReLU(), new nn.Dropout(0.2), new nn.Linear(32, 16), new nn.Tanh(), new nn.Dropout(0.5), new nn.Linear(16, 3))

const cnn = () =>
  new nn.Sequential(
    new nn.Conv2d(3, 8, 3, { padding: 1 }),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(8, 8, 3, { stride: 2 }),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Dropout(0.3),
    new nn.Linear(8, 4),
  )

const small = { patchSize: 4, numBlocks: 2, heads: 4 }

const settings: Readonly<Record<string, Setting>> = {
  mlp: { model: mlp, shape: [24, 10], classes: 3, sgd: { lr: 0.1, momentum: 0.9 }, steps: 12 },
  'mlp-loader': { model: mlp, shape: [29, 10], classes: 3, sgd: { lr: 0.1 }, steps: 2, batchSize: 8 },
  cnn: { model: cnn, shape: [6, 3, 8, 8], classes: 4, sgd: { lr: 0.05, momentum: 0.9, nesterov: true, weightDecay: 0.001 }, steps: 8 },
  'vit-8': { model: () => new vit.Vit({ ...small, imageSize: 8, dropout: 0.1, classes: 3 }), shape: [8, 3, 8, 8], classes: 3, sgd: { lr: 0.02 }, steps: 10 },
  'vit-32': { model: () => new vit.Vit({ ...small, imageSize: 32, dropout: 0.2, classes: 10 }), shape: [4, 3, 32, 32], classes: 10, sgd: { lr: 0.02 }, steps: 4 },
}

/** Everything that the golden file holds, computed with vitgrad. */
function train({ model: make, shape, classes, sgd, steps, batchSize }: Setting, seed: number) {
  manualSeed(seed)
  const model = make()
  const x = randn(shape)
  const y = randint(0, classes, [shape[0]])
  const firstOfEachParameter = Object.fromEntries([...model.namedParameters()].map(([name, p]) => [name, [...p.data.slice(0, 4)]]))
  const optimizer = new optim.SGD(model.parameters(), sgd)
  const loader = batchSize === undefined ? [[x, y]] : new data.DataLoader(new data.TensorDataset(x, y), { batchSize, shuffle: true })
  const losses: number[] = []
  const step = (inputs: Tensor, labels: Tensor) => {
    optimizer.zeroGrad()
    const loss = nn.functional.crossEntropy(model(inputs), labels)
    loss.backward()
    optimizer.step()
    losses.push(loss.item())
  }
  for (let i = 0; i < steps; i++) for (const [inputs, labels] of loader) step(inputs, labels)
  model.eval()
  return { firstOfEachParameter, losses, logits: [...model(x.at(':4')).data], randomAfterwards: [...rand([3]).data] }
}

function assertWithin(actual: readonly number[], expected: readonly number[], tolerance: number, what: string) {
  assert.is(actual.length, expected.length, `number of ${what}`)
  const error = Math.max(...actual.map((value, i) => Math.abs(value - expected[i])))
  assert.ok(error <= tolerance, `${what} are off by ${error}, allowed ${tolerance}: ${actual} instead of ${expected}`)
}

const goldens: readonly Golden[] = JSON.parse(readFileSync(new URL('end-to-end.json', import.meta.url), 'utf8'))

for (const golden of goldens)
  test(`${golden.name} from seed ${golden.seed} trains as in PyTorch`, () => {
    const actual = train(settings[golden.name], golden.seed)
    assert.equal(actual.firstOfEachParameter, golden.firstOfEachParameter, 'initial parameters')
    assertWithin(actual.losses, golden.losses, golden.lossesTolerance, 'losses')
    assertWithin(actual.logits, golden.logits.flat(), golden.logitsTolerance, 'logits')
    assert.equal(actual.randomAfterwards, golden.randomAfterwards, 'random numbers drawn afterwards')
  })

test.run()
