/**
 * CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 colour pictures of 32 x 32 in ten classes, read from the official binary files.
 * A file is 10,000 records of 3,073 bytes: the label, then 1,024 red, 1,024 green and 1,024 blue bytes, row by row.
 */
import { DataError, ValueError } from '../tensor/errors.ts'
import { ImageDataset, type LabelledImages } from './image-dataset.ts'

/** The ten names, in the order of their labels. */
export const cifar10Classes: readonly string[] = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck']

/** The official files, in the order of their pictures. */
export const cifar10Files = {
  train: ['data_batch_1.bin', 'data_batch_2.bin', 'data_batch_3.bin', 'data_batch_4.bin', 'data_batch_5.bin'],
  test: ['test_batch.bin'],
} as const

/** Mean and standard deviation of the red, green and blue values, in [0, 1], over the training pictures. */
export const CIFAR10_MEAN: readonly number[] = [0.4914, 0.4822, 0.4465]
export const CIFAR10_STD: readonly number[] = [0.247, 0.2435, 0.2616]

/** How many pictures an official file holds. */
export const CIFAR10_FILE_RECORDS = 10_000

const PIXELS = 32 * 32
const PICTURE = 3 * PIXELS
const RECORD = 1 + PICTURE

const FETCH = 'run `npm run data:cifar10`, which fetches the files that are missing or not whole'

export interface Cifar10Options {
  /** The 50,000 training pictures (default) or the 10,000 test pictures. */
  readonly train?: boolean
  /** Only the first so many. */
  readonly count?: number
  /** Subtract each channel's mean and divide by its deviation (default), or leave values in [0, 1]. */
  readonly normalize?: boolean
}

/**
 * CIFAR-10 from the official binary files in `folder`: samples [picture (3, 32, 32), label]. Throws a DataError naming the file that is
 * missing or not whole. `npm run data:cifar10` fetches them.
 */
export function cifar10(folder = 'data/cifar10', { train = true, count, normalize = true }: Cifar10Options = {}): ImageDataset {
  return new ImageDataset(readCifar10(folder, { train, count }), {
    shape: [3, 32, 32],
    classes: cifar10Classes,
    ...(normalize ? { mean: CIFAR10_MEAN, std: CIFAR10_STD } : {}),
  })
}

/**
 * The pictures of one binary file. `file` is what errors call it; `records` is how many it must hold.
 * Throws a DataError when it is truncated, longer than it should be, or holds a label above 9.
 */
export function decodeCifar10(bytes: Uint8Array, file: string, records = CIFAR10_FILE_RECORDS): LabelledImages {
  checkRecords(bytes, file, records)
  const pictures = emptyPictures(records)
  decodeRecords(bytes, file, records, pictures, 0)
  return pictures
}

/**
 * The training or test pictures in `folder`, or the first `count` of them; only the files that these lie in are read.
 * `fileRecords` is how many pictures each file holds, for files that were cut down. Throws a DataError naming the file that is
 * missing or not whole. Needs Node 20.16 or later (process.getBuiltinModule); elsewhere use decodeCifar10.
 */
export function readCifar10(folder: string, options: { train: boolean; count?: number; fileRecords?: number }): LabelledImages {
  const { train, fileRecords = CIFAR10_FILE_RECORDS } = options
  const files = train ? cifar10Files.train : cifar10Files.test
  const total = files.length * fileRecords
  const count = options.count ?? total
  if (!Number.isInteger(count) || count < 1 || count > total)
    throw new ValueError('cifar10', `count ${count} is not a whole number from 1 to ${total}`, `there are ${total} ${train ? 'training' : 'test'} pictures`)

  const pictures = emptyPictures(count)
  for (let first = 0; first < count; first += fileRecords) {
    const file = `${folder.replace(/\/+$/, '')}/${files[first / fileRecords]}`
    const bytes = readBytes(file)
    checkRecords(bytes, file, fileRecords)
    decodeRecords(bytes, file, Math.min(fileRecords, count - first), pictures, first)
  }
  return pictures
}

function emptyPictures(count: number): LabelledImages {
  return { images: new Uint8Array(count * PICTURE), labels: new Uint8Array(count) }
}

function checkRecords(bytes: Uint8Array, file: string, records: number): void {
  const expected = records * RECORD
  if (bytes.length === expected) return
  const problem = bytes.length < expected ? 'is truncated' : 'is longer than it should be'
  throw new DataError('cifar10', `${file} ${problem}: ${bytes.length} bytes instead of ${expected}`, FETCH)
}

/** Decodes the first `records` records of `bytes` into `images` and `labels` from picture `first` on. */
function decodeRecords(bytes: Uint8Array, file: string, records: number, { images, labels }: LabelledImages, first: number): void {
  for (let record = 0; record < records; record++) {
    const start = record * RECORD
    const label = bytes[start]
    if (label > 9) throw new DataError('cifar10', `${file} holds the label ${label} at picture ${record}, but labels go from 0 to 9`, FETCH)
    labels[first + record] = label
    images.set(bytes.subarray(start + 1, start + RECORD), (first + record) * PICTURE)
  }
}

/** Reads a file at once. The module is asked for only here, so that the library loads where there are no files. */
function readBytes(file: string): Uint8Array {
  const fs = globalThis.process?.getBuiltinModule?.('node:fs')
  if (!fs) throw new DataError('cifar10', `${file} cannot be read: this runtime has no file system`, 'use Node 20.16 or later, or give the bytes of each file to decodeCifar10')
  try {
    return fs.readFileSync(file)
  } catch (error) {
    throw new DataError('cifar10', `${file} cannot be read (${error instanceof Error ? error.message : error})`, FETCH)
  }
}
