/** Evenly spaced numbers, rounded as torch rounds them. */

/**
 * How far number i of `count` is from the one that it is counted from, which is rounded to float32: PyTorch writes sixteen at a
 * time, in two groups of eight that are counted from their first, and those left over one by one.
 */
const lane = (i: number, count: number): number => (i < count - (count % 16) ? i % 8 : 0)

/** Number i of `count` from `start` on in steps. Products are added with a single rounding, so that 0 may come out as next to 0, as in torch. */
export function arangeNumber(start: number, step: number, i: number, count: number): number {
  const base = multiplyAdd(i - lane(i, count), step, start)
  return lane(i, count) === 0 ? base : multiplyAdd(lane(i, count), step, Math.fround(base))
}

/** a · b + c, rounded once (but for a last bit of 53), with a product in two parts (Dekker 1971). */
function multiplyAdd(a: number, b: number, c: number): number {
  const [aHigh, aLow] = halves(a)
  const [bHigh, bLow] = halves(b)
  const product = a * b
  const productRest = aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow
  const sum = product + c
  const carried = sum - product
  const sumRest = product - (sum - carried) + (c - carried)
  return sum + (sumRest + productRest)
}

/** A number as the sum of two with half as many digits. */
function halves(x: number): [high: number, low: number] {
  const scaled = (2 ** 27 + 1) * x
  const high = scaled - (scaled - x)
  return [high, x - high]
}

/** `steps` numbers evenly from `start` to `end`, both included. */
export function linspaceNumbers(start: number, end: number, steps: number): Float32Array {
  const [first, last] = [Math.fround(start), Math.fround(end)]
  const step = Math.fround(Math.fround(last - first) / (steps - 1))
  // Both halves are counted from their own end, so that the last number is exactly `end`.
  const ofFirstLane = (i: number) => (i < Math.floor(steps / 2) ? first + step * i : last - step * (steps - 1 - i))
  const value = (i: number) => Math.fround(ofFirstLane(i - lane(i, steps))) + Math.fround(lane(i, steps) * step)
  return Float32Array.from({ length: steps }, (_, i) => (steps === 1 ? start : value(i)))
}
