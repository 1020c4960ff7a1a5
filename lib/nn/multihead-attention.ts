/** Multi-head attention as torch.nn has it (Vaswani et al. 2017). The notebook's is in d2l-attention.ts. */
import { zeros } from '../autograd/creation.ts'
import { checkTensors, named, own } from '../autograd/op.ts'
import { cat } from '../autograd/ops/joining.ts'
import type { Tensor } from '../autograd/tensor.ts'
import { ShapeError, ValueError } from '../tensor/errors.ts'
import { argumentsOf, checkProbability, checkSize, required, type Arguments, type Given } from '../tensor/options.ts'
import { sameShape, showShape } from '../tensor/shape.ts'
import { attend, attendHeads, toScores } from './functional/attention.ts'
import * as F from './functional/functional.ts'
import { xavierNormal_, xavierUniform_, zeros_ } from './init.ts'
import { Linear } from './linear.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'

export interface MultiheadAttentionOptions {
  /** Probability with which an attention weight is dropped in training. */
  readonly dropout?: number
  readonly bias?: boolean
  /** One more key and value for each sequence, which are learned. */
  readonly addBiasKv?: boolean
  /** One more key and value for each sequence, which are 0. */
  readonly addZeroAttn?: boolean
  /** Sizes of keys and values, where they differ from embedDim. */
  readonly kdim?: number | null
  readonly vdim?: number | null
  /** Whether inputs are (B, L, E); else they are (L, B, E). */
  readonly batchFirst?: boolean
}

interface Sizes {
  readonly embedDim: number
  /** Must divide embedDim. */
  readonly numHeads: number
}

type Places = [dropout: number, bias: boolean, addBiasKv: boolean, addZeroAttn: boolean, kdim: number | null, vdim: number | null, batchFirst: boolean]

export interface MultiheadAttentionCall {
  /** (B, S): true for a key that nobody may attend to; or numbers that are added to its scores. */
  readonly keyPaddingMask?: Tensor | null
  /** Return the attention weights beside the output. */
  readonly needWeights?: boolean
  /** (L, S) or (B · heads, L, S): true where a query may not attend to a key; or numbers that are added to the scores. */
  readonly attnMask?: Tensor | null
  /** The weights' mean over the heads, (B, L, S), instead of (B, heads, L, S). */
  readonly averageAttnWeights?: boolean
}

type CallOptions = Given<[keyPaddingMask: Tensor | null, needWeights: boolean, attnMask: Tensor | null, averageAttnWeights: boolean], MultiheadAttentionCall>
type Call = [query: Tensor, key: Tensor, value: Tensor, ...options: CallOptions]
type Result = [output: Tensor, weights: Tensor | null]

/** The name that PyTorch prints for the output layer of its attention. */
class NonDynamicallyQuantizableLinear extends Linear {}

/**
 * Several attentions side by side, each in its part of the embedding. query: (L, B, E), key: (S, B, kdim), value: (S, B, vdim) ->
 * [output (L, B, E), weights (B, L, S) or null]; the batch comes first with batchFirst, and may be left out. Same as torch.nn.MultiheadAttention.
 */
export class MultiheadAttention extends Module<Call, Result> {
  readonly embedDim: number
  readonly numHeads: number
  readonly dropout: number
  readonly batchFirst: boolean
  readonly kdim: number
  readonly vdim: number
  /** The three projections in one where keys and values have the size of queries, (3E, E). */
  in_proj_weight: Parameter | null
  q_proj_weight: Parameter | null
  k_proj_weight: Parameter | null
  v_proj_weight: Parameter | null
  in_proj_bias: Parameter | null
  out_proj: Linear
  bias_k: Parameter | null
  bias_v: Parameter | null
  readonly addZeroAttn: boolean

