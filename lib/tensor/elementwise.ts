/** Elementwise functions of arrays, with broadcasting. */
import { kernels } from './kernels/active.ts'
import type { BinaryOp, UnaryOp } from './kernels/kernels.ts'
import { NDArray } from './ndarray.ts'
import { broadcastShapes, sameShape } from './shape.ts'

const comparisons: ReadonlySet<string> = new Set(['gt', 'ge', 'lt', 'le', 'eq', 'ne', 'isNaN'])
const resultType = (op: string) => (comparisons.has(op) ? 'bool' : 'float32')

const stretch = (x: NDArray, shape: readonly number[]) => (sameShape(x.shape, shape) ? x : x.expand(shape))

/**
 * `compute` of the inputs as they lie in memory, where all of them lie densely in the same order of dimensions. The result then lies so
 * too, as in PyTorch: a picture that has its channels last keeps them last.
 */
function asTheyLie(inputs: readonly NDArray[], compute: (...inputs: NDArray[]) => NDArray): NDArray | null {
  const [{ shape, strides }, ...others] = inputs
  if (!others.every((x) => sameShape(x.shape, shape) && sameShape(x.strides, strides))) return null
  const order = inputs[0].denseOrder()
  return order && compute(...inputs.map((x) => x.permute(order))).permute(order.map((_, d) => order.indexOf(d)))
}

export function unary(op: UnaryOp, x: NDArray): NDArray {
  const kept = x.isContiguous ? null : asTheyLie([x], (dense) => unary(op, dense))
  if (kept) return kept
  const out = NDArray.empty(x.shape, resultType(op))
  kernels().unary(op, out, x)
  return out
}

export function binary(op: BinaryOp, a: NDArray, b: NDArray): NDArray {
  const kept = a.isContiguous ? null : asTheyLie([a, b], (x, y) => binary(op, x, y))
  if (kept) return kept
  const shape = broadcastShapes(op, a.shape, b.shape)
  const out = NDArray.empty(shape, resultType(op))
  kernels().binary(op, out, stretch(a, shape), stretch(b, shape))
  return out
}

/** a where condition is not 0, else b. */
export function where(condition: NDArray, a: NDArray, b: NDArray): NDArray {
  const shape = broadcastShapes('where', condition.shape, broadcastShapes('where', a.shape, b.shape))
  const out = NDArray.empty(shape)
  kernels().where(out, stretch(condition, shape), stretch(a, shape), stretch(b, shape))
  return out
}
