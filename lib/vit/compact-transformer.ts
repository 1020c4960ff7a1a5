/**
 * The Compact Convolutional Transformer (Hassani et al. 2021, arXiv 2104.05704), with the parameter names of the authors' checkpoints:
 * convolutions cut the picture into overlapping patches, and a weighted mean of all tokens takes the place of the class token.
 */
import { tensor, zeros } from '../autograd/creation.ts'
import type { Tensor } from '../autograd/tensor.ts'
import * as nn from '../nn/nn.ts'
import { ShapeError, ValueError } from '../tensor/errors.ts'
import { optionsOf, required } from '../tensor/options.ts'
import { showShape } from '../tensor/shape.ts'
import { Attention } from './attention.ts'

export interface CompactTransformerOptions {
  /** Height and width of a picture. */
  readonly imageSize: number
  readonly classes: number
  /** Numbers that describe a token. */
  readonly dim: number
  /** Number of blocks. */
  readonly depth: number
  /** Number of attention heads; must divide dim. */
  readonly heads: number
  /** Width of the hidden layer of a block's perceptron, as a multiple of dim. */
  readonly mlpRatio?: number
  /** Number of convolutions, each followed by a max pooling that halves height and width. */
  readonly convLayers?: number
  /** Channels after each convolution but the last, which gives `dim`. Default: 64 each. */
  readonly convChannels?: readonly number[]
  /** Whether each convolution's channels are normalised over the batch (Ioffe, Szegedy 2015), after the pooling. */
  readonly convNorm?: boolean
  /** Height and width of the convolutions' kernels; their padding keeps the size. */
  readonly kernelSize?: number
  /** What tells tokens their place: learned numbers, waves (Vaswani et al. 2017), or nothing. */
  readonly positions?: 'learnable' | 'sine' | 'none'
  readonly dropout?: number
  readonly attentionDropout?: number
  /** Stochastic depth (Huang et al. 2016): how often the last block is left out; earlier ones evenly less often. */
  readonly dropPath?: number
  readonly channels?: number
}

const defaults = {
  imageSize: required, classes: required, dim: required, depth: required, heads: required,
  mlpRatio: 2, convLayers: 1, convChannels: undefined, convNorm: false, kernelSize: 3, positions: 'learnable', dropout: 0, attentionDropout: 0.1, dropPath: 0.1, channels: 3,
} as const

/**
 * Convolution, max pooling, where wanted batch norm, and ReLU, as often as asked. (B, C, H, W) -> (B, N, dim). The
 * authors have ReLU before the pooling, which gives the same numbers and gradients from four times as many.
 */
class Tokenizer extends nn.Module {
  readonly conv_layers: nn.Sequential

  constructor(channels: readonly number[], kernelSize: number, norm: boolean) {
    super()
    const padding = Math.floor(kernelSize / 2)
    const layers = channels.slice(1).map((out, i) => new nn.Sequential(
      new nn.Conv2d(channels[i], out, kernelSize, { padding, bias: false }), new nn.MaxPool2d(3, { stride: 2, padding: 1 }), ...(norm ? [new nn.BatchNorm2d(out)] : []), new nn.ReLU(),
    ))
    this.conv_layers = new nn.Sequential(...layers)
    this.apply((module) => void (module instanceof nn.Conv2d && nn.init.kaimingNormal_(module.weight)))
  }
  forward(x: Tensor): Tensor {
    return this.conv_layers(x).flatten(2).transpose(1, 2)
  }
}

interface BlockOptions {
  readonly heads: number
  readonly hidden: number
  readonly dropout: number
  readonly attentionDropout: number
  readonly dropPath: number
}

/** As the authors' program has it: x + attention(norm(x)), which is normalised, then y + mlp(y). (B, N, dim) -> the same */
class Block extends nn.Module {
  readonly pre_norm: nn.LayerNorm
  self_attn: Attention
  readonly linear1: nn.Linear
  readonly dropout1: nn.Dropout
  readonly norm1: nn.LayerNorm
  readonly linear2: nn.Linear
  readonly dropout2: nn.Dropout
  readonly drop_path: nn.DropPath

  constructor(dim: number, { heads, hidden, dropout, attentionDropout, dropPath }: BlockOptions) {
    super()
    this.pre_norm = new nn.LayerNorm(dim)
    this.self_attn = new Attention(dim, heads, { dropout, attentionDropout, qkvBias: false })
    this.linear1 = new nn.Linear(dim, hidden)
    this.dropout1 = new nn.Dropout(dropout)
    this.norm1 = new nn.LayerNorm(dim)
    this.linear2 = new nn.Linear(hidden, dim)
    this.dropout2 = new nn.Dropout(dropout)
    this.drop_path = new nn.DropPath(dropPath)
  }
  forward(x: Tensor): Tensor {
    const y = this.norm1(x.add(this.drop_path(this.self_attn(this.pre_norm(x)))))
    return y.add(this.drop_path(this.dropout2(this.linear2(this.dropout1(this.linear1(y).gelu())))))
  }
}

