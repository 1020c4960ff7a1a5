/** The folder of a run: what lies in it, and that nothing in it is lost by mistake. */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeFolder, unwritable, unwritten } from './folders.ts'
import { RunError } from './mistakes.ts'
import { lockRun } from './run-lock.ts'
import { complete, settingsFromConfig, settingsToConfig, type Settings } from './settings.ts'

const FILES = ['settings.json', 'checkpoint.safetensors', 'model.safetensors', 'best.safetensors', 'metrics.csv', 'metrics.jsonl', 'curves.svg', 'confusion.svg', 'samples.png', 'attention.png', 'report.md'] as const

/** Tells which process trains here. */
const LOCK = 'running.lock'

export type RunFile = (typeof FILES)[number]

export class RunFolder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }
  file(name: RunFile): string {
    return join(this.path, name)
  }
  has(name: RunFile): boolean {
    return existsSync(this.file(name))
  }

  /**
   * Makes the folder for a new run. Throws a RunError where there is something already, unless it is a run to be overwritten, or one to go
   * on with that was ended before its first checkpoint.
   */
  create(settings: Settings): void {
    makeFolder(this.path)
    const found = readdirSync(this.path)
    const isRun = [...FILES, LOCK].some((name) => found.includes(name) || found.includes(`${name}.tmp`))
    const isLost = settings.resume && !this.has('checkpoint.safetensors')
    if (isRun && !settings.overwrite && !isLost) throw new RunError(`${this.path} holds a run already: go on with it (--resume), delete it (--overwrite), or choose another --out`)
    if (found.length > 0 && !isRun) throw new RunError(`${this.path} holds other files: choose a new folder for --out`)
    this.lock()
    for (const name of FILES) for (const file of [this.file(name), `${this.file(name)}.tmp`]) rmSync(file, { force: true })
    this.write('settings.json', `${JSON.stringify(settingsToConfig(settings), null, 2)}\n`)
  }

  /** Keeps other processes away until this one ends. Throws a RunError where one trains here. */
  lock(): void {
    try {
      lockRun(join(this.path, LOCK), this.path)
    } catch (error) {
      throw error instanceof RunError ? error : unwritable(this.path, error)
    }
  }

  /** The settings of the run that was begun here, undefined where there is none. Throws a RunError where they cannot be read. */
  settings(): Settings | undefined {
    const file = this.file('settings.json')
    if (!existsSync(file)) {
      if (this.has('checkpoint.safetensors')) throw new RunError(`${file} is missing: put it back, or begin anew with --overwrite`)
      return undefined
    }
    try {
      return complete(settingsFromConfig(readFileSync(file, 'utf8'), file))
    } catch (error) {
      throw new RunError(`${error instanceof Error ? error.message : error}.\nPut back the right one, or begin anew with --overwrite.`)
    }
  }

  /** Replaces a file as a whole, so that it is never seen half written. Throws a RunError where it cannot be. */
  write(name: RunFile, content: string | Uint8Array): void {
    const temporary = `${this.file(name)}.tmp`
    try {
      writeFileSync(temporary, content)
      renameSync(temporary, this.file(name))
    } catch (error) {
      rmSync(temporary, { force: true })
      throw unwritten(this.file(name), error)
    }
  }
}
