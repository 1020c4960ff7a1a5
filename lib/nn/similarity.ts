/** Comparing vectors, as a layer. */
import type { Tensor } from '../autograd/tensor.ts'
import { argumentsOf, type Given } from '../tensor/options.ts'
import * as F from './functional/functional.ts'
import { Module } from './module.ts'

/** The cosine of the angle between vectors along a dimension. Same as torch.nn.CosineSimilarity. */
export class CosineSimilarity extends Module<[a: Tensor, b: Tensor]> {
  readonly dim: number
  readonly eps: number
  constructor(...given: Given<[dim: number, eps: number], { readonly dim?: number; readonly eps?: number }>) {
    super()
    const { dim, eps } = argumentsOf('CosineSimilarity', given, { dim: 1, eps: 1e-8 })
    this.dim = dim
    this.eps = eps
  }
  forward(a: Tensor, b: Tensor): Tensor {
    return F.cosineSimilarity(a, b, this.dim, this.eps)
  }
}
