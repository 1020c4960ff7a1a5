/** Activations as layers. */
import { full } from '../autograd/creation.ts'
import type { Tensor } from '../autograd/tensor.ts'
import { ValueError } from '../tensor/errors.ts'
import { argumentsOf, checkNumber, checkSize, checkWord, required, type Arguments, type Given } from '../tensor/options.ts'
import {
  eluDefaults, hardtanhDefaults, leakyReluDefaults, softplusDefaults, type EluOptions, type HardtanhOptions, type LeakyReluOptions, type SoftplusOptions,
} from './functional/activation.ts'
import * as F from './functional/functional.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'
import { pythonFloat } from './repr.ts'

/** An activation that can change the numbers of its input itself: new ReLU(true) or new ReLU({ inplace: true }). */
abstract class Activation extends Module {
  readonly inplace: boolean
  constructor(...given: Given<[inplace: boolean], F.InplaceOptions>) {
    super()
    this.inplace = argumentsOf(new.target.name, given, { inplace: false }).inplace
  }
  override extraRepr(): string {
    return this.inplace ? 'inplace=True' : ''
  }
}

/** max(x, 0) */
export class ReLU extends Activation {
  forward(x: Tensor): Tensor {
    return F.relu(x, this.inplace)
  }
}

/** x limited to [0, 6]. */
export class ReLU6 extends Activation {
  forward(x: Tensor): Tensor {
    return F.relu6(x, this.inplace)
  }
}

/** x · sigmoid(x) */
export class SiLU extends Activation {
  forward(x: Tensor): Tensor {
    return F.silu(x, this.inplace)
  }
}

/** x · tanh(log(1 + exp(x))) (Misra 2019). */
export class Mish extends Activation {
  forward(x: Tensor): Tensor {
    return F.mish(x, this.inplace)
  }
}

/** The exponential linear unit that keeps mean and variance (Klambauer et al. 2017). */
export class SELU extends Activation {
  forward(x: Tensor): Tensor {
    return F.selu(x, this.inplace)
  }
}

/** x · relu6(x + 3) / 6 (Howard et al. 2019). */
export class Hardswish extends Activation {
  forward(x: Tensor): Tensor {
    return F.hardswish(x, this.inplace)
  }
  override extraRepr(): string {
    return ''
  }
}

/** relu6(x + 3) / 6 */
export class Hardsigmoid extends Activation {
  forward(x: Tensor): Tensor {
    return F.hardsigmoid(x, this.inplace)
  }
  override extraRepr(): string {
    return ''
  }
}

/** x where it is positive, else negativeSlope · x. */
export class LeakyReLU extends Module {
  readonly negativeSlope: number
  readonly inplace: boolean
  constructor(...given: Given<[negativeSlope: number, inplace: boolean], LeakyReluOptions>) {
    super()
    const { negativeSlope, inplace } = argumentsOf('LeakyReLU', given, leakyReluDefaults)
    this.negativeSlope = checkNumber('LeakyReLU', 'negativeSlope', negativeSlope)
    this.inplace = inplace
  }
  forward(x: Tensor): Tensor {
    return F.leakyRelu(x, this.negativeSlope, this.inplace)
  }
  override extraRepr(): string {
    return `negative_slope=${pythonFloat(this.negativeSlope)}${inplaceRepr(this.inplace)}`
  }
}

const inplaceRepr = (inplace: boolean) => (inplace ? ', inplace=True' : '')

/** x where it is positive, else α · (exp(x) − 1) (Clevert et al. 2016). */
export class ELU extends Module {
  readonly alpha: number
  readonly inplace: boolean
  constructor(...given: Given<[alpha: number, inplace: boolean], EluOptions>) {
    super()
    const { alpha, inplace } = argumentsOf('ELU', given, eluDefaults)
    this.alpha = checkNumber('ELU', 'alpha', alpha)
    this.inplace = inplace
  }
  forward(x: Tensor): Tensor {
    return F.elu(x, this.alpha, this.inplace)
  }
  override extraRepr(): string {
    return `alpha=${pythonFloat(this.alpha)}${inplaceRepr(this.inplace)}`
  }
}

