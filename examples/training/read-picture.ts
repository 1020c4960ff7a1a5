/** Decodes PNG and JPEG pictures, for data.imageFolder and wherever pictures are read: lib/ itself decodes none, and so depends on nothing. */
import { decode } from 'jpeg-js'
import { PNG } from 'pngjs'
import type { data } from 'vitgrad'

/** The pixels of a PNG or JPEG file. Throws where they are broken or something else. */
export function readPicture(bytes: Uint8Array): data.transforms.RawPicture {
  try {
    return decoded(bytes)
  } catch (error) {
    throw error instanceof Error && CUT_SHORT.test(error.message) ? new Error('it ends too soon') : error
  }
}

/** What the two decoders say of a file of which a part is missing. */
const CUT_SHORT = /^(marker was not found|There are some read requests waitng)/

/** The first bytes of a file tell which kind it is. */
function decoded(bytes: Uint8Array): data.transforms.RawPicture {
  if (bytes[0] === 0x89 && bytes[1] === 0x50) return PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return decode(bytes, { useTArray: true, formatAsRGBA: false, maxMemoryUsageInMB: 2048 })
  throw new Error('it is neither PNG nor JPEG')
}
