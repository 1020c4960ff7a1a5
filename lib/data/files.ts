/** Reading data files. Node's modules are asked for only here, so that the library loads where there are no files. */
import { DataError, messageOf } from '../tensor/errors.ts'

/** The bytes of a file. Throws a DataError that names the file and ends with `help`. */
export function readBytes(operation: string, file: string, help: string): Uint8Array {
  const fs = globalThis.process?.getBuiltinModule?.('node:fs')
  if (!fs) throw new DataError(operation, `${file} cannot be read: this runtime has no file system`, 'use Node 20.16 or later, or make an ImageDataset of the bytes')
  try {
    return fs.readFileSync(file)
  } catch (error) {
    throw new DataError(operation, `${file} cannot be read (${messageOf(error)})`, help)
  }
}

/** A file's path. */
export const inFolder = (folder: string, file: string): string => `${folder.replace(/\/+$/, '')}/${file}`
