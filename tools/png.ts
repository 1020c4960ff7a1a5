/** Decodes PNG pictures of 8-bit red, green and blue without interlacing (W3C PNG, third edition, sections 5, 7 and 9). */
import { inflateSync } from 'node:zlib'

export interface Picture {
  width: number
  height: number
  /** Red, green and blue of each pixel, row by row. */
  pixels: Uint8Array
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
const CHANNELS = 3

export function decodePng(png: Uint8Array): Picture {
  if (SIGNATURE.some((byte, i) => png[i] !== byte)) throw new Error('this is no PNG picture')
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength)
  const compressed: Uint8Array[] = []
  let width = 0
  let height = 0
  // A chunk: length of its data, four letters that name it, data, checksum.
  for (let at = SIGNATURE.length; at + 12 <= png.length; ) {
    const length = view.getUint32(at)
    const name = String.fromCharCode(...png.subarray(at + 4, at + 8))
    const data = at + 8
    if (name === 'IHDR') {
      width = view.getUint32(data)
      height = view.getUint32(data + 4)
      const [depth, colour, , , interlaced] = png.subarray(data + 8, data + 13)
      if (depth !== 8 || colour !== 2 || interlaced !== 0) throw new Error('only PNG pictures of 8-bit RGB without interlacing can be decoded')
    }
    if (name === 'IDAT') compressed.push(png.subarray(data, data + length))
    at = data + length + 4
  }
  const lines = inflateSync(Buffer.concat(compressed))
  if (width === 0 || lines.length !== height * (1 + width * CHANNELS)) throw new Error(`the PNG picture does not hold ${height} lines of ${width} pixels`)
  return { width, height, pixels: unfilter(lines, width * CHANNELS, height) }
}

/** Undoes the filters: a line begins with the number of its filter, which tells from which neighbours its bytes were predicted. */
function unfilter(lines: Uint8Array, stride: number, height: number): Uint8Array {
  const pixels = new Uint8Array(stride * height)
  for (let y = 0; y < height; y++) {
    const line = y * (stride + 1)
    const filter = lines[line]
    const row = y * stride
    for (let x = 0; x < stride; x++) {
      const left = x >= CHANNELS ? pixels[row + x - CHANNELS] : 0
      const up = y > 0 ? pixels[row + x - stride] : 0
      const upLeft = x >= CHANNELS && y > 0 ? pixels[row + x - stride - CHANNELS] : 0
      pixels[row + x] = lines[line + 1 + x] + prediction(filter, left, up, upLeft)
    }
  }
  return pixels
}

function prediction(filter: number, left: number, up: number, upLeft: number): number {
  switch (filter) {
    case 0: return 0
    case 1: return left
    case 2: return up
    case 3: return (left + up) >> 1
    case 4: return paeth(left, up, upLeft)
    default: throw new Error(`the PNG picture uses filter ${filter}, which does not exist`)
  }
}

/** Of the three neighbours the one nearest to left + up - upLeft; left wins a tie, then up. */
function paeth(left: number, up: number, upLeft: number): number {
  const toLeft = Math.abs(up - upLeft)
  const toUp = Math.abs(left - upLeft)
  const toUpLeft = Math.abs(left + up - 2 * upLeft)
  if (toLeft <= toUp && toLeft <= toUpLeft) return left
  return toUp <= toUpLeft ? up : upLeft
}
