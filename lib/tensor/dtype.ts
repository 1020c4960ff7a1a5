/** Labels of what numbers mean: which one a result bears, and numbers made to fit one. Same as torch's type promotion for these three. */
import { ValueError } from './errors.ts'
import { NDArray, type DType } from './ndarray.ts'

const order: readonly DType[] = ['bool', 'int64', 'float32']

/** The label of a result that holds numbers of both: float32 over int64 over bool. Same as torch.promote_types. */
export function promote(a: DType, b: DType): DType {
  return a === b || order.indexOf(a) > order.indexOf(b) ? a : b
}

/** The label of a sum or product of such numbers: masks are counted. */
export const countedAs = (dtype: DType): DType => promote(dtype, 'int64')

/** The label that `value` has beside numbers labelled `dtype`: a whole number beside whole numbers is one, any other is a float. */
export const dtypeBeside = (value: number, dtype: DType): DType => (dtype === 'int64' && Number.isInteger(value) ? 'int64' : 'float32')

/** A copy with another label: cut off to whole numbers, or to whether they are not 0. Same as torch.Tensor.to(dtype). */
export function cast(operation: string, x: NDArray, dtype: DType): NDArray {
  if (order.indexOf(x.dtype) <= order.indexOf(dtype)) return x.copy().labelled(dtype)
  const values = x.values()
  if (dtype === 'bool') return NDArray.from(values.map((value) => (value === 0 ? 0 : 1)), x.shape, dtype)
  const odd = values.find((value) => !Number.isFinite(value))
  if (odd !== undefined) throw new ValueError(operation, `${odd} is no whole number, so a tensor of ${dtype} cannot hold it`, 'use a float32 tensor, such as float() gives')
  return NDArray.from(values.map((value) => Math.trunc(value) + 0), x.shape, dtype)
}
