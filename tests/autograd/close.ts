/** Comparing a tensor with numbers that are known. */
import * as assert from 'uvu/assert'
import { tensor, type NestedNumbers, type Tensor } from 'vitgrad'

/** Asserts that x has the shape and, to float32 precision, the numbers of `expected`. */
export function assertClose(x: Tensor | null, expected: NestedNumbers, { rtol = 1e-5, atol = 1e-6 } = {}): void {
  if (!x) return assert.unreachable(`null, not ${JSON.stringify(expected)}`)
  const wanted = tensor(expected)
  assert.equal(x.shape, wanted.shape)
  const far = [...x.data].findIndex((value, i) => !Object.is(value, wanted.data[i]) && !(Math.abs(value - wanted.data[i]) <= atol + rtol * Math.abs(wanted.data[i])))
  assert.ok(far < 0, `${JSON.stringify(x.tolist())} is not ${JSON.stringify(expected)}`)
}
