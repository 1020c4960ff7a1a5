/** Models by name and options: what a model file says so that the model can be built again. */
import { ValueError, vit, type nn } from 'vitgrad'
import { UsageError } from './mistakes.ts'
import type { Settings } from './settings.ts'

/** A class of `vit` with the options that it is built with. */
export type Architecture =
  | { readonly name: 'VisionTransformer'; readonly options: vit.VisionTransformerOptions }
  | { readonly name: 'Vit'; readonly options: vit.VitOptions }

/** What a model must fit. */
export interface PictureKind {
  /** (channels, height, width) */
  readonly shape: readonly [number, number, number]
  readonly classes: readonly string[]
}

export function chooseArchitecture({ model, patch, depth, heads, dim, mlp, dropout }: Settings, { shape: [channels, imageSize], classes }: PictureKind): Architecture {
  if (model === 'notebook') {
    if (channels !== 3) throw new UsageError(`--model notebook takes pictures of three colours, and these have ${channels}: choose vit or cct`)
    return { name: 'Vit', options: { imageSize, patchSize: patch, numBlocks: depth, heads, dropout, classes: classes.length } }
  }
  return { name: 'VisionTransformer', options: { imageSize, patchSize: patch, classes: classes.length, dim, depth, heads, mlpRatio: mlp, dropout, channels } }
}

/** Builds a model with initial weights. Throws a UsageError for options that do not fit together. */
export function buildModel(architecture: Architecture): nn.Module {
  try {
    switch (architecture.name) {
      case 'VisionTransformer':
        return new vit.VisionTransformer(architecture.options)
      case 'Vit':
        return new vit.Vit(architecture.options)
    }
  } catch (error) {
    throw error instanceof ValueError ? new UsageError(error.message) : error
  }
}
