/** The Vision Transformer that is measured, built of what any user has: pre-norm blocks, a class token, learned positions. */
import { cat, manualSeed, nn, randint, randn, zeros, type Tensor } from 'vitgrad'
import { tokensOf, type Config } from './configs.ts'

const F = nn.functional

class Attention extends nn.Module {
  readonly q: nn.Linear
  readonly k: nn.Linear
  readonly v: nn.Linear
  readonly o: nn.Linear
  readonly #heads: number

  constructor(dim: number, heads: number) {
    super()
    this.#heads = heads
    this.q = new nn.Linear(dim, dim, { bias: false })
    this.k = new nn.Linear(dim, dim, { bias: false })
    this.v = new nn.Linear(dim, dim, { bias: false })
    this.o = new nn.Linear(dim, dim, { bias: false })
  }
  /** (B, n, dim) -> (B, n, dim) */
  forward(x: Tensor): Tensor {
    const [batch, tokens, dim] = x.shape
    const split = (t: Tensor) => t.view([batch, tokens, this.#heads, dim / this.#heads]).transpose(1, 2)
    const mixed = F.scaledDotProductAttention(split(this.q(x)), split(this.k(x)), split(this.v(x)))
    return this.o(mixed.transpose(1, 2).reshape([batch, tokens, dim]))
  }
}

class Block extends nn.Module {
  readonly ln1: nn.LayerNorm
  readonly attn: Attention
  readonly ln2: nn.LayerNorm
  readonly mlp: nn.Sequential

  constructor({ dim, heads, hidden, act }: Config) {
    super()
    this.ln1 = new nn.LayerNorm(dim)
    this.attn = new Attention(dim, heads)
    this.ln2 = new nn.LayerNorm(dim)
    this.mlp = new nn.Sequential(new nn.Linear(dim, hidden), act === 'gelu' ? new nn.GELU() : new nn.ReLU(), new nn.Linear(hidden, dim))
  }
  forward(x: Tensor): Tensor {
    const y = x.add(this.attn(this.ln1(x)))
    return y.add(this.mlp(this.ln2(y)))
  }
}

export class ViT extends nn.Module {
  readonly patch: nn.Conv2d
  readonly cls: nn.Parameter
  readonly pos: nn.Parameter
  readonly blocks: nn.Sequential
  readonly ln: nn.LayerNorm
  readonly head: nn.Linear

  constructor(config: Config) {
    super()
    const { patch, dim, depth, classes } = config
    this.patch = new nn.Conv2d(3, dim, patch, { stride: patch })
    this.cls = new nn.Parameter(zeros([1, 1, dim]))
    this.pos = new nn.Parameter(randn([1, tokensOf(config), dim]).mul(0.02))
    this.blocks = new nn.Sequential(...Array.from({ length: depth }, () => new Block(config)))
    this.ln = new nn.LayerNorm(dim)
    this.head = new nn.Linear(dim, classes)
  }
  /** Pictures (B, 3, H, W) -> scores (B, classes) */
  forward(pictures: Tensor): Tensor {
    const patches = this.patch(pictures).flatten(2).transpose(1, 2)
    const cls = this.cls.expand([patches.shape[0], -1, -1])
    const x = cat([cls, patches], 1).add(this.pos)
    return this.head(this.ln(this.blocks(x)).select(1, 0))
  }
}

/** A model and one random batch, always the same. The order of draws is that of peers/pytorch.py, so the numbers are the same too. */
export function build(config: Config): { model: ViT; pictures: Tensor; labels: Tensor } {
  manualSeed(0)
  const model = new ViT(config)
  const pictures = randn([config.batch, 3, config.image, config.image])
  const labels = randint(0, config.classes, [config.batch])
  return { model, pictures, labels }
}

export function parameterCount(model: ViT): number {
  return [...model.parameters()].reduce((sum, parameter) => sum + parameter.numel(), 0)
}