/** From tokens to class scores. (B, N, dim) -> (B, classes) */
class Classifier extends nn.Module {
  readonly attention_pool: nn.Linear
  readonly positional_emb: nn.Parameter | null
  readonly dropout: nn.Dropout
  readonly blocks: nn.ModuleList<Block>
  readonly norm: nn.LayerNorm
  readonly fc: nn.Linear

  constructor({ tokens, dim, depth, classes, positions, block }: { readonly tokens: number; readonly dim: number; readonly depth: number; readonly classes: number; readonly positions: 'learnable' | 'sine' | 'none'; readonly block: BlockOptions }) {
    super()
    this.attention_pool = new nn.Linear(dim, 1)
    this.positional_emb = positionalEmbedding(positions, tokens, dim)
    this.dropout = new nn.Dropout(block.dropout)
    this.blocks = new nn.ModuleList(Array.from({ length: depth }, (_, i) => new Block(dim, { ...block, dropPath: depth === 1 ? 0 : (block.dropPath * i) / (depth - 1) })))
    this.norm = new nn.LayerNorm(dim)
    this.fc = new nn.Linear(dim, classes)
    this.apply((module) => {
      if (!(module instanceof nn.Linear)) return
      nn.init.truncNormal_(module.weight, { std: 0.02 })
      if (module.bias) nn.init.zeros_(module.bias)
    })
  }
  /** How much each token weighs in the mean that the scores are made of. (B, N, dim) -> (B, 1, N) */
  poolWeights(tokens: Tensor): Tensor {
    return this.attention_pool(tokens).transpose(1, 2).softmax(2)
  }
  forward(x: Tensor): Tensor {
    let tokens = this.dropout(this.positional_emb ? x.add(this.positional_emb) : x)
    for (const block of this.blocks) tokens = block(tokens)
    tokens = this.norm(tokens)
    return this.fc(this.poolWeights(tokens).matmul(tokens).squeeze(1))
  }
}

function positionalEmbedding(positions: 'learnable' | 'sine' | 'none', tokens: number, dim: number): nn.Parameter | null {
  if (positions === 'none') return null
  if (positions === 'sine') return new nn.Parameter(sineEmbedding(tokens, dim), { requiresGrad: false })
  const embedding = new nn.Parameter(zeros([1, tokens, dim]))
  nn.init.truncNormal_(embedding, { std: 0.2 })
  return embedding
}

/** sin(p / 10000^(2i / dim)) at the even places 2i of position p, and the cosine at the odd ones (Vaswani et al. 2017, section 3.5). (1, tokens, dim) */
function sineEmbedding(tokens: number, dim: number): Tensor {
  const rows = Array.from({ length: tokens }, (_, p) => Array.from({ length: dim }, (_, i) => Math.fround(p / 10000 ** ((2 * Math.floor(i / 2)) / dim))))
  return tensor([rows.map((row) => row.map((angle, i) => (i % 2 === 0 ? Math.sin(angle) : Math.cos(angle))))])
}

/**
 * From pictures to class scores. (B, C, H, W) -> (B, classes). From the same seed its initial numbers are those of the authors' CCT in
 * PyTorch, whose checkpoints it loads.
 */
export class CompactTransformer extends nn.Module {
  tokenizer: Tokenizer
  classifier: Classifier

  constructor(given: CompactTransformerOptions) {
    super()
    const { imageSize, classes, dim, depth, heads, mlpRatio, convLayers, convNorm, kernelSize, positions, dropout, attentionDropout, dropPath, channels } = optionsOf('CompactTransformer', given, defaults)
    const { convChannels = new Array<number>(convLayers - 1).fill(64) } = given
    if (dim % heads !== 0) throw new ValueError('CompactTransformer', `${heads} heads do not divide a dim of ${dim}`, 'choose a number of heads that divides dim')
    if (kernelSize % 2 !== 1) throw new ValueError('CompactTransformer', `kernels of ${kernelSize} have no middle`, 'choose an odd kernel size')
    if (convChannels.length !== convLayers - 1)
      throw new ValueError('CompactTransformer', `${convChannels.length} numbers of channels between ${convLayers} convolutions were given`, `give ${convLayers - 1}, as the last convolution gives dim`)
    this.tokenizer = new Tokenizer([channels, ...convChannels, dim], kernelSize, convNorm)
    let side = imageSize
    for (let i = 0; i < convLayers; i++) side = Math.ceil(side / 2)
    this.classifier = new Classifier({ tokens: side * side, dim, depth, classes, positions, block: { heads, hidden: Math.trunc(dim * mlpRatio), dropout, attentionDropout, dropPath } })
  }
  forward(x: Tensor): Tensor {
    const tokens = this.tokenizer(x)
    const { positional_emb } = this.classifier
    if (positional_emb && positional_emb.shape[1] !== tokens.shape[1])
      throw new ShapeError('CompactTransformer', `pictures of shape ${showShape(x.shape)} give ${tokens.shape[1]} tokens, the model was built for ${positional_emb.shape[1]}`, 'resize the pictures to the image size of the model')
    return this.classifier(tokens)
  }
}
