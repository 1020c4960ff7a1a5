/** From bytes to numbers around 0. */
import { ShapeError, ValueError } from '../../tensor/errors.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { Picture, unitValues, type ChannelMap } from '../picture.ts'
import { checkList } from './options.ts'
import { toTensor, Transform, type DrawOptions } from './transform.ts'

/** (x − mean) / std, channel by channel, rounded as torch rounds it. Same as torchvision.transforms.Normalize. */
export class Normalize extends Transform<void> {
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly #map: ChannelMap

  constructor(mean: readonly number[], std: readonly number[]) {
    super(mean, std)
    checkList('Normalize', 'mean', mean)
    checkList('Normalize', 'std', std)
    if (mean.length !== std.length && mean.length !== 1 && std.length !== 1) throw new ShapeError('Normalize', `there are ${mean.length} means and ${std.length} deviations`, 'give one of each for each channel')
    if (!std.every((value) => Math.fround(value) !== 0)) throw new ValueError('Normalize', `a deviation of [${std.join(', ')}] is 0`, 'leave out a channel that never changes, or divide it by 1')
    this.mean = mean
    this.std = std
    const [means, stds] = [mean.map(Math.fround), std.map(Math.fround)]
    this.#map = (value, channel) => Math.fround(value - means[means.length === 1 ? 0 : channel]) / stds[stds.length === 1 ? 0 : channel]
  }
  draw(): void {}
  apply(picture: Picture): Picture {
    const given = Math.max(this.mean.length, this.std.length)
    if (given !== 1 && given !== picture.size[0]) throw new ShapeError('Normalize', `a mean and deviation of ${given} channels do not fit a picture of ${picture.size[0]}`, 'give one of each for each channel')
    return picture.mapped(this.#map)
  }
}

/** A decoded picture: its bytes pixel by pixel, row by row, each with its channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha. */
export interface RawPicture {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array | Uint8ClampedArray
}

/**
 * A decoded picture, whose bytes come pixel by pixel, as a tensor (C, H, W) in [0, 1]. A tensor, and the picture of a dataset, is in
 * this form already and stays as it is. Same as torchvision.transforms.ToTensor.
 */
export interface ToTensor {
  (picture: Tensor | RawPicture, options?: DrawOptions): Tensor
}

export class ToTensor extends Transform<void> {
  draw(): void {}
  apply(picture: Picture): Picture {
    return picture
  }
  protected override run(args: [Tensor | RawPicture, DrawOptions?]): Tensor {
    const [picture, options] = args
    return 'shape' in picture ? super.run([picture, options]) : toTensor([planesOf('ToTensor', picture)], [])
  }
}

/** The bytes of a decoded picture channel by channel. */
function planesOf(operation: string, raw: RawPicture): Picture {
  const channels = channelsOf(operation, raw)
  const { width, height, data } = raw
  const bytes = new Uint8Array(data.length)
  for (let c = 0; c < channels; c++) for (let i = 0; i < width * height; i++) bytes[c * width * height + i] = data[i * channels + c]
  return Picture.ofBytes(bytes, 0, [channels, height, width], unitValues(channels))
}

/** How many bytes a pixel has. Throws where the bytes are not those of width x height pixels. */
export function channelsOf(operation: string, { width, height, data }: RawPicture): number {
  const channels = data.length / (width * height)
  if (![1, 2, 3, 4].includes(channels)) throw new ShapeError(operation, `${data.length} bytes are not the pixels of a picture of ${width} x ${height}`, 'give 1 to 4 bytes a pixel: gray, gray and alpha, RGB, or RGB and alpha')
  return channels
}
