/** Elementwise functions of arrays, with broadcasting. */
import { kernels } from './kernels/active.ts'
import type { BinaryOp, UnaryOp } from './kernels/kernels.ts'
import { NDArray } from './ndarray.ts'
import { broadcastShapes, sameShape } from './shape.ts'

const comparisons: ReadonlySet<string> = new Set(['gt', 'ge', 'lt', 'le', 'eq', 'ne', 'isNaN'])
const resultType = (op: string) => (comparisons.has(op) ? 'bool' : 'float32')

const stretch = (x: NDArray, shape: readonly number[]) => (sameShape(x.shape, shape) ? x : x.expand(shape))

export function unary(op: UnaryOp, x: NDArray): NDArray {
  const out = NDArray.empty(x.shape, resultType(op))
  kernels().unary(op, out, x)
  return out
}

export function binary(op: BinaryOp, a: NDArray, b: NDArray): NDArray {
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
