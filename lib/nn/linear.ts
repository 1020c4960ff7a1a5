/** Layers that map the last dimension linearly. */
import { zeros } from '../autograd/creation.ts'
import type { Tensor } from '../autograd/tensor.ts'
import { argumentsOf, checkSize, required, type Arguments } from '../tensor/options.ts'
import * as F from './functional/functional.ts'
import { kaimingUniform_, uniform_ } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'
import { pythonBool } from './repr.ts'

interface LinearOptions {
  readonly inFeatures: number
  readonly outFeatures: number
  readonly bias?: boolean
}

/** y = x · weightᵀ + bias. x: (..., in) -> (..., out). Same as torch.nn.Linear. */
export class Linear extends Module {
  readonly inFeatures: number
  readonly outFeatures: number
  weight: Parameter
  bias: Parameter | null

  constructor(...given: Arguments<[inFeatures: number, outFeatures: number], [bias: boolean], LinearOptions>) {
    super()
    const { inFeatures, outFeatures, bias } = argumentsOf('Linear', given, { inFeatures: required, outFeatures: required, bias: true })
    checkSize('Linear', 'inFeatures', inFeatures, 0)
    checkSize('Linear', 'outFeatures', outFeatures, 0)
    this.inFeatures = inFeatures
    this.outFeatures = outFeatures
    this.weight = new Parameter(zeros([outFeatures, inFeatures]))
    this.bias = bias ? new Parameter(zeros([outFeatures])) : null
    kaimingUniform_(this.weight, { a: Math.sqrt(5) })
    const bound = inFeatures > 0 ? 1 / Math.sqrt(inFeatures) : 0
    if (this.bias) uniform_(this.bias, -bound, bound)
  }
  forward(x: Tensor): Tensor {
    return F.linear(x, this.weight, this.bias)
  }
  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${pythonBool(this.bias !== null)}`
  }
}
