/** The settings of a training run: from flags, from a config file, and from what suits the data. */
import { readFileSync } from 'node:fs'
import { vit } from 'vitgrad'
import { UsageError } from './mistakes.ts'
import { choice, describe, flagOf, number, readConfig, readFlags, sizes, text, toggle, type Given } from './options.ts'

const pictures = 'pictures'
const model = 'model'
const learning = 'learning'
const run = 'run'

const options = {
  data: text('NAME|FOLDER', { group: pictures, help: 'synthetic (built in), cifar10, cifar100, mnist, fashion-mnist, or a folder with a folder of pictures for each class', otherwise: 'synthetic' }),
  folder: text('PATH', { group: pictures, help: 'where the files of a data set lie', otherwise: 'data/NAME' }),
  trainSize: number('N', { group: pictures, least: 1, help: 'how many pictures to learn from', otherwise: 'all; 12000 synthetic ones' }),
  testSize: number('N', { group: pictures, least: 1, help: 'how many pictures to test with', otherwise: 'all; 1000 synthetic ones' }),
  imageSize: number('N', { group: pictures, least: 1, help: 'height and width that the pictures of a folder are brought to', otherwise: '32' }),
  badPictures: choice(['error', 'skip'], { group: pictures, help: 'whether a picture of a folder that cannot be decoded ends the program, or is left out', otherwise: 'error' }),
  augment: choice(['none', 'flip', 'crop', 'flip-crop', 'randaugment'], { group: pictures, help: 'how pictures are varied at random while they are learnt from', otherwise: 'none; flip-crop for cifar and folders' }),
  mixup: number('X', { group: pictures, help: 'alpha of Mixup, 0 for none', otherwise: '0' }),
  cutmix: number('X', { group: pictures, help: 'alpha of CutMix, 0 for none; with both, each batch takes one of them', otherwise: '0' }),
  workers: number('N', { group: pictures, most: 64, help: 'threads that prepare batches beside the training; results do not depend on them', otherwise: '0' }),

  model: choice(['vit', 'vit-tiny', 'vit-small', 'vit-base', 'cct', 'notebook'], { group: model, help: "the paper's Vision Transformer, also in timm's sizes; the compact convolutional one; or the notebook's", otherwise: 'vit' }),
  patch: number('N', { group: model, least: 1, help: 'height and width of a patch (vit, notebook)', otherwise: '4; 8 for synthetic' }),
  convLayers: number('N', { group: model, least: 1, most: 4, help: 'convolutions before the transformer, each halves height and width (cct)', otherwise: '2' }),
  convChannels: sizes({ group: model, help: 'channels after each convolution but the last, which gives the dim (cct)', otherwise: '64 each' }),
  convNorm: toggle({ group: model, help: 'normalise the channels of each convolution over the batch (cct)' }),
  depth: number('N', { group: model, least: 1, help: 'number of blocks', otherwise: "6; 2 for synthetic; 12 in timm's sizes" }),
  heads: number('N', { group: model, least: 1, help: 'number of attention heads', otherwise: "4; 3, 6 or 12 in timm's sizes" }),
  dim: number('N', { group: model, least: 1, help: 'numbers in a token (vit, cct)', otherwise: "128; 64 for synthetic; 192, 384 or 768 in timm's sizes" }),
  mlp: number('X', { group: model, help: "width of each block's perceptron, as a multiple of dim (vit, cct)", otherwise: "2; 4 in timm's sizes" }),
  init: choice(['timm', 'torch'], { group: model, help: "initial weights: timm's small ones, or those that PyTorch's layers have by themselves (vit)", otherwise: 'timm' }),
  dropout: number('X', { group: model, most: 1, help: 'share of numbers that are dropped', otherwise: "0; 0.1 for the notebook's" }),
  dropPath: number('X', { group: model, most: 1, help: 'stochastic depth: how often the last block is left out (vit, cct)', otherwise: '0' }),

  epochs: number('N', { group: learning, least: 1, help: 'how often all pictures are seen', otherwise: '3; 2 for synthetic' }),
  batch: number('N', { group: learning, least: 1, help: 'pictures in a batch', otherwise: '128; 32 for synthetic' }),
  optimizer: choice(['adamw', 'sgd'], { group: learning, help: 'how weights follow gradients', otherwise: "adamw; sgd for the notebook's" }),
  lr: number('X', { group: learning, help: 'highest learning rate', otherwise: '0.001; 0.003 for synthetic; 0.05 for sgd' }),
  momentum: number('X', { group: learning, most: 1, help: 'momentum of sgd', otherwise: '0.9' }),
  weightDecay: number('X', { group: learning, help: 'how strongly weights are pulled to 0', otherwise: '0.05 for adamw; 0 for sgd and synthetic' }),
  schedule: choice(['onecycle', 'cosine', 'constant'], { group: learning, help: 'the course of the learning rate', otherwise: 'onecycle; cosine for synthetic and sgd' }),
  warmup: number('X', { group: learning, help: 'epochs in which the learning rate rises', otherwise: '0.3 of all for onecycle, 0.1 of all for cosine, 0 for constant' }),
  clip: number('X', { group: learning, help: 'greatest norm of all gradients together, 0 for any', otherwise: '1' }),
  labelSmoothing: number('X', { group: learning, most: 1, help: 'share of each label that is spread over all classes', otherwise: '0' }),
  ema: number('X', { group: learning, most: 1, help: 'decay of a running mean of the weights, which is then tested and kept; 0 for none', otherwise: '0' }),
  seed: number('N', { group: learning, help: 'same seed, same run, to the bit', otherwise: '0' }),

  out: text('FOLDER', { group: run, help: 'where to keep checkpoints, model, metrics, pictures and report, such as runs/first', otherwise: 'nothing is kept' }),
  saveEvery: number('X', { group: run, help: 'minutes between checkpoints, 0 for one after each step; there is one after each epoch in any case', otherwise: '5' }),
  resume: toggle({ group: run, help: 'go on with the run in --out where its last checkpoint was made' }),
  overwrite: toggle({ group: run, help: 'begin anew in --out, whose former run is deleted' }),
  config: text('FILE', { group: run, help: 'settings from a JSON file, such as { "epochs": 10, "label-smoothing": 0.1 }; flags override it' }),
}

