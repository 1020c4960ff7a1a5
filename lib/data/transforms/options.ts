/** The forms in which torchvision's arguments are given, and what is wrong with them. */
import { ValueError } from '../../tensor/errors.ts'
import { checkProbability, optionsOf } from '../../tensor/options.ts'

/** Throws unless `value` is a list. */
export function checkList(operation: string, name: string, value: unknown): void {
  if (!Array.isArray(value)) throw new ValueError(operation, `${name} = ${typeof value === 'object' && value !== null ? 'an object' : String(value)} is neither a number nor a list`, `give ${name} in one of the forms that the documentation lists`)
}

/** One number, or two. */
export type Pair = number | readonly [number, number]

/** A picture's size as height and width, or one number for both. */
export function parseSize(operation: string, size: Pair): readonly [height: number, width: number] {
  if (typeof size !== 'number') checkList(operation, 'size', size)
  const [height, width] = typeof size === 'number' ? [size, size] : size
  if (![height, width].every((side) => Number.isInteger(side) && side >= 1))
    throw new ValueError(operation, `size ${showPair(size)} is not made of whole numbers of at least 1`, 'give one number for a square, or [height, width]')
  return [height, width]
}

/** A probability, by itself or in an options object. */
export type Chance = number | { readonly p?: number }

export function parseChance(operation: string, chance: Chance, otherwise: number): number {
  return checkProbability(operation, typeof chance === 'number' ? chance : optionsOf(operation, chance, { p: otherwise }).p)
}

/** [low, high], both of at least `least` and at most `most`. */
export function checkRange(operation: string, name: string, range: readonly [number, number], { least = 0, most = Infinity } = {}): readonly [number, number] {
  checkList(operation, name, range)
  const [low, high] = range
  if (!(low >= least && low <= high && high <= most))
    throw new ValueError(operation, `${name} ${showPair(range)} is not a range from ${least} up${most < Infinity ? ` to ${most}` : ''}`, 'give [lowest, highest]')
  return range
}

/** A number of degrees either way, or from one to the other. */
export function parseAngles(operation: string, name: string, degrees: Pair): readonly [number, number] {
  if (typeof degrees !== 'number') return checkRange(operation, name, degrees, { least: -Infinity })
  if (!(degrees >= 0)) throw new ValueError(operation, `${name} ${degrees} is not at least 0`, 'give degrees either way, or [lowest, highest]')
  return [-degrees, degrees]
}

/** One value for every channel, or one for each. */
export type Fill = number | readonly number[]

export function parseFill(operation: string, fill: Fill, channels: number): readonly number[] {
  if (typeof fill === 'number') return new Array<number>(channels).fill(fill)
  if (fill.length === 1) return new Array<number>(channels).fill(fill[0])
  if (fill.length !== channels) throw new ValueError(operation, `${fill.length} values [${fill.join(', ')}] do not fill the ${channels} channels of a picture`, 'give one number, or one for each channel')
  return fill
}

const showPair = (pair: Pair) => (typeof pair === 'number' ? String(pair) : `[${pair.join(', ')}]`)
