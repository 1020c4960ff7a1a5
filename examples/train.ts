/** Trains a Vision Transformer and reports how well it does: `npm start`, or `npm start -- --help`. */
import { parseArgs } from 'node:util'
import { data, manualSeed, nn, noGrad, optim, vit, type Tensor } from 'vitgrad'

const HELP = `Trains a Vision Transformer on the CPU.

  npm start                              the built-in pictures: ten shapes and textures
  npm start -- --data cifar10            CIFAR-10 (run \`npm run data:cifar10\` first)

options, with what they are when left out:
  --data synthetic|cifar10     the pictures to learn from                   synthetic
  --folder PATH                where CIFAR-10's files are                   data/cifar10
  --train-size N               how many pictures to learn from              6000; all of CIFAR-10
  --test-size N                how many pictures to test with               1000; all of CIFAR-10
  --model standard|notebook    the paper's transformer, or the notebook's   standard; notebook for cifar10
  --patch N                    height and width of a patch                  8; 4 for the notebook's
  --depth N                    number of blocks                             2; 6 for cifar10
  --heads N                    number of attention heads                    4
  --dim N                      numbers in a token (standard only)           64
  --dropout P                                                               0; 0.1 for the notebook's
  --epochs N                                                                2
  --batch N                    pictures in a batch                          32; 64 for cifar10
  --optimizer adamw|sgd                                                     adamw; sgd for the notebook's
  --lr X                       highest learning rate                        0.003; 0.05 for sgd
  --momentum X                 (sgd only)                                   0.9
  --weight-decay X                                                          0
  --seed N                     same seed, same run                          0
  --help                       this text`

/** A mistake of the caller: told in one line, without a stack. */
class UsageError extends Error {}

interface Settings {
  readonly data: 'synthetic' | 'cifar10'
  readonly folder: string
  readonly trainSize: number | undefined
  readonly testSize: number | undefined
  readonly model: 'standard' | 'notebook'
  readonly patch: number
  readonly depth: number
  readonly heads: number
  readonly dim: number
  readonly dropout: number
  readonly epochs: number
  readonly batch: number
  readonly optimizer: 'adamw' | 'sgd'
  readonly lr: number
  readonly momentum: number
  readonly weightDecay: number
  readonly seed: number
}

const FLAGS = ['data', 'folder', 'train-size', 'test-size', 'model', 'patch', 'depth', 'heads', 'dim', 'dropout', 'epochs', 'batch', 'optimizer', 'lr', 'momentum', 'weight-decay', 'seed'] as const
type Flag = (typeof FLAGS)[number]

function parseSettings(argv: readonly string[]): Settings | 'help' {
  let given: Partial<Record<Flag | 'help', string | boolean>>
  try {
    const options = Object.fromEntries(FLAGS.map((flag) => [flag, { type: 'string' as const }]))
    given = parseArgs({ args: [...argv], options: { ...options, help: { type: 'boolean', short: 'h' } } }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message.split('. ')[0] : String(error))
  }
  if (given.help) return 'help'
  const text = (flag: Flag) => (typeof given[flag] === 'string' ? given[flag] : undefined)
  const number = <D extends number | undefined>(flag: Flag, fallback: D, { least = 0, whole = false } = {}): number | D => {
    const value = text(flag)
    if (value === undefined) return fallback
    const parsed = Number(value)
    if (value.trim() === '' || !(parsed >= least) || !Number.isFinite(parsed) || (whole && !Number.isInteger(parsed)))
      throw new UsageError(`--${flag} ${value}: give a ${whole ? 'whole ' : ''}number of at least ${least}`)
    return parsed
  }
  const choice = <T extends string>(flag: Flag, choices: readonly T[], fallback: T): T => {
    const value = text(flag) ?? fallback
    const found = choices.find((one) => one === value)
    if (!found) throw new UsageError(`--${flag} ${value}: give ${choices.join(' or ')}`)
    return found
  }
  const count = { least: 1, whole: true }
  const source = choice('data', ['synthetic', 'cifar10'], 'synthetic')
  const model = choice('model', ['standard', 'notebook'], source === 'cifar10' ? 'notebook' : 'standard')
  const optimizer = choice('optimizer', ['adamw', 'sgd'], model === 'notebook' ? 'sgd' : 'adamw')
  return {
    data: source,
    folder: text('folder') ?? 'data/cifar10',
    trainSize: number('train-size', undefined, count),
    testSize: number('test-size', undefined, count),
    model,
    patch: number('patch', model === 'notebook' ? 4 : 8, count),
    depth: number('depth', source === 'cifar10' ? 6 : 2, count),
    heads: number('heads', 4, count),
    dim: number('dim', 64, count),
    dropout: number('dropout', model === 'notebook' ? 0.1 : 0),
    epochs: number('epochs', 2, count),
    batch: number('batch', source === 'cifar10' ? 64 : 32, count),
    optimizer,
    lr: number('lr', optimizer === 'sgd' ? 0.05 : 0.003),
    momentum: number('momentum', 0.9),
    weightDecay: number('weight-decay', 0),
    seed: number('seed', 0, { least: 0, whole: true }),
  }
}

