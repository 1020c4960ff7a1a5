/** The Vision Transformer (Dosovitskiy et al. 2021), with the parameter names of timm's checkpoints. */
import { linspace, zeros } from '../autograd/creation.ts'
import { cat } from '../autograd/functions.ts'
import type { Tensor } from '../autograd/tensor.ts'
import * as nn from '../nn/nn.ts'
import { ShapeError, ValueError } from '../tensor/errors.ts'
import { checkWord, optionsOf, required } from '../tensor/options.ts'
import { showShape } from '../tensor/shape.ts'
import { Attention } from './attention.ts'

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
  /** Probability of dropout after the embedding, in attention, and after each linear layer of a block. */
  readonly dropout?: number
  /** Probability with which the last block is skipped for a sample; it grows evenly from 0 at the first (Huang et al. 2016). */
  readonly dropPath?: number
  /** Whether the projections to queries, keys and values have a bias. */
  readonly qkvBias?: boolean
  /** What is classified: the class token, after `norm`, or the mean of the patches' tokens, before `fc_norm`. */
  readonly globalPool?: 'token' | 'avg'
  /** Initial values of the linear layers: timm's small ones for deep models, or, with 'skip' as in timm, those that layers have by themselves. */
  readonly weightInit?: 'timm' | 'skip'
  readonly channels?: number
}

const defaults = {
  imageSize: required, patchSize: required, classes: required, dim: required, depth: required, heads: required,
  mlpRatio: 4, dropout: 0, dropPath: 0, qkvBias: true, globalPool: 'token', weightInit: 'timm', channels: 3,
} as const

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

/** What all blocks of a model are made with. */
interface BlockOptions {
  readonly dim: number
  readonly heads: number
  readonly hidden: number
  readonly dropout: number
  readonly qkvBias: boolean
}

/** x + attention(norm(x)), then x + mlp(norm(x)). Samples may skip either. */
class Block extends nn.Module {
  readonly norm1: nn.LayerNorm
  attn: Attention
  readonly drop_path1: nn.DropPath | nn.Identity
  readonly norm2: nn.LayerNorm
  mlp: Mlp
  readonly drop_path2: nn.DropPath | nn.Identity

  constructor({ dim, heads, hidden, dropout, qkvBias }: BlockOptions, dropPath: number) {
    super()
    this.norm1 = new nn.LayerNorm(dim, { eps: 1e-6 })
    this.attn = new Attention(dim, heads, { dropout, qkvBias })
    this.drop_path1 = dropPath > 0 ? new nn.DropPath(dropPath) : new nn.Identity()
    this.norm2 = new nn.LayerNorm(dim, { eps: 1e-6 })
    this.mlp = new Mlp(dim, hidden, dropout)
    this.drop_path2 = dropPath > 0 ? new nn.DropPath(dropPath) : new nn.Identity()
  }
  forward(x: Tensor): Tensor {
    const attended = x.add(this.drop_path1(this.attn(this.norm1(x))))
    return attended.add(this.drop_path2(this.mlp(this.norm2(attended))))
  }
}

/** From pictures to class scores. (B, C, H, W) -> (B, classes). Same as timm's VisionTransformer, and torchvision's under other names. */
export class VisionTransformer extends nn.Module {
  readonly cls_token: nn.Parameter
  readonly pos_embed: nn.Parameter
  patch_embed: PatchEmbed
  readonly pos_drop: nn.Dropout
  readonly blocks: nn.Sequential
  readonly norm: nn.LayerNorm | nn.Identity
  readonly fc_norm: nn.LayerNorm | nn.Identity
  readonly head: nn.Linear
  readonly globalPool: 'token' | 'avg'

  constructor(given: VisionTransformerOptions) {
    super()
    const { imageSize, patchSize, classes, dim, depth, heads, mlpRatio, dropout, dropPath, qkvBias, globalPool, weightInit, channels } = optionsOf('VisionTransformer', given, defaults)
    checkWord('VisionTransformer', 'weightInit', weightInit, ['timm', 'skip'])
    checkWord('VisionTransformer', 'globalPool', globalPool, ['token', 'avg'])
    if (imageSize % patchSize !== 0) throw new ValueError('VisionTransformer', `patches of ${patchSize} do not divide a picture of ${imageSize}`, 'choose a patch size that divides the image size')
    if (dim % heads !== 0) throw new ValueError('VisionTransformer', `${heads} heads do not divide a dim of ${dim}`, 'choose a number of heads that divides dim')
    this.cls_token = new nn.Parameter(zeros([1, 1, dim]))
    this.pos_embed = new nn.Parameter(zeros([1, (imageSize / patchSize) ** 2 + 1, dim]))
    this.patch_embed = new PatchEmbed(channels, patchSize, dim)
    if (weightInit === 'skip') nn.init.normal_(this.pos_embed, { std: 0.02 })
    this.pos_drop = new nn.Dropout(dropout)
    const block: BlockOptions = { dim, heads, hidden: Math.floor(dim * mlpRatio), dropout, qkvBias }
    this.blocks = new nn.Sequential(...Array.from(linspace(0, dropPath, depth).data, (p) => new Block(block, p)))
    this.norm = globalPool === 'avg' ? new nn.Identity() : new nn.LayerNorm(dim, { eps: 1e-6 })
    this.fc_norm = globalPool === 'avg' ? new nn.LayerNorm(dim, { eps: 1e-6 }) : new nn.Identity()
    this.head = new nn.Linear(dim, classes)
    this.globalPool = globalPool
    if (weightInit === 'timm') this.initialize()
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
    const described = this.norm(this.blocks(this.pos_drop(tokens)))
    const pooled = this.globalPool === 'avg' ? described.narrow(1, 1, N).mean(1) : described.at(':', 0)
    return this.head(this.fc_norm(pooled))
  }
}

/** timm's sizes: numbers in a token, blocks, heads. The perceptrons are four times as wide. */
export const vitSizes = {
  tiny: { dim: 192, depth: 12, heads: 3 },
  small: { dim: 384, depth: 12, heads: 6 },
  base: { dim: 768, depth: 12, heads: 12 },
} as const

type PresetOptions = Partial<VisionTransformerOptions>

/** timm's vit_tiny_patch16_224, 5.7 million parameters. Options overrule what it is made of. */
export const vitTiny = (options: PresetOptions = {}): VisionTransformer => preset('tiny', options)

/** timm's vit_small_patch16_224, 22 million parameters. */
export const vitSmall = (options: PresetOptions = {}): VisionTransformer => preset('small', options)

/** timm's vit_base_patch16_224, 86 million parameters. */
export const vitBase = (options: PresetOptions = {}): VisionTransformer => preset('base', options)

function preset(size: keyof typeof vitSizes, options: PresetOptions): VisionTransformer {
  return new VisionTransformer({ imageSize: 224, patchSize: 16, classes: 1000, ...vitSizes[size], ...options })
}
