/** Trading time for memory: not keeping what a part of a model computes, but computing it again for its gradient. */
import { defaultGenerator } from '../tensor/random.ts'
import { backward } from './engine.ts'
import { enableGrad, isGradEnabled, noGrad } from './grad-mode.ts'
import { Context } from './graph.ts'
import { record } from './op.ts'
import type { Tensor } from './tensor.ts'

/**
 * Returns `fn(...inputs)` without keeping the values in between; backward() runs `fn` again, with the same random numbers,
 * to get them. Gradients reach the inputs and every parameter that `fn` uses. Same as torch.utils.checkpoint.checkpoint.
 */
export function checkpoint(fn: (...inputs: Tensor[]) => Tensor, ...inputs: Tensor[]): Tensor {
  const state = defaultGenerator.getState()
  const result = noGrad(() => fn(...inputs)).detach()
  if (!isGradEnabled()) return result
  const context = new Context('checkpoint', inputs.map((input) => input.requiresGrad), inputs.map((input) => input.shape))
  record('CheckpointFunctionBackward', inputs, [result], context, ([outputGrad]) => {
    const after = defaultGenerator.getState()
    defaultGenerator.setState(state)
    try {
      const again = inputs.map((input) => input.detach().requiresGrad_(input.requiresGrad))
      const output = enableGrad(() => fn(...again))
      if (output.requiresGrad) backward(output, outputGrad, { createGraph: isGradEnabled() })
      return again.map((input) => input.grad)
    } finally {
      defaultGenerator.setState(after)
    }
  })
  return result
}