  constructor(...given: Arguments<[embedDim: number, numHeads: number], Places, MultiheadAttentionOptions & Sizes>) {
    super()
    const { embedDim, numHeads, dropout, bias, addBiasKv, addZeroAttn, kdim, vdim, batchFirst } = argumentsOf('MultiheadAttention', given, {
      embedDim: required, numHeads: required, dropout: 0, bias: true, addBiasKv: false, addZeroAttn: false, kdim: null, vdim: null, batchFirst: false,
    })
    this.embedDim = embedDim
    this.numHeads = numHeads
    this.dropout = dropout
    this.batchFirst = batchFirst
    this.kdim = kdim ?? embedDim
    this.vdim = vdim ?? embedDim
    for (const [name, size] of Object.entries({ embedDim, numHeads, kdim: this.kdim, vdim: this.vdim })) checkSize('MultiheadAttention', name, size)
    if (embedDim % numHeads !== 0) throw new ValueError('MultiheadAttention', `${numHeads} heads do not divide an embedding of ${embedDim}`, 'choose a number of heads that divides it')
    checkProbability('MultiheadAttention', dropout)
    const together = this.kdim === embedDim && this.vdim === embedDim
    const weight = (rows: number, columns: number) => new Parameter(zeros([rows, columns]))
    this.in_proj_weight = together ? weight(3 * embedDim, embedDim) : null
    this.q_proj_weight = together ? null : weight(embedDim, embedDim)
    this.k_proj_weight = together ? null : weight(embedDim, this.kdim)
    this.v_proj_weight = together ? null : weight(embedDim, this.vdim)
    this.in_proj_bias = bias ? new Parameter(zeros([3 * embedDim])) : null
    this.out_proj = new NonDynamicallyQuantizableLinear(embedDim, embedDim, { bias })
    this.bias_k = addBiasKv ? new Parameter(zeros([1, 1, embedDim])) : null
    this.bias_v = addBiasKv ? new Parameter(zeros([1, 1, embedDim])) : null
    this.addZeroAttn = addZeroAttn
    for (const projection of [this.in_proj_weight, this.q_proj_weight, this.k_proj_weight, this.v_proj_weight]) if (projection) xavierUniform_(projection)
    if (this.out_proj.bias) zeros_(this.out_proj.bias)
    for (const added of [this.bias_k, this.bias_v]) if (added) xavierNormal_(added)
  }

  forward(query: Tensor, key: Tensor, value: Tensor, ...options: CallOptions): Result {
    const { needWeights, averageAttnWeights, ...masks } = argumentsOf('MultiheadAttention', options, { keyPaddingMask: null, needWeights: true, attnMask: null, averageAttnWeights: true })
    checkTensors('MultiheadAttention', [query, key, value], [masks.keyPaddingMask, masks.attnMask])
    this.check(query, key, value)
    const batched = query.ndim === 3
    const same = query === key && key === value
    const rows = (x: Tensor) => (!batched ? x.unsqueeze(0) : this.batchFirst ? x : x.transpose(0, 1))
    const first = rows(query)
    const [q, ...others] = same ? this.projectTogether(first) : this.projectApart(first, rows(key), rows(value))
    const [B, L] = q.shape
    const given = this.mask(masks, batched, [B, this.numHeads, L, others[0].shape[1]])
    const [k, v] = others.map((x, i) => this.extended(x, i === 0 ? this.bias_k : this.bias_v))
    const mask = given && F.pad(given, [0, k.shape[1] - others[0].shape[1]])
    const heads = [q, k, v].map((x) => x.reshape([x.shape[0], x.shape[1], this.numHeads, this.embedDim / this.numHeads]).transpose(1, 2))
    const dropoutP = this.training ? this.dropout : 0
    const [attended, weights] = mask || dropoutP > 0 ? attend(heads[0], heads[1], heads[2], mask, { scale: null, dropoutP }) : attendHeads(heads[0], heads[1], heads[2], { scale: heads[0].shape[3] ** -0.5, dropoutP })
    const isBatchFirst = this.batchFirst || !batched
    const joined = this.out_proj(isBatchFirst ? attended.transpose(1, 2).reshape(q.shape) : attended.permute(2, 0, 1, 3).reshape([L, B, this.embedDim]))
    const output = !batched ? joined.squeeze(0) : named(this.batchFirst ? 'TransposeBackward0' : 'ViewBackward0', joined)
    if (!needWeights) return [output, null]
    const shown = averageAttnWeights ? weights.sum(1).div(this.numHeads) : own('ViewBackward0', weights.view(weights.shape))
    return [output, batched ? shown : shown.squeeze(0)]
  }

