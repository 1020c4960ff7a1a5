/**
 * Resampling with a triangle filter ("bilinear"), as Pillow and torch do it: a pixel of the result is a weighted mean of those under the
 * filter around its middle. Antialiasing widens the filter by the factor by which the picture shrinks, so that each pixel counts.
 */
import type { Size } from './picture.ts'

/** For each place of the result: the first place of the source under the filter, and the weights from there on, which add up to 1. */
interface Filter {
  readonly first: number
  readonly weights: Float64Array
}

function filters(from: number, to: number, antialias: boolean): Filter[] {
  const scale = from / to
  const width = antialias ? Math.max(scale, 1) : 1
  return Array.from({ length: to }, (_, i) => {
    const middle = (i + 0.5) * scale
    const first = Math.max(0, Math.trunc(middle - width + 0.5))
    const end = Math.min(from, Math.trunc(middle + width + 0.5))
    const weights = Float64Array.from({ length: end - first }, (_, j) => Math.max(0, 1 - Math.abs((first + j - middle + 0.5) * (1 / width))))
    const sum = weights.reduce((total, weight) => total + weight, 0)
    return { first, weights: weights.map((weight) => weight / sum) }
  })
}

/** How the lines of an array lie in it: `lines` of them, each with the next of its numbers `step` further. */
interface Lines {
  readonly lines: number
  readonly start: (line: number) => number
  readonly step: number
}

type Numbers = Float32Array | Uint8Array

/** Rows of a (planes, height, width) array, to be resampled in width. */
const rows = (lines: number, width: number): Lines => ({ lines, start: (line) => line * width, step: 1 })

/** Its columns, to be resampled in height. */
const columns = (planes: number, height: number, width: number): Lines => ({
  lines: planes * width,
  start: (line) => Math.floor(line / width) * height * width + (line % width),
  step: width,
})

function resampleLines(source: Numbers, from: Lines, out: Numbers, to: Lines, filter: readonly Filter[], finish: (sum: number) => number): void {
  for (let line = 0; line < from.lines; line++) {
    const begin = from.start(line)
    let place = to.start(line)
    for (const { first, weights } of filter) {
      let sum = 0
      for (let j = 0; j < weights.length; j++) sum += weights[j] * source[begin + (first + j) * from.step]
      out[place] = finish(sum)
      place += to.step
    }
  }
}

/** (C, H, W) -> (C, height, width). Same as torch's interpolate(mode='bilinear', antialias=...). */
export function resizeFloats(floats: Float32Array, [channels, height, width]: Size, to: readonly [height: number, width: number], antialias: boolean): Float32Array {
  const across = new Float32Array(channels * height * to[1])
  resampleLines(floats, rows(channels * height, width), across, rows(channels * height, to[1]), filters(width, to[1], antialias), (sum) => sum)
  const out = new Float32Array(channels * to[0] * to[1])
  resampleLines(across, columns(channels, height, to[1]), out, columns(channels, to[0], to[1]), filters(height, to[0], antialias), (sum) => sum)
  return out
}

/** Weights of bytes are whole multiples of 2^-22, as in Pillow, whose sums fit into 32 bits. */
const FIXED = 2 ** 22

/**
 * The same of bytes, rounded after each direction: Pillow's Image.resize(BILINEAR) byte by byte. A direction that keeps its size is left out.
 */
export function resizeBytes(bytes: Uint8Array, [channels, height, width]: Size, to: readonly [height: number, width: number]): Uint8Array {
  const fixed = (filter: Filter[]) => filter.map(({ first, weights }) => ({ first, weights: weights.map((weight) => Math.trunc(weight * FIXED + 0.5)) }))
  const round = (sum: number) => Math.min(255, (sum + FIXED / 2) >> 22)
  let across = bytes
  if (to[1] !== width) {
    across = new Uint8Array(channels * height * to[1])
    resampleLines(bytes, rows(channels * height, width), across, rows(channels * height, to[1]), fixed(filters(width, to[1], true)), round)
  }
  if (to[0] === height) return across
  const out = new Uint8Array(channels * to[0] * to[1])
  resampleLines(across, columns(channels, height, to[1]), out, columns(channels, to[0], to[1]), fixed(filters(height, to[0], true)), round)
  return out
}