/** What a person set, by flags or in a config file. */
export type GivenSettings = Given<typeof options>

type Required = { readonly [K in keyof typeof options]-?: NonNullable<GivenSettings[K]> }
type Open = 'trainSize' | 'testSize' | 'convChannels' | 'out' | 'config'

/** All settings of a run; the open ones may be left out. */
export type Settings = Omit<Required, Open> & { readonly [K in Open]: Required[K] | undefined }

export const help = `Trains a Vision Transformer on the CPU.

  npm start                                                 the built-in pictures: ten shapes and textures
  npm run train -- --data cifar10 --out runs/first          CIFAR-10, kept in a folder (after \`npm run data:cifar10\`)
  npm run train -- --out runs/first --resume                goes on after an interruption, as if there had been none
  npm run train -- --config examples/recipes/cct.json       a recipe

${describe(options)}
  --help                    this text

What is in [brackets] holds when an option is left out.`

/** Reads a command line and the config file that it names. Throws a UsageError for what cannot be meant. */
export function parseSettings(argv: readonly string[]): GivenSettings | 'help' {
  const flags = readFlags(options, argv)
  if (flags.help) return 'help'
  const { config } = flags.given
  if (config === undefined) return flags.given
  const configured = readConfig(options, readText(config), config)
  if (configured.config !== undefined) throw new UsageError(`${config} names another config file: put all settings into one`)
  return { ...configured, ...flags.given }
}

/** How the program was called, which says nothing about the run itself. */
const CALL: readonly string[] = ['out', 'resume', 'overwrite', 'config']

