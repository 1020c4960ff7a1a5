/** Resizing. */
import { ValueError } from '../../tensor/errors.ts'
import { argumentsOf, checkWord, type Given } from '../../tensor/options.ts'
import type { Generator } from '../../tensor/random.ts'
import { Picture, type Size } from '../picture.ts'
import { resizeFloats } from '../resample.ts'
import { cropPicture, type Box } from './crop.ts'
import { drawInteger, drawUniform, roundHalfEven } from './draws.ts'
import { checkRange, parseSize, type Pair } from './options.ts'
import { Transform } from './transform.ts'

interface InterpolationOptions {
  /** A weighted mean of the pixels around (default), or the nearest one. */
  readonly interpolation?: 'bilinear' | 'nearest'
  /** Whether each pixel counts when a picture shrinks, as with PIL's pictures. Default: true. */
  readonly antialias?: boolean
}

function resizePicture(picture: Picture, to: readonly [height: number, width: number], { interpolation = 'bilinear', antialias = true }: InterpolationOptions): Picture {
  const [channels, height, width] = picture.size
  if (height === to[0] && width === to[1]) return picture
  if (interpolation === 'nearest') return picture.gather(nearest(height, to[0]), nearest(width, to[1]))
  return Picture.ofFloats(resizeFloats(picture.floats(), picture.size, to, antialias), [channels, ...to])
}

function nearest(from: number, to: number): Int32Array {
  const scale = Math.fround(from / to)
  return Int32Array.from({ length: to }, (_, i) => Math.min(Math.floor(Math.fround(i * scale)), from - 1))
}

/** The size of a picture whose shorter side becomes `short`, the longer one at most `longest`. */
export function resizedSize([height, width]: readonly [number, number], short: number, longest = Infinity): [height: number, width: number] {
  const [shorter, longer] = [Math.min(height, width), Math.max(height, width)]
  let [newShort, newLong] = [short, Math.trunc((short * longer) / shorter)]
  if (newLong > longest) [newShort, newLong] = [Math.trunc((longest * newShort) / newLong), longest]
  return width <= height ? [newLong, newShort] : [newShort, newLong]
}

const interpolationDefaults = { interpolation: 'bilinear', antialias: true } as const

function checkInterpolation<O extends Required<Pick<InterpolationOptions, 'interpolation'>>>(operation: string, options: O): O {
  checkWord(operation, 'interpolation', options.interpolation, ['bilinear', 'nearest'])
  return options
}

export interface ResizeOptions extends InterpolationOptions {
  /** The most that the longer side may become; only with a single size. */
  readonly maxSize?: number
}

/** Resizes to [height, width]; one number is what the shorter side becomes, the other keeping its proportion. Same as torchvision.transforms.Resize. */
export class Resize extends Transform<void> {
  readonly size: Pair
  readonly options: ResizeOptions

  constructor(size: Pair, ...given: Given<[interpolation: ResizeOptions['interpolation']], ResizeOptions>) {
    super(size, ...given)
    parseSize('Resize', size)
    this.options = checkInterpolation('Resize', argumentsOf('Resize', given, { interpolation: interpolationDefaults.interpolation, maxSize: undefined, antialias: interpolationDefaults.antialias }, 1))
    const { maxSize } = this.options
    if (maxSize !== undefined && (typeof size !== 'number' || !(maxSize > size)))
      throw new ValueError('Resize', `maxSize ${maxSize} does not go with size ${String(size)}`, 'give a single size for the shorter side, and a larger maxSize for the longer one')
    this.size = size
  }
  draw(): void {}
  apply(picture: Picture): Picture {
    const [, height, width] = picture.size
    return resizePicture(picture, typeof this.size === 'number' ? resizedSize([height, width], this.size, this.options.maxSize) : this.size, this.options)
  }
}

/** Ranges of a part's share of the area, and of its width by its height. */
export interface ScaleAndRatio {
  readonly scale: readonly [number, number]
  readonly ratio: readonly [number, number]
}

/** The natural logarithms of a ratio's bounds, in float32. */
export const logRatio = (ratio: readonly [number, number]): [number, number] => [Math.fround(Math.log(Math.fround(ratio[0]))), Math.fround(Math.log(Math.fround(ratio[1])))]

export interface RandomResizedCropOptions extends InterpolationOptions, Partial<ScaleAndRatio> {}

/**
 * A part of random area and proportion, resized (Szegedy et al. 2015). Draws an area and a proportion up to ten times until the part fits,
 * then its row and column. Same as torchvision.transforms.RandomResizedCrop.
 */
export class RandomResizedCrop extends Transform<Box> {
  readonly size: readonly [height: number, width: number]
  readonly options: RandomResizedCropOptions & ScaleAndRatio

  constructor(size: Pair, ...given: Given<[scale: RandomResizedCropOptions['scale'], ratio: RandomResizedCropOptions['ratio']], RandomResizedCropOptions>) {
    super(size, ...given)
    this.size = parseSize('RandomResizedCrop', size)
    this.options = checkInterpolation('RandomResizedCrop', argumentsOf('RandomResizedCrop', given, { scale: [0.08, 1], ratio: [3 / 4, 4 / 3], ...interpolationDefaults }, 2))
    checkRange('RandomResizedCrop', 'scale', this.options.scale)
    checkRange('RandomResizedCrop', 'ratio', this.options.ratio)
  }
  draw([, height, width]: Size, generator: Generator): Box {
    const { scale, ratio } = this.options
    const [low, high] = logRatio(ratio)
    for (let attempt = 0; attempt < 10; attempt++) {
      const area = height * width * drawUniform(generator, ...scale)
      const aspect = Math.fround(Math.exp(drawUniform(generator, low, high)))
      const boxWidth = roundHalfEven(Math.sqrt(area * aspect))
      const boxHeight = roundHalfEven(Math.sqrt(area / aspect))
      if (boxWidth > 0 && boxWidth <= width && boxHeight > 0 && boxHeight <= height)
        return { top: drawInteger(generator, 0, height - boxHeight + 1), left: drawInteger(generator, 0, width - boxWidth + 1), height: boxHeight, width: boxWidth }
    }
    return middleBox(height, width, ratio)
  }
  apply(picture: Picture, box: Box): Picture {
    return resizePicture(cropPicture(picture, box), this.size, this.options)
  }
}

/** The largest box in the middle whose proportion is allowed. */
function middleBox(height: number, width: number, [least, most]: readonly [number, number]): Box {
  const proportion = width / height
  const boxHeight = proportion < least ? roundHalfEven(width / least) : height
  const boxWidth = proportion > most ? roundHalfEven(height * most) : width
  return { top: Math.floor((height - boxHeight) / 2), left: Math.floor((width - boxWidth) / 2), height: boxHeight, width: boxWidth }
}
