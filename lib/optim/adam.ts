/** Adam and AdamW: step sizes from running means of gradients and of their squares. */
import { ValueError } from '../tensor/errors.ts'
import { kernels } from '../tensor/kernels/active.ts'
import { argumentsOf, type Given } from '../tensor/options.ts'
import { buffer, checkNotNegative, countStep, Optimizer, type ParamGroup, type Params, type Update } from './optimizer.ts'

export interface AdamOptions {
  lr: number
  /** How much of the running means of gradients and of their squares is kept each step. */
  betas: readonly [number, number]
  /** Added to the denominator. */
  eps: number
  weightDecay: number
  /** Divide by the largest running mean of squares so far (Reddi et al. 2018). */
  amsgrad: boolean
  maximize: boolean
}

type Places = [lr: number, betas: readonly [number, number], eps: number, weightDecay: number, amsgrad: boolean]

const defaults: AdamOptions = { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false, maximize: false }

/**
 * m = β₁ · m + (1 − β₁) · d; v = β₂ · v + (1 − β₂) · d²; w −= lr · m̂ / (√v̂ + eps), where m̂ = m / (1 − β₁ᵗ) and v̂ = v / (1 − β₂ᵗ)
 * after t steps. The two differ in where the weight decay goes.
 */
abstract class AdamRule extends Optimizer<AdamOptions> {
  protected readonly stateNames = { always: ['step', 'exp_avg', 'exp_avg_sq'], sometimes: ['max_exp_avg_sq'] }
  /** Whether the decay shrinks the parameter itself, instead of being added to the gradient. */
  protected abstract readonly decoupled: boolean

  constructor(params: Params<AdamOptions>, options: AdamOptions) {
    // What are no two numbers is left as it is for check() to refuse.
    super(params, options.betas?.length === 2 ? { ...options, betas: [...options.betas] } : options)
  }

  protected check({ lr, betas, eps, weightDecay }: AdamOptions): void {
    checkNotNegative(this.constructor.name, { lr, eps, weightDecay })
    if (!Array.isArray(betas) || betas.length !== 2 || !betas.every((beta) => beta >= 0 && beta < 1))
      throw new ValueError(this.constructor.name, `betas = [${[betas].flat().join(', ')}] are not two numbers in [0, 1)`, 'give two numbers below 1, such as [0.9, 0.999]')
  }

  protected update(updates: readonly Update[], group: ParamGroup<AdamOptions>): void {
    const steps = updates.map(({ param, grad, state }) => ({
      param,
      grad,
      step: countStep(state),
      expAvg: buffer(state, 'exp_avg', param),
      expAvgSq: buffer(state, 'exp_avg_sq', param),
      maxExpAvgSq: group.amsgrad ? buffer(state, 'max_exp_avg_sq', param) : null,
    }))
    kernels().adam(steps, { ...group, decoupled: this.decoupled })
  }
}

/** Adam (Kingma, Ba 2015): d = grad + weightDecay · w. Same as torch.optim.Adam. */
export class Adam extends AdamRule {
  protected readonly decoupled = false

  constructor(params: Params<AdamOptions>, ...given: Given<Places, Partial<AdamOptions>>) {
    super(params, argumentsOf('Adam', given, defaults, 5))
  }
}

/** Adam with decoupled weight decay (Loshchilov, Hutter 2019): w shrinks by lr · weightDecay · w. Same as torch.optim.AdamW. */
export class AdamW extends AdamRule {
  protected readonly decoupled = true

  constructor(params: Params<AdamOptions>, ...given: Given<Places, Partial<AdamOptions>>) {
    super(params, argumentsOf('AdamW', given, { ...defaults, weightDecay: 1e-2 }, 5))
  }
}