/** Settings that change no number of a run: it may go on with others. */
const FREE: readonly string[] = [...CALL, 'folder', 'workers', 'saveEvery']

/** The settings of a run as a config file: those that mean something, with the values that they had. */
export function settingsToConfig(settings: Settings): Record<string, string | number | boolean> {
  return Object.fromEntries(Object.entries(settings).flatMap(([name, value]) => (value === undefined || CALL.includes(name) || strayFrom(CONDITIONS, settings, name) ? [] : [[flagOf(name), value]])))
}

/** Reads what settingsToConfig made, as JSON. `file` is what errors call it. */
export const settingsFromConfig = (json: string, file: string): GivenSettings => readConfig(options, json, file)

/** What `asked` wants to be other than it is in `kept`, such as '--lr 0.1 (the run has 0.05)'. */
export function differences(asked: GivenSettings, kept: Settings): string[] {
  const before = new Map<string, unknown>(Object.entries(kept))
  return Object.entries(asked).flatMap(([name, value]) => (FREE.includes(name) || before.get(name) === value ? [] : [`--${flagOf(name)} ${value} (the run has ${before.get(name) ?? 'none'})`]))
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--config ${file} cannot be read: ${error instanceof Error ? error.message : error}`)
  }
}

const isFolder = (data: string) => !['synthetic', 'cifar10', 'cifar100', 'mnist', 'fashion-mnist'].includes(data)

/** Of the Vision Transformers in timm's sizes the name says it; the others are as large as suits the pictures. */
function sizeOf(model: Required['model'], isSmall: boolean): Pick<Settings, 'depth' | 'heads' | 'dim' | 'mlp'> {
  switch (model) {
    case 'vit-tiny':
      return { ...vit.vitSizes.tiny, mlp: 4 }
    case 'vit-small':
      return { ...vit.vitSizes.small, mlp: 4 }
    case 'vit-base':
      return { ...vit.vitSizes.base, mlp: 4 }
    default:
      return isSmall ? { depth: 2, heads: 4, dim: 64, mlp: 2 } : { depth: 6, heads: 4, dim: 128, mlp: 2 }
  }
}

/** Fills in what was left out with what suits the data and the model. Throws a UsageError for settings that exclude each other. */
export function complete(given: GivenSettings): Settings {
  const { data = 'synthetic', model = 'vit' } = given
  const isSmall = data === 'synthetic'
  const size = sizeOf(model, isSmall)
  const optimizer = given.optimizer ?? (model === 'notebook' ? 'sgd' : 'adamw')
  const isSgd = optimizer === 'sgd'
  const epochs = given.epochs ?? (isSmall ? 2 : 3)
  const schedule = given.schedule ?? (isSmall || isSgd ? 'cosine' : 'onecycle')
  const settings: Settings = {
    data,
    folder: given.folder ?? `data/${data}`,
    trainSize: given.trainSize ?? (isSmall ? 12_000 : undefined),
    testSize: given.testSize,
    imageSize: given.imageSize ?? 32,
    badPictures: given.badPictures ?? 'error',
    augment: given.augment ?? (data.startsWith('cifar') || isFolder(data) ? 'flip-crop' : 'none'),
    mixup: given.mixup ?? 0,
    cutmix: given.cutmix ?? 0,
    workers: given.workers ?? 0,
    model,
    patch: given.patch ?? (isSmall ? 8 : 4),
    convLayers: given.convLayers ?? 2,
    convChannels: given.convChannels,
    convNorm: given.convNorm ?? false,
    depth: given.depth ?? size.depth,
    heads: given.heads ?? size.heads,
    dim: given.dim ?? size.dim,
    mlp: given.mlp ?? size.mlp,
    init: given.init ?? 'timm',
    dropout: given.dropout ?? (model === 'notebook' ? 0.1 : 0),
    dropPath: given.dropPath ?? 0,
    epochs,
    batch: given.batch ?? (isSmall ? 32 : 128),
    optimizer,
    lr: given.lr ?? (isSgd ? 0.05 : isSmall ? 0.003 : 0.001),
    momentum: given.momentum ?? 0.9,
    weightDecay: given.weightDecay ?? (isSgd || isSmall ? 0 : 0.05),
    schedule,
    warmup: given.warmup ?? (epochs * { onecycle: 3, cosine: 1, constant: 0 }[schedule]) / 10,
    clip: given.clip ?? 1,
    labelSmoothing: given.labelSmoothing ?? 0,
    ema: given.ema ?? 0,
    seed: given.seed ?? 0,
    out: given.out,
    saveEvery: given.saveEvery ?? 5,
    resume: given.resume ?? false,
    overwrite: given.overwrite ?? false,
    config: given.config,
  }
  checkTogether(given, settings)
  return settings
}

/** Settings that mean something only beside others. */
interface Condition<S> {
  readonly names: readonly (keyof Settings)[]
  readonly where: string
  holds(settings: S): boolean
}

const ABOUT_FILES: readonly Condition<Pick<Settings, 'data'>>[] = [
  { names: ['imageSize', 'badPictures'], where: 'a folder of pictures as --data', holds: ({ data }) => isFolder(data) },
  { names: ['folder'], where: '--data cifar10, cifar100, mnist or fashion-mnist', holds: ({ data }) => data !== 'synthetic' && !isFolder(data) },
]

const CONDITIONS: readonly Condition<Settings>[] = [
  ...ABOUT_FILES,
  { names: ['patch'], where: '--model vit or notebook', holds: ({ model }) => model !== 'cct' },
  { names: ['init'], where: '--model vit', holds: ({ model }) => model.startsWith('vit') },
  { names: ['convLayers', 'convChannels', 'convNorm'], where: '--model cct', holds: ({ model }) => model === 'cct' },
  { names: ['dim', 'mlp', 'dropPath'], where: '--model vit or cct', holds: ({ model }) => model !== 'notebook' },
  { names: ['momentum'], where: '--optimizer sgd', holds: ({ optimizer }) => optimizer === 'sgd' },
  { names: ['resume', 'overwrite'], where: '--out FOLDER', holds: ({ out }) => out !== undefined },
]

/** Where the setting `name` would mean something, if it means nothing beside the others. */
function strayFrom<S>(conditions: readonly Condition<S>[], settings: S, name: string): string | undefined {
  return conditions.find(({ names, holds }) => names.some((one) => one === name) && !holds(settings))?.where
}

function refuse<S>(conditions: readonly Condition<S>[], given: object, settings: S): void {
  for (const name of Object.keys(given)) {
    const where = strayFrom(conditions, settings, name)
    if (where !== undefined) throw new UsageError(`--${flagOf(name)} means something only with ${where}`)
  }
}

/** Of the settings that say how pictures are read, throws a UsageError for one that means nothing for these. */
export function refuseStray(given: object, pictures: Pick<Settings, 'data'>): void {
  refuse(ABOUT_FILES, given, pictures)
}

/** What is given and means nothing is a mistake, which would else pass silently. */
function checkTogether(given: GivenSettings, settings: Settings): void {
  refuse(CONDITIONS, given, settings)
  const { warmup, epochs, mixup, cutmix, batch, dim, mlp, ema, resume, overwrite } = settings
  if (resume && overwrite) throw new UsageError('--resume goes on with a run and --overwrite deletes it: give one of them')
  if (ema === 1) throw new UsageError('--ema 1: a mean that keeps everything never learns; give a number below 1, such as 0.999')
  if (dim * mlp < 1) throw new UsageError(`--mlp ${mlp} leaves the perceptrons without a single number: give at least 1 / ${dim}`)
  if (warmup > epochs) throw new UsageError(`--warmup ${warmup} is longer than the ${epochs} epochs of the run`)
  if ((mixup > 0 || cutmix > 0) && batch === 1) throw new UsageError('--mixup and --cutmix mix the pictures of a batch: give a --batch above 1')
}
