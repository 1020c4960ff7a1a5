/** Rotations, shears and what else maps straight lines to straight lines. */
import { ValueError } from '../../tensor/errors.ts'
import { argumentsOf, checkWord, type Given } from '../../tensor/options.ts'
import type { Generator } from '../../tensor/random.ts'
import { Picture, type Size } from '../picture.ts'
import { drawUniform, roundHalfEven } from './draws.ts'
import { checkRange, parseAngles, parseFill, type Fill, type Pair } from './options.ts'
import { Transform } from './transform.ts'

const { fround } = Math

/** From a place in the result to a place in the source, both seen from the middle: x = a·x' + b·y' + c, y = d·x' + e·y' + f. */
type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number]

export interface Affine {
  /** Clockwise, in degrees. */
  readonly angle: number
  /** To the right and down, in pixels. */
  readonly translate: readonly [number, number]
  readonly scale: number
  /** In degrees, along x and along y. */
  readonly shear: readonly [number, number]
}

/** The inverse of: shear, scale and rotate around `centre` (x and y from the middle of the picture), then translate. */
export function inverseMatrix({ angle, translate, scale, shear }: Affine, [centreX, centreY]: readonly [number, number] = [0, 0]): Matrix {
  const [rotation, shearX, shearY] = [angle, ...shear].map((degrees) => (degrees * Math.PI) / 180)
  const a = Math.cos(rotation - shearY) / Math.cos(shearY)
  const b = (-Math.cos(rotation - shearY) * Math.tan(shearX)) / Math.cos(shearY) - Math.sin(rotation)
  const c = Math.sin(rotation - shearY) / Math.cos(shearY)
  const d = (-Math.sin(rotation - shearY) * Math.tan(shearX)) / Math.cos(shearY) + Math.cos(rotation)
  const [toX, toY] = [-centreX - translate[0], -centreY - translate[1]]
  const [m0, m1, m3, m4] = [d / scale, -b / scale, -c / scale, a / scale]
  return [m0, m1, m0 * toX + m1 * toY + centreX, m3, m4, m3 * toX + m4 * toY + centreY]
}

export interface SamplingOptions {
  /** The nearest pixel (default), or a weighted mean of the four around. */
  readonly interpolation?: 'nearest' | 'bilinear'
  /** What is seen beyond the border. */
  readonly fill?: Fill
}

export const samplingDefaults = { interpolation: 'nearest', fill: undefined } as const

export function checkSampling<O extends Required<Pick<SamplingOptions, 'interpolation'>>>(operation: string, options: O): O {
  checkWord(operation, 'interpolation', options.interpolation, ['nearest', 'bilinear'])
  return options
}

/** How pixels are read: `fill` is what lies beyond the border, channel by channel; null lets the picture fade to 0 there. */
interface Sampling {
  readonly interpolation?: 'nearest' | 'bilinear'
  readonly fill: readonly number[] | null
}

/**
 * (C, H, W) -> (C, height, width): each pixel of the result is read where the matrix says. Rounded as torch's affine grid and
 * grid_sample round, since a place in the middle between two pixels falls to one or the other.
 */
export function sampleAffine(
  values: Float32Array,
  [channels, height, width]: Size,
  matrix: Matrix,
  to: readonly [height: number, width: number],
  { interpolation = 'nearest', fill }: Sampling,
): Float32Array {
  const [a, b, c, d, e, f] = matrix.map((value, i) => fround(fround(value) / fround(0.5 * (i < 3 ? width : height))))
  const target: Target = { values, channels, height, width, fill, out: new Float32Array(channels * to[0] * to[1]), pixels: to[0] * to[1] }
  const write = interpolation === 'nearest' ? writeNearest : writeBilinear
  for (let row = 0, at = 0; row < to[0]; row++)
    for (let column = 0; column < to[1]; column++, at++) {
      const x = column + 0.5 - 0.5 * to[1]
      const y = row + 0.5 - 0.5 * to[0]
      write(target, at, unnormalized(fround(c + fround(b * y + fround(a * x))), width), unnormalized(fround(f + fround(e * y + fround(d * x))), height))
    }
  return target.out
}

