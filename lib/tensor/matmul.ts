/** Matrix products of arrays, batched and broadcast as torch.matmul does. */
import { countedAs, promote } from './dtype.ts'
import { ShapeError } from './errors.ts'
import { kernels } from './kernels/active.ts'
import { NDArray } from './ndarray.ts'
import { broadcastShapes, showShape } from './shape.ts'

/** (..., M, K) · (..., K, N) + bias (N,) -> (..., M, N); leading dimensions broadcast. */
export function matmul(a: NDArray, b: NDArray, bias: NDArray | null = null): NDArray {
  const M = a.shape[a.ndim - 2]
  const K = a.shape[a.ndim - 1]
  const N = b.shape[b.ndim - 1]
  if (K !== b.shape[b.ndim - 2])
    throw new ShapeError('matmul', `${showShape(a.shape)} and ${showShape(b.shape)} cannot be multiplied: inner sizes ${K} and ${b.shape[b.ndim - 2]} differ`, 'transpose one of them, or check the order of the arguments')
  const batch = broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2))
  const out = NDArray.empty([...batch, M, N], countedAs(promote(promote(a.dtype, b.dtype), bias?.dtype ?? 'bool')))
  kernels().matmul(out, a.expand([...batch, M, K]), b.expand([...batch, K, N]), bias)
  return out
}

/** sum (M, N) += a (M, K) · b (K, N) */
export function addProduct(sum: NDArray, a: NDArray, b: NDArray): void {
  kernels().matmul(sum, a, b, 'out')
}
