/** Walking over arrays of one shape whose strides differ. */
import type { NDArray } from '../../ndarray.ts'

/** Called for each row: `at[i]` is where array i's row starts; `length` and the steps are the same for every row. */
type Visit = (at: readonly number[], length: number, steps: readonly number[]) => void

/**
 * Cuts arrays of one shape into rows with constant steps and visits them in row-major order. Dimensions that lie densely
 * inside one another in every array are walked as one, so dense arrays are a single row.
 */
export function eachRow(arrays: readonly NDArray[], visit: Visit): void {
  if (arrays[0].numel === 0) return
  const sizes: number[] = []
  const strides: number[][] = arrays.map(() => [])
  arrays[0].shape.forEach((size, d) => {
    if (size === 1) return
    const last = sizes.length - 1
    if (last >= 0 && arrays.every((array, i) => strides[i][last] === size * array.strides[d])) {
      sizes[last] *= size
      arrays.forEach((array, i) => (strides[i][last] = array.strides[d]))
    } else {
      sizes.push(size)
      arrays.forEach((array, i) => strides[i].push(array.strides[d]))
    }
  })
  const length = sizes.pop() ?? 1
  const steps = strides.map((own) => own.pop() ?? 1)
  const at = arrays.map((array) => array.offset)
  const counter = sizes.map(() => 0)
  for (;;) {
    visit(at, length, steps)
    let d = sizes.length - 1
    for (; d >= 0; d--) {
      counter[d]++
      for (let i = 0; i < at.length; i++) at[i] += strides[i][d]
      if (counter[d] < sizes[d]) break
      for (let i = 0; i < at.length; i++) at[i] -= strides[i][d] * sizes[d]
      counter[d] = 0
    }
    if (d < 0) return
  }
}
