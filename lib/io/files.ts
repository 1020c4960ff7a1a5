/** Files: read range by range, and replaced as a whole or not at all. */
import { DataError, messageOf } from '../tensor/errors.ts'
import { builtin } from '../tensor/node.ts'

/** Bytes to read from. What `read` returns is a copy. */
export interface ByteSource {
  /** What errors call it. */
  readonly name: string
  readonly size: number
  read(begin: number, end: number): Uint8Array<ArrayBuffer>
}

/** Node's modules for files. */
function node(operation: string, file: string) {
  const fs = builtin('node:fs')
  const path = builtin('node:path')
  if (fs && path) return { fs, path }
  throw new DataError(operation, `${file} cannot be opened: this runtime has no file system`, 'use Node 20.16 or later, or encodeSafetensors and decodeSafetensors, which work on bytes')
}

/** One call of read or write moves at most so much. */
const MOST = 2 ** 30

/** Calls `use` with a file's bytes, of which only what is asked for is read. Throws a DataError when it cannot be read. */
export function withFile<T>(operation: string, file: string, use: (source: ByteSource) => T): T {
  const { fs } = node(operation, file)
  const attempt = <R>(step: () => R): R => {
    try {
      return step()
    } catch (error) {
      throw new DataError(operation, `${file} cannot be read (${messageOf(error)})`, 'check the path and its permissions')
    }
  }
  const fd = attempt(() => fs.openSync(file, 'r'))
  try {
    return use({
      name: file,
      size: attempt(() => fs.fstatSync(fd).size),
      read(begin, end) {
        const bytes = new Uint8Array(end - begin)
        for (let done = 0; done < bytes.length; ) {
          const moved = attempt(() => fs.readSync(fd, bytes, done, Math.min(MOST, bytes.length - done), begin + done))
          if (moved === 0) throw new DataError(operation, `${file} became shorter while it was read`, 'wait until it is written, then read it again')
          done += moved
        }
        return bytes
      },
    })
  } finally {
    fs.closeSync(fd)
  }
}

/** Temporary files are named by the process that writes them. */
const TEMPORARY = /^\.vitgrad-(\d+)-\w+\.tmp$/

/**
 * Makes `file` hold `pieces`, one after the other. They are written to a temporary file in the same folder, which takes the place of
 * `file` when all of it is on disk: whatever happens on the way, the file is the old one or the new one. Throws a DataError when it
 * cannot be written; then the old file is untouched and the temporary one removed.
 */
export function writeAtomically(operation: string, file: string, pieces: readonly Uint8Array[]): void {
  const modules = node(operation, file)
  const { fs, path } = modules
  const folder = path.dirname(file)
  const temporary = path.join(folder, `.vitgrad-${process.pid}-${Math.random().toString(36).slice(2)}.tmp`)
  try {
    const fd = fs.openSync(temporary, 'wx')
    try {
      for (const piece of pieces)
        for (let done = 0; done < piece.length; ) done += fs.writeSync(fd, piece, done, Math.min(MOST, piece.length - done))
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
    fs.renameSync(temporary, file)
  } catch (error) {
    fs.rmSync(temporary, { force: true })
    throw new DataError(operation, `${file} cannot be written (${messageOf(error)})`, 'check that its folder exists, is writable and has space left; a file that was there before is untouched')
  }
  settle(modules, folder)
}

/** Makes the new name last, and removes what processes have left that were killed while they wrote. The file is whole without either. */
function settle({ fs, path }: ReturnType<typeof node>, folder: string): void {
  try {
    const fd = fs.openSync(folder, 'r')
    try {
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
    for (const name of fs.readdirSync(folder)) {
      const writer = TEMPORARY.exec(name)?.[1]
      if (writer !== undefined && !isRunning(Number(writer))) fs.rmSync(path.join(folder, name), { force: true })
    }
  } catch {
    // Not every system can sync a folder, and not every leftover is ours to remove.
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH')
  }
}
