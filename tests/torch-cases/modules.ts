/** The modules of the cases: how each is built from its arguments, and how it is called with a case's tensors. */
import { cat, nn, vit, zeros, type Tensor } from 'vitgrad'
import type { CallAttributes, ModuleArguments } from './cases.ts'
import { findModule } from './surface.ts'

type Call = (t: readonly Tensor[], a: CallAttributes) => Tensor | readonly Tensor[]

/** A module and the call that a case makes. */
export interface Built {
  readonly module: nn.AnyModule
  readonly call: Call
}

type Options = Readonly<Record<string, unknown>>
type LayerClass = new (size: number, second?: number) => nn.Module
type AttentionClass = new (embedDim: number, numHeads: number, options: Options) => nn.Module<[query: Tensor, key: Tensor, value: Tensor, options: Options], readonly [Tensor, Tensor]>
type EncoderLayerClass = new (dModel: number, nhead: number, options: Options) => nn.Module<[src: Tensor, options?: Options]>

/** A module of one tensor. */
const unary = (module: nn.Module): Built => ({ module, call: ([x]) => module(x) })

const operand = (t: readonly Tensor[], index: number | undefined) => (index === undefined ? undefined : t[index])

function encoderLayer(dModel: number, nhead: number, options: Options) {
  return new (findModule<EncoderLayerClass>('TransformerEncoderLayer'))(dModel, nhead, options)
}

/** (B, c, s, s) -> (B, classes): pre-norm, class token first, GELU, final LayerNorm, learned position embedding. */
class PreNormViT extends nn.Module {
  patch
  cls
  pos
  layers
  norm
  head
  constructor({ image, patch, channels, dim, depth, heads, mlp, classes }: ModuleArguments) {
    super()
    const options = { dimFeedforward: mlp, dropout: 0, activation: 'gelu', batchFirst: true, normFirst: true }
    this.patch = new nn.Conv2d(channels, dim, patch, { stride: patch })
    this.cls = new nn.Parameter(zeros([1, 1, dim]))
    this.pos = new nn.Parameter(zeros([1, (image / patch) ** 2 + 1, dim]))
    this.layers = new nn.ModuleList(Array.from({ length: depth }, () => encoderLayer(dim, heads, options)))
    this.norm = new nn.LayerNorm(dim)
    this.head = new nn.Linear(dim, classes)
  }
  override forward(x: Tensor): Tensor {
    const patches = this.patch(x).flatten(2).transpose(1, 2)
    let tokens = cat([this.cls.expand([x.shape[0], -1, -1]), patches], 1).add(this.pos)
    for (const layer of this.layers) tokens = layer(tokens)
    return this.head(this.norm(tokens).at(':', 0))
  }
}

function mlp({ i, h, o, act }: ModuleArguments) {
  const Activation = findModule<new () => nn.Module>(act)
  return new nn.Sequential(new nn.Linear(i, h), new Activation(), new nn.Linear(h, h), new Activation(), new nn.Linear(h, o))
}

function cnn({ cin, classes }: ModuleArguments) {
  const AdaptiveAvgPool2d = findModule<LayerClass>('AdaptiveAvgPool2d')
  return new nn.Sequential(
    new nn.Conv2d(cin, 4, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(4),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(4, 6, 3, { stride: 2, padding: 1 }),
    new nn.ReLU(),
    new AdaptiveAvgPool2d(1),
    new nn.Flatten(),
    new nn.Linear(6, classes),
  )
}

const batchNormOptions = (a: ModuleArguments) => ({ eps: a.eps, momentum: a.momentum, affine: a.affine, trackRunningStats: a.track_running_stats })

/** The notebook's attention gives its weights beside its output. */
function notebookAttention(a: ModuleArguments): Built {
  const module = new nn.MultiHeadAttention(a.num_hiddens, a.num_heads, a.dropout, { bias: a.bias })
  return {
    module,
    call([queries, keys, values, validLens]) {
      const output = module(queries, keys, values, validLens ?? null)
      const weights = module.attention.attention_weights
      if (!weights) throw new Error('the attention weights were not kept')
      return [output, weights]
    },
  }
}

function multiheadAttention(a: ModuleArguments): Built {
  const options = { bias: a.bias, batchFirst: a.batch_first, kdim: a.kdim, vdim: a.vdim }
  const module = new (findModule<AttentionClass>('MultiheadAttention'))(a.embed_dim, a.num_heads, options)
  return {
    module,
    call: (t, { kpm, am, average }) =>
      module(t[0], t[1], t[2], { keyPaddingMask: operand(t, kpm), attnMask: operand(t, am), needWeights: true, averageAttnWeights: average }),
  }
}

function transformerEncoderLayer(a: ModuleArguments): Built {
  const module = encoderLayer(a.d_model, a.nhead, {
    dimFeedforward: a.dim_feedforward,
    dropout: a.dropout,
    activation: a.activation,
    batchFirst: a.batch_first,
    normFirst: a.norm_first,
  })
  return { module, call: (t, { am, kpm }) => module(t[0], { srcMask: operand(t, am), srcKeyPaddingMask: operand(t, kpm) }) }
}

export const modules: Readonly<Record<string, (a: ModuleArguments) => Built>> = {
  Linear: (a) => unary(new nn.Linear(a.in_features, a.out_features, { bias: a.bias })),
  Conv2d: (a) =>
    unary(new nn.Conv2d(a.in_channels, a.out_channels, a.kernel_size, { stride: a.stride, padding: a.padding, groups: a.groups, bias: a.bias })),
  LayerNorm: (a) => unary(new nn.LayerNorm(a.normalized_shape, { eps: a.eps, elementwiseAffine: a.elementwise_affine })),
  BatchNorm1d: (a) => unary(new nn.BatchNorm1d(a.num_features, batchNormOptions(a))),
  BatchNorm2d: (a) => unary(new nn.BatchNorm2d(a.num_features, batchNormOptions(a))),
  Embedding: (a) => unary(new (findModule<LayerClass>('Embedding'))(a.num_embeddings, a.embedding_dim)),
  'd2l.MultiHeadAttention': notebookAttention,
  MultiheadAttention: multiheadAttention,
  TransformerEncoderLayer: transformerEncoderLayer,
  MLP: (a) => unary(mlp(a)),
  CNN: (a) => unary(cnn(a)),
  PreNormViT: (a) => unary(new PreNormViT(a)),
  SeedTransformerBlock: (a) => unary(new vit.TransformerBlock(a.embeddings, a.heads, a.dropout)),
  SeedVit: (a) =>
    unary(new vit.Vit({ imageSize: a.img_size, patchSize: a.patch_size, numBlocks: a.num_blocks, heads: a.heads, dropout: a.dropout, classes: a.classes })),
}
