/** Trading time for memory: not keeping what a part of a model computes, but computing it again for its gradient. */
import { checkFunction } from '../tensor/callable.ts'
import { GraphError } from '../tensor/errors.ts'
import { defaultGenerator } from '../tensor/random.ts'
import { evict, hiding, reclaimingHidden } from '../tensor/storage.ts'
import { backward, isAccumulating } from './engine.ts'
import { enableGrad, isGradEnabled, noGrad } from './grad-mode.ts'
import { Context } from './graph.ts'
import { checkTensors, record } from './op.ts'
import type { Tensor } from './tensor.ts'

/**
 * Returns `fn(...inputs)` without keeping the values in between; backward() runs `fn` again, with the same random numbers,
 * to get them. Gradients reach the inputs and every parameter that `fn` uses, by backward() and not by grad(), whose results
 * they would pass by. Same as torch.utils.checkpoint.checkpoint.
 */
export function checkpoint(fn: (...inputs: Tensor[]) => Tensor, ...inputs: Tensor[]): Tensor {
  checkFunction('checkpoint', fn)
  checkTensors('checkpoint', inputs)
  const state = defaultGenerator.getState()
  const output = noGrad(() => fn(...inputs))
  checkTensors('checkpoint', [output])
  const result = output.detach()
  if (!isGradEnabled()) return result
  const context = new Context('checkpoint', inputs.map((input) => input.requiresGrad), inputs.map((input) => input.shape))
  record('CheckpointFunctionBackward', inputs, [result], context, ([outputGrad]) => {
    if (!isAccumulating() || isGradEnabled())
      throw new GraphError('checkpoint', 'gradients can pass it only by backward(), and only without createGraph', 'use backward(), or call the function without checkpoint')
    const after = defaultGenerator.getState()
    defaultGenerator.setState(state)
    try {
      const again = inputs.map((input) => input.detach().requiresGrad_(input.requiresGrad))
      reclaimingHidden(() => {
        const output = hiding(true, () => enableGrad(() => fn(...again)))
        if (output.requiresGrad) backward(output, outputGrad)
      })
      return again.map(({ grad }) => {
        if (grad) evict(grad.array.storage)
        return grad
      })
    } finally {
      defaultGenerator.setState(after)
    }
  })
  return result
}
