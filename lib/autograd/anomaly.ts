/** Looking for the operation whose gradient first became NaN. */
import { GraphError } from '../tensor/errors.ts'
import type { Node } from './graph.ts'
import type { Tensor } from './tensor.ts'

let detecting = false

/**
 * Runs `fn`, and makes backward() throw at the first operation whose gradient holds a NaN, with the place where the
 * operation was called. Slow: for finding faults. Same as torch.autograd.detect_anomaly.
 */
export function detectAnomaly<T>(fn: () => T): T {
  const before = detecting
  detecting = true
  try {
    return fn()
  } finally {
    detecting = before
  }
}

/** The stack of the call being recorded, while anomalies are looked for. */
export function anomalyTrace(): string | undefined {
  return detecting ? new Error().stack?.split('\n').slice(4).join('\n') : undefined
}

/** Throws when a gradient that `node` returned holds a NaN. */
export function checkAnomaly(node: Node, grads: readonly (Tensor | null)[]): void {
  if (!detecting) return
  grads.forEach((grad, i) => {
    if (grad?.array.values().some((value) => value !== value))
      throw new GraphError(node.name, `returned NaN as the gradient of its input ${i}; it was called at\n${node.trace ?? '(outside of detectAnomaly)'}`, 'look for a division by 0, a log or root of 0, or an overflow before it')
  })
}
