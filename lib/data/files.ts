/** Reading data files. */
import { DataError, messageOf } from '../tensor/errors.ts'
import { builtin } from '../tensor/node.ts'

/** Node's file system. Throws a DataError that names the file where there is none. */
export function fileSystem(operation: string, file: string): typeof import('node:fs') {
  const fs = builtin('node:fs')
  if (!fs) throw new DataError(operation, `${file} cannot be read: this runtime has no file system`, 'use Node 20.16 or later, or make an ImageDataset of the bytes')
  return fs
}

/** The bytes of a file. Throws a DataError that names the file and ends with `help`. */
export function readBytes(operation: string, file: string, help: string): Uint8Array {
  const fs = fileSystem(operation, file)
  try {
    return fs.readFileSync(file)
  } catch (error) {
    throw new DataError(operation, `${file} cannot be read (${messageOf(error)})`, help)
  }
}

/** A file's path. */
export const inFolder = (folder: string, file: string): string => `${folder.replace(/\/+$/, '')}/${file}`
