/** The notebook's Vision Transformer, piece by piece, with its slips repaired (Dosovitskiy et al. 2021). */
import { randn } from '../autograd/creation.ts'
import { cat } from '../autograd/functions.ts'
import type { Tensor } from '../autograd/tensor.ts'
import * as nn from '../nn/nn.ts'
import { ShapeError, ValueError } from '../tensor/errors.ts'
import { optionsOf, required } from '../tensor/options.ts'
import { showShape } from '../tensor/shape.ts'

/** Cuts pictures into patches and projects each to 3p² numbers: a convolution whose stride is its kernel. */
export class PatchConv extends nn.Module {
  readonly conv: nn.Conv2d

  constructor(patchSize: number) {
    super()
    this.conv = new nn.Conv2d(3, 3 * patchSize ** 2, patchSize, { stride: patchSize })
  }
  /** (B, 3, H, W) -> (B, H/p · W/p, 3p²) */
  forward(x: Tensor): Tensor {
    return this.conv(x).flatten(2).transpose(1, 2)
  }
}

/** Puts the class token in front of the patches and adds a learned embedding to every position. */
export class PositionEmbedding extends nn.Module {
  readonly embeddings: number
  readonly tokens: number
  readonly cls: nn.Parameter
  readonly pos_emb: nn.Parameter

  constructor(patchSize: number, imageSize: number) {
    super()
    if (imageSize % patchSize !== 0) throw new ValueError('PositionEmbedding', `patches of ${patchSize} do not divide a picture of ${imageSize}`, 'choose a patch size that divides the image size')
    this.embeddings = 3 * patchSize ** 2
    this.tokens = (imageSize / patchSize) ** 2 + 1
    this.cls = new nn.Parameter(randn([1, 1, this.embeddings]))
    this.pos_emb = new nn.Parameter(randn([1, this.tokens, this.embeddings]))
  }
  /** (B, N, E) -> (B, N + 1, E) */
  forward(x: Tensor): Tensor {
    const [B, N, E] = x.shape
    if (x.ndim !== 3 || N + 1 !== this.tokens || E !== this.embeddings)
      throw new ShapeError('PositionEmbedding', `an input of shape ${showShape(x.shape)} was given to an embedding of ${this.tokens - 1} patches of ${this.embeddings} numbers`, 'build the model for the image size that you feed')
    return this.pos_emb.add(cat([this.cls.expand([B, -1, -1]), x], 1))
  }
}

/** Attention, then a perceptron on every token, each added to what came in. */
export class TransformerBlock extends nn.Module {
  readonly norm1: nn.LayerNorm
  readonly Attention: nn.MultiHeadAttention
  readonly norm2: nn.LayerNorm
  readonly mlp: nn.Sequential
  readonly prenorm: boolean

  /** `prenorm` takes the residual before the first norm, as the paper does; the notebook takes it after. */
  constructor(embeddings: number, heads: number, dropout: number, given: { readonly prenorm?: boolean } = {}) {
    super()
    const { prenorm } = optionsOf('TransformerBlock', given, { prenorm: false })
    this.norm1 = new nn.LayerNorm(embeddings)
    this.Attention = new nn.MultiHeadAttention(embeddings, heads, dropout)
    this.norm2 = new nn.LayerNorm(embeddings)
    this.mlp = new nn.Sequential(new nn.Linear(embeddings, 2 * embeddings), new nn.ReLU(), new nn.Linear(2 * embeddings, embeddings))
    this.prenorm = prenorm
  }
  /** (B, N, E) -> (B, N, E) */
  forward(x: Tensor): Tensor {
    const normed = this.norm1(x)
    const attended = (this.prenorm ? x : normed).add(this.Attention(normed, normed, normed))
    return attended.add(this.mlp(this.norm2(attended)))
  }
}

/** Blocks one after the other. */
export class Transformer extends nn.Module {
  readonly transformer: nn.Sequential

  constructor(numBlocks: number, embeddings: number, heads: number, dropout: number, options: { readonly prenorm?: boolean } = {}) {
    super()
    this.transformer = new nn.Sequential()
    for (let i = 0; i < numBlocks; i++) this.transformer.addModule(`transformer${i}`, new TransformerBlock(embeddings, heads, dropout, options))
  }
  /** (B, N, E) -> (B, N, E) */
  forward(x: Tensor): Tensor {
    return this.transformer(x)
  }
}

export interface VitOptions {
  readonly imageSize: number
  readonly patchSize: number
  readonly numBlocks: number
  readonly heads: number
  readonly dropout: number
  readonly classes: number
  /** Take the residual before the norm, as the paper does. */
  readonly prenorm?: boolean
}

/** From pictures to class scores. (B, 3, H, W) -> (B, classes) */
export class Vit extends nn.Module {
  patch: PatchConv
  pos: PositionEmbedding
  transformer: Transformer
  readonly mlphead: nn.Linear

  constructor(given: VitOptions) {
    super()
    const { imageSize, patchSize, numBlocks, heads, dropout, classes, prenorm } = optionsOf('Vit', given, { imageSize: required, patchSize: required, numBlocks: required, heads: required, dropout: required, classes: required, prenorm: false })
    this.patch = new PatchConv(patchSize)
    this.pos = new PositionEmbedding(patchSize, imageSize)
    this.transformer = new Transformer(numBlocks, this.pos.embeddings, heads, dropout, { prenorm })
    this.mlphead = new nn.Linear(this.pos.embeddings, classes)
  }
  forward(x: Tensor): Tensor {
    const tokens = this.transformer(this.pos(this.patch(x)))
    return this.mlphead(tokens.at(':', 0, ':'))
  }
}
