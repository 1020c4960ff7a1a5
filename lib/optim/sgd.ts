/** Stochastic gradient descent. */
import { ValueError } from '../tensor/errors.ts'
import { kernels } from '../tensor/kernels/active.ts'
import { argumentsOf, type Given } from '../tensor/options.ts'
import { buffer, checkNotNegative, Optimizer, type ParamGroup, type Params, type Update } from './optimizer.ts'

export interface SGDOptions {
  lr: number
  momentum: number
  dampening: number
  weightDecay: number
  nesterov: boolean
  maximize: boolean
}

type Places = [lr: number, momentum: number, dampening: number, weightDecay: number, nesterov: boolean]

/**
 * d = grad + weightDecay · w; v = momentum · v + (1 − dampening) · d; w −= lr · v, or lr · (d + momentum · v) with Nesterov's
 * momentum (Sutskever et al. 2013). Same as torch.optim.SGD.
 */
export class SGD extends Optimizer<SGDOptions> {
  protected readonly stateNames = { always: [], sometimes: ['momentum_buffer'] }

  constructor(params: Params<SGDOptions>, ...given: Given<Places, Partial<SGDOptions>>) {
    super(params, argumentsOf('SGD', given, { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false }, 5))
  }

  protected check({ lr, momentum, dampening, weightDecay, nesterov }: SGDOptions): void {
    checkNotNegative('SGD', { lr, momentum, weightDecay })
    if (nesterov && !(momentum > 0 && dampening === 0)) throw new ValueError('SGD', 'nesterov momentum needs a momentum above 0 and no dampening', 'set momentum, and leave dampening at 0')
  }

  protected update(updates: readonly Update[], group: ParamGroup<SGDOptions>): void {
    const steps = updates.map(({ param, grad, state }) => {
      const first = !state.momentum_buffer
      if (group.momentum === 0) {
        state.momentum_buffer ??= null
        return { param, grad, momentum: null, first }
      }
      return { param, grad, momentum: buffer(state, 'momentum_buffer', param), first }
    })
    kernels().sgd(steps, group)
  }
}
