/** Forgetting gradients before the next ones are computed. */
import { optionsOf } from '../tensor/options.ts'
import { noGrad } from './grad-mode.ts'
import type { Tensor } from './tensor.ts'

export interface ZeroGradOptions {
  /** Whether `grad` becomes null (default), or is filled with zeros, in place. */
  readonly setToNone?: boolean
}

/** Forgets the gradients of all `tensors`. Same as zero_grad of torch.nn.Module and torch.optim.Optimizer from 2.0 on. */
export function zeroGrad(tensors: Iterable<Tensor>, given: ZeroGradOptions = {}): void {
  const { setToNone } = optionsOf('zeroGrad', given, { setToNone: true })
  if (setToNone) for (const tensor of tensors) tensor.grad = null
  else noGrad(() => {
    for (const tensor of tensors) {
      if (tensor.grad?.requiresGrad) tensor.grad = tensor.grad.detach()
      tensor.grad?.zero_()
    }
  })
}
