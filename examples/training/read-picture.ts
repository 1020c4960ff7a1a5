/** Decodes PNG and JPEG pictures, for data.imageFolder and wherever pictures are read: lib/ itself decodes none, and so depends on nothing. */
import { decode } from 'jpeg-js'
import { PNG } from 'pngjs'
import type { data } from 'vitgrad'

interface Format {
  readonly name: string
  /** What a file begins with. */
  readonly start: readonly number[]
  /** What a whole file ends with, but for what programs write behind it. */
  readonly end: readonly number[]
  decode(bytes: Buffer): data.transforms.RawPicture
}

const formats: readonly Format[] = [
  { name: 'PNG', start: [0x89, 0x50], end: [...Buffer.from('IEND'), 0xae, 0x42, 0x60, 0x82], decode: (bytes) => PNG.sync.read(bytes) },
  { name: 'JPEG', start: [0xff, 0xd8], end: [0xff, 0xd9], decode: (bytes) => decode(bytes, { useTArray: true, formatAsRGBA: false, maxMemoryUsageInMB: 2048, maxResolutionInMP: 500 }) },
]

/** The pixels of a PNG or JPEG file. Throws where they are broken, too many, or something else. */
export function readPicture(file: Uint8Array): data.transforms.RawPicture {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  const format = formats.find(({ start }) => start.every((byte, i) => bytes[i] === byte))
  if (!format) throw new Error('it is neither PNG nor JPEG')
  try {
    return format.decode(bytes)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    if (TOO_LARGE.test(message)) throw new Error('it has more pixels than can be decoded')
    throw new Error(bytes.includes(Buffer.from(format.end)) ? `the ${format.name} is broken: ${message}` : 'it ends too soon')
  }
}

/** What the two decoders, and Node, say of pictures that ask for too much memory. */
const TOO_LARGE = /limit exceeded|out of range|array length|buffer allocation/i
