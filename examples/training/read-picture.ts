/** Decodes PNG and JPEG pictures, for data.imageFolder and wherever pictures are read: lib/ itself decodes none, and so depends on nothing. */
import { decode } from 'jpeg-js'
import { PNG } from 'pngjs'
import type { data } from 'vitgrad'

/** The pixels of a PNG or JPEG file; its first bytes tell which it is. Throws where they are broken or something else. */
export function readPicture(bytes: Uint8Array): data.transforms.RawPicture {
  if (bytes[0] === 0x89 && bytes[1] === 0x50) return PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return decode(bytes, { useTArray: true, formatAsRGBA: false, maxMemoryUsageInMB: 2048 })
  throw new Error('it is neither PNG nor JPEG')
}
