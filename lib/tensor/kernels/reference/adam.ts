/** Adam and AdamW in plain TypeScript, with torch.optim's rules. */
import type { AdamRule, AdamStep } from '../kernels.ts'

export function adam(steps: readonly AdamStep[], { lr, betas: [beta1, beta2], eps, weightDecay, decoupled, maximize }: AdamRule): void {
  for (const { param, grad, expAvg, expAvgSq, maxExpAvgSq, step } of steps) {
    const w = param.values()
    const g = grad.values()
    const m = expAvg.values()
    const v = expAvgSq.values()
    const max = maxExpAvgSq?.values()
    const rate = lr / (1 - beta1 ** step)
    const correction = Math.sqrt(1 - beta2 ** step)
    for (let i = 0; i < w.length; i++) {
      let x = w[i]
      let d = maximize ? -g[i] : g[i]
      if (weightDecay !== 0) {
        if (decoupled) x *= 1 - lr * weightDecay
        else d += weightDecay * x
      }
      m[i] = beta1 * m[i] + (1 - beta1) * d
      v[i] = beta2 * v[i] + (1 - beta2) * d * d
      if (max) max[i] = Math.max(max[i], v[i])
      w[i] = x - (rate * m[i]) / (Math.sqrt(max ? max[i] : v[i]) / correction + eps)
    }
  }
}
