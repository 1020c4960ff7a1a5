/** The encoder of the Transformer (Vaswani et al. 2017). */
import { checkTensors } from '../autograd/op.ts'
import type { Tensor } from '../autograd/tensor.ts'
import { optionsOf } from '../tensor/options.ts'
import { ValueError } from '../tensor/errors.ts'
import { Dropout } from './activation.ts'
import { ModuleList } from './containers.ts'
import { checkSize, Linear } from './linear.ts'
import { AnyModule, Module } from './module.ts'
import { MultiheadAttention } from './multihead-attention.ts'
import { LayerNorm } from './normalization.ts'

type Activation = (x: Tensor) => Tensor

const activations: Readonly<Record<'relu' | 'gelu', Activation>> = { relu: (x) => x.relu(), gelu: (x) => x.gelu() }

export interface TransformerEncoderLayerOptions {
  /** Size between the two layers of the perceptron. */
  readonly dimFeedforward?: number
  readonly dropout?: number
  readonly activation?: 'relu' | 'gelu' | Activation
  /** Whether inputs are (B, N, E); else they are (N, B, E). */
  readonly batchFirst?: boolean
  /** Normalise before attention and perceptron, instead of after adding their results. */
  readonly normFirst?: boolean
  /** Added to the variance in the layer norms. */
  readonly layerNormEps?: number
}

export interface EncoderMasks {
  /** (N, N) or (B · heads, N, N): true where a token may not attend to another; or numbers that are added to the scores. */
  readonly srcMask?: Tensor | null
  /** (B, N): true for a token that is padding. */
  readonly srcKeyPaddingMask?: Tensor | null
}

/** Self-attention and a perceptron, each with dropout, a residual and a layer norm. (N, B, E) -> the same. Same as torch.nn.TransformerEncoderLayer. */
export class TransformerEncoderLayer extends Module<[src: Tensor, masks?: EncoderMasks]> {
  readonly self_attn: MultiheadAttention
  readonly linear1: Linear
  readonly dropout: Dropout
  readonly linear2: Linear
  readonly normFirst: boolean
  readonly norm1: LayerNorm
  readonly norm2: LayerNorm
  readonly dropout1: Dropout
  readonly dropout2: Dropout
  readonly activation: Activation

  constructor(dModel: number, nhead: number, given: TransformerEncoderLayerOptions = {}) {
    super()
    const { dimFeedforward, dropout, activation, batchFirst, normFirst, layerNormEps } = optionsOf('TransformerEncoderLayer', given, { dimFeedforward: 2048, dropout: 0.1, activation: 'relu', batchFirst: false, normFirst: false, layerNormEps: 1e-5 })
    const chosen = typeof activation === 'string' ? activations[activation] : activation
    if (typeof chosen !== 'function') throw new ValueError('TransformerEncoderLayer', `${String(activation)} is no activation`, "give 'relu', 'gelu' or a function of a tensor")
    checkSize('TransformerEncoderLayer', 'dimFeedforward', dimFeedforward)
    this.self_attn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst })
    this.linear1 = new Linear(dModel, dimFeedforward)
    this.dropout = new Dropout(dropout)
    this.linear2 = new Linear(dimFeedforward, dModel)
    this.normFirst = normFirst
    this.norm1 = new LayerNorm(dModel, { eps: layerNormEps })
    this.norm2 = new LayerNorm(dModel, { eps: layerNormEps })
    this.dropout1 = new Dropout(dropout)
    this.dropout2 = new Dropout(dropout)
    this.activation = chosen
  }
  forward(src: Tensor, given: EncoderMasks = {}): Tensor {
    const masks = optionsOf('TransformerEncoderLayer', given, { srcMask: null, srcKeyPaddingMask: null })
    checkTensors('TransformerEncoderLayer', [src])
    if (this.normFirst) {
      const x = src.add(this.attention(this.norm1(src), masks))
      return x.add(this.perceptron(this.norm2(x)))
    }
    const x = this.norm1(src.add(this.attention(src, masks)))
    return this.norm2(x.add(this.perceptron(x)))
  }
  private attention(x: Tensor, { srcMask, srcKeyPaddingMask }: EncoderMasks): Tensor {
    const [attended] = this.self_attn(x, x, x, { attnMask: srcMask, keyPaddingMask: srcKeyPaddingMask, needWeights: false })
    return this.dropout1(attended)
  }
  private perceptron(x: Tensor): Tensor {
    return this.dropout2(this.linear2(this.dropout(this.activation(this.linear1(x)))))
  }
}

/** Encoder layers one after the other, all with the initial numbers of the one given. (N, B, E) -> the same. Same as torch.nn.TransformerEncoder. */
export class TransformerEncoder extends Module<[src: Tensor, masks?: EncoderMasks & { readonly mask?: Tensor | null }]> {
  readonly layers: ModuleList<TransformerEncoderLayer>
  readonly norm: LayerNorm | null

  constructor(encoderLayer: TransformerEncoderLayer, numLayers: number, given: { readonly norm?: LayerNorm | null } = {}) {
    super()
    const { norm } = optionsOf('TransformerEncoder', given, { norm: null })
    checkSize('TransformerEncoder', 'numLayers', numLayers)
    if (!(encoderLayer instanceof AnyModule)) throw new ValueError('TransformerEncoder', 'what was given as the layer is no module', 'give a TransformerEncoderLayer')
    this.layers = new ModuleList(Array.from({ length: numLayers }, () => encoderLayer.clone()))
    this.norm = norm
  }
  forward(src: Tensor, given: EncoderMasks & { readonly mask?: Tensor | null } = {}): Tensor {
    const { mask, srcMask, srcKeyPaddingMask } = optionsOf('TransformerEncoder', given, { mask: null, srcMask: null, srcKeyPaddingMask: null })
    let x = src
    for (const layer of this.layers) x = layer(x, { srcMask: srcMask ?? mask, srcKeyPaddingMask })
    return this.norm ? this.norm(x) : x
  }
}
