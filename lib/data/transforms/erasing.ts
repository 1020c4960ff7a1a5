/** Random erasing (Zhong et al. 2017). */
import { ValueError } from '../../tensor/errors.ts'
import { argumentsOf, checkProbability, type Given } from '../../tensor/options.ts'
import type { Generator } from '../../tensor/random.ts'
import { Picture, type Size } from '../picture.ts'
import type { Box } from './crop.ts'
import { drawChance, drawInteger, drawUniform, roundHalfEven } from './draws.ts'
import { checkRange, parseFill, type Fill } from './options.ts'
import { logRatio, type ScaleAndRatio } from './resize.ts'
import { Transform } from './transform.ts'

export interface RandomErasingOptions extends Partial<ScaleAndRatio> {
  readonly p?: number
  /** What the part becomes: a value for all channels or one for each, or normal random numbers. */
  readonly value?: Fill | 'random'
}

/** The part to erase, and the random numbers that fill it, channel by channel; null where they are not random. */
interface Erasure extends Box {
  readonly noise: Float32Array | null
}

/**
 * Erases a part of random area and proportion with probability p. Draws that, then an area and a proportion up to ten times until the part
 * fits, the random numbers if they are wanted, and its row and column. Same as torchvision.transforms.RandomErasing.
 */
export class RandomErasing extends Transform<Erasure | null> {
  readonly options: Required<RandomErasingOptions>

  constructor(...given: Given<[p: number, scale: RandomErasingOptions['scale'], ratio: RandomErasingOptions['ratio'], value: RandomErasingOptions['value']], RandomErasingOptions>) {
    super(...given)
    const { p, scale, ratio, value } = argumentsOf('RandomErasing', given, { p: 0.5, scale: [0.02, 0.33], ratio: [0.3, 3.3], value: 0 })
    if (typeof value === 'string' && value !== 'random') throw new ValueError('RandomErasing', `value '${String(value)}' is unknown`, "use 'random', a number, or one for each channel")
    this.options = {
      p: checkProbability('RandomErasing', p),
      scale: checkRange('RandomErasing', 'scale', scale, { most: 1 }),
      ratio: checkRange('RandomErasing', 'ratio', ratio),
      value,
    }
  }
  draw([channels, height, width]: Size, generator: Generator): Erasure | null {
    const { p, scale, ratio, value } = this.options
    if (!drawChance(generator, p)) return null
    const [low, high] = logRatio(ratio)
    for (let attempt = 0; attempt < 10; attempt++) {
      const area = height * width * drawUniform(generator, ...scale)
      const aspect = Math.fround(Math.exp(drawUniform(generator, low, high)))
      const partHeight = roundHalfEven(Math.sqrt(area * aspect))
      const partWidth = roundHalfEven(Math.sqrt(area / aspect))
      if (!(partHeight < height && partWidth < width)) continue
      const noise = value === 'random' ? new Float32Array(channels * partHeight * partWidth) : null
      if (noise) generator.normal(noise)
      return { noise, top: drawInteger(generator, 0, height - partHeight + 1), left: drawInteger(generator, 0, width - partWidth + 1), height: partHeight, width: partWidth }
    }
    return null
  }
  apply(picture: Picture, erasure: Erasure | null): Picture {
    if (!erasure) return picture
    const [channels, height, width] = picture.size
    const { noise, top, left } = erasure
    const { value } = this.options
    const fill = value === 'random' ? [] : parseFill('RandomErasing', value, channels)
    const floats = picture.floats().slice()
    for (let row = 0; row < channels * erasure.height; row++) {
      const channel = Math.floor(row / erasure.height)
      const at = (channel * height + top + (row % erasure.height)) * width + left
      if (noise) floats.set(noise.subarray(row * erasure.width, (row + 1) * erasure.width), at)
      else floats.fill(fill[channel], at, at + erasure.width)
    }
    return Picture.ofFloats(floats, picture.size)
  }
}
