/** Evenly spaced numbers, rounded as torch rounds them. */

/**
 * How far number i of `count` is from the one that it is counted from, which is rounded to float32: PyTorch writes sixteen at a
 * time, in two groups of eight that are counted from their first, and those left over one by one.
 */
export const lane = (i: number, count: number): number => (i < count - (count % 16) ? i % 8 : 0)

/** `steps` numbers evenly from `start` to `end`, both included. */
export function linspaceNumbers(start: number, end: number, steps: number): Float32Array {
  const [first, last] = [Math.fround(start), Math.fround(end)]
  const step = Math.fround(Math.fround(last - first) / (steps - 1))
  // Both halves are counted from their own end, so that the last number is exactly `end`.
  const ofFirstLane = (i: number) => (i < Math.floor(steps / 2) ? first + step * i : last - step * (steps - 1 - i))
  const value = (i: number) => Math.fround(ofFirstLane(i - lane(i, steps))) + Math.fround(lane(i, steps) * step)
  return Float32Array.from({ length: steps }, (_, i) => (steps === 1 ? start : value(i)))
}
