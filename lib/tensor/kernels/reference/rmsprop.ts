/** RMSprop in plain TypeScript, with torch.optim.RMSprop's rule. */
import type { RMSpropRule, RMSpropStep } from '../kernels.ts'

export function rmsprop(steps: readonly RMSpropStep[], { lr, alpha, eps, weightDecay, momentum, maximize }: RMSpropRule): void {
  for (const { param, grad, squareAvg, gradAvg, momentum: buffer } of steps) {
    const w = param.values()
    const g = grad.values()
    const v = squareAvg.values()
    const mean = gradAvg?.values()
    const velocity = buffer?.values()
    for (let i = 0; i < w.length; i++) {
      let d = maximize ? -g[i] : g[i]
      if (weightDecay !== 0) d += weightDecay * w[i]
      v[i] = alpha * v[i] + (1 - alpha) * d * d
      let variance = v[i]
      if (mean) {
        mean[i] = alpha * mean[i] + (1 - alpha) * d
        variance = Math.abs(variance - mean[i] * mean[i]) // of tiny gradients rounding can make it negative
      }
      d /= Math.sqrt(variance) + eps
      if (velocity) d = velocity[i] = momentum * velocity[i] + d
      w[i] -= lr * d
    }
  }
}
