/** Padding, crops and flips: which row and column each pixel comes from. */
import { ShapeError, ValueError } from '../../tensor/errors.ts'
import { argumentsOf, checkWord, type Given } from '../../tensor/options.ts'
import type { Generator } from '../../tensor/random.ts'
import { OUTSIDE, type Picture, type Size } from '../picture.ts'
import { drawInteger, roundHalfEven } from './draws.ts'
import { checkList, parseFill, parseSize, type Chance, type Fill, type Pair } from './options.ts'
import { RandomlyApplied } from './randomly-applied.ts'
import { Transform } from './transform.ts'

/** What lies beyond the border: a constant; the border itself; the picture mirrored without its border, or with it. */
export type PaddingMode = 'constant' | 'edge' | 'reflect' | 'symmetric'

/** All sides; [left and right, top and bottom]; or [left, top, right, bottom]. Negative amounts crop. */
export type Padding = number | readonly [number] | readonly [number, number] | readonly [number, number, number, number]

export interface PadOptions {
  /** What constant padding holds. */
  readonly fill?: Fill
  readonly paddingMode?: PaddingMode
}

const padDefaults = { fill: 0, paddingMode: 'constant' } as const

interface Sides {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

function parsePadding(operation: string, padding: Padding): Sides {
  if (typeof padding !== 'number') checkList(operation, 'padding', padding)
  const amounts = typeof padding === 'number' ? [padding] : padding
  if (![1, 2, 4].includes(amounts.length) || !amounts.every(Number.isInteger))
    throw new ValueError(operation, `padding [${amounts.join(', ')}] is not 1, 2 or 4 whole numbers`, 'give one amount for all sides, [left and right, top and bottom], or [left, top, right, bottom]')
  const [left, top = left, right = left, bottom = top] = amounts
  return { left, top, right, bottom }
}

/** For each place of an axis of n that is padded, where it comes from. */
function padAxis(operation: string, n: number, before: number, after: number, mode: PaddingMode): Int32Array {
  const most = Math.max(before, after)
  if (mode === 'reflect' ? most >= n : mode === 'symmetric' && most > n)
    throw new ShapeError(operation, `a side of ${n} cannot be mirrored into a padding of ${most}`, "pad less, or use paddingMode 'edge' or 'constant'")
  if (n + before + after < 1) throw new ShapeError(operation, `a padding of ${before} and ${after} leaves nothing of a side of ${n}`, 'crop less')
  const indices = new Int32Array(n + before + after)
  for (let i = 0; i < indices.length; i++) indices[i] = sourceOf(i - before, n, mode)
  return indices
}

function sourceOf(place: number, n: number, mode: PaddingMode): number {
  if (place >= 0 && place < n) return place
  if (mode === 'constant') return OUTSIDE
  if (mode === 'edge') return place < 0 ? 0 : n - 1
  const border = mode === 'reflect' ? 0 : 1
  return place < 0 ? -place - border : 2 * (n - 1) - place + border
}

function padPicture(operation: string, picture: Picture, { left, top, right, bottom }: Sides, { fill = 0, paddingMode = 'constant' }: PadOptions): Picture {
  const [channels, height, width] = picture.size
  const grows = Math.max(left, top, right, bottom) > 0
  return picture.gather(
    padAxis(operation, height, top, bottom, paddingMode),
    padAxis(operation, width, left, right, paddingMode),
    grows && paddingMode === 'constant' ? parseFill(operation, fill, channels) : null,
  )
}

/** A box of a picture, in rows and columns. */
export interface Box {
  readonly top: number
  readonly left: number
  readonly height: number
  readonly width: number
}

/** The box of the picture; it lies inside. */
export function cropPicture(picture: Picture, { top, left, height, width }: Box): Picture {
  return picture.gather(Int32Array.from({ length: height }, (_, i) => top + i), Int32Array.from({ length: width }, (_, i) => left + i))
}

/** Puts a border around a picture. Same as torchvision.transforms.Pad. */
export class Pad extends Transform<void> {
  readonly padding: Padding
  readonly options: PadOptions

  constructor(padding: Padding, ...given: Given<[fill: PadOptions['fill'], paddingMode: PadOptions['paddingMode']], PadOptions>) {
    super(padding, ...given)
    parsePadding('Pad', padding)
    this.padding = padding
    this.options = checkMode('Pad', argumentsOf('Pad', given, padDefaults))
  }
  draw(): void {}
  apply(picture: Picture): Picture {
    return padPicture('Pad', picture, parsePadding('Pad', this.padding), this.options)
  }
}

export interface RandomCropOptions extends PadOptions {
  /** A border that is put around the picture first. */
  readonly padding?: Padding
  /** Put a border around a picture that is smaller than the crop, instead of refusing it. */
  readonly padIfNeeded?: boolean
}

/**
 * A crop of the given size at a random place. Draws its row, then its column; nothing where there is no choice.
 * Same as torchvision.transforms.RandomCrop.
 */
export class RandomCrop extends Transform<Box> {
  readonly size: readonly [height: number, width: number]
  readonly options: RandomCropOptions & { readonly padIfNeeded: boolean }

