/** Elementwise functions of arrays, with broadcasting. A number stands for a float32 of no dimensions. */
import { checkIsNoMask, countedAs, promote } from './dtype.ts'
import { ValueError } from './errors.ts'
import { kernels } from './kernels/active.ts'
import type { BinaryOp, UnaryOp } from './kernels/kernels.ts'
import { inOrder } from './layout.ts'
import { NDArray, type DType } from './ndarray.ts'
import { broadcastShapes, sameShape } from './shape.ts'

const comparisons: ReadonlySet<string> = new Set(['gt', 'ge', 'lt', 'le', 'eq', 'ne', 'isNaN'])
/** What of whole numbers is a whole number again. */
const wholes: ReadonlySet<string> = new Set(['add', 'sub', 'mul', 'maximum', 'minimum', 'atLeast', 'atMost', 'neg', 'abs', 'sign', 'floor', 'ceil', 'round', 'relu'])

/** What there is not of masks, as in torch. */
const notOfMasks: ReadonlySet<string> = new Set(['sub', 'neg', 'abs', 'floor', 'ceil', 'round', 'relu'])

function resultType(op: string, a: NDArray, b = a): DType {
  if (comparisons.has(op)) return 'bool'
  if (!wholes.has(op)) return 'float32'
  if (notOfMasks.has(op)) checkIsNoMask(op, a.dtype, b.dtype)
  return promote(a.dtype, b.dtype)
}

type Operand = NDArray | number

const toArray = (x: Operand): NDArray => (typeof x === 'number' ? NDArray.full([], x) : x)
const stretch = (x: NDArray, shape: readonly number[]) => (sameShape(x.shape, shape) ? x : x.expand(shape))

export function unary(op: UnaryOp, x: NDArray): NDArray {
  const y = inOrder(x.shape, resultType(op, x), [x], (out, input) => kernels().unary(op, out, input))
  return op === 'neg' ? withOneZero(y) : y
}

/** Of whole numbers there is no −0: it would show once they are divided by. */
const withOneZero = (x: NDArray): NDArray => (x.dtype === 'int64' ? binary('add', x, NDArray.full([], 0, 'int64')) : x)

export function binary(op: BinaryOp, first: Operand, second: Operand): NDArray {
  const [a, b] = [toArray(first), toArray(second)]
  const shape = broadcastShapes(op, a.shape, b.shape)
  const result = inOrder(shape, resultType(op, a, b), [stretch(a, shape), stretch(b, shape)], (out, x, y) => kernels().binary(op, out, x, y))
  return op === 'mul' ? withOneZero(result) : result
}

/** The first where condition is not 0, else the second. */
export function where(condition: NDArray, first: Operand, second: Operand): NDArray {
  const [a, b] = [toArray(first), toArray(second)]
  const shape = broadcastShapes('where', condition.shape, broadcastShapes('where', a.shape, b.shape))
  return inOrder(shape, promote(a.dtype, b.dtype), [stretch(condition, shape), stretch(a, shape), stretch(b, shape)], (out, c, x, y) => kernels().where(out, c, x, y))
}

export type Rounding = 'floor' | 'trunc'

/** a / b as a whole number: the next lower one, or the one towards 0. Whole numbers stay whole, and cannot be divided by 0. Same as torch.div with rounding_mode. */
export const divideRounded = (a: NDArray, b: NDArray, mode: Rounding): NDArray => quotients('div', a, b, mode === 'floor' ? floorDivide : (x, y) => Math.trunc(Math.fround(x / y)))

/** What is left of a after division by b, with the sign of b: Python's %. Whole numbers are not divided by 0. */
export const remainder = (a: NDArray, b: NDArray): NDArray =>
  quotients('remainder', a, b, (x, y) => {
    const rest = x % y
    return rest !== 0 && y < 0 !== rest < 0 ? rest + y : rest
  })

/** Something of the division of each pair of numbers, computed one by one. */
function quotients(operation: string, a: NDArray, b: NDArray, f: (x: number, y: number) => number): NDArray {
  const shape = broadcastShapes(operation, a.shape, b.shape)
  const dtype = countedAs(promote(a.dtype, b.dtype))
  if (dtype === 'int64' && b.values().includes(0) && !shape.includes(0)) throw new ValueError(operation, 'whole numbers are divided by 0', 'divide by another number, or use float()')
  return withOneZero(inOrder(shape, dtype, [stretch(a, shape), stretch(b, shape)], (out, x, y) => {
    const [numbers, over, under] = [out.values(), x.values(), y.values()]
    for (let i = 0; i < numbers.length; i++) numbers[i] = f(over[i], under[i])
  }))
}

/** ⌊x / y⌋ by what is left over, as in Python: 1 / 0.1 is 9 here, since 0.1 is a little more than a tenth in float32. */
function floorDivide(x: number, y: number): number {
  if (y === 0) return x / y
  const rest = x % y
  const quotient = Math.fround(Math.fround(x - rest) / y) - (rest !== 0 && y < 0 !== rest < 0 ? 1 : 0)
  const lower = Math.floor(quotient)
  return quotient === 0 ? 0 * (x / y) : quotient - lower > 0.5 ? lower + 1 : lower
}
