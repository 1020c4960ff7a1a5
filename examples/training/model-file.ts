/** A trained model in a file: its weights, and in the metadata all that is needed to use it. */
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { io, StateDictError, type nn } from 'vitgrad'
import { buildModel, isKnown, type Architecture, type Model, type PictureKind } from './architecture.ts'
import { RunError, UsageError } from './mistakes.ts'
import type { Normalization } from './normalization.ts'

/** What the metadata say of a model, as JSON under 'vitgrad'. */
export interface ModelCard extends PictureKind {
  readonly architecture: Architecture
  readonly normalization: Normalization
  /** The data it has learnt from. */
  readonly data: string
}

export function saveModel(file: string, model: nn.Module, card: ModelCard): void {
  io.saveSafetensors(file, model.stateDict(), { format: 'pt', vitgrad: JSON.stringify(card) })
}

/** The model of a file, or the best one of a run's folder, ready to be used. Throws an error that names the file when it is none of ours. */
export function loadModel(path: string): { readonly file: string; readonly model: Model; readonly card: ModelCard } {
  const file = modelFileOf(path)
  const card = parseCard(io.safetensorsMetadata(file).vitgrad, file)
  const model = builtFrom(card, file)
  loadWeights(model, file)
  model.eval()
  return { file, model, card }
}

function modelFileOf(path: string): string {
  if (!existsSync(path)) throw new RunError(`${path}: there is no such model file and no such run`)
  if (!statSync(path).isDirectory()) return path
  const found = ['best.safetensors', 'model.safetensors'].map((name) => join(path, name)).find((file) => existsSync(file))
  if (!found) throw new RunError(`${path} holds no model yet: a run writes one after its first epoch`)
  return found
}

function parseCard(json: string | undefined, file: string): ModelCard {
  const refuse = (why: string) => new RunError(`${file} does not say how its model is built (${why}): give a model that \`npm run train\` saved`)
  if (json === undefined) throw refuse("its metadata have no 'vitgrad'")
  try {
    const card: Partial<ModelCard> = JSON.parse(json)
    const { architecture, normalization, shape, classes, data } = card
    if (!architecture?.options || !normalization?.mean || !Array.isArray(shape) || !Array.isArray(classes) || !data) throw new Error('a part is missing')
    if (!isKnown(architecture.name)) throw new Error(`it is a ${String(architecture.name)}`)
    return { architecture, normalization, shape, classes, data }
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error))
  }
}

function loadWeights(model: Model, file: string): void {
  try {
    model.loadStateDict(io.loadSafetensors(file))
  } catch (error) {
    if (!(error instanceof StateDictError)) throw error
    throw new RunError(`${file} does not hold the weights of the model that it describes (${error.message.split(/; |\.\n/)[0]}): give a model that \`npm run train\` saved`)
  }
  const bad = [...model.namedParameters()].find(([, { data }]) => !data.every(Number.isFinite))
  if (bad) throw new RunError(`${file} is of no use: the weights of ${bad[0]} are not finite`)
}

function builtFrom({ architecture }: ModelCard, file: string): Model {
  try {
    return buildModel(architecture)
  } catch (error) {
    throw error instanceof UsageError ? new RunError(`${file}: ${error.message}`) : error
  }
}
