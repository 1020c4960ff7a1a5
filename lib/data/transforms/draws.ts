/** What torchvision's transforms draw, one number at a time. */
import type { Generator } from '../../tensor/random.ts'

const one = new Float32Array(1)

/** Uniform in [low, high). Same as torch.empty(1).uniform_(low, high).item(). */
export function drawUniform(generator: Generator, low: number, high: number): number {
  generator.uniform(one, low, high)
  return one[0]
}

/** A whole number in [low, high). Same as torch.randint(low, high, (1,)).item(). */
export function drawInteger(generator: Generator, low: number, high: number): number {
  generator.randint(one, low, high)
  return one[0]
}

/** True with probability p. Same as torch.rand(1) < p, which compares in float32. */
export function drawChance(generator: Generator, p: number): boolean {
  return drawUniform(generator, 0, 1) < Math.fround(p)
}

/** To the nearest whole number, halves to the even one, as Python rounds. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1
}
