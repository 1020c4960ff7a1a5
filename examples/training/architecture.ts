/** Models by name and options: what a model file says so that the model can be built again. */
import { ValueError, vit, type nn } from 'vitgrad'
import { UsageError } from './mistakes.ts'
import type { Settings } from './settings.ts'

/** A class of `vit` with the options that it is built with. */
export type Architecture =
  | { readonly name: 'VisionTransformer'; readonly options: vit.VisionTransformerOptions }
  | { readonly name: 'CompactTransformer'; readonly options: vit.CompactTransformerOptions }
  | { readonly name: 'Vit'; readonly options: vit.VitOptions }

/** The models that there are. */
export type Model = vit.VisionTransformer | vit.CompactTransformer | vit.Vit

/** What a model must fit. */
export interface PictureKind {
  /** (channels, height, width) */
  readonly shape: readonly [number, number, number]
  readonly classes: readonly string[]
}

export function chooseArchitecture({ model, patch, convLayers, convChannels, convNorm, depth, heads, dim, mlp: mlpRatio, init, dropout, dropPath }: Settings, { shape: [channels, imageSize], classes: { length: classes } }: PictureKind): Architecture {
  if (model === 'notebook') {
    if (channels !== 3) throw new UsageError(`--model notebook takes pictures of three colours, and these have ${channels}: choose vit or cct`)
    return { name: 'Vit', options: { imageSize, patchSize: patch, numBlocks: depth, heads, dropout, classes } }
  }
  const both = { imageSize, classes, dim, depth, heads, mlpRatio, dropout, dropPath, channels }
  if (model === 'cct') {
    const between = convChannels === undefined ? {} : { convChannels: convChannels.split(',').map(Number) }
    return { name: 'CompactTransformer', options: { ...both, convLayers, ...between, convNorm, attentionDropout: dropout } }
  }
  return { name: 'VisionTransformer', options: { ...both, patchSize: patch, weightInit: init === 'torch' ? 'skip' : 'timm' } }
}

/** Builds a model with initial weights. Throws a UsageError for options that do not fit together. */
export function buildModel(architecture: Architecture): Model {
  try {
    switch (architecture.name) {
      case 'VisionTransformer':
        return new vit.VisionTransformer(architecture.options)
      case 'CompactTransformer':
        return new vit.CompactTransformer(architecture.options)
      case 'Vit':
        return new vit.Vit(architecture.options)
    }
  } catch (error) {
    throw error instanceof ValueError ? new UsageError(error.message) : error
  }
}

export const isModel = (module: nn.Module): module is Model => module instanceof vit.VisionTransformer || module instanceof vit.CompactTransformer || module instanceof vit.Vit
