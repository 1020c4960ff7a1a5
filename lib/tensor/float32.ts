/** Arithmetic in float32, written in a language of doubles. */

/** Rounds to float32. */
export const fround = Math.fround

/** Constants rounded to float32. */
export function float32s(...values: number[]): Float64Array {
  return Float64Array.from(values, fround)
}

/** One float32 and its bits: writing either changes the other. */
export const float = new Float32Array(1)
export const bits = new Int32Array(float.buffer)
