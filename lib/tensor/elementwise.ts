/** Elementwise functions of arrays, with broadcasting. */
import { checkIsNoMask, promote } from './dtype.ts'
import { kernels } from './kernels/active.ts'
import type { BinaryOp, UnaryOp } from './kernels/kernels.ts'
import { inOrder } from './layout.ts'
import type { DType, NDArray } from './ndarray.ts'
import { broadcastShapes, sameShape } from './shape.ts'

const comparisons: ReadonlySet<string> = new Set(['gt', 'ge', 'lt', 'le', 'eq', 'ne', 'isNaN'])
/** What of whole numbers is a whole number again. */
const wholes: ReadonlySet<string> = new Set(['add', 'sub', 'mul', 'maximum', 'minimum', 'neg', 'abs', 'sign', 'floor', 'ceil', 'round', 'relu'])

/** What there is not of masks, as in torch. */
const notOfMasks: ReadonlySet<string> = new Set(['sub', 'neg', 'abs', 'floor', 'ceil', 'round', 'relu'])

function resultType(op: string, a: NDArray, b = a): DType {
  if (comparisons.has(op)) return 'bool'
  if (!wholes.has(op)) return 'float32'
  if (notOfMasks.has(op)) checkIsNoMask(op, a.dtype, b.dtype)
  return promote(a.dtype, b.dtype)
}

const stretch = (x: NDArray, shape: readonly number[]) => (sameShape(x.shape, shape) ? x : x.expand(shape))

export function unary(op: UnaryOp, x: NDArray): NDArray {
  return inOrder(x.shape, resultType(op, x), [x], (out, input) => kernels().unary(op, out, input))
}

export function binary(op: BinaryOp, a: NDArray, b: NDArray): NDArray {
  const shape = broadcastShapes(op, a.shape, b.shape)
  return inOrder(shape, resultType(op, a, b), [stretch(a, shape), stretch(b, shape)], (out, x, y) => kernels().binary(op, out, x, y))
}

/** a where condition is not 0, else b. */
export function where(condition: NDArray, a: NDArray, b: NDArray): NDArray {
  const shape = broadcastShapes('where', condition.shape, broadcastShapes('where', a.shape, b.shape))
  return inOrder(shape, promote(a.dtype, b.dtype), [stretch(condition, shape), stretch(a, shape), stretch(b, shape)], (out, c, x, y) => kernels().where(out, c, x, y))
}