  constructor(size: Pair, ...given: Given<[padding: Padding, padIfNeeded: boolean, fill: PadOptions['fill'], paddingMode: PadOptions['paddingMode']], RandomCropOptions>) {
    super(size, ...given)
    this.size = parseSize('RandomCrop', size)
    this.options = checkMode('RandomCrop', argumentsOf('RandomCrop', given, { padding: undefined, padIfNeeded: false, ...padDefaults }))
    if (this.options.padding !== undefined) parsePadding('RandomCrop', this.options.padding)
  }
  draw([, height, width]: Size, generator: Generator): Box {
    const [cropHeight, cropWidth] = this.size
    const { padding = 0, padIfNeeded } = this.options
    const { left, top, right, bottom } = parsePadding('RandomCrop', padding)
    const paddedHeight = height + top + bottom
    const paddedWidth = width + left + right
    const freeHeight = paddedHeight + this.#needed(paddedHeight, cropHeight, padIfNeeded) - cropHeight
    const freeWidth = paddedWidth + this.#needed(paddedWidth, cropWidth, padIfNeeded) - cropWidth
    if (freeHeight < 0 || freeWidth < 0)
      throw new ShapeError('RandomCrop', `a crop of (${cropHeight}, ${cropWidth}) is larger than the picture of (${paddedHeight}, ${paddedWidth})`, 'crop less, or set padding or padIfNeeded')
    const isWhole = freeHeight === 0 && freeWidth === 0
    return {
      top: isWhole ? 0 : drawInteger(generator, 0, freeHeight + 1),
      left: isWhole ? 0 : drawInteger(generator, 0, freeWidth + 1),
      height: cropHeight,
      width: cropWidth,
    }
  }
  apply(picture: Picture, box: Box): Picture {
    const { padding, padIfNeeded } = this.options
    let padded = padding === undefined ? picture : padPicture('RandomCrop', picture, parsePadding('RandomCrop', padding), this.options)
    const across = this.#needed(padded.size[2], this.size[1], padIfNeeded)
    if (across > 0) padded = padPicture('RandomCrop', padded, { left: across / 2, right: across / 2, top: 0, bottom: 0 }, this.options)
    const down = this.#needed(padded.size[1], this.size[0], padIfNeeded)
    if (down > 0) padded = padPicture('RandomCrop', padded, { left: 0, right: 0, top: down / 2, bottom: down / 2 }, this.options)
    return cropPicture(padded, box)
  }
  /** By how much torchvision enlarges a side that is too small: by what is missing, at both ends. */
  #needed(side: number, wanted: number, padIfNeeded: boolean): number {
    return padIfNeeded && side < wanted ? 2 * (wanted - side) : 0
  }
}

/** The middle of a picture; a smaller one gets a border of 0. Same as torchvision.transforms.CenterCrop. */
export class CenterCrop extends Transform<void> {
  readonly size: readonly [height: number, width: number]

  constructor(size: Pair) {
    super(size)
    this.size = parseSize('CenterCrop', size)
  }
  draw(): void {}
  apply(picture: Picture): Picture {
    const [channels, height, width] = picture.size
    const [cropHeight, cropWidth] = this.size
    const fill = cropHeight > height || cropWidth > width ? parseFill('CenterCrop', 0, channels) : null
    return picture.gather(middleOf(height, cropHeight), middleOf(width, cropWidth), fill)
  }
}

/** Which places of an axis of n lie under `length` in its middle. */
export function middleOf(n: number, length: number): Int32Array {
  const first = length > n ? -Math.floor((length - n) / 2) : roundHalfEven((n - length) / 2)
  return Int32Array.from({ length }, (_, i) => sourceOf(first + i, n, 'constant'))
}

/** Mirrors left and right with probability p. Same as torchvision.transforms.RandomHorizontalFlip. */
export class RandomHorizontalFlip extends RandomlyApplied {
  constructor(p: Chance = 0.5) {
    super(p, 0.5)
  }
  protected change(picture: Picture): Picture {
    return picture.gather(null, backwards(picture.size[2]))
  }
}

/** Mirrors top and bottom with probability p. Same as torchvision.transforms.RandomVerticalFlip. */
export class RandomVerticalFlip extends RandomlyApplied {
  constructor(p: Chance = 0.5) {
    super(p, 0.5)
  }
  protected change(picture: Picture): Picture {
    return picture.gather(backwards(picture.size[1]), null)
  }
}

function backwards(n: number): Int32Array {
  const indices = new Int32Array(n)
  for (let i = 0; i < n; i++) indices[i] = n - 1 - i
  return indices
}

function checkMode<O extends Required<PadOptions>>(operation: string, options: O): O {
  checkWord(operation, 'paddingMode', options.paddingMode, ['constant', 'edge', 'reflect', 'symmetric'])
  return options
}
