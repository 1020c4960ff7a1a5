/** Class indices and positions, which may be given as tensors, lists or typed arrays. */
import { indexVector } from '../../autograd/op.ts'
import { Tensor } from '../../autograd/tensor.ts'
import { ValueError } from '../../tensor/errors.ts'

export type Indices = Tensor | readonly number[] | Float32Array | Int32Array | Uint8Array

/** A list becomes a vector. */
export function toIndices(operation: string, indices: Indices): Tensor {
  if (indices instanceof Tensor) return indices
  if (!Array.isArray(indices) && !ArrayBuffer.isView(indices)) throw new ValueError(operation, `${typeof indices === 'object' && indices !== null ? 'an object' : String(indices)} is no list of indices`, 'give a tensor, a list or a typed array of whole numbers')
  return indexVector(indices)
}
