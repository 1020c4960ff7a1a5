/** Schedules whose rate is the one before, or the initial one, times a factor. */
import { ValueError } from '../../tensor/errors.ts'
import { argumentsOf, checkSize, required, type Arguments, type Given } from '../../tensor/options.ts'
import { checkNumber, checkShare, forEachGroup, isNumbers, LRScheduler, type Scheduled } from './schedule.ts'

type Lambda = (epoch: number) => number
type Lambdas = Lambda | readonly Lambda[]

/** The initial rate times a factor that a function (one, or one for each group) gives for the number of steps made. */
export class LambdaLR extends LRScheduler<{ readonly lrLambda: readonly Lambda[] }> {
  constructor(optimizer: Scheduled, ...given: Arguments<[lrLambda: Lambdas], [], { readonly lrLambda: Lambdas }>) {
    const lrLambda = forEachGroup('LambdaLR', 'lrLambda', optimizer, argumentsOf('LambdaLR', given, { lrLambda: required }).lrLambda)
    if (!lrLambda.every((fn) => typeof fn === 'function')) throw new ValueError('LambdaLR', 'something that is no function was given', 'give a function from the number of steps to a factor')
    super(optimizer, { lrLambda })
  }
  protected rate(epoch: number, _lr: number, base: number, group: number): number {
    const factor = this.options.lrLambda[group]
    return factor ? base * factor(epoch) : base
  }
}

/** Options of which gamma may be left out. */
type WithGamma<Options> = Options & { readonly gamma?: number }

interface StepOptions {
  readonly stepSize: number
  readonly gamma: number
}

/** Times gamma every stepSize steps. */
export class StepLR extends LRScheduler<StepOptions> {
  constructor(optimizer: Scheduled, ...given: Arguments<[stepSize: number], [gamma: number], WithGamma<{ readonly stepSize: number }>>) {
    const { stepSize, gamma } = argumentsOf('StepLR', given, { stepSize: required, gamma: 0.1 })
    super(optimizer, { stepSize: checkSize('StepLR', 'stepSize', stepSize), gamma: checkNumber('StepLR', 'gamma', gamma) })
  }
  protected rate(epoch: number, lr: number): number {
    return epoch > 0 && epoch % this.options.stepSize === 0 ? lr * this.options.gamma : lr
  }
}

interface MultiStepOptions {
  readonly milestones: readonly number[]
  readonly gamma: number
}

/** Times gamma at each of the milestones, as often as it is listed. */
export class MultiStepLR extends LRScheduler<MultiStepOptions> {
  constructor(optimizer: Scheduled, ...given: Arguments<[milestones: readonly number[]], [gamma: number], WithGamma<{ readonly milestones: readonly number[] }>>) {
    const { milestones, gamma } = argumentsOf('MultiStepLR', given, { milestones: required, gamma: 0.1 })
    if (!isNumbers(milestones)) throw new ValueError('MultiStepLR', 'milestones are no list of numbers', 'give the numbers of the steps at which the rate changes')
    super(optimizer, { milestones: [...milestones], gamma: checkNumber('MultiStepLR', 'gamma', gamma) })
  }
  protected rate(epoch: number, lr: number): number {
    return lr * this.options.gamma ** this.options.milestones.filter((milestone) => milestone === epoch).length
  }
}

interface ConstantOptions {
  readonly factor: number
  readonly totalIters: number
}

/** Times `factor` until totalIters steps are made. */
export class ConstantLR extends LRScheduler<ConstantOptions> {
  constructor(optimizer: Scheduled, ...given: Given<[factor: number, totalIters: number], Partial<ConstantOptions>>) {
    const { factor, totalIters } = argumentsOf('ConstantLR', given, { factor: 1 / 3, totalIters: 5 })
    super(optimizer, { factor: checkShare('ConstantLR', 'factor', factor), totalIters: checkSize('ConstantLR', 'totalIters', totalIters) })
  }
  protected rate(epoch: number, lr: number): number {
    if (epoch === 0) return lr * this.options.factor
    return epoch === this.options.totalIters ? lr * (1 / this.options.factor) : lr
  }
}

interface LinearOptions {
  readonly startFactor: number
  readonly endFactor: number
  readonly totalIters: number
}

/** Times a factor that goes evenly from startFactor to endFactor in totalIters steps. */
export class LinearLR extends LRScheduler<LinearOptions> {
  constructor(optimizer: Scheduled, ...given: Given<[startFactor: number, endFactor: number, totalIters: number], Partial<LinearOptions>>) {
    const { startFactor, endFactor, totalIters } = argumentsOf('LinearLR', given, { startFactor: 1 / 3, endFactor: 1, totalIters: 5 })
    super(optimizer, {
      startFactor: checkShare('LinearLR', 'startFactor', startFactor),
      endFactor: checkShare('LinearLR', 'endFactor', endFactor, { zero: true }),
      totalIters: checkSize('LinearLR', 'totalIters', totalIters),
    })
  }
  protected rate(epoch: number, lr: number): number {
    const { startFactor, endFactor, totalIters } = this.options
    if (epoch === 0) return lr * startFactor
    if (epoch > totalIters) return lr
    const rise = endFactor - startFactor
    return lr * (1 + rise / (totalIters * startFactor + (epoch - 1) * rise))
  }
}

interface ExponentialOptions {
  readonly gamma: number
}

/** Times gamma every step. */
export class ExponentialLR extends LRScheduler<ExponentialOptions> {
  constructor(optimizer: Scheduled, ...given: Arguments<[gamma: number], [], ExponentialOptions>) {
    const { gamma } = argumentsOf('ExponentialLR', given, { gamma: required })
    super(optimizer, { gamma: checkNumber('ExponentialLR', 'gamma', gamma) })
  }
  protected rate(epoch: number, lr: number): number {
    return epoch === 0 ? lr : lr * this.options.gamma
  }
}

interface CosineOptions {
  /** Steps from the initial rate down to etaMin. PyTorch's T_max. */
  readonly tMax: number
  readonly etaMin: number
}

interface CosineArguments {
  /** T_max, which may be called TMax, too. */
  readonly tMax?: number
  readonly etaMin?: number
  readonly TMax?: number
}

/** etaMin + ½ · (base − etaMin) · (1 + cos(π · t / tMax)), derived from one step to the next (Loshchilov, Hutter 2017). */
export class CosineAnnealingLR extends LRScheduler<CosineOptions> {
  constructor(optimizer: Scheduled, ...given: Arguments<[tMax: number], [etaMin: number], CosineArguments>) {
    const { tMax: placed, TMax, etaMin } = argumentsOf('CosineAnnealingLR', given, { tMax: undefined, etaMin: 0, TMax: undefined }, 2)
    const tMax = placed ?? TMax
    super(optimizer, { tMax: checkSize('CosineAnnealingLR', 'tMax', tMax), etaMin: checkNumber('CosineAnnealingLR', 'etaMin', etaMin) })
  }
  protected rate(epoch: number, lr: number, base: number): number {
    const { tMax, etaMin } = this.options
    if (epoch === 0) return lr
    // After the valley the quotient below would divide by 0.
    if ((epoch - 1 - tMax) % (2 * tMax) === 0) return lr + ((base - etaMin) * (1 - Math.cos(Math.PI / tMax))) / 2
    return ((1 + Math.cos((Math.PI * epoch) / tMax)) / (1 + Math.cos((Math.PI * (epoch - 1)) / tMax))) * (lr - etaMin) + etaMin
  }
}
