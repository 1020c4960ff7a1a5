/** Dropout layers. */
import type { Tensor } from '../autograd/tensor.ts'
import { argumentsOf, checkProbability, type Given } from '../tensor/options.ts'
import * as F from './functional/functional.ts'
import { Module } from './module.ts'
import { pythonBool, pythonFloat } from './repr.ts'

interface DropoutLayerOptions {
  readonly p?: number
  readonly inplace?: boolean
}

/** In training, zeroes each element with probability p and scales the others by 1 / (1 − p), with `inplace` in x itself; in evaluation, nothing. */
export class Dropout extends Module {
  p: number
  readonly inplace: boolean
  constructor(...given: Given<[p: number, inplace: boolean], DropoutLayerOptions>) {
    super()
    const { p, inplace } = argumentsOf(new.target.name, given, { p: 0.5, inplace: false })
    this.p = checkProbability(new.target.name, p)
    this.inplace = inplace
  }
  forward(x: Tensor): Tensor {
    return F.dropout(x, this.p, { training: this.training, inplace: this.inplace })
  }
  override extraRepr(): string {
    return `p=${pythonFloat(this.p)}, inplace=${pythonBool(this.inplace)}`
  }
}

/** In training, zeroes whole channels x[i, c] with probability p and scales the others by 1 / (1 − p). Same as torch.nn.Dropout2d. */
export class Dropout2d extends Dropout {
  override forward(x: Tensor): Tensor {
    return F.dropout2d(x, this.p, { training: this.training, inplace: this.inplace })
  }
}

/** Stochastic depth: in training, zeroes whole samples with probability p and scales the others by 1 / (1 − p). Same as timm's DropPath. */
export class DropPath extends Module {
  p: number
  constructor(...given: Given<[p: number], { readonly p?: number }>) {
    super()
    this.p = checkProbability('DropPath', argumentsOf('DropPath', given, { p: 0 }).p)
  }
  forward(x: Tensor): Tensor {
    return F.dropPath(x, this.p, { training: this.training })
  }
  override extraRepr(): string {
    return `drop_prob=${this.p.toFixed(3)}`
  }
}
