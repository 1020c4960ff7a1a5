/** What is done to some pictures and not to others. */
import type { Generator } from '../../tensor/random.ts'
import type { Picture, Size } from '../picture.ts'
import { drawChance } from './draws.ts'
import { parseChance, type Chance } from './options.ts'
import { Transform } from './transform.ts'

/** A change that is made with probability p. Draws one number, whatever the picture. */
export abstract class RandomlyApplied extends Transform<boolean> {
  readonly p: number

  constructor(p: Chance, otherwise: number) {
    super(p)
    this.p = parseChance(new.target.name, p, otherwise)
  }
  protected abstract change(picture: Picture): Picture

  draw(_size: Size, generator: Generator): boolean {
    return drawChance(generator, this.p)
  }
  apply(picture: Picture, isApplied: boolean): Picture {
    return isApplied ? this.change(picture) : picture
  }
}
