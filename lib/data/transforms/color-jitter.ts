/** Random changes of colour. */
import { ValueError } from '../../tensor/errors.ts'
import { argumentsOf, type Given } from '../../tensor/options.ts'
import type { Generator } from '../../tensor/random.ts'
import { Picture, type Size } from '../picture.ts'
import { adjustBrightness, adjustContrast, adjustHue, adjustSaturation, checkChannels, grayOf, type Colors } from './color.ts'
import { drawUniform } from './draws.ts'
import { checkRange, type Chance, type Pair } from './options.ts'
import { RandomlyApplied } from './randomly-applied.ts'
import { Transform } from './transform.ts'

export interface ColorJitterOptions {
  /** How much: factors from max(0, 1 − amount) to 1 + amount, or the range of factors itself. */
  readonly brightness?: Pair
  readonly contrast?: Pair
  readonly saturation?: Pair
  /** How far the hue is turned either way, up to 0.5, half of the circle; or the range of turns. */
  readonly hue?: Pair
}

type Change = (colors: Colors, factor: number) => Float32Array

const CHANGES: readonly Change[] = [adjustBrightness, adjustContrast, adjustSaturation, adjustHue]

/** Changes in the order in which they are made. */
type Changes = readonly { readonly change: Change; readonly factor: number }[]

/**
 * Changes brightness, contrast, saturation and hue in random order. Draws the order, then a factor for each that is wanted.
 * Same as torchvision.transforms.ColorJitter on float tensors.
 */
export class ColorJitter extends Transform<Changes> {
  /** The ranges of brightness, contrast, saturation and hue; null where nothing is to change. */
  readonly ranges: readonly (readonly [number, number] | null)[]

  constructor(...given: Given<[brightness: ColorJitterOptions['brightness'], contrast: ColorJitterOptions['contrast'], saturation: ColorJitterOptions['saturation'], hue: ColorJitterOptions['hue']], ColorJitterOptions>) {
    super(...given)
    const { brightness, contrast, saturation, hue } = argumentsOf('ColorJitter', given, { brightness: 0, contrast: 0, saturation: 0, hue: 0 })
    this.ranges = [
      ...Object.entries({ brightness, contrast, saturation }).map(([name, amount]) => rangeOf(name, amount, 1, { least: 0 })),
      rangeOf('hue', hue, 0, { least: -0.5, most: 0.5 }),
    ]
  }
  draw(_size: Size, generator: Generator): Changes {
    const order = [...generator.permutation(4)]
    const factors = this.ranges.map((range) => range && drawUniform(generator, ...range))
    return order.flatMap((i) => {
      const factor = factors[i]
      return factor === null ? [] : [{ change: CHANGES[i], factor }]
    })
  }
  apply(picture: Picture, changes: Changes): Picture {
    checkChannels('ColorJitter', picture.size)
    if (changes.length === 0) return picture
    const { size } = picture
    return Picture.ofFloats(changes.reduce((values, { change, factor }) => change({ values, size, bound: 1 }, factor), picture.floats()), size)
  }
}

function rangeOf(name: string, amount: Pair, centre: number, bounds: { readonly least: number; readonly most?: number }): readonly [number, number] | null {
  if (typeof amount === 'number' && !(amount >= 0)) throw new ValueError('ColorJitter', `${name} ${amount} is not at least 0`, 'give how much it may change, or [lowest, highest]')
  const range = typeof amount !== 'number' ? amount : [centre === 1 ? Math.max(0, 1 - amount) : -amount, centre + amount] as const
  const [low, high] = checkRange('ColorJitter', name, range, bounds)
  return low === centre && high === centre ? null : [low, high]
}

interface GrayscaleOptions {
  readonly numOutputChannels?: 1 | 3
}

function grayPicture(picture: Picture, channels: number): Picture {
  const { size } = picture
  const gray = grayOf({ values: picture.floats(), size, bound: 1 })
  const out = new Float32Array(channels * gray.length)
  for (let c = 0; c < channels; c++) out.set(gray, c * gray.length)
  return Picture.ofFloats(out, [channels, size[1], size[2]])
}

/** The brightness alone, as 1 channel or 3 equal ones. Same as torchvision.transforms.Grayscale. */
export class Grayscale extends Transform<void> {
  readonly numOutputChannels: 1 | 3

  constructor(...given: Given<[numOutputChannels: 1 | 3], GrayscaleOptions>) {
    super(...given)
    const { numOutputChannels } = argumentsOf('Grayscale', given, { numOutputChannels: 1 })
    if (numOutputChannels !== 1 && numOutputChannels !== 3) throw new ValueError('Grayscale', `${String(numOutputChannels)} channels are not 1 or 3`, 'give 1 or 3')
    this.numOutputChannels = numOutputChannels
  }
  draw(): void {}
  apply(picture: Picture): Picture {
    checkChannels('Grayscale', picture.size)
    return grayPicture(picture, this.numOutputChannels)
  }
}

/** The brightness alone with probability p, in as many channels as before. Same as torchvision.transforms.RandomGrayscale. */
export class RandomGrayscale extends RandomlyApplied {
  constructor(p: Chance = 0.1) {
    super(p, 0.1)
  }
  override apply(picture: Picture, isApplied: boolean): Picture {
    checkChannels('RandomGrayscale', picture.size)
    return super.apply(picture, isApplied)
  }
  protected change(picture: Picture): Picture {
    return grayPicture(picture, picture.size[0])
  }
}