/** A place in [-1, 1] across a side of n pixels, in pixels from the middle of the first. */
const unnormalized = (place: number, n: number) => fround(fround(place + 1) * fround(n / 2) - 0.5)

/** What is read, (channels, height, width), and what is written, `pixels` for each channel. */
interface Target {
  readonly values: Float32Array
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly fill: readonly number[] | null
  readonly out: Float32Array
  readonly pixels: number
}

/** Writes pixel `at` of each channel: the one that is nearest to (x, y). */
function writeNearest({ values, channels, height, width, fill, out, pixels }: Target, at: number, x: number, y: number): void {
  const column = roundHalfEven(x)
  const row = roundHalfEven(y)
  const isInside = column >= 0 && column < width && row >= 0 && row < height
  for (let channel = 0; channel < channels; channel++)
    out[channel * pixels + at] = isInside ? values[(channel * height + row) * width + column] : fill ? fill[channel] : 0
}

/** Likewise, of the four around (x, y) those that there are, by their weights. */
function writeBilinear({ values, channels, height, width, fill, out, pixels }: Target, at: number, x: number, y: number): void {
  const left = Math.floor(x)
  const top = Math.floor(y)
  const east = fround(x - left)
  const south = fround(y - top)
  for (let channel = 0; channel < channels; channel++) {
    let sum = 0
    let inside = 0
    for (let corner = 0; corner < 4; corner++) {
      const column = left + (corner & 1)
      const row = top + (corner >> 1)
      if (column < 0 || column >= width || row < 0 || row >= height) continue
      const weight = fround((column === left ? fround(1 - east) : east) * (row === top ? fround(1 - south) : south))
      sum = fround(values[(channel * height + row) * width + column] * weight + sum)
      inside = fround(inside + weight)
    }
    // As in torchvision: what lies outside has counted as 0, and is then filled by its share.
    out[channel * pixels + at] = fill ? fround(fround(sum * inside) + fround(fround(1 - inside) * fround(fill[channel]))) : sum
  }
}

/** The picture, read through the matrix. */
function transformed(operation: string, picture: Picture, matrix: Matrix, to: readonly [number, number], { interpolation, fill = 0 }: SamplingOptions): Picture {
  const [channels] = picture.size
  return Picture.ofFloats(sampleAffine(picture.floats(), picture.size, matrix, to, { interpolation, fill: parseFill(operation, fill, channels) }), [channels, ...to])
}

/** A place [x, y] from the top left corner, as seen from the middle. */
const fromMiddle = (centre: readonly [number, number] | undefined, [, height, width]: Size): readonly [number, number] => (centre ? [centre[0] - width / 2, centre[1] - height / 2] : [0, 0])

export interface RandomRotationOptions extends SamplingOptions {
  /** Make the result large enough to hold all of the rotated picture. */
  readonly expand?: boolean
  /** [x, y] in pixels from the top left corner. Default: the middle. */
  readonly center?: readonly [number, number]
}

/**
 * Rotates counter-clockwise by a random angle: up to `degrees` either way, or from one to another.
 * Same as torchvision.transforms.RandomRotation.
 */
export class RandomRotation extends Transform<number> {
  readonly degrees: readonly [number, number]
  readonly options: RandomRotationOptions

  constructor(degrees: Pair, ...given: Given<[interpolation: RandomRotationOptions['interpolation'], expand: boolean, center: RandomRotationOptions['center'], fill: RandomRotationOptions['fill']], RandomRotationOptions>) {
    super(degrees, ...given)
    this.degrees = parseAngles('RandomRotation', 'degrees', degrees)
    this.options = checkSampling('RandomRotation', argumentsOf('RandomRotation', given, { interpolation: samplingDefaults.interpolation, expand: false, center: undefined, fill: samplingDefaults.fill }))
  }
  draw(_size: Size, generator: Generator): number {
    return drawUniform(generator, ...this.degrees)
  }
  apply(picture: Picture, angle: number): Picture {
    const { center, expand } = this.options
    const [, height, width] = picture.size
    const matrix = inverseMatrix({ angle: -angle, translate: [0, 0], scale: 1, shear: [0, 0] }, fromMiddle(center, picture.size))
    return transformed('RandomRotation', picture, matrix, expand ? expandedSize(matrix, height, width) : [height, width], this.options)
  }
}

