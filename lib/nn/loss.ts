/** Losses as modules: called with predictions and targets. */
import type { Tensor } from '../autograd/tensor.ts'
import { argumentsOf, optionsOf, type Given } from '../tensor/options.ts'
import * as F from './functional/functional.ts'
import type { Indices } from './functional/indices.ts'
import { bceDefaults, crossEntropyDefaults, klDivDefaults, nllDefaults } from './functional/loss.ts'
import { huberDefaults, smoothL1Defaults } from './functional/regression-loss.ts'
import { Module } from './module.ts'

/** Cross entropy of unnormalised scores (N, C) and class indices (N,) or probabilities (N, C). Same as torch.nn.CrossEntropyLoss. */
export class CrossEntropyLoss extends Module<[input: Tensor, target: Indices]> {
  private readonly options: F.CrossEntropyOptions
  constructor(...given: Given<[weight: Tensor | null], F.CrossEntropyOptions>) {
    super()
    this.options = argumentsOf('CrossEntropyLoss', given, crossEntropyDefaults, 1)
    if (this.options.weight) this.registerBuffer('weight', this.options.weight)
  }
  forward(input: Tensor, target: Indices): Tensor {
    return F.crossEntropy(input, target, this.options)
  }
}

/** Negative log likelihood of class indices given log probabilities. Same as torch.nn.NLLLoss. */
export class NLLLoss extends Module<[input: Tensor, target: Indices]> {
  private readonly options: F.NLLOptions
  constructor(...given: Given<[weight: Tensor | null], F.NLLOptions>) {
    super()
    this.options = argumentsOf('NLLLoss', given, nllDefaults, 1)
    if (this.options.weight) this.registerBuffer('weight', this.options.weight)
  }
  forward(input: Tensor, target: Indices): Tensor {
    return F.nllLoss(input, target, this.options)
  }
}

/** Squared differences. Same as torch.nn.MSELoss. */
export class MSELoss extends Module<[input: Tensor, target: Tensor]> {
  readonly reduction: F.Reduction
  constructor(given: { readonly reduction?: F.Reduction } = {}) {
    super()
    const { reduction } = optionsOf('MSELoss', given, { reduction: 'mean' })
    this.reduction = reduction
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.mseLoss(input, target, { reduction: this.reduction })
  }
}

/** Absolute differences. Same as torch.nn.L1Loss. */
export class L1Loss extends Module<[input: Tensor, target: Tensor]> {
  readonly reduction: F.Reduction
  constructor(given: { readonly reduction?: F.Reduction } = {}) {
    super()
    const { reduction } = optionsOf('L1Loss', given, { reduction: 'mean' })
    this.reduction = reduction
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.l1Loss(input, target, { reduction: this.reduction })
  }
}

/** A parabola near 0, straight lines from beta on. Same as torch.nn.SmoothL1Loss. */
export class SmoothL1Loss extends Module<[input: Tensor, target: Tensor]> {
  private readonly options: F.SmoothL1Options
  constructor(options: F.SmoothL1Options = {}) {
    super()
    this.options = optionsOf('SmoothL1Loss', options, smoothL1Defaults)
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.smoothL1Loss(input, target, this.options)
  }
}

/** A parabola near 0, straight lines of slope delta from there on. Same as torch.nn.HuberLoss. */
export class HuberLoss extends Module<[input: Tensor, target: Tensor]> {
  private readonly options: F.HuberOptions
  constructor(...given: Given<[reduction: F.Reduction, delta: number], F.HuberOptions>) {
    super()
    this.options = argumentsOf('HuberLoss', given, huberDefaults)
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.huberLoss(input, target, this.options)
  }
}

/** Binary cross entropy of probabilities. Same as torch.nn.BCELoss. */
export class BCELoss extends Module<[input: Tensor, target: Tensor]> {
  private readonly options: Omit<F.BCEOptions, 'posWeight'>
  constructor(...given: Given<[weight: Tensor | null], Omit<F.BCEOptions, 'posWeight'>>) {
    super()
    this.options = argumentsOf('BCELoss', given, { weight: null, reduction: 'mean' }, 1)
    if (this.options.weight) this.registerBuffer('weight', this.options.weight)
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropy(input, target, this.options)
  }
}

/** Binary cross entropy of unnormalised scores. Same as torch.nn.BCEWithLogitsLoss. */
export class BCEWithLogitsLoss extends Module<[input: Tensor, target: Tensor]> {
  private readonly options: F.BCEOptions
  constructor(...given: Given<[weight: Tensor | null], F.BCEOptions>) {
    super()
    this.options = argumentsOf('BCEWithLogitsLoss', given, bceDefaults, 1)
    if (this.options.weight) this.registerBuffer('weight', this.options.weight)
    if (this.options.posWeight) this.registerBuffer('pos_weight', this.options.posWeight)
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropyWithLogits(input, target, this.options)
  }
}

/** Kullback-Leibler divergence of log probabilities from target probabilities. Same as torch.nn.KLDivLoss. */
export class KLDivLoss extends Module<[input: Tensor, target: Tensor]> {
  private readonly options: F.KLDivOptions
  constructor(options: F.KLDivOptions = {}) {
    super()
    this.options = optionsOf('KLDivLoss', options, klDivDefaults)
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.klDiv(input, target, this.options)
  }
}
