/** Normalisation layers. */
import { ones, zeros } from '../autograd/creation.ts'
import { checkTensors } from '../autograd/op.ts'
import type { Tensor } from '../autograd/tensor.ts'
import { ShapeError, ValueError } from '../tensor/errors.ts'
import { argumentsOf, checkNumber, checkSize, required, type Arguments } from '../tensor/options.ts'
import { showShape, type Shape } from '../tensor/shape.ts'
import * as F from './functional/functional.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'
import { pythonBool, pythonFloat, pythonSize } from './repr.ts'

interface LayerNormOptions {
  readonly normalizedShape: number | Shape
  readonly eps?: number
  readonly elementwiseAffine?: boolean
  readonly bias?: boolean
}

/** Normalises over the last dimensions (Ba, Kiros, Hinton 2016). x: (..., shape) -> the same. Same as torch.nn.LayerNorm. */
export class LayerNorm extends Module {
  readonly normalizedShape: Shape
  eps: number
  readonly elementwiseAffine: boolean
  weight: Parameter | null
  bias: Parameter | null

  constructor(...given: Arguments<[normalizedShape: number | Shape], [eps: number, elementwiseAffine: boolean, bias: boolean], LayerNormOptions>) {
    super()
    const { normalizedShape, eps, elementwiseAffine, bias } = argumentsOf('LayerNorm', given, { normalizedShape: required, eps: 1e-5, elementwiseAffine: true, bias: true })
    if (typeof normalizedShape !== 'number' && !Array.isArray(normalizedShape)) throw new ValueError('LayerNorm', `${String(normalizedShape)} is no shape`, 'give the size of the last dimension, or the sizes of the last dimensions')
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : [...normalizedShape]
    this.normalizedShape.forEach((size) => checkSize('LayerNorm', 'normalizedShape', size))
    this.eps = checkNumber('LayerNorm', 'eps', eps)
    this.elementwiseAffine = elementwiseAffine
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape)) : null
    this.bias = elementwiseAffine && bias ? new Parameter(zeros(this.normalizedShape)) : null
  }
  forward(x: Tensor): Tensor {
    return F.layerNorm(x, this.normalizedShape, { weight: this.weight, bias: this.bias, eps: this.eps })
  }
  override extraRepr(): string {
    return `${pythonSize(this.normalizedShape)}, eps=${pythonFloat(this.eps)}, elementwise_affine=${pythonBool(this.elementwiseAffine)}`
  }
}

interface BatchNormLayerOptions {
  readonly eps?: number
  /** Share of a batch in the running statistics; null averages over all batches. */
  readonly momentum?: number | null
  readonly affine?: boolean
  readonly trackRunningStats?: boolean
}

/** What batch norms of any number of dimensions share (Ioffe, Szegedy 2015). */
abstract class BatchNorm extends Module {
  readonly numFeatures: number
  eps: number
  momentum: number | null
  readonly affine: boolean
  readonly trackRunningStats: boolean
  weight: Parameter | null
  bias: Parameter | null
  declare running_mean: Tensor | null
  declare running_var: Tensor | null
  declare num_batches_tracked: Tensor | null

  constructor(...given: Arguments<[numFeatures: number], [eps: number, momentum: number | null, affine: boolean, trackRunningStats: boolean], BatchNormLayerOptions & { readonly numFeatures: number }>) {
    super()
    const { numFeatures, eps, momentum, affine, trackRunningStats } = argumentsOf(new.target.name, given, { numFeatures: required, eps: 1e-5, momentum: 0.1, affine: true, trackRunningStats: true })
    checkSize(this.constructor.name, 'numFeatures', numFeatures)
    this.numFeatures = numFeatures
    this.eps = checkNumber(this.constructor.name, 'eps', eps)
    this.momentum = momentum
    this.affine = affine
    this.trackRunningStats = trackRunningStats
    this.weight = affine ? new Parameter(ones([numFeatures])) : null
    this.bias = affine ? new Parameter(zeros([numFeatures])) : null
    this.registerBuffer('running_mean', trackRunningStats ? zeros([numFeatures]) : null)
    this.registerBuffer('running_var', trackRunningStats ? ones([numFeatures]) : null)
    this.registerBuffer('num_batches_tracked', trackRunningStats ? zeros([], { dtype: 'int64' }) : null)
  }
  protected abstract accepts(ndim: number): boolean

  forward(x: Tensor): Tensor {
    checkTensors(this.constructor.name, [x])
    if (!this.accepts(x.ndim)) throw new ShapeError(this.constructor.name, `an input of shape ${showShape(x.shape)} has ${x.ndim} dimensions`, 'give (N, C, H, W) to BatchNorm2d, (N, C) or (N, C, L) to BatchNorm1d')
    const training = this.training || !this.running_mean
    if (this.training) this.num_batches_tracked?.add_(1)
    const momentum = this.momentum ?? (this.training && this.num_batches_tracked ? 1 / this.num_batches_tracked.item() : 0)
    return F.batchNorm(x, this.running_mean, this.running_var, { weight: this.weight, bias: this.bias, training, momentum, eps: this.eps })
  }
  override extraRepr(): string {
    const momentum = this.momentum === null ? 'None' : pythonFloat(this.momentum)
    return `${this.numFeatures}, eps=${pythonFloat(this.eps)}, momentum=${momentum}, affine=${pythonBool(this.affine)}, track_running_stats=${pythonBool(this.trackRunningStats)}`
  }
}

/** Normalises each channel over the batch. x: (N, C) or (N, C, L) -> the same. Same as torch.nn.BatchNorm1d. */
export class BatchNorm1d extends BatchNorm {
  protected accepts(ndim: number): boolean {
    return ndim === 2 || ndim === 3
  }
}

/** Normalises each channel over the batch and all places. x: (N, C, H, W) -> the same. Same as torch.nn.BatchNorm2d. */
export class BatchNorm2d extends BatchNorm {
  protected accepts(ndim: number): boolean {
    return ndim === 4
  }
}

interface GroupNormOptions {
  readonly numGroups: number
  readonly numChannels: number
  readonly eps?: number
  readonly affine?: boolean
}

/** Normalises groups of channels of each picture (Wu, He 2018). x: (N, C, ...) -> the same. Same as torch.nn.GroupNorm. */
export class GroupNorm extends Module {
  readonly numGroups: number
  readonly numChannels: number
  eps: number
  readonly affine: boolean
  weight: Parameter | null
  bias: Parameter | null

  constructor(...given: Arguments<[numGroups: number, numChannels: number], [eps: number, affine: boolean], GroupNormOptions>) {
    super()
    const { numGroups, numChannels, eps, affine } = argumentsOf('GroupNorm', given, { numGroups: required, numChannels: required, eps: 1e-5, affine: true })
    checkSize('GroupNorm', 'numGroups', numGroups)
    checkSize('GroupNorm', 'numChannels', numChannels)
    if (numChannels % numGroups !== 0) throw new ValueError('GroupNorm', `${numGroups} groups do not divide ${numChannels} channels`, 'give a number of groups that divides the channels')
    this.numGroups = numGroups
    this.numChannels = numChannels
    this.eps = checkNumber('GroupNorm', 'eps', eps)
    this.affine = affine
    this.weight = affine ? new Parameter(ones([numChannels])) : null
    this.bias = affine ? new Parameter(zeros([numChannels])) : null
  }
  forward(x: Tensor): Tensor {
    return F.groupNorm(x, this.numGroups, { weight: this.weight, bias: this.bias, eps: this.eps })
  }
  override extraRepr(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${pythonFloat(this.eps)}, affine=${pythonBool(this.affine)}`
  }
}
