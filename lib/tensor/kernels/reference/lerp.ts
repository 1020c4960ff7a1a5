/** Running means in plain TypeScript. */
import type { LerpStep } from '../kernels.ts'

export function lerp(steps: readonly LerpStep[], weight: number): void {
  for (const { mean, value } of steps) {
    const m = mean.values()
    const x = value.values()
    for (let i = 0; i < m.length; i++) m[i] += weight * (x[i] - m[i])
  }
}
