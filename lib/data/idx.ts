/** IDX files, as MNIST is published in: two zero bytes, the type (8: bytes), the number of dimensions, each size as 32 bits, then the bytes. */
import { DataError, messageOf } from '../tensor/errors.ts'
import { builtin } from '../tensor/node.ts'
import { numelOf } from '../tensor/shape.ts'
import { fileSystem, inFolder, readBytes } from './files.ts'

interface IdxArray {
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
}

const BYTES = 8
/** What a gzip file may not exceed when it is unpacked: more than any of these datasets. */
const MOST_BYTES = 2 ** 30

/** The array of a file, which may be gzipped. `file` is what errors call it. Throws a DataError that ends with `help`. */
function decodeIdx(operation: string, content: Uint8Array, file: string, dimensions: number, help: string): IdxArray {
  const bytes = content[0] === 0x1f && content[1] === 0x8b ? gunzip(operation, content, file, help) : content
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== BYTES || bytes[3] !== dimensions)
    throw new DataError(operation, `${file} is no IDX file of bytes in ${dimensions} dimension${dimensions === 1 ? '' : 's'}`, help)
  const start = 4 + 4 * dimensions
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const shape = Array.from({ length: dimensions }, (_, d) => (bytes.length >= start ? view.getUint32(4 + 4 * d) : 0))
  const expected = start + numelOf(shape)
  if (bytes.length < start || bytes.length !== expected)
    throw new DataError(operation, `${file} ${bytes.length < expected ? 'is truncated' : 'is longer than it should be'}: ${bytes.length} bytes instead of ${expected}`, help)
  return { shape, bytes: bytes.subarray(start) }
}

/** The array of `name` or `name`.gz in a folder, whichever is there. */
export function readIdx(operation: string, folder: string, name: string, dimensions: number, help: string): IdxArray {
  const plain = inFolder(folder, name)
  const file = fileSystem(operation, plain).existsSync(plain) ? plain : `${plain}.gz`
  return decodeIdx(operation, readBytes(operation, file, help), file, dimensions, help)
}

function gunzip(operation: string, content: Uint8Array, file: string, help: string): Uint8Array {
  const zlib = builtin('node:zlib')
  if (!zlib) throw new DataError(operation, `${file} is gzipped, and this runtime cannot unpack it`, 'unpack it beforehand, or use Node 20.16 or later')
  try {
    return zlib.gunzipSync(content, { maxOutputLength: MOST_BYTES })
  } catch (error) {
    throw new DataError(operation, `${file} cannot be unpacked (${messageOf(error)})`, help)
  }
}
