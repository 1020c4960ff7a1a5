/** Multi-head attention as the book «Dive into Deep Learning» (Zhang et al. 2023, section 11.5) builds it. */
import { checkTensors, constant, own } from '../autograd/op.ts'
import { choosing } from '../autograd/ops/where.ts'
import type { Tensor } from '../autograd/tensor.ts'
import { ShapeError, ValueError } from '../tensor/errors.ts'
import { NDArray } from '../tensor/ndarray.ts'
import { argumentsOf, checkSize, required, type Arguments } from '../tensor/options.ts'
import { showShape } from '../tensor/shape.ts'
import { Dropout } from './dropout.ts'
import { attendHeads } from './functional/attention.ts'
import { toIndices, type Indices } from './functional/indices.ts'
import { Linear } from './linear.ts'
import { Module } from './module.ts'

/** How many keys each query may look at: one number for each batch entry, or one for each of its queries. */
export type ValidLens = Indices | null

/**
 * Softmax over the last dimension of scores (B, queries, keys) in which the keys from validLens on weigh nothing. Their
 * scores become −1e6, not −∞, so a length of 0 gives equal weights.
 */
export function maskedSoftmax(scores: Tensor, validLens: ValidLens = null): Tensor {
  checkTensors('maskedSoftmax', [scores])
  if (validLens === null) return scores.softmax(-1)
  const [B, queries, keys] = scores.shape
  const lengths = toIndices('maskedSoftmax', validLens)
  const perEntry = lengths.ndim === 1 && lengths.numel() === B
  const perQuery = lengths.ndim === 2 && lengths.shape[0] === B && lengths.shape[1] === queries
  if (!perEntry && !perQuery)
    throw new ShapeError('maskedSoftmax', `valid lengths of shape ${showShape(lengths.shape)} do not fit scores of shape ${showShape(scores.shape)}`, `give ${showShape([B])} or ${showShape([B, queries])}`)
  const position = constant(NDArray.from(Float32Array.from({ length: keys }, (_, i) => i), [keys]))
  const mask = position.lt(lengths.reshape([B, perEntry ? 1 : queries, 1]))
  return choosing(mask, scores, -1e6).softmax(-1)
}

type AttentionArgs = [queries: Tensor, keys: Tensor, values: Tensor, validLens?: ValidLens]

/**
 * softmax(Q · Kᵀ / √d) · V. queries: (B, n, d), keys: (B, m, d), values: (B, m, v) -> (B, n, v). Without valid lengths they may also be
 * several heads, (B, h, n, d) and so on.
 */
export class DotProductAttention extends Module<AttentionArgs> {
  dropout: Dropout
  /** The weights of the last call, (B, n, m) or (B · h, n, m), before dropout. */
  attention_weights: Tensor | null = null

  constructor(dropout: number) {
    super()
    this.dropout = new Dropout(dropout)
  }
  forward(queries: Tensor, keys: Tensor, values: Tensor, validLens: ValidLens = null): Tensor {
    checkTensors('DotProductAttention', [queries, keys, values])
    if (queries.ndim === 4 || validLens === null) return this.attendToAll(queries, keys, values)
    const scores = queries.bmm(keys.transpose(1, 2)).div(Math.sqrt(queries.shape[queries.ndim - 1]))
    this.attention_weights = maskedSoftmax(scores, validLens)
    return this.dropout(this.attention_weights).bmm(values)
  }
  private attendToAll(queries: Tensor, keys: Tensor, values: Tensor): Tensor {
    if (queries.ndim === 3) return own('BmmBackward0', this.attendToAll(queries.unsqueeze(1), keys.unsqueeze(1), values.unsqueeze(1)).squeeze(1))
    const [B, h, n, d] = queries.shape
    const [output, weights] = attendHeads(queries, keys, values, { scale: 1 / Math.sqrt(d), dropoutP: this.dropout.training ? this.dropout.p : 0 })
    this.attention_weights = own('SoftmaxBackward0', weights.reshape([B * h, n, keys.shape[2]]))
    return output
  }
}

interface MultiHeadAttentionOptions {
  readonly numHiddens: number
  readonly numHeads: number
  readonly dropout: number
  readonly bias?: boolean
}

/** Attention with several heads side by side. queries: (B, n, h), keys and values: (B, m, h) -> (B, n, h). Same as d2l.MultiHeadAttention. */
export class MultiHeadAttention extends Module<AttentionArgs> {
  readonly numHeads: number
  attention: DotProductAttention
  W_q: Linear
  W_k: Linear
  W_v: Linear
  W_o: Linear

  constructor(...given: Arguments<[numHiddens: number, numHeads: number, dropout: number], [bias: boolean], MultiHeadAttentionOptions>) {
    super()
    const { numHiddens, numHeads, dropout, bias } = argumentsOf('MultiHeadAttention', given, { numHiddens: required, numHeads: required, dropout: required, bias: false })
    checkSize('MultiHeadAttention', 'numHiddens', numHiddens)
    checkSize('MultiHeadAttention', 'numHeads', numHeads)
    if (numHiddens % numHeads !== 0) throw new ValueError('MultiHeadAttention', `${numHeads} heads do not divide ${numHiddens} hidden units`, 'choose a number of heads that divides them')
    this.numHeads = numHeads
    this.attention = new DotProductAttention(dropout)
    this.W_q = new Linear(numHiddens, numHiddens, { bias })
    this.W_k = new Linear(numHiddens, numHiddens, { bias })
    this.W_v = new Linear(numHiddens, numHiddens, { bias })
    this.W_o = new Linear(numHiddens, numHiddens, { bias })
  }
  forward(queries: Tensor, keys: Tensor, values: Tensor, validLens: ValidLens = null): Tensor {
    const heads = [this.W_q(queries), this.W_k(keys), this.W_v(values)].map((x) => this.heads(x))
    if (validLens === null) return this.W_o(this.joined(this.attention(heads[0], heads[1], heads[2])))
    const lengths = toIndices('maskedSoftmax', validLens).repeatInterleave(this.numHeads, 0)
    const [q, k, v] = heads.map((x) => x.flatten(0, 1))
    return this.W_o(this.joined(this.attention(q, k, v, lengths).reshape(heads[0].shape)))
  }
  /** (B, n, heads · d) -> (B, heads, n, d) */
  private heads(x: Tensor): Tensor {
    const [B, n, hiddens] = x.shape
    return x.reshape([B, n, this.numHeads, hiddens / this.numHeads]).transpose(1, 2)
  }
  /** (B, heads, n, d) -> (B, n, heads · d) */
  private joined(x: Tensor): Tensor {
    const [B, , n] = x.shape
    return x.transpose(1, 2).reshape([B, n, -1])
  }
}
