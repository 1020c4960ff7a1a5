/** Losses as modules: called with predictions and targets. */
import type { Tensor } from '../autograd/tensor.ts'
import { argumentsOf, optionsOf, type Given } from '../tensor/options.ts'
import * as F from './functional/functional.ts'
import type { Indices } from './functional/indices.ts'
import { bceDefaults, crossEntropyDefaults, klDivDefaults, nllDefaults } from './functional/loss.ts'
import { huberDefaults, smoothL1Defaults } from './functional/regression-loss.ts'
import { Module } from './module.ts'

interface ReductionOption {
  readonly reduction?: F.Reduction
}

interface LossOptions {
  readonly weight?: Tensor | null
  readonly posWeight?: Tensor | null
  readonly reduction?: F.KLDivOptions['reduction']
}

/** What losses share: the options of their functions, of which weights are buffers. */
abstract class Loss<Options extends LossOptions> extends Module<[input: Tensor, target: Tensor]> {
  protected readonly options: Options
  constructor(options: Options) {
    super()
    this.options = options
    if (options.weight) this.registerBuffer('weight', options.weight)
    if (options.posWeight) this.registerBuffer('pos_weight', options.posWeight)
  }
  get reduction(): Options['reduction'] {
    return this.options.reduction
  }
}

/** A loss of classes takes their indices as a list, too. */
interface OfClasses {
  (input: Tensor, target: Indices): Tensor
}
export interface CrossEntropyLoss extends OfClasses {}
export interface NLLLoss extends OfClasses {}

/** Cross entropy of unnormalised scores (N, C) and class indices (N,) or probabilities (N, C). Same as torch.nn.CrossEntropyLoss. */
export class CrossEntropyLoss extends Loss<F.CrossEntropyOptions> {
  constructor(...given: Given<[weight: Tensor | null], F.CrossEntropyOptions>) {
    super(argumentsOf('CrossEntropyLoss', given, crossEntropyDefaults, 1))
  }
  forward(input: Tensor, target: Indices): Tensor {
    return F.crossEntropy(input, target, this.options)
  }
}

/** Negative log likelihood of class indices given log probabilities. Same as torch.nn.NLLLoss. */
export class NLLLoss extends Loss<F.NLLOptions> {
  constructor(...given: Given<[weight: Tensor | null], F.NLLOptions>) {
    super(argumentsOf('NLLLoss', given, nllDefaults, 1))
  }
  forward(input: Tensor, target: Indices): Tensor {
    return F.nllLoss(input, target, this.options)
  }
}

/** Squared differences. Same as torch.nn.MSELoss. */
export class MSELoss extends Loss<ReductionOption> {
  constructor(options: ReductionOption = {}) {
    super(optionsOf('MSELoss', options, { reduction: 'mean' }))
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.mseLoss(input, target, this.options)
  }
}

/** Absolute differences. Same as torch.nn.L1Loss. */
export class L1Loss extends Loss<ReductionOption> {
  constructor(options: ReductionOption = {}) {
    super(optionsOf('L1Loss', options, { reduction: 'mean' }))
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.l1Loss(input, target, this.options)
  }
}

/** A parabola near 0, straight lines from beta on. Same as torch.nn.SmoothL1Loss. */
export class SmoothL1Loss extends Loss<F.SmoothL1Options> {
  constructor(options: F.SmoothL1Options = {}) {
    super(optionsOf('SmoothL1Loss', options, smoothL1Defaults))
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.smoothL1Loss(input, target, this.options)
  }
}

/** A parabola near 0, straight lines of slope delta from there on. Same as torch.nn.HuberLoss. */
export class HuberLoss extends Loss<F.HuberOptions> {
  constructor(...given: Given<[reduction: F.Reduction, delta: number], F.HuberOptions>) {
    super(argumentsOf('HuberLoss', given, huberDefaults))
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.huberLoss(input, target, this.options)
  }
}

/** Binary cross entropy of probabilities. Same as torch.nn.BCELoss. */
export class BCELoss extends Loss<Omit<F.BCEOptions, 'posWeight'>> {
  constructor(...given: Given<[weight: Tensor | null], Omit<F.BCEOptions, 'posWeight'>>) {
    super(argumentsOf('BCELoss', given, { weight: null, reduction: 'mean' }, 1))
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropy(input, target, this.options)
  }
}

/** Binary cross entropy of unnormalised scores. Same as torch.nn.BCEWithLogitsLoss. */
export class BCEWithLogitsLoss extends Loss<F.BCEOptions> {
  constructor(...given: Given<[weight: Tensor | null], F.BCEOptions>) {
    super(argumentsOf('BCEWithLogitsLoss', given, bceDefaults, 1))
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropyWithLogits(input, target, this.options)
  }
}

/** Kullback-Leibler divergence of log probabilities from target probabilities. Same as torch.nn.KLDivLoss. */
export class KLDivLoss extends Loss<F.KLDivOptions> {
  constructor(options: F.KLDivOptions = {}) {
    super(optionsOf('KLDivLoss', options, klDivDefaults))
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.klDiv(input, target, this.options)
  }
}
