/**
 * Transform: what is done to a picture, in two steps. `draw` draws what is random about it, as torchvision's get_params does, and `apply`
 * does it to the pixels. So the same seed gives torchvision's crops, and pixels are left alone until all is known.
 */
import { constant } from '../../autograd/op.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { Callable } from '../../tensor/callable.ts'
import { ShapeError } from '../../tensor/errors.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import { defaultGenerator, type Generator } from '../../tensor/random.ts'
import { numelOf, showShape } from '../../tensor/shape.ts'
import { Picture, type Size } from '../picture.ts'

export interface DrawOptions {
  /** Where random numbers come from. Default: the generator that manualSeed() seeds. */
  readonly generator?: Generator
}

/**
 * A function from picture to picture: a Transform, or one's own. It is to draw from the generator that it is given, which in a loader is
 * the sample's own (see DataLoader): what it draws elsewhere is not drawn again when an epoch is resumed.
 */
export type PictureFunction = (picture: Tensor, options: Required<DrawOptions>) => Tensor

export interface Transform<Drawn> {
  /**
   * (..., C, H, W) -> (..., C, H', W'), without a gradient; pictures under leading dimensions all undergo the same.
   * Values are in [0, 1] where a transform of colours is to make sense.
   */
  (picture: Tensor, options?: DrawOptions): Tensor
}

export abstract class Transform<Drawn = unknown> extends Callable {
  /** The arguments it was made with: with its class's name, all there is to tell another thread. */
  readonly args: readonly unknown[]

  constructor(...args: readonly unknown[]) {
    super()
    this.args = args
  }
  /** Draws what is random about one use on pictures of that size. */
  abstract draw(size: Size, generator: Generator): Drawn
  abstract apply(picture: Picture, drawn: Drawn): Picture

  /** One use on pictures of equal size. */
  use(pictures: readonly Picture[], generator: Generator): Picture[] {
    const drawn = this.draw(pictures[0].size, generator)
    return pictures.map((picture) => this.apply(picture, drawn))
  }
  protected run([picture, { generator = defaultGenerator } = {}]: [Tensor, DrawOptions?]): Tensor {
    return toTensor(this.use(toPictures(this.constructor.name, picture), generator), picture.shape.slice(0, -3))
  }
}

/** The pictures of a tensor (..., C, H, W). */
function toPictures(operation: string, tensor: Tensor): Picture[] {
  const { shape } = tensor
  if (shape.length < 3 || numelOf(shape) === 0) throw new ShapeError(operation, `a tensor of shape ${showShape(shape)} is no picture`, 'give (C, H, W), or pictures of equal size as (N, C, H, W)')
  const [channels, height, width] = shape.slice(-3)
  const numel = channels * height * width
  const { data } = tensor
  return Array.from({ length: data.length / numel }, (_, n) => Picture.ofFloats(data, [channels, height, width], n * numel))
}

/** The pictures as one tensor, `lead` and then their size. */
export function toTensor(pictures: readonly Picture[], lead: readonly number[]): Tensor {
  const { size, numel } = pictures[0]
  const out = new Float32Array(pictures.length * numel)
  pictures.forEach((picture, n) => picture.writeTo(out, n * numel))
  return constant(NDArray.from(out, [...lead, ...size]))
}