/** The size that holds a picture's four corners. What exceeds a whole pixel by less than 1e-4 is rounding. */
function expandedSize(matrix: Matrix, height: number, width: number): [height: number, width: number] {
  const [a, b, c, d, e, f] = matrix.map(fround)
  const corners = [[-0.5, -0.5], [-0.5, 0.5], [0.5, 0.5], [0.5, -0.5]].map(([x, y]) => [x * width, y * height])
  const extent = (places: number[], middle: number) => {
    const [high, low] = [Math.max(...places), Math.min(...places)].map((place) => fround(Math.trunc(fround(fround(place) + middle) / 1e-4) * 1e-4))
    return Math.ceil(high) - Math.floor(low)
  }
  return [extent(corners.map(([x, y]) => d * x + e * y + f), height / 2), extent(corners.map(([x, y]) => a * x + b * y + c), width / 2)]
}

export interface RandomAffineOptions extends SamplingOptions {
  /** The most that the picture moves either way, as shares of its width and height. */
  readonly translate?: readonly [number, number]
  readonly scale?: readonly [number, number]
  /** Degrees either way along x; a range along x; or ranges along x and y. */
  readonly shear?: Pair | readonly [number, number, number, number]
  /** [x, y] in pixels from the top left corner. Default: the middle. */
  readonly center?: readonly [number, number]
}

/** Rotates, moves, scales and shears at random, drawing in this order what is wanted. Same as torchvision.transforms.RandomAffine. */
export class RandomAffine extends Transform<Affine> {
  readonly degrees: readonly [number, number]
  readonly options: RandomAffineOptions
  readonly #shears: readonly (readonly [number, number])[]

  constructor(degrees: Pair, ...given: Given<[translate: RandomAffineOptions['translate'], scale: RandomAffineOptions['scale'], shear: RandomAffineOptions['shear'], interpolation: RandomAffineOptions['interpolation'], fill: RandomAffineOptions['fill']], RandomAffineOptions>) {
    super(degrees, ...given)
    this.degrees = parseAngles('RandomAffine', 'degrees', degrees)
    this.options = checkSampling('RandomAffine', argumentsOf('RandomAffine', given, { translate: undefined, scale: undefined, shear: undefined, ...samplingDefaults, center: undefined }, 5))
    const { translate, scale, shear } = this.options
    if (translate && !translate.every((share) => share >= 0 && share <= 1)) throw new ValueError('RandomAffine', `translate [${translate.join(', ')}] is not made of shares from 0 to 1`, 'give shares of the width and the height')
    if (scale && !scale.every((factor) => factor > 0)) throw new ValueError('RandomAffine', `scale [${scale.join(', ')}] is not positive`, 'give [lowest, highest]')
    if (scale) checkRange('RandomAffine', 'scale', scale)
    this.#shears = parseShears(shear)
  }
  draw([, height, width]: Size, generator: Generator): Affine {
    const { translate, scale } = this.options
    const angle = drawUniform(generator, ...this.degrees)
    const move = (most: number) => roundHalfEven(drawUniform(generator, -most, most))
    return {
      angle,
      translate: translate ? [move(translate[0] * width), move(translate[1] * height)] : [0, 0],
      scale: scale ? drawUniform(generator, ...scale) : 1,
      shear: [this.#shears[0] ? drawUniform(generator, ...this.#shears[0]) : 0, this.#shears[1] ? drawUniform(generator, ...this.#shears[1]) : 0],
    }
  }
  apply(picture: Picture, affine: Affine): Picture {
    return transformed('RandomAffine', picture, inverseMatrix(affine, fromMiddle(this.options.center, picture.size)), [picture.size[1], picture.size[2]], this.options)
  }
}

/** A range for each direction in which the picture is sheared. */
function parseShears(shear: RandomAffineOptions['shear']): (readonly [number, number])[] {
  if (shear === undefined) return []
  if (typeof shear === 'number' || shear.length === 2) return [parseAngles('RandomAffine', 'shear', shear)]
  return [parseAngles('RandomAffine', 'shear', [shear[0], shear[1]]), parseAngles('RandomAffine', 'shear', [shear[2], shear[3]])]
}
