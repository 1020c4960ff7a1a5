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

/** ratio · a + (1 − ratio) · other, clamped to the values that there are. */
function blend({ values, bound }: Colors, other: (i: number) => number, ratio: number): Float32Array {
  const [mine, theirs] = [fround(ratio), fround(1 - ratio)]
  const out = new Float32Array(values.length)
  for (let i = 0; i < out.length; i++) {
    const value = Math.min(Math.max(fround(fround(mine * values[i]) + fround(theirs * other(i))), 0), bound)
    out[i] = bound === 255 ? Math.trunc(value) : value
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

export const adjustBrightness = (colors: Colors, factor: number): Float32Array => blend(colors, () => 0, factor)

/** Towards the mean brightness, or away from it. */
export function adjustContrast(colors: Colors, factor: number): Float32Array {
  const gray = grayOf(colors)
  const mean = fround(gray.reduce((sum, value) => sum + value, 0) / gray.length)
  return blend(colors, () => mean, factor)
}

/** Towards gray, or away from it. */
export function adjustSaturation(colors: Colors, factor: number): Float32Array {
  if (colors.size[0] === 1) return colors.values
  const gray = grayOf(colors)
  return blend(colors, (i) => gray[i % gray.length], factor)
}

/** Turns the hue by a share of the circle, in [-0.5, 0.5]. */
export function adjustHue({ values, size }: Colors, turn: number): Float32Array {
  if (size[0] === 1) return values
  const pixels = size[1] * size[2]
  const out = new Float32Array(values.length)
  for (let i = 0; i < pixels; i++) {
    const [hue, saturation, value] = hsvOf(values[i], values[pixels + i], values[2 * pixels + i])
    const turned = fround(hue + fround(turn))
    rgbOf(turned - Math.floor(turned), saturation, value).forEach((part, c) => (out[c * pixels + i] = part))
  }
  return out
}

/** Hue, saturation and value (Smith 1978), each in [0, 1]. */
function hsvOf(red: number, green: number, blue: number): [number, number, number] {
  const most = Math.max(red, green, blue)
  const range = fround(most - Math.min(red, green, blue))
  if (range === 0) return [0, 0, most]
  const [r, g, b] = [red, green, blue].map((part) => fround(fround(most - part) / range))
  const sixths = most === red ? fround(b - g) : most === green ? fround(fround(2 + r) - b) : fround(fround(4 + g) - r)
  return [fround(fround(fround(sixths / 6) + 1) % 1), fround(range / most), most]
}

function rgbOf(hue: number, saturation: number, value: number): readonly [number, number, number] {
  const six = fround(fround(hue) * 6)
  const sector = Math.floor(six)
  const rest = fround(six - sector)
  const shade = (part: number) => Math.min(Math.max(fround(value * fround(1 - part)), 0), 1)
  const low = shade(saturation)
  const falling = shade(fround(saturation * rest))
  const rising = shade(fround(saturation * fround(1 - rest)))
  const sectors = [[value, rising, low], [falling, value, low], [low, value, rising], [low, falling, value], [rising, low, value], [value, low, falling]] as const
  return sectors[sector % 6]
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
  return blend(colors, (i) => blurred[i], factor)
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

export const invert = ({ values, bound }: Colors): Float32Array => values.map((value) => bound - value)

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
