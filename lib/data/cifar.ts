/**
 * The binary files of CIFAR-10 and CIFAR-100 (Krizhevsky 2009), colour pictures of 32 x 32: records of one or two label bytes, then 1,024
 * red, 1,024 green and 1,024 blue bytes, row by row.
 */
import { DataError, ValueError } from '../tensor/errors.ts'
import { inFolder, readBytes } from './files.ts'
import { sharedBytes, type LabelledImages } from './image-source.ts'

const PICTURE = 3 * 32 * 32

/** What is common to all records of a dataset. */
export interface CifarLayout {
  /** The operation's name, for errors. */
  readonly name: string
  readonly labelBytes: number
  /** Which of them is the label, and how many classes there are. */
  readonly label: number
  readonly classes: number
  /** How to get whole files. */
  readonly help: string
}

/**
 * The first `count` pictures (all) of the files in `folder` of `records` pictures each; only the files that these lie in are read. Throws
 * a DataError that names the file that is missing, truncated, longer than it should be, or holds a label that there is not.
 */
export function readCifar(folder: string, files: readonly string[], records: number, layout: CifarLayout, count = files.length * records): LabelledImages {
  const total = files.length * records
  if (!Number.isInteger(count) || count < 1 || count > total) throw new ValueError(layout.name, `count ${count} is not a whole number from 1 to ${total}`, `there are ${total} pictures`)
  const pictures = { images: sharedBytes(count * PICTURE), labels: sharedBytes(count) }
  for (let first = 0; first < count; first += records) {
    const file = inFolder(folder, files[first / records])
    const bytes = readBytes(layout.name, file, layout.help)
    checkRecords(bytes, file, records, layout)
    decodeRecords(bytes, file, Math.min(records, count - first), layout, pictures, first)
  }
  return pictures
}

function checkRecords(bytes: Uint8Array, file: string, records: number, { name, labelBytes, help }: CifarLayout): void {
  const expected = records * (labelBytes + PICTURE)
  if (bytes.length === expected) return
  const problem = bytes.length < expected ? 'is truncated' : 'is longer than it should be'
  throw new DataError(name, `${file} ${problem}: ${bytes.length} bytes instead of ${expected}`, help)
}

/** Decodes the first `records` records of `bytes` into `images` and `labels` from picture `first` on. */
function decodeRecords(bytes: Uint8Array, file: string, records: number, { name, labelBytes, label, classes, help }: CifarLayout, { images, labels }: LabelledImages, first: number): void {
  for (let record = 0; record < records; record++) {
    const start = record * (labelBytes + PICTURE)
    const value = bytes[start + label]
    if (value >= classes) throw new DataError(name, `${file} holds the label ${value} at picture ${record}, but labels go from 0 to ${classes - 1}`, help)
    labels[first + record] = value
    images.set(bytes.subarray(start + labelBytes, start + labelBytes + PICTURE), (first + record) * PICTURE)
  }
}
