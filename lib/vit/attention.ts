/** Self-attention as timm writes it. */
import type { Tensor } from '../autograd/tensor.ts'
import * as nn from '../nn/nn.ts'
import { optionsOf } from '../tensor/options.ts'

export interface AttentionOptions {
  /** Probability with which a number of the result is dropped, and a weight before it is used. */
  readonly dropout?: number
  readonly attentionDropout?: number
  /** Whether the projections to queries, keys and values have a bias. */
  readonly qkvBias?: boolean
}

/** Self-attention with several heads; queries, keys and values come from one projection. (B, N, dim) -> (B, N, dim) */
export class Attention extends nn.Module {
  readonly numHeads: number
  readonly qkv: nn.Linear
  readonly attn_drop: nn.Dropout
  readonly proj: nn.Linear
  readonly proj_drop: nn.Dropout

  constructor(dim: number, heads: number, given: AttentionOptions = {}) {
    super()
    const { dropout, attentionDropout, qkvBias } = optionsOf('Attention', given, { dropout: 0, attentionDropout: given.dropout ?? 0, qkvBias: true })
    this.numHeads = heads
    this.qkv = new nn.Linear(dim, 3 * dim, { bias: qkvBias })
    this.attn_drop = new nn.Dropout(attentionDropout)
    this.proj = new nn.Linear(dim, dim)
    this.proj_drop = new nn.Dropout(dropout)
  }
  forward(x: Tensor): Tensor {
    const [q, k, v] = this.heads(x)
    const heads = nn.functional.scaledDotProductAttention(q, k, v, { dropoutP: this.attn_drop.training ? this.attn_drop.p : 0 })
    return this.proj_drop(this.proj(heads.transpose(1, 2).reshape(x.shape)))
  }
  /** How much each token attends to each, before dropout. (B, N, dim) -> (B, heads, N, N) */
  weights(x: Tensor): Tensor {
    const [q, k] = this.heads(x)
    return q.div(Math.sqrt(q.shape[3])).matmul(k.transpose(-2, -1)).softmax(-1)
  }
  /** Queries, keys and values, (B, heads, N, dim / heads) each. */
  private heads(x: Tensor): Tensor[] {
    const [B, N, dim] = x.shape
    return this.qkv(x).reshape([B, N, 3, this.numHeads, dim / this.numHeads]).permute([2, 0, 3, 1, 4]).unbind(0)
  }
}
