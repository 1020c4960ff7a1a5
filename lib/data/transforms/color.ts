/**
 * What is done to the colours of a picture: numbers (C, H, W) of 1 or 3 channels in, new ones out, rounded as torch's float32 operations
 * round. Values go up to 1; or, where `bound` is 255, they are whole, and results are cut to whole numbers, as torchvision's are of bytes.
 */
import { ShapeError } from '../../tensor/errors.ts'
import type { Size } from '../picture.ts'

export type Bound = 1 | 255

export interface Colors {
  readonly values: Float32Array
  readonly size: Size
  readonly bound: Bound
}

const { fround } = Math

export function checkChannels(operation: string, [channels]: Size): void {
  if (channels !== 1 && channels !== 3) throw new ShapeError(operation, `a picture of ${channels} channels has no colours to change`, 'give 1 channel (gray) or 3 (red, green, blue)')
}

/** ratio · value + (1 − ratio) · other, clamped to the values that there are. `other` is one number, or one for each pixel or each value. */
function blend({ values, size, bound }: Colors, other: Float32Array, ratio: number): Float32Array {
  const [mine, theirs] = [fround(ratio), fround(1 - ratio)]
  const pixels = size[1] * size[2]
  const step = other.length === 1 ? 0 : 1
  const out = new Float32Array(values.length)
  for (let start = 0; start < out.length; start += pixels) {
    const from = other.length === values.length ? start : 0
    for (let i = 0; i < pixels; i++) {
      const value = Math.min(Math.max(fround(fround(mine * values[start + i]) + fround(theirs * other[from + i * step])), 0), bound)
      out[start + i] = bound === 255 ? Math.trunc(value) : value
    }
  }
  return out
}

/** The brightness of each pixel (ITU-R BT.601), as one channel. */
export function grayOf({ values, size, bound }: Colors): Float32Array {
  const pixels = size[1] * size[2]
  if (size[0] === 1) return values
  const [red, green, blue] = [0.2989, 0.587, 0.114].map(fround)
  const gray = new Float32Array(pixels)
  for (let i = 0; i < pixels; i++) {
    const value = fround(fround(fround(red * values[i]) + fround(green * values[pixels + i])) + fround(blue * values[2 * pixels + i]))
    gray[i] = bound === 255 ? Math.trunc(value) : value
  }
  return gray
}

export const adjustBrightness = (colors: Colors, factor: number): Float32Array => blend(colors, Float32Array.of(0), factor)

/** Towards the mean brightness, or away from it. */
export function adjustContrast(colors: Colors, factor: number): Float32Array {
  const gray = grayOf(colors)
  let sum = 0
  for (const value of gray) sum += value
  return blend(colors, Float32Array.of(sum / gray.length), factor)
}

/** Towards gray, or away from it. */
export function adjustSaturation(colors: Colors, factor: number): Float32Array {
  if (colors.size[0] === 1) return colors.values
  return blend(colors, grayOf(colors), factor)
}

/** Turns the hue by a share of the circle, in [-0.5, 0.5]: to hue, saturation and value (Smith 1978), and back. */
export function adjustHue({ values, size }: Colors, turn: number): Float32Array {
  if (size[0] === 1) return values
  const pixels = size[1] * size[2]
  const out = new Float32Array(values.length)
  for (let i = 0; i < pixels; i++) {
    const [red, green, blue] = [values[i], values[pixels + i], values[2 * pixels + i]]
    const value = Math.max(red, green, blue)
    const range = fround(value - Math.min(red, green, blue))
    const saturation = range === 0 ? 0 : fround(range / value)
    const turned = fround(hueOf(red, green, blue, value, range) + fround(turn))
    const six = fround(fround(turned - Math.floor(turned)) * 6)
    const sector = Math.floor(six)
    const rest = fround(six - sector)
    const low = darkened(value, saturation)
    const falling = darkened(value, fround(saturation * rest))
    const rising = darkened(value, fround(saturation * fround(1 - rest)))
    out[i] = inSector(sector, value, falling, low, low, rising, value)
    out[pixels + i] = inSector(sector, rising, value, value, falling, low, low)
    out[2 * pixels + i] = inSector(sector, low, low, rising, value, value, falling)
  }
  return out
}