/** x limited to [minVal, maxVal]. */
export class Hardtanh extends Module {
  readonly minVal: number
  readonly maxVal: number
  readonly inplace: boolean
  constructor(...given: Given<[minVal: number, maxVal: number, inplace: boolean], HardtanhOptions>) {
    super()
    const { minVal, maxVal, inplace } = argumentsOf('Hardtanh', given, hardtanhDefaults)
    if (!(maxVal > minVal)) throw new ValueError('Hardtanh', `maxVal = ${maxVal} is not above minVal = ${minVal}`, 'exchange them')
    this.minVal = minVal
    this.maxVal = maxVal
    this.inplace = inplace
  }
  forward(x: Tensor): Tensor {
    return F.hardtanh(x, this.minVal, this.maxVal, this.inplace)
  }
  override extraRepr(): string {
    return `min_val=${pythonFloat(this.minVal)}, max_val=${pythonFloat(this.maxVal)}${inplaceRepr(this.inplace)}`
  }
}

/** log(1 + exp(β · x)) / β, x itself where β · x is above the threshold. */
export class Softplus extends Module {
  readonly beta: number
  readonly threshold: number
  constructor(...given: Given<[beta: number, threshold: number], SoftplusOptions>) {
    super()
    const { beta, threshold } = argumentsOf('Softplus', given, softplusDefaults)
    this.beta = checkNumber('Softplus', 'beta', beta)
    this.threshold = checkNumber('Softplus', 'threshold', threshold)
  }
  forward(x: Tensor): Tensor {
    return F.softplus(x, this.beta, this.threshold)
  }
  override extraRepr(): string {
    return `beta=${this.beta}, threshold=${this.threshold}`
  }
}

/** Gaussian error linear unit (Hendrycks, Gimpel 2016). */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh'
  constructor(...given: Given<[approximate: 'none' | 'tanh'], { readonly approximate?: 'none' | 'tanh' }>) {
    super()
    const { approximate } = argumentsOf('GELU', given, { approximate: 'none' })
    this.approximate = checkWord('GELU', 'approximate', approximate, ['none', 'tanh'])
  }
  forward(x: Tensor): Tensor {
    return F.gelu(x, { approximate: this.approximate })
  }
  override extraRepr(): string {
    return `approximate='${this.approximate}'`
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

/** log(1 / (1 + exp(−x))) */
export class LogSigmoid extends Module {
  forward(x: Tensor): Tensor {
    return F.logsigmoid(x)
  }
}

/** x / (1 + |x|) */
export class Softsign extends Module {
  forward(x: Tensor): Tensor {
    return F.softsign(x)
  }
}

/** What is computed along a dimension: new Softmax(-1) or new Softmax({ dim: -1 }). */
abstract class AlongDim extends Module {
  readonly dim: number
  constructor(...given: Arguments<[dim: number], [], { readonly dim: number }>) {
    super()
    this.dim = argumentsOf(new.target.name, given, { dim: required }).dim
  }
  override extraRepr(): string {
    return `dim=${this.dim}`
  }
}

export class Softmax extends AlongDim {
  forward(x: Tensor): Tensor {
    return F.softmax(x, this.dim)
  }
}

export class LogSoftmax extends AlongDim {
  forward(x: Tensor): Tensor {
    return F.logSoftmax(x, this.dim)
  }
}

/** Softmax of −x. */
export class Softmin extends AlongDim {
  forward(x: Tensor): Tensor {
    return F.softmin(x, this.dim)
  }
}

/** The first half along a dimension, the last by default, times the sigmoid of the second (Dauphin et al. 2017). */
export class GLU extends Module {
  readonly dim: number
  constructor(...given: Given<[dim: number], { readonly dim?: number }>) {
    super()
    this.dim = argumentsOf('GLU', given, { dim: -1 }).dim
  }
  forward(x: Tensor): Tensor {
    return F.glu(x, this.dim)
  }
  override extraRepr(): string {
    return `dim=${this.dim}`
  }
}

interface PReLUOptions {
  readonly numParameters?: number
  readonly init?: number
}

/** x where it is positive, else weight · x, with one weight or one for each channel x[:, c] (He et al. 2015). */
export class PReLU extends Module {
  readonly numParameters: number
  weight: Parameter
  constructor(...given: Given<[numParameters: number, init: number], PReLUOptions>) {
    super()
    const { numParameters, init } = argumentsOf('PReLU', given, { numParameters: 1, init: 0.25 })
    checkSize('PReLU', 'numParameters', numParameters)
    this.numParameters = numParameters
    this.weight = new Parameter(full([numParameters], checkNumber('PReLU', 'init', init)))
  }
  forward(x: Tensor): Tensor {
    return F.prelu(x, this.weight)
  }
  override extraRepr(): string {
    return `num_parameters=${this.numParameters}`
  }
}
