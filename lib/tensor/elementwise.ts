/** Elementwise functions of arrays, with broadcasting. */
import { checkIsNoMask, promote } from './dtype.ts'
import { kernels } from './kernels/active.ts'
import type { BinaryOp, UnaryOp } from './kernels/kernels.ts'
import { NDArray, type DType } from './ndarray.ts'
import { broadcastShapes, sameShape, type Shape } from './shape.ts'

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

/**
 * The order of dimensions in which a result is made, where it is not row-major: that of the inputs, if those of the whole shape lie
 * densely and all in the same. So a picture that has its channels last keeps them last, as in PyTorch.
 */
function orderOf(inputs: readonly NDArray[]): readonly number[] | null {
  const whole = inputs.filter((x) => !x.strides.includes(0))
  if (whole.length === 0 || whole[0].isContiguous || !whole.every(({ strides }) => sameShape(strides, whole[0].strides))) return null
  return whole[0].denseOrder()
}

/** A new array of `shape`, dense in that order of dimensions, written by `kernel`, which is given it and the inputs in that order. */
function inOrder(shape: Shape, dtype: DType, inputs: readonly NDArray[], kernel: (out: NDArray, ...inputs: NDArray[]) => void): NDArray {
  const order = orderOf(inputs)
  const out = NDArray.empty(order ? order.map((d) => shape[d]) : shape, dtype)
  kernel(out, ...(order ? inputs.map((x) => x.permute(order)) : inputs))
  return order ? out.permute(order.map((_, d) => order.indexOf(d))) : out
}

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
  const out = NDArray.empty(shape, promote(a.dtype, b.dtype))
  kernels().where(out, stretch(condition, shape), stretch(a, shape), stretch(b, shape))
  return out
}
