/** Stochastic gradient descent. */
import { Tensor } from '../autograd/tensor.ts'
import { ValueError } from '../tensor/errors.ts'
import { kernels, type SGDStep } from '../tensor/kernels/kernels.ts'
import { NDArray } from '../tensor/ndarray.ts'
import { Optimizer, type Params } from './optimizer.ts'

export interface SGDOptions {
  lr: number
  momentum: number
  dampening: number
  weightDecay: number
  nesterov: boolean
  maximize: boolean
}

/**
 * d = grad + weightDecay · w; v = momentum · v + (1 − dampening) · d; w −= lr · v, or lr · (d + momentum · v) with Nesterov's
 * momentum (Sutskever et al. 2013). Same as torch.optim.SGD.
 */
export class SGD extends Optimizer<SGDOptions> {
  constructor(params: Params<SGDOptions>, { lr = 1e-3, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false, maximize = false }: Partial<SGDOptions> = {}) {
    super(params, { lr, momentum, dampening, weightDecay, nesterov, maximize })
  }

  protected check({ lr, momentum, dampening, weightDecay, nesterov }: SGDOptions): void {
    for (const [name, value] of Object.entries({ lr, momentum, weightDecay }))
      if (!(value >= 0)) throw new ValueError('SGD', `${name} = ${value} is not a number of at least 0`, `give ${name} >= 0`)
    if (nesterov && !(momentum > 0 && dampening === 0)) throw new ValueError('SGD', 'nesterov momentum needs a momentum above 0 and no dampening', 'set momentum, and leave dampening at 0')
  }

  step(): void {
    for (const group of this.paramGroups) {
      const steps = group.params.flatMap((param): SGDStep[] => {
        if (!param.grad) return []
        const known = this.state.get(param)?.momentum_buffer
        if (group.momentum !== 0 && known === undefined) this.state.set(param, { momentum_buffer: new Tensor(NDArray.empty(param.shape)) })
        const buffer = this.state.get(param)?.momentum_buffer
        return [{ param: param.array, grad: param.grad.array, momentum: buffer instanceof Tensor ? buffer.array : null, first: known === undefined }]
      })
      kernels().sgd(steps, group)
      for (const { param } of steps) param.storage.version++
    }
  }
}
