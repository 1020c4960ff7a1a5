/** Class indices and positions, which may be given as tensors, lists or typed arrays. */
import { constant } from '../../autograd/op.ts'
import { Tensor } from '../../autograd/tensor.ts'
import { NDArray } from '../../tensor/ndarray.ts'

export type Indices = Tensor | readonly number[] | Float32Array | Int32Array | Uint8Array

/** A list becomes a vector. */
export function toIndices(indices: Indices): Tensor {
  return indices instanceof Tensor ? indices : constant(NDArray.from(Float32Array.from(indices), [indices.length], 'int64'))
}
