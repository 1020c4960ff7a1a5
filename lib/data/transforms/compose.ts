/** Transforms in a row, functions of one's own among them. */
import { constant } from '../../autograd/op.ts'
import { ShapeError, ValueError } from '../../tensor/errors.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import type { Generator } from '../../tensor/random.ts'
import { showShape } from '../../tensor/shape.ts'
import { Picture, type Size } from '../picture.ts'
import { Transform, type PictureFunction } from './transform.ts'

/** A function of one's own, (C, H, W) -> (C, H', W'). Same as torchvision.transforms.Lambda. It cannot be handed to another thread. */
export class Lambda extends Transform<Generator> {
  readonly lambda: PictureFunction

  constructor(lambda: PictureFunction) {
    super(lambda)
    if (typeof lambda !== 'function') throw new ValueError('Lambda', `${String(lambda)} is no function`, 'give a function from a (C, H, W) tensor to another')
    this.lambda = lambda
  }
  draw(_size: Size, generator: Generator): Generator {
    return generator
  }
  apply(picture: Picture, generator: Generator): Picture {
    const { shape, data } = this.lambda(constant(NDArray.from(picture.floats().slice(), picture.size)), { generator })
    if (shape.length !== 3) throw new ShapeError('Lambda', `the function has returned a tensor of shape ${showShape(shape)}`, 'return a picture (C, H, W)')
    return Picture.ofFloats(data.slice(), [shape[0], shape[1], shape[2]])
  }
}

/** A transform as it is, any other function as a Lambda. */
export const asTransform = (transform: PictureFunction): Transform => (transform instanceof Transform ? transform : new Lambda(transform))

/** One transform after the other. Same as torchvision.transforms.Compose. */
export class Compose extends Transform<Generator> {
  readonly transforms: readonly Transform[]

  constructor(transforms: readonly PictureFunction[]) {
    if (!Array.isArray(transforms)) throw new ValueError('Compose', 'what it was given is no list', 'give the transforms as a list')
    const parts = transforms.map(asTransform)
    super(parts)
    this.transforms = parts
  }
  draw(_size: Size, generator: Generator): Generator {
    return generator
  }
  apply(picture: Picture, generator: Generator): Picture {
    return this.use([picture], generator)[0]
  }
  override use(pictures: readonly Picture[], generator: Generator): Picture[] {
    return this.transforms.reduce((those, transform) => transform.use(those, generator), [...pictures])
  }
}
