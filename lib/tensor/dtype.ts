/** Labels of what numbers mean: which one a result bears, and numbers made to fit one. Torch's type promotion for these three. */
import { ValueError } from './errors.ts'
import { copyInOrder } from './layout.ts'
import type { DType, NDArray } from './ndarray.ts'

const order: readonly DType[] = ['bool', 'int64', 'float32']

/** The label of a result that holds numbers of both: float32 over int64 over bool. Same as torch.promote_types. */
export function promote(a: DType, b: DType): DType {
  return a === b || order.indexOf(a) > order.indexOf(b) ? a : b
}

/** The label of a sum or product of such numbers: masks are counted. */
export const countedAs = (dtype: DType): DType => promote(dtype, 'int64')

/** The label that `value` has beside numbers labelled `dtype`: a whole number beside whole numbers or masks is one, any other is a float. */
export const dtypeBeside = (value: number, dtype: DType): DType => (dtype !== 'float32' && Number.isInteger(value) ? 'int64' : 'float32')

/** A number as a label holds it: cut off to a whole one, or to whether it is not 0. Throws on what is no number, for int64. */
export function castNumber(operation: string, value: number, dtype: DType): number {
  if (dtype === 'float32') return value
  if (dtype === 'bool') return value === 0 ? 0 : 1
  if (!Number.isFinite(value)) throw new ValueError(operation, `${value} is no whole number, so a tensor of ${dtype} cannot hold it`, 'use a float32 tensor, such as float() gives')
  return Math.trunc(value) + 0
}

/** A copy with another label, whose numbers are cut off. Same as torch.Tensor.to(dtype), but that NaN and infinities are refused for int64. */
export function cast(operation: string, x: NDArray, dtype: DType): NDArray {
  const copy = copyInOrder(x).labelled(dtype)
  if (order.indexOf(x.dtype) > order.indexOf(dtype)) copy.storage.data.forEach((value, i, numbers) => (numbers[i] = castNumber(operation, value, dtype)))
  return copy
}

/** Throws on numbers of which there is no such thing: a mean or a softmax of whole numbers or masks, as in torch. */
export function checkIsFloat(operation: string, dtype: DType): void {
  if (dtype !== 'float32') throw new ValueError(operation, `it is not computed of ${dtype}`, 'call float() before')
}

/** Throws on masks. */
export function checkIsNoMask(operation: string, ...dtypes: readonly DType[]): void {
  if (dtypes.includes('bool')) throw new ValueError(operation, 'it is not computed of a mask', 'call long() or float() before; logicalNot() turns a mask around')
}

/** Throws unless tensors of this label hold fractions. */
export function checkHoldsFractions(operation: string, dtype: DType): void {
  if (dtype !== 'float32') throw new ValueError(operation, `a tensor of ${dtype} cannot hold such numbers`, 'use a float32 tensor, such as float() gives')
}
