/** Whether operations are recorded for gradients. */
import { checkFunction } from '../tensor/callable.ts'
import { ValueError } from '../tensor/errors.ts'

let enabled = true

export function isGradEnabled(): boolean {
  return enabled
}

/** Runs `fn` with recording switched on or off and puts back what was before, also when `fn` throws. */
function withMode<T>(operation: string, mode: boolean, fn: () => T): T {
  checkFunction(operation, fn)
  const before = enabled
  enabled = mode
  try {
    const result = fn()
    if (result instanceof Promise)
      throw new ValueError(operation, 'the function is asynchronous, so it would go on after recording has been switched back', 'await first, and pass a synchronous function')
    return result
  } finally {
    enabled = before
  }
}

/** Runs `fn` without recording gradients and returns its result. Same as `with torch.no_grad():`. */
export function noGrad<T>(fn: () => T): T {
  return withMode('noGrad', false, fn)
}

/** Runs `fn` with gradients recorded, also inside noGrad. Same as `with torch.enable_grad():`. */
export function enableGrad<T>(fn: () => T): T {
  return withMode('enableGrad', true, fn)
}
