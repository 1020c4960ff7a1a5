/** Vectors of unit length, and the angles between them. */
import { checkTensors } from '../../autograd/op.ts'
import { norm } from '../../autograd/ops/norm.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { argumentsOf, type Given } from '../../tensor/options.ts'
import { broadcastShapes, normalizeDim, normalizeDims } from '../../tensor/shape.ts'

export interface NormalizeOptions {
  /** The order of the norm: Σ |x|ᵖ to the power 1/p; ±Infinity for the largest or smallest |x|, 0 for how many are not 0. */
  readonly p?: number
  readonly dim?: number | readonly number[]
  /** The norm is taken to be at least this. */
  readonly eps?: number
}

/** x divided by its norm along a dimension. Same as torch.nn.functional.normalize. */
export function normalize(x: Tensor, ...given: Given<[p: number, dim: number | readonly number[], eps: number], NormalizeOptions>): Tensor {
  const { p, dim, eps } = argumentsOf('normalize', given, { p: 2, dim: 1, eps: 1e-12 })
  checkTensors('normalize', [x])
  return x.div(norm('normalize', x, p, { dims: normalizeDims('normalize', dim, x.ndim), keepdim: true }).clamp({ min: eps }))
}

/** The cosine of the angle between vectors along a dimension, each norm taken to be at least eps. The others broadcast. Same as torch.nn.functional.cosine_similarity. */
export function cosineSimilarity(a: Tensor, b: Tensor, ...given: Given<[dim: number, eps: number], { readonly dim?: number; readonly eps?: number }>): Tensor {
  const { dim, eps } = argumentsOf('cosineSimilarity', given, { dim: 1, eps: 1e-8 })
  checkTensors('cosineSimilarity', [a, b])
  const shape = broadcastShapes('cosineSimilarity', a.shape, b.shape)
  const d = normalizeDim('cosineSimilarity', dim, shape.length)
  const [first, second] = [a, b].map((x) => x.expand(shape).div(boundedNorm(x.expand(shape), d, eps)))
  return first.mul(second).sum(d)
}

/** The norm, but at least eps. As in PyTorch its gradient is that of a norm of this value, x / max(norm, eps), also where it is the bound. */
function boundedNorm(x: Tensor, dim: number, eps: number): Tensor {
  const length = norm('cosineSimilarity', x, 2, { dims: [dim], keepdim: true })
  const value = length.detach()
  const bounded = value.clamp({ min: eps })
  const share = value.div(bounded)
  return length.mul(share).add(bounded.sub(value.mul(share)))
}
