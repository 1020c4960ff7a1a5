/** The checkpoint of a run: written as a whole or not at all, and read back only where it belongs. */
import { DataError, io } from 'vitgrad'
import type { Metrics, MetricsPosition } from './metrics.ts'
import { RunError } from './mistakes.ts'
import type { Pictures } from './datasets.ts'
import type { RunFolder } from './run-folder.ts'
import { differences, settingsFromConfig, settingsToConfig } from './settings.ts'
import type { Training, TrainingState } from './training.ts'

interface Checkpoint {
  /** What was trained, and on what. */
  readonly settings: Record<string, string | number | boolean>
  readonly pictures: { readonly train: number; readonly test: number; readonly classes: readonly string[] }
  readonly training: TrainingState
  readonly metrics: MetricsPosition
}

const kindOf = ({ train, test, classes }: Pictures) => ({ train: train.length, test: test.length, classes: [...classes] })

export function saveCheckpoint(folder: RunFolder, training: Training, pictures: Pictures, metrics: Metrics): void {
  const checkpoint: Checkpoint = { settings: settingsToConfig(training.settings), pictures: kindOf(pictures), training: training.state(), metrics: metrics.position }
  io.saveCheckpoint(folder.file('checkpoint.safetensors'), checkpoint)
}

/** Makes `training` go on from the folder's checkpoint; returns where its metrics end. Throws a RunError where it is one of another run. */
export function loadCheckpoint(folder: RunFolder, training: Training, pictures: Pictures): MetricsPosition {
  const file = folder.file('checkpoint.safetensors')
  const refuse = (what: string) => new RunError(`${file} belongs to another run: ${what}. Put back the right one, or begin anew with --overwrite.`)
  const kept = readCheckpoint(file)
  if (!kept.settings || !kept.pictures || !kept.training || !kept.metrics) throw refuse('it is no checkpoint of `npm run train`')
  const other = differences(settingsFromConfig(JSON.stringify(kept.settings), file), training.settings)
  if (other.length > 0) throw refuse(`it has ${other.join(', ')}`)
  checkPictures(kept.pictures, pictures)
  training.load(kept.training)
  return kept.metrics
}

function readCheckpoint(file: string): Partial<Checkpoint> {
  try {
    return io.loadCheckpoint(file)
  } catch (error) {
    throw error instanceof DataError ? new RunError(`${error.message.split('.\n')[0]}.\nPut back a whole one, or begin anew with --overwrite.`) : error
  }
}

function checkPictures(kept: Checkpoint['pictures'], pictures: Pictures): void {
  const now = kindOf(pictures)
  if (now.train === kept.train && now.test === kept.test && now.classes.join() === kept.classes.join()) return
  throw new RunError(`the pictures have changed since the checkpoint: ${kept.train} + ${kept.test} in ${kept.classes.length} classes then, ${now.train} + ${now.test} in ${now.classes.length} now. Put them back, or begin a new run.`)
}
