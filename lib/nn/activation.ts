/** Layers without parameters: activations, dropout, and changes of shape. */
import { checkTensors } from '../autograd/op.ts'
import type { FlattenOptions, Tensor } from '../autograd/tensor.ts'
import { numberOf, optionsOf, withFirst, type FirstOr, type Named } from '../tensor/options.ts'
import { checkProbability } from './functional/dropout.ts'
import * as F from './functional/functional.ts'
import { Module } from './module.ts'
import { pythonBool, pythonFloat } from './repr.ts'

/** max(x, 0). With `inplace` the numbers of x itself are changed. */
export class ReLU extends Module {
  readonly inplace: boolean
  constructor(given: { readonly inplace?: boolean } = {}) {
    super()
    const { inplace } = optionsOf('ReLU', given, { inplace: false })
    this.inplace = inplace
  }
  forward(x: Tensor): Tensor {
    if (!this.inplace) return F.relu(x)
    checkTensors('ReLU', [x])
    return x.relu_()
  }
  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : ''
  }
}

/** x where it is positive, else negativeSlope · x. */
export class LeakyReLU extends Module {
  readonly negativeSlope: number
  constructor(negativeSlope = 0.01) {
    super()
    this.negativeSlope = negativeSlope
  }
  forward(x: Tensor): Tensor {
    return F.leakyRelu(x, this.negativeSlope)
  }
  override extraRepr(): string {
    return `negative_slope=${pythonFloat(this.negativeSlope)}`
  }
}

/** Gaussian error linear unit (Hendrycks, Gimpel 2016). */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh'
  constructor(given: { readonly approximate?: 'none' | 'tanh' } = {}) {
    super()
    const { approximate } = optionsOf('GELU', given, { approximate: 'none' })
    this.approximate = approximate
  }
  forward(x: Tensor): Tensor {
    return F.gelu(x, { approximate: this.approximate })
  }
  override extraRepr(): string {
    return `approximate='${this.approximate}'`
  }
}

export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return F.silu(x)
  }
}

export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return F.tanh(x)
  }
}

export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return F.sigmoid(x)
  }
}

export class Softmax extends Module {
  readonly dim: number
  constructor(dim: Named<'dim'>) {
    super()
    this.dim = numberOf('Softmax', 'dim', dim)
  }
  forward(x: Tensor): Tensor {
    return F.softmax(x, this.dim)
  }
  override extraRepr(): string {
    return `dim=${this.dim}`
  }
}

export class LogSoftmax extends Module {
  readonly dim: number
  constructor(dim: Named<'dim'>) {
    super()
    this.dim = numberOf('LogSoftmax', 'dim', dim)
  }
  forward(x: Tensor): Tensor {
    return F.logSoftmax(x, this.dim)
  }
  override extraRepr(): string {
    return `dim=${this.dim}`
  }
}

interface DropoutLayerOptions {
  readonly p?: number
  readonly inplace?: boolean
}

/** In training, zeroes each element with probability p and scales the others by 1 / (1 − p), with `inplace` in x itself; in evaluation, nothing. */
export class Dropout extends Module {
  readonly p: number
  readonly inplace: boolean
  constructor(first: FirstOr<number, DropoutLayerOptions> = 0.5, options: DropoutLayerOptions = {}) {
    super()
    const { p, inplace } = optionsOf<DropoutLayerOptions, { p: number; inplace: boolean }>('Dropout', withFirst('p', first, options), { p: 0.5, inplace: false })
    checkProbability('Dropout', p)
    this.p = p
    this.inplace = inplace
  }
  forward(x: Tensor): Tensor {
    return F.dropout(x, this.p, { training: this.training, inplace: this.inplace })
  }
  override extraRepr(): string {
    return `p=${pythonFloat(this.p)}, inplace=${pythonBool(this.inplace)}`
  }
}

/** Stochastic depth: in training, zeroes whole samples with probability p and scales the others by 1 / (1 − p). Same as timm's DropPath. */
export class DropPath extends Module {
  readonly p: number
  constructor(p = 0) {
    super()
    checkProbability('DropPath', p)
    this.p = p
  }
  forward(x: Tensor): Tensor {
    return F.dropPath(x, this.p, { training: this.training })
  }
  override extraRepr(): string {
    return `drop_prob=${this.p.toFixed(3)}`
  }
}

export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x
  }
}

/** Merges the dimensions from startDim to endDim into one; the batch stays by default. */
export class Flatten extends Module {
  readonly startDim: number
  readonly endDim: number
  constructor(start: FirstOr<number, FlattenOptions> = 1, end = -1) {
    super()
    const { startDim, endDim } = optionsOf<FlattenOptions, { startDim: number; endDim: number }>('Flatten', withFirst('startDim', start, { endDim: end }), { startDim: 1, endDim: -1 })
    this.startDim = startDim
    this.endDim = endDim
  }
  forward(x: Tensor): Tensor {
    checkTensors('Flatten', [x])
    return x.flatten(this.startDim, this.endDim)
  }
  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`
  }
}
