/** The Vision Transformer (Dosovitskiy et al. 2021), with the parameter names of timm's checkpoints. */
import { zeros } from '../autograd/creation.ts'
import { cat } from '../autograd/functions.ts'
import type { Tensor } from '../autograd/tensor.ts'
import * as nn from '../nn/nn.ts'
import { ShapeError, ValueError } from '../tensor/errors.ts'
import { showShape } from '../tensor/shape.ts'

export interface VisionTransformerOptions {
  /** Height and width of a picture. */
  readonly imageSize: number
  /** Height and width of a patch; must divide the image size. */
  readonly patchSize: number
  readonly classes: number
  /** Numbers that describe a token. */
  readonly dim: number
  /** Number of blocks. */
  readonly depth: number
  /** Number of attention heads; must divide dim. */
  readonly heads: number
  /** Width of the hidden layer of a block's perceptron, as a multiple of dim. */
  readonly mlpRatio?: number
  readonly dropout?: number
  readonly channels?: number
}

/** Pictures (B, C, H, W) to tokens (B, N, dim), one for each patch. */
class PatchEmbed extends nn.Module {
  readonly proj: nn.Conv2d

  constructor(channels: number, patchSize: number, dim: number) {
    super()
    this.proj = new nn.Conv2d(channels, dim, patchSize, { stride: patchSize })
  }
  forward(x: Tensor): Tensor {
    return this.proj(x).flatten(2).transpose(1, 2)
  }
}

/** Self-attention with several heads; queries, keys and values come from one projection. (B, N, dim) -> (B, N, dim) */
class Attention extends nn.Module {
  readonly numHeads: number
  readonly qkv: nn.Linear
  readonly attn_drop: nn.Dropout
  readonly proj: nn.Linear
  readonly proj_drop: nn.Dropout

  constructor(dim: number, heads: number, dropout: number) {
    super()
    this.numHeads = heads
    this.qkv = new nn.Linear(dim, 3 * dim)
    this.attn_drop = new nn.Dropout(dropout)
    this.proj = new nn.Linear(dim, dim)
    this.proj_drop = new nn.Dropout(dropout)
  }
  forward(x: Tensor): Tensor {
    const [B, N, dim] = x.shape
    const [q, k, v] = this.qkv(x).reshape([B, N, 3, this.numHeads, dim / this.numHeads]).permute([2, 0, 3, 1, 4]).unbind(0)
    const heads = nn.functional.scaledDotProductAttention(q, k, v, { dropoutP: this.attn_drop.training ? this.attn_drop.p : 0 })
    return this.proj_drop(this.proj(heads.transpose(1, 2).reshape([B, N, dim])))
  }
}

/** Two linear layers with GELU in between, for each token. */
class Mlp extends nn.Module {
  readonly fc1: nn.Linear
  readonly act: nn.GELU
  readonly fc2: nn.Linear
  readonly drop: nn.Dropout

  constructor(dim: number, hidden: number, dropout: number) {
    super()
    this.fc1 = new nn.Linear(dim, hidden)
    this.act = new nn.GELU()
    this.fc2 = new nn.Linear(hidden, dim)
    this.drop = new nn.Dropout(dropout)
  }
  forward(x: Tensor): Tensor {
    return this.drop(this.fc2(this.drop(this.act(this.fc1(x)))))
  }
}

/** x + attention(norm(x)), then x + mlp(norm(x)). */
class Block extends nn.Module {
  readonly norm1: nn.LayerNorm
  readonly attn: Attention
  readonly norm2: nn.LayerNorm
  readonly mlp: Mlp

  constructor(dim: number, heads: number, hidden: number, dropout: number) {
    super()
    this.norm1 = new nn.LayerNorm(dim, { eps: 1e-6 })
    this.attn = new Attention(dim, heads, dropout)
    this.norm2 = new nn.LayerNorm(dim, { eps: 1e-6 })
    this.mlp = new Mlp(dim, hidden, dropout)
  }
  forward(x: Tensor): Tensor {
    const attended = x.add(this.attn(this.norm1(x)))
    return attended.add(this.mlp(this.norm2(attended)))
  }
}

/** From pictures to class scores. (B, C, H, W) -> (B, classes) */
export class VisionTransformer extends nn.Module {
  readonly cls_token: nn.Parameter
  readonly pos_embed: nn.Parameter
  readonly patch_embed: PatchEmbed
  readonly pos_drop: nn.Dropout
  readonly blocks: nn.Sequential
  readonly norm: nn.LayerNorm
  readonly head: nn.Linear

  constructor({ imageSize, patchSize, classes, dim, depth, heads, mlpRatio = 4, dropout = 0, channels = 3 }: VisionTransformerOptions) {
    super()
    if (imageSize % patchSize !== 0) throw new ValueError('VisionTransformer', `patches of ${patchSize} do not divide a picture of ${imageSize}`, 'choose a patch size that divides the image size')
    if (dim % heads !== 0) throw new ValueError('VisionTransformer', `${heads} heads do not divide a dim of ${dim}`, 'choose a number of heads that divides dim')
    this.cls_token = new nn.Parameter(zeros([1, 1, dim]))
    this.pos_embed = new nn.Parameter(zeros([1, (imageSize / patchSize) ** 2 + 1, dim]))
    this.patch_embed = new PatchEmbed(channels, patchSize, dim)
    this.pos_drop = new nn.Dropout(dropout)
    this.blocks = new nn.Sequential(...Array.from({ length: depth }, () => new Block(dim, heads, Math.round(dim * mlpRatio), dropout)))
    this.norm = new nn.LayerNorm(dim, { eps: 1e-6 })
    this.head = new nn.Linear(dim, classes)
    this.initialize()
  }
  /** timm's initial values: embeddings and linear weights from a normal distribution of deviation 0.02, biases 0. */
  private initialize(): void {
    nn.init.truncNormal_(this.pos_embed, { std: 0.02 })
    nn.init.normal_(this.cls_token, 0, 1e-6)
    this.apply((module) => {
      if (!(module instanceof nn.Linear)) return
      nn.init.truncNormal_(module.weight, { std: 0.02 })
      if (module.bias) nn.init.zeros_(module.bias)
    })
  }
  forward(x: Tensor): Tensor {
    const patches = this.patch_embed(x)
    const [B, N, dim] = patches.shape
    if (N + 1 !== this.pos_embed.shape[1])
      throw new ShapeError('VisionTransformer', `pictures of shape ${showShape(x.shape)} give ${N} patches, the model was built for ${this.pos_embed.shape[1] - 1}`, 'resize the pictures to the image size of the model')
    const tokens = cat([this.cls_token.expand([B, 1, dim]), patches], 1).add(this.pos_embed)
    return this.head(this.norm(this.blocks(this.pos_drop(tokens))).at(':', 0))
  }
}