function loadData({ data: source, folder, trainSize, testSize }: Settings): { train: data.Dataset; test: data.Dataset } {
  if (source === 'cifar10') return { train: data.cifar10(folder, { train: true, count: trainSize }), test: data.cifar10(folder, { train: false, count: testSize }) }
  return { train: data.synthetic({ train: true, count: trainSize }), test: data.synthetic({ train: false, count: testSize }) }
}

function buildModel({ model, patch, depth, heads, dim, dropout }: Settings): nn.Module {
  if (model === 'notebook') return new vit.Vit({ imageSize: 32, patchSize: patch, numBlocks: depth, heads, dropout, classes: 10 })
  return new vit.VisionTransformer({ imageSize: 32, patchSize: patch, classes: 10, dim, depth, heads, mlpRatio: 2, dropout })
}

function buildOptimizer(model: nn.Module, { optimizer, lr, momentum, weightDecay }: Settings): optim.SGD | optim.AdamW {
  if (optimizer === 'sgd') return new optim.SGD(model.parameters(), { lr, momentum, weightDecay })
  return new optim.AdamW(model.parameters(), { lr, weightDecay })
}

/** Share of the pictures whose highest score is their label's. */
function accuracy(model: nn.Module, dataset: data.Dataset, batchSize: number): number {
  model.eval()
  let correct = 0
  noGrad(() => {
    for (const [images, labels] of new data.DataLoader(dataset, { batchSize })) correct += model(images).argmax(1).eq(labels).sum().item()
  })
  model.train()
  return correct / dataset.length
}

/** Rises over the first tenth of the steps, then falls to 0 in a straight line. */
function learningRate(step: number, steps: number, highest: number): number {
  const warmup = Math.ceil(steps / 10)
  return step < warmup ? (highest * (step + 1)) / warmup : (highest * (steps - step)) / (steps - warmup)
}

/** One line that is rewritten on a terminal, and printed now and then elsewhere. */
function progressLine(): { show(text: string): void; finish(): void } {
  const terminal = process.stdout.isTTY
  let shown = performance.now()
  return {
    show(text) {
      const now = performance.now()
      if (now - shown < (terminal ? 100 : 10_000)) return
      shown = now
      process.stdout.write(terminal ? `\r\x1b[K${text}` : `${text}\n`)
    },
    finish: () => void (terminal && process.stdout.write('\r\x1b[K')),
  }
}

const seconds = (ms: number) => (ms < 60_000 ? `${(ms / 1000).toFixed(0)} s` : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`)

function train(settings: Settings): void {
  const { epochs, batch, lr, seed } = settings
  manualSeed(seed)
  const { train: trainSet, test } = loadData(settings)
  const model = buildModel(settings)
  const parameters = [...model.parameters()].reduce((sum, parameter) => sum + parameter.numel(), 0)
  console.log(`${model.constructor.name} with ${parameters.toLocaleString('en')} parameters on ${trainSet.length} pictures (${settings.data}), tested on ${test.length}`)

  const optimizer = buildOptimizer(model, settings)
  const loader = new data.DataLoader(trainSet, { batchSize: batch, shuffle: true })
  const steps = epochs * loader.length
  const start = performance.now()
  let step = 0
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const line = progressLine()
    const began = performance.now()
    let seen = 0
    let total = 0
    for (const [images, labels] of loader) {
      for (const group of optimizer.paramGroups) group.lr = learningRate(step, steps, lr)
      const loss = trainStep(model, optimizer, images, labels)
      if (!Number.isFinite(loss)) throw new UsageError(`the loss became ${loss} in step ${step + 1} of ${steps}: try a smaller --lr`)
      step++
      seen += images.shape[0]
      total += loss * images.shape[0]
      const speed = (seen / (performance.now() - began)) * 1000
      const left = ((performance.now() - start) / step) * (steps - step)
      line.show(`epoch ${epoch}/${epochs}  ${Math.round((100 * seen) / trainSet.length)} %  loss ${loss.toFixed(4)}  ${speed.toFixed(0)} images/s  ${seconds(left)} left`)
    }
    line.finish()
    const trained = performance.now() - began
    console.log(`epoch ${epoch}/${epochs}: loss ${(total / seen).toFixed(4)}, test accuracy ${(100 * accuracy(model, test, 100)).toFixed(1)} %, ${((seen / trained) * 1000).toFixed(0)} images/s`)
  }
  console.log(`done in ${seconds(performance.now() - start)}`)
}

/** Forward, backward, update; returns the loss. */
function trainStep(model: nn.Module, optimizer: optim.SGD | optim.AdamW, images: Tensor, labels: Tensor): number {
  optimizer.zeroGrad()
  const loss = nn.functional.crossEntropy(model(images), labels)
  loss.backward()
  optimizer.step()
  return loss.item()
}

try {
  const settings = parseSettings(process.argv.slice(2))
  if (settings === 'help') console.log(HELP)
  else train(settings)
} catch (error) {
  if (!(error instanceof Error)) throw error
  console.error(error instanceof UsageError ? `${error.message}\nnpm start -- --help lists the options` : error.message)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
