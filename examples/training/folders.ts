/** Folders that are made, and those that processes fill before they take their place. */
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { RunError } from './mistakes.ts'
import { isRunning } from './processes.ts'

/** Makes a folder and those that it lies in. (Node's own recursive mkdir never returns in places such as /proc.) Throws a RunError where it cannot be. */
export function makeFolder(path: string): void {
  if (isFolder(path)) return
  if (dirname(path) !== path) makeFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    if (!isFolder(path)) throw unwritable(path, error) // else another process was quicker
  }
}

const isFolder = (path: string) => existsSync(path) && statSync(path).isDirectory()

export const unwritable = (path: string, error: unknown) => new RunError(`nothing can be kept in ${path} (${error instanceof Error ? error.message : error}): choose another --out, where you may write`)

export const unwritten = (file: string, error: unknown) => new RunError(`${file} cannot be written (${error instanceof Error ? error.message : error}): make room, or choose another --out`)

/** Makes a folder in `parent` for what is not finished, so near that renaming is enough in the end. Its name tells which process fills it. */
export function makeWorkFolder(parent: string, prefix: string): string {
  makeFolder(parent)
  const folder = join(parent, `${prefix}${process.pid}`)
  try {
    mkdirSync(folder)
  } catch (error) {
    throw unwritable(parent, error)
  }
  return folder
}

/** The work folders in `parent` that nobody fills any more, since their processes were killed. */
export function abandonedFolders(parent: string, prefix: string): string[] {
  if (!isFolder(parent)) return []
  const isAbandoned = (pid: string) => /^\d+$/.test(pid) && (Number(pid) === process.pid || !isRunning(Number(pid)))
  return readdirSync(parent).filter((name) => name.startsWith(prefix) && isAbandoned(name.slice(prefix.length))).map((name) => join(parent, name))
}
