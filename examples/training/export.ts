/** A model for those who go on in PyTorch: a folder with its weights, the same model as a PyTorch program, and a program that trains it on many machines. */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { io, nn, type Tensor } from 'vitgrad'
import { counterpart, type Architecture, type Model } from './architecture.ts'
import { asking } from './inference.ts'
import { RunError } from './mistakes.ts'
import type { Normalization } from './normalization.ts'
import { makeFolder } from './run-folder.ts'

export interface ExportOptions {
  /** What the model was built with. */
  readonly architecture: Architecture
  /** How pixels from 0 to 1 are brought around 0. */
  readonly normalization: Normalization
  /** Some pictures (N, C, H, W), ready for the model, and their labels (N,): both sides compute their loss. */
  readonly sample: { readonly pictures: Tensor; readonly labels: Tensor }
  /** Further metadata for the file of weights, texts by name. */
  readonly metadata?: Readonly<Record<string, string>>
  /** Replace an export that is there already. */
  readonly overwrite?: boolean
}

export interface Export {
  /** The names of the files in the folder. */
  readonly files: readonly string[]
  /** The loss of the sample, which the program prints first. */
  readonly loss: number
}

/** What Python adds to a folder that it has imported modules from. */
const CACHE = '__pycache__'

/**
 * Makes the folder `out`, or replaces it, as a whole or not at all. Its program needs PyTorch and these files alone. Throws a RunError where
 * `out` is something else, holds what no export does, or is not to be overwritten, and when it cannot be written, which may also be a
 * DataError; then what was there before is untouched.
 */
export function exportModel(out: string, model: Model, { architecture, normalization, sample, metadata = {}, overwrite = false }: ExportOptions): Export {
  const python = counterpart(architecture)
  const programs = ['train.py', `${python.module}.py`]
  const [weights, pictures] = ['model.safetensors', 'sample.safetensors']
  const files = [...programs, weights, pictures]
  checkPlace(out, files, overwrite)
  const loss = asking(model, () => nn.functional.crossEntropy(model(sample.pictures), sample.labels).item())
  writeFolder(out, (unfinished) => {
    for (const name of programs) copyFileSync(fileURLToPath(new URL(`pytorch/${name}`, import.meta.url)), join(unfinished, name))
    io.saveSafetensors(join(unfinished, weights), model.stateDict(), { format: 'pt', ...metadata, pytorch: JSON.stringify({ ...python, normalization }) })
    io.saveSafetensors(join(unfinished, pictures), sample, { loss: String(loss) })
  })
  return { files, loss }
}

/** Throws a RunError for whatever else is in the place of `out`. */
function checkPlace(out: string, own: readonly string[], overwrite: boolean): void {
  if (!existsSync(out)) return
  if (!statSync(out).isDirectory()) throw new RunError(`${out} is there already, and no folder: choose another --out`)
  const found = readdirSync(out)
  const other = found.find((name) => name !== CACHE && !own.includes(name))
  if (other !== undefined) throw new RunError(`${out} holds other files, such as ${other}: choose another --out`)
  if (found.length > 0 && !overwrite) throw new RunError(`${out} would be overwritten: choose another --out, or say --overwrite`)
}

/** Lets `write` fill a temporary folder beside `out`, which then takes its place. */
function writeFolder(out: string, write: (unfinished: string) => void): void {
  makeFolder(dirname(out))
  const temporary = temporaryFolder(dirname(out))
  try {
    const [unfinished, former] = ['new', 'former'].map((name) => join(temporary, name))
    makeFolder(unfinished)
    write(unfinished)
    if (existsSync(out)) renameSync(out, former)
    try {
      renameSync(unfinished, out)
    } catch (error) {
      if (existsSync(former)) renameSync(former, out)
      throw error
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

function temporaryFolder(parent: string): string {
  try {
    return mkdtempSync(join(parent, '.vitgrad-export-'))
  } catch (error) {
    throw new RunError(`nothing can be written to ${parent} (${error instanceof Error ? error.message : error}): choose another --out, where you may write`)
  }
}
