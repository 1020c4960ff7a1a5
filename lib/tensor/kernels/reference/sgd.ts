/** Stochastic gradient descent in plain TypeScript, with torch.optim.SGD's rule. */
import type { SGDRule, SGDStep } from '../kernels.ts'

export function sgd(steps: readonly SGDStep[], { lr, momentum, dampening, weightDecay, nesterov, maximize }: SGDRule): void {
  for (const { param, grad, momentum: buffer, first } of steps) {
    const w = param.values()
    const g = grad.values()
    const v = buffer?.values()
    for (let i = 0; i < w.length; i++) {
      let d = maximize ? -g[i] : g[i]
      if (weightDecay !== 0) d += weightDecay * w[i]
      if (v) {
        const velocity = first ? d : momentum * v[i] + (1 - dampening) * d
        v[i] = velocity
        d = nesterov ? d + momentum * velocity : velocity
      }
      w[i] -= lr * d
    }
  }
}
