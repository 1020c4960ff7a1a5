/** RMSprop: gradients divided by a running mean of their size. */
import { kernels } from '../tensor/kernels/active.ts'
import { argumentsOf, type Given } from '../tensor/options.ts'
import { buffer, checkNotNegative, countStep, Optimizer, type ParamGroup, type Params, type Update } from './optimizer.ts'

export interface RMSpropOptions {
  lr: number
  /** How much of the running mean of squares is kept each step. */
  alpha: number
  /** Added to the denominator. */
  eps: number
  weightDecay: number
  momentum: number
  /** Divide by the estimated variance of the gradient instead of its mean square. */
  centered: boolean
  maximize: boolean
}

type Places = [lr: number, alpha: number, eps: number, weightDecay: number, momentum: number, centered: boolean]

/**
 * v = α · v + (1 − α) · d²; w −= lr · d / (√v + eps), through a velocity where momentum is not 0 (Hinton 2012; centered: Graves
 * 2013). Same as torch.optim.RMSprop.
 */
export class RMSprop extends Optimizer<RMSpropOptions> {
  protected readonly stateNames = { always: ['step', 'square_avg'], sometimes: ['momentum_buffer', 'grad_avg'] }

  constructor(params: Params<RMSpropOptions>, ...given: Given<Places, Partial<RMSpropOptions>>) {
    super(params, argumentsOf('RMSprop', given, { lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false, maximize: false }, 6))
  }

  protected check({ lr, alpha, eps, weightDecay, momentum }: RMSpropOptions): void {
    checkNotNegative('RMSprop', { lr, alpha, eps, weightDecay, momentum })
  }

  protected update(updates: readonly Update[], group: ParamGroup<RMSpropOptions>): void {
    const steps = updates.map(({ param, grad, state }) => {
      countStep(state)
      return {
        param,
        grad,
        squareAvg: buffer(state, 'square_avg', param),
        momentum: group.momentum > 0 ? buffer(state, 'momentum_buffer', param) : null,
        gradAvg: group.centered ? buffer(state, 'grad_avg', param) : null,
      }
    })
    kernels().rmsprop(steps, group)
  }
}
