/** Looking for the operation whose gradient first became NaN. */
import { checkFunction } from '../tensor/callable.ts'
import { GraphError } from '../tensor/errors.ts'
import { optionsOf } from '../tensor/options.ts'
import { showShape } from '../tensor/shape.ts'
import type { Node } from './graph.ts'
import type { Tensor } from './tensor.ts'

export interface AnomalyOptions {
  /** Look at results, too: an operation that makes NaN or infinity of finite numbers throws when it is called. Beyond PyTorch. */
  readonly forward?: boolean
}

let detecting = false
let lookingForward = false

/**
 * Runs `fn`, and makes backward() throw at the first operation whose gradient holds a NaN, with the place where the
 * operation was called. Slow: for finding faults. Same as torch.autograd.detect_anomaly.
 */
export function detectAnomaly<T>(fn: () => T, given: AnomalyOptions = {}): T {
  checkFunction('detectAnomaly', fn)
  const { forward } = optionsOf('detectAnomaly', given, { forward: false })
  const before = [detecting, lookingForward]
  detecting = true
  lookingForward = forward
  try {
    return fn()
  } finally {
    [detecting, lookingForward] = before
  }
}

/** Whether every gradient is looked at by itself. */
export const isDetecting = (): boolean => detecting

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

const hasOnlyFinite = (tensor: Tensor | null) => tensor === null || tensor.array.values().every(Number.isFinite)

/** Throws when the operation behind the node `name` made something that is not finite of finite inputs, and results are looked at. */
export function checkResults(name: string, inputs: readonly (Tensor | null)[], outputs: readonly Tensor[]): void {
  if (!lookingForward || outputs.every(hasOnlyFinite) || !inputs.every(hasOnlyFinite)) return
  const shapes = inputs.map((input) => showShape(input?.shape ?? [])).join(', ')
  throw new GraphError(name.replace(/Backward\d+$/, ''), `made NaN or infinity of finite inputs of shape ${shapes}`, 'look for numbers that have grown too large, a division by 0, or a log or root of 0')
}