  /** Keys or values (B, S, E) with those that are added to every sequence. */
  private extended(x: Tensor, learned: Parameter | null): Tensor {
    const [B, , E] = x.shape
    const more = [...(learned ? [learned.expand(B, 1, E)] : []), ...(this.addZeroAttn ? [zeros([B, 1, E])] : [])]
    return more.length > 0 ? cat([x, ...more], 1) : x
  }

  private check(query: Tensor, key: Tensor, value: Tensor): void {
    const [batch, length] = this.batchFirst ? [0, 1] : [1, 0]
    const shapes = [query.shape, key.shape, value.shape]
    const fit =
      shapes.every((shape, i) => shape.length === query.ndim && shape[shape.length - 1] === [this.embedDim, this.kdim, this.vdim][i]) &&
      (query.ndim === 2 ? key.shape[0] === value.shape[0] : query.ndim === 3 && key.shape[length] === value.shape[length] && shapes.every((shape) => shape[batch] === query.shape[batch]))
    if (fit) return
    const expected = (size: number, length: string) => (this.batchFirst ? `(B, ${length}, ${size})` : `(${length}, B, ${size})`)
    throw new ShapeError('MultiheadAttention', `a query of shape ${showShape(query.shape)}, a key of shape ${showShape(key.shape)} and a value of shape ${showShape(value.shape)} do not fit`, `give ${expected(this.embedDim, 'L')}, ${expected(this.kdim, 'S')} and ${expected(this.vdim, 'S')}, all with or all without B`)
  }

  /** Query, key and value of one tensor in one product. */
  private projectTogether(x: Tensor): Tensor[] {
    return this.in_proj_weight ? F.linear(x, this.in_proj_weight, this.in_proj_bias).chunk(3, -1) : this.projectApart(x, x, x)
  }
  private projectApart(...inputs: readonly [query: Tensor, key: Tensor, value: Tensor]): Tensor[] {
    const weights = this.in_proj_weight?.chunk(3) ?? [this.q_proj_weight, this.k_proj_weight, this.v_proj_weight]
    const biases = this.in_proj_bias?.chunk(3)
    return inputs.map((x, i) => {
      const weight = weights[i]
      if (!weight) throw new ValueError('MultiheadAttention', 'a projection has been taken away', 'leave either in_proj_weight or q_proj_weight, k_proj_weight and v_proj_weight in place')
      return F.linear(x, weight, biases?.[i])
    })
  }

  /** Both masks as numbers to add to scores of `shape` (B, heads, L, S). */
  private mask({ keyPaddingMask, attnMask }: Required<Pick<MultiheadAttentionCall, 'keyPaddingMask' | 'attnMask'>>, batched: boolean, shape: readonly number[]): Tensor | null {
    const [B, heads, L, S] = shape
    const refuse = (name: string, mask: Tensor, expected: string) => new ShapeError('MultiheadAttention', `${name} has shape ${showShape(mask.shape)}`, `give it of shape ${expected}`)
    const keys = batched ? [B, S] : [S]
    if (keyPaddingMask && !sameShape(keyPaddingMask.shape, keys)) throw refuse('keyPaddingMask', keyPaddingMask, showShape(keys))
    if (attnMask && !sameShape(attnMask.shape, [L, S]) && !sameShape(attnMask.shape, [B * heads, L, S])) throw refuse('attnMask', attnMask, `${showShape([L, S])} or ${showShape([B * heads, L, S])}`)
    const padding = keyPaddingMask && toScores('MultiheadAttention', keyPaddingMask, false).reshape([B, 1, 1, S])
    const blocked = attnMask && toScores('MultiheadAttention', attnMask, false).reshape(attnMask.ndim === 2 ? [1, 1, L, S] : shape)
    return padding && blocked ? padding.add(blocked) : padding ?? blocked
  }
}
