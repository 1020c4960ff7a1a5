/**
 * CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 colour pictures of 32 x 32 in ten classes, read from the official binary files.
 * A file is 10,000 records of 3,073 bytes: the label, then 1,024 red, 1,024 green and 1,024 blue bytes, row by row.
 */
import { DataError, ValueError } from '../tensor/errors.ts'

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

/** `images` holds (N, 3, 32, 32) numbers in row-major order, `labels` N class indices. */
export interface LabelledPictures {
  images: Float32Array
  labels: Float32Array
}

/**
 * The pictures of one binary file, with values byte / 255 in [0, 1]. `file` is what errors call it; `records` is how many it must hold.
 * Throws a DataError when it is truncated, longer than it should be, or holds a label above 9.
 */
export function decodeCifar10(bytes: Uint8Array, file: string, records = CIFAR10_FILE_RECORDS): LabelledPictures {
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
export function readCifar10(folder: string, options: { train: boolean; count?: number; fileRecords?: number }): LabelledPictures {
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

/** (x - mean) / std with a mean and std for each channel, as a new array: torchvision's Normalize, in float32 as torch computes it. */
export function normalize(images: Float32Array, mean: readonly number[], std: readonly number[]): Float32Array {
  if (mean.length !== 3 || std.length !== 3)
    throw new ValueError('normalize', `${mean.length} means and ${std.length} deviations do not fit 3 channels`, 'give one of each for red, green and blue')
  if (images.length % PICTURE !== 0)
    throw new ValueError('normalize', `${images.length} numbers are no whole number of 3 x 32 x 32 pictures`, 'give the images as decodeCifar10 or readCifar10 returns them')
  const normalized = new Float32Array(images.length)
  for (let start = 0; start < images.length; start += PIXELS) {
    const channel = (start / PIXELS) % 3
    const m = Math.fround(mean[channel])
    const s = Math.fround(std[channel])
    for (let i = start; i < start + PIXELS; i++) normalized[i] = Math.fround(images[i] - m) / s
  }
  return normalized
}

function emptyPictures(count: number): LabelledPictures {
  return { images: new Float32Array(count * PICTURE), labels: new Float32Array(count) }
}

function checkRecords(bytes: Uint8Array, file: string, records: number): void {
  const expected = records * RECORD
  if (bytes.length === expected) return
  const problem = bytes.length < expected ? 'is truncated' : 'is longer than it should be'
  throw new DataError('cifar10', `${file} ${problem}: ${bytes.length} bytes instead of ${expected}`, FETCH)
}

/** Decodes the first `records` records of `bytes` into `images` and `labels` from picture `first` on. */
function decodeRecords(bytes: Uint8Array, file: string, records: number, { images, labels }: LabelledPictures, first: number): void {
  for (let record = 0; record < records; record++) {
    const start = record * RECORD
    const label = bytes[start]
    if (label > 9) throw new DataError('cifar10', `${file} holds the label ${label} at picture ${record}, but labels go from 0 to 9`, FETCH)
    labels[first + record] = label
    const to = (first + record) * PICTURE
    for (let i = 0; i < PICTURE; i++) images[to + i] = bytes[start + 1 + i] / 255
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
