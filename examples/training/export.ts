/** A model for those who go on in PyTorch: a folder with its weights, the same model as a PyTorch program, and a program that trains it on many machines. */
import { copyFileSync, existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { io, nn, type Tensor } from 'vitgrad'
import { counterpart, type Architecture, type Model } from './architecture.ts'
import { abandonedFolders, makeFolder, makeWorkFolder } from './folders.ts'
import { asking } from './inference.ts'
import { RunError } from './mistakes.ts'
import type { Normalization } from './normalization.ts'

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

/** What the folders begin with that hold an export while it is written. */
const UNFINISHED = '.vitgrad-export-'

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
  for (const folder of abandonedFolders(dirname(out), UNFINISHED)) clearAway(folder)
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

/** Lets `write` fill a folder beside `out`, which then takes its place. */
function writeFolder(out: string, write: (unfinished: string) => void): void {
  const work = makeWorkFolder(dirname(out), UNFINISHED)
  try {
    const [unfinished, former] = [join(work, 'new'), join(work, 'former')]
    for (const folder of [unfinished, former]) makeFolder(folder)
    write(unfinished)
    if (existsSync(out)) renameSync(out, join(former, basename(out)))
    renameSync(unfinished, out)
  } finally {
    clearAway(work)
  }
}

/** Removes a folder that writeFolder has filled. What it has set aside and not replaced goes back to its place. */
function clearAway(work: string): void {
  const former = join(work, 'former')
  for (const name of existsSync(former) ? readdirSync(former) : []) if (!existsSync(join(dirname(work), name))) renameSync(join(former, name), join(dirname(work), name))
  rmSync(work, { recursive: true, force: true })
}