/** The hue in [0, 1): which sixth of the circle, and how far into it. */
function hueOf(red: number, green: number, blue: number, most: number, range: number): number {
  if (range === 0) return 0
  const r = fround(fround(most - red) / range)
  const g = fround(fround(most - green) / range)
  const b = fround(fround(most - blue) / range)
  const sixths = most === red ? fround(b - g) : most === green ? fround(fround(2 + r) - b) : fround(fround(4 + g) - r)
  return fround(fround(fround(sixths / 6) + 1) % 1)
}

const darkened = (value: number, part: number) => Math.min(Math.max(fround(value * fround(1 - part)), 0), 1)

/** What a colour is in each sixth of the circle. */
function inSector(sector: number, first: number, second: number, third: number, fourth: number, fifth: number, sixth: number): number {
  switch (sector % 6) {
    case 0: return first
    case 1: return second
    case 2: return third
    case 3: return fourth
    case 4: return fifth
    default: return sixth
  }
}

/** Towards a blurred picture (weights 1 around 5, by 13), or away from it; the border stays. */
export function adjustSharpness(colors: Colors, factor: number): Float32Array {
  const { values, size: [channels, height, width], bound } = colors
  if (height <= 2 || width <= 2) return values
  const blurred = values.slice()
  for (let c = 0; c < channels; c++)
    for (let y = 1; y < height - 1; y++)
      for (let x = 1; x < width - 1; x++) {
        const at = (c * height + y) * width + x
        let sum = 4 * values[at]
        for (let row = at - width; row <= at + width; row += width) sum += values[row - 1] + values[row] + values[row + 1]
        blurred[at] = bound === 255 ? Math.round(sum / 13) : sum / 13
      }
  return blend(colors, blurred, factor)
}

/** Stretches each channel, so that it goes from 0 to the highest value. */
export function autocontrast({ values, size, bound }: Colors): Float32Array {
  return eachChannel(values, size, (channel) => {
    const least = channel.reduce((a, b) => Math.min(a, b))
    const range = fround(channel.reduce((a, b) => Math.max(a, b)) - least)
    if (range === 0) return channel
    // torch divides a number by a tensor in two steps.
    const scale = fround(bound * fround(1 / range))
    return channel.map((value) => {
      const stretched = Math.min(fround(fround(value - least) * scale), bound)
      return bound === 255 ? Math.trunc(stretched) : stretched
    })
  })
}

/** Replaces the bytes of each channel so that all are equally frequent, as far as that goes. Bound 255 only. */
export function equalize({ values, size }: Colors): Float32Array {
  return eachChannel(values, size, (channel) => {
    const counts = new Uint32Array(256)
    for (const value of channel) counts[value]++
    const step = Math.floor((channel.length - counts[channel.reduce((a, b) => Math.max(a, b))]) / 255)
    if (step === 0) return channel
    let below = 0
    const table = Float32Array.from(counts, (count) => {
      const level = Math.min(255, Math.floor((below + Math.floor(step / 2)) / step))
      below += count
      return level
    })
    table[0] = 0
    return channel.map((value) => table[value])
  })
}

/** Keeps the highest `bits` bits of each byte. Bound 255 only. */
export function posterize({ values }: Colors, bits: number): Float32Array {
  const mask = -(2 ** (8 - bits))
  return values.map((value) => value & mask)
}

/** Inverts values from the threshold on. */
export function solarize({ values, bound }: Colors, threshold: number): Float32Array {
  const least = fround(threshold)
  return values.map((value) => (value >= least ? bound - value : value))
}

function eachChannel(values: Float32Array, [channels, height, width]: Size, change: (channel: Float32Array) => Float32Array): Float32Array {
  const out = new Float32Array(values.length)
  const pixels = height * width
  for (let c = 0; c < channels; c++) out.set(change(values.subarray(c * pixels, (c + 1) * pixels)), c * pixels)
  return out
}
