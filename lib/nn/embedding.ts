/** Tables of learned vectors. */
import { zeros } from '../autograd/creation.ts'
import { noGrad } from '../autograd/grad-mode.ts'
import type { Tensor } from '../autograd/tensor.ts'
import { IndexError } from '../tensor/errors.ts'
import { argumentsOf, checkSize, required, type Arguments } from '../tensor/options.ts'
import * as F from './functional/functional.ts'
import type { Indices } from './functional/indices.ts'
import { normal_ } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'

interface EmbeddingOptions {
  readonly numEmbeddings: number
  readonly embeddingDim: number
  readonly paddingIdx?: number | null
}

/** A vector for each of n things. index: (...) of whole numbers below n -> (..., dim). Same as torch.nn.Embedding. */
export class Embedding extends Module<[index: Indices]> {
  readonly numEmbeddings: number
  readonly embeddingDim: number
  /** The row that stays 0 and is not trained, or null. */
  readonly paddingIdx: number | null
  weight: Parameter

  constructor(...given: Arguments<[numEmbeddings: number, embeddingDim: number], [paddingIdx: number | null], EmbeddingOptions>) {
    super()
    const { numEmbeddings, embeddingDim, paddingIdx } = argumentsOf('Embedding', given, { numEmbeddings: required, embeddingDim: required, paddingIdx: null })
    checkSize('Embedding', 'numEmbeddings', numEmbeddings)
    checkSize('Embedding', 'embeddingDim', embeddingDim)
    this.numEmbeddings = numEmbeddings
    this.embeddingDim = embeddingDim
    if (paddingIdx !== null && !(Number.isInteger(paddingIdx) && paddingIdx >= -numEmbeddings && paddingIdx < numEmbeddings))
      throw new IndexError('Embedding', `paddingIdx = ${paddingIdx} is out of range for ${numEmbeddings} rows`, `give a whole number from ${-numEmbeddings} to ${numEmbeddings - 1}`)
    this.paddingIdx = paddingIdx !== null && paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx
    this.weight = new Parameter(zeros([numEmbeddings, embeddingDim]))
    normal_(this.weight)
    const { paddingIdx: padding } = this
    if (padding !== null) noGrad(() => this.weight.select(0, padding).zero_())
  }
  forward(index: Indices): Tensor {
    return F.embedding(index, this.weight, { paddingIdx: this.paddingIdx })
  }
  override extraRepr(): string {
    return `${this.numEmbeddings}, ${this.embeddingDim}${this.paddingIdx === null ? '' : `, padding_idx=${this.paddingIdx}`}`
  }
}
