/** What is written down of each step: metrics.csv and metrics.jsonl. */
import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { unwritten } from './folders.ts'
import { RunError } from './mistakes.ts'
import type { Point } from './plots/curves.ts'

/** A step, from 1 on. All but `seconds` is decided by the settings, so it is the same after an interruption. */
export interface StepRecord extends Point {
  readonly step: number
  /** Norm of all gradients together, before clipping. */
  readonly gradNorm: number
}

const COLUMNS = ['step', 'epoch', 'loss', 'accuracy', 'lr', 'gradNorm', 'testLoss', 'testAccuracy'] as const satisfies readonly (keyof StepRecord)[]
/** What the columns are called in both files. */
const NAMES = COLUMNS.map((column) => column.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))

/** Up to where the files belong to a checkpoint. */
export interface MetricsPosition {
  readonly csv: number
  readonly jsonl: number
}

/** A file that is written at its end. */
class Log {
  readonly #path: string
  readonly #descriptor: number
  #length: number

  /** Opens the file and forgets what stands behind `length`: steps that were made after the checkpoint, and will be made again. */
  constructor(path: string, length: number) {
    if (length > 0 && !existsSync(path)) throw new RunError(`${path} is missing, but was there when the checkpoint was made: put it back, or begin anew with --overwrite`)
    this.#path = path
    this.#descriptor = openSync(path, length === 0 ? 'w' : 'r+')
    const { size } = fstatSync(this.#descriptor)
    if (size < length) {
      closeSync(this.#descriptor)
      throw new RunError(`${path} has ${size} bytes, but ${length} when the checkpoint was made: put back what was taken from it, or begin anew with --overwrite`)
    }
    ftruncateSync(this.#descriptor, length)
    this.#length = length
  }
  get length(): number {
    return this.#length
  }
  append(text: string): void {
    const bytes = Buffer.from(text)
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at, bytes.length - at, this.#length + at)
    } catch (error) {
      throw unwritten(this.#path, error)
    }
    this.#length += bytes.length
  }
  close(): void {
    closeSync(this.#descriptor)
  }
  read(): string {
    return readFileSync(this.#path, 'utf8')
  }
}

/** The metrics of a run. */
export class Metrics {
  readonly #csv: Log
  readonly #jsonl: Log

  constructor(folder: string, { csv, jsonl }: MetricsPosition = { csv: 0, jsonl: 0 }) {
    this.#csv = new Log(join(folder, 'metrics.csv'), csv)
    this.#jsonl = new Log(join(folder, 'metrics.jsonl'), jsonl)
    if (csv === 0) this.#csv.append(`${NAMES.join(',')}\n`)
  }
  get position(): MetricsPosition {
    return { csv: this.#csv.length, jsonl: this.#jsonl.length }
  }
  append(record: StepRecord, seconds: number): void {
    this.#csv.append(`${COLUMNS.map((column) => record[column] ?? '').join(',')}\n`)
    this.#jsonl.append(`${JSON.stringify({ ...Object.fromEntries(COLUMNS.map((column, i) => [NAMES[i], record[column]])), seconds: Number(seconds.toFixed(3)) })}\n`)
  }
  /** All records so far. */
  read(): StepRecord[] {
    return parseMetrics(this.#csv.read())
  }
  close(): void {
    this.#csv.close()
    this.#jsonl.close()
  }
}

/** The records of a metrics.csv. */
function parseMetrics(csv: string): StepRecord[] {
  return csv.trimEnd().split('\n').slice(1).map((line) => {
    const fields = line.split(',').map((field) => (field === '' ? null : Number(field)))
    const [step, epoch, loss, accuracy, lr, gradNorm, testLoss, testAccuracy] = fields
    return { step: step ?? NaN, epoch: epoch ?? NaN, loss: loss ?? NaN, accuracy: accuracy ?? NaN, lr: lr ?? NaN, gradNorm: gradNorm ?? NaN, testLoss, testAccuracy }
  })
}
