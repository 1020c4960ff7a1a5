/** Tensors by name in a file of the safetensors format, which Python and many others read. */
import { constant } from '../autograd/op.ts'
import { Tensor } from '../autograd/tensor.ts'
import { ValueError } from '../tensor/errors.ts'
import { NDArray } from '../tensor/ndarray.ts'
import { elements, encode } from './element-types.ts'
import { withFile, writeAtomically, type ByteSource } from './files.ts'
import { isFree, layOut, readHeader, type Metadata } from './safetensors-header.ts'

/** Tensors by name: a state dict, or any other. */
export type TensorDict = Readonly<Record<string, Tensor>>

/**
 * Writes tensors to a safetensors file: float32 as F32, tensors labelled int64 or bool as I64 or BOOL. `metadata` are texts by name.
 * The file is replaced as a whole: a full disk or the end of the process leave the old one as it was. Throws a ValueError on what is
 * no tensor, and a DataError when the file cannot be written. Same as safetensors.torch.save_file.
 */
export function saveSafetensors(path: string, tensors: TensorDict, metadata: Readonly<Metadata> = {}): void {
  writeAtomically('saveSafetensors', path, piecesOf('saveSafetensors', tensors, metadata))
}

/**
 * The tensors of a safetensors file by name, in the order of its header, as a plain object. All types become float32, rounded to the
 * nearest: F64, F32, F16, BF16; integers of 8 to 64 bits, labelled int64; BOOL, labelled bool. Throws a DataError that names file and
 * reason where it cannot be read or is malformed. Same as safetensors.torch.load_file.
 */
export function loadSafetensors(path: string): Record<string, Tensor> {
  return withFile('loadSafetensors', path, (source) => tensorsOf('loadSafetensors', source))
}

/** The metadata of a safetensors file, texts by name; empty where it has none. Only the header is read. */
export function safetensorsMetadata(file: string | Uint8Array): Metadata {
  const metadataOf = (source: ByteSource) => readHeader('safetensorsMetadata', source).metadata
  return typeof file === 'string' ? withFile('safetensorsMetadata', file, metadataOf) : metadataOf(bytesAsSource(file))
}

/** The bytes of the file that saveSafetensors would write. */
export function encodeSafetensors(tensors: TensorDict, metadata: Readonly<Metadata> = {}): Uint8Array<ArrayBuffer> {
  const pieces = piecesOf('encodeSafetensors', tensors, metadata)
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let end = 0
  for (const piece of pieces) bytes.set(piece, (end += piece.length) - piece.length)
  return bytes
}

/** The tensors of the bytes of a safetensors file, as loadSafetensors returns them. `name` is what errors call them. */
export function decodeSafetensors(bytes: Uint8Array, name?: string): Record<string, Tensor> {
  return tensorsOf('decodeSafetensors', bytesAsSource(bytes, name))
}

const bytesAsSource = (bytes: Uint8Array, name = 'an array of bytes'): ByteSource => ({ name, size: bytes.length, read: (begin, end) => new Uint8Array(bytes.subarray(begin, end)) })

function piecesOf(operation: string, tensors: TensorDict, metadata: Readonly<Metadata>): Uint8Array[] {
  const odd = Object.entries(metadata).find(([, text]) => typeof text !== 'string')
  if (odd) throw new ValueError(operation, `the metadata '${odd[0]}' are no text`, 'give texts, such as JSON.stringify() returns')
  const parts = Object.entries(tensors).map(([name, tensor]) => {
    if (!(tensor instanceof Tensor)) throw new ValueError(operation, `'${name}' is no tensor`, 'save what stateDict() of a model returns, or saveCheckpoint() whatever training needs')
    if (!isFree(name)) throw new ValueError(operation, `'${name}' cannot be the name of a tensor: the format uses it for metadata`, 'choose another name')
    return { name, shape: tensor.shape, ...encode(operation, name, tensor.array) }
  })
  return layOut(parts, metadata)
}

function tensorsOf(operation: string, source: ByteSource): Record<string, Tensor> {
  const { entries } = readHeader(operation, source)
  return Object.fromEntries(entries.map(({ name, type, shape, begin, end }) => {
    const { decode, dtype } = elements[type]
    return [name, constant(NDArray.from(decode(source.read(begin, end).buffer), shape, dtype))]
  }))
}
