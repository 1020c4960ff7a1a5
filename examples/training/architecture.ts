/** The kinds of models that can be trained, each in one place: its class, what of the settings it is built with, and its counterpart in PyTorch. */
import { ShapeError, ValueError, vit, type nn } from 'vitgrad'
import { UsageError } from './mistakes.ts'
import type { Settings } from './settings.ts'

/** What a model must fit. */
export interface PictureKind {
  /** (channels, height, width) */
  readonly shape: readonly [number, number, number]
  readonly classes: readonly string[]
}

/** What models are built with, by the name of their class. */
interface OptionsOf {
  readonly VisionTransformer: vit.VisionTransformerOptions
  readonly CompactTransformer: vit.CompactTransformerOptions
  readonly Vit: vit.VitOptions
}

type Name = keyof OptionsOf

/** The models that there are. */
export type Model = InstanceType<(typeof vit)[Name]>

/** A class of `vit` with the options that it is built with: what a model file says so that the model can be built again. */
export type Architecture<K extends Name = Name> = { readonly [P in K]: { readonly name: P; readonly options: OptionsOf[P] } }[K]

interface Kind<Options> {
  readonly Model: new (options: Options) => Model
  /** Throws a UsageError for pictures that such a model cannot take. */
  options(settings: Settings, pictures: PictureKind): Options
  /** The module in `pytorch/` that has the same class, built with the same options in snake case. */
  readonly module: string
}

const kinds: { readonly [K in Name]: Kind<OptionsOf[K]> } = {
  VisionTransformer: {
    Model: vit.VisionTransformer,
    options: (settings, pictures) => ({ ...common(settings, pictures), patchSize: settings.patch, weightInit: settings.init === 'torch' ? 'skip' : 'timm' }),
    module: 'vision_transformer',
  },
  CompactTransformer: {
    Model: vit.CompactTransformer,
    options({ convLayers, convChannels, convNorm, ...settings }, pictures) {
      const between = convChannels === undefined ? {} : { convChannels: convChannels.split(',').map(Number) }
      return { ...common(settings, pictures), convLayers, ...between, convNorm, attentionDropout: settings.dropout }
    },
    module: 'compact_transformer',
  },
  Vit: {
    Model: vit.Vit,
    options({ patch: patchSize, depth: numBlocks, heads, dropout }, { shape: [channels, imageSize], classes: { length: classes } }) {
      if (channels !== 3) throw new UsageError(`--model notebook takes pictures of three colours, and these have ${channels}: choose vit or cct`)
      return { imageSize, patchSize, numBlocks, heads, dropout, classes }
    },
    module: 'notebook_vit',
  },
}

type Common = Pick<Settings, 'depth' | 'heads' | 'dim' | 'mlp' | 'dropout' | 'dropPath'>

const common = ({ depth, heads, dim, mlp: mlpRatio, dropout, dropPath }: Common, { shape: [channels, imageSize], classes: { length: classes } }: PictureKind) => ({
  imageSize, classes, dim, depth, heads, mlpRatio, dropout, dropPath, channels,
})

const named: Readonly<Record<Settings['model'], Name>> = {
  vit: 'VisionTransformer', 'vit-tiny': 'VisionTransformer', 'vit-small': 'VisionTransformer', 'vit-base': 'VisionTransformer', cct: 'CompactTransformer', notebook: 'Vit',
}

export const chooseArchitecture = (settings: Settings, pictures: PictureKind): Architecture => architectureOf(named[settings.model], settings, pictures)

const architectureOf = <K extends Name>(name: K, settings: Settings, pictures: PictureKind): Architecture<K> => ({ name, options: kinds[name].options(settings, pictures) })

/** Builds a model with initial weights. Throws a UsageError for options that do not fit together. */
export function buildModel<K extends Name>({ name, options }: Architecture<K>): Model {
  try {
    return new kinds[name].Model(options)
  } catch (error) {
    throw error instanceof ValueError || error instanceof ShapeError ? new UsageError(error.message) : error
  }
}

/** Whether this is the name of a kind: a file may say anything. */
export const isKnown = (name: string): boolean => Object.hasOwn(kinds, name)

export const isModel = (module: nn.Module): module is Model => Object.values(kinds).some(({ Model }) => module instanceof Model)

/** Where PyTorch has the model: a module of `pytorch/`, a class in it, and its keyword arguments. */
export interface Counterpart {
  readonly module: string
  readonly class: string
  readonly options: Readonly<Record<string, unknown>>
}

export function counterpart({ name, options }: Architecture): Counterpart {
  const snakeCase = (option: string) => option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  return { module: kinds[name].module, class: name, options: Object.fromEntries(Object.entries(options).map(([option, value]) => [snakeCase(option), value])) }
}
