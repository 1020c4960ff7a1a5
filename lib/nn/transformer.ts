/** The encoder of the Transformer (Vaswani et al. 2017). */
import { checkTensors } from '../autograd/op.ts'
import type { Tensor } from '../autograd/tensor.ts'
import { argumentsOf, checkSize, required, type Arguments, type Given } from '../tensor/options.ts'
import { ValueError } from '../tensor/errors.ts'
import { Dropout } from './dropout.ts'
import { ModuleList } from './containers.ts'
import { Linear } from './linear.ts'
import { AnyModule, Module } from './module.ts'
import { MultiheadAttention } from './multihead-attention.ts'
import { LayerNorm } from './normalization.ts'

type Activation = (x: Tensor) => Tensor

const activations: Readonly<Record<'relu' | 'gelu', Activation>> = { relu: (x) => x.relu(), gelu: (x) => x.gelu() }

interface LayerSizes {
  readonly dModel: number
  /** Must divide dModel. */
  readonly nhead: number
}

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

type LayerPlaces = [dimFeedforward: number, dropout: number, activation: 'relu' | 'gelu' | Activation, layerNormEps: number, batchFirst: boolean, normFirst: boolean]

export interface EncoderMasks {
  /** (N, N) or (B · heads, N, N): true where a token may not attend to another; or numbers that are added to the scores. */
  readonly srcMask?: Tensor | null
  /** (B, N): true for a token that is padding. */
  readonly srcKeyPaddingMask?: Tensor | null
}

type LayerMasks = Given<[srcMask: Tensor | null, srcKeyPaddingMask: Tensor | null], EncoderMasks>
type Masks = Given<[mask: Tensor | null, srcKeyPaddingMask: Tensor | null], EncoderMasks & { readonly mask?: Tensor | null }>

/** Self-attention and a perceptron, each with dropout, a residual and a layer norm. (N, B, E) -> the same. Same as torch.nn.TransformerEncoderLayer. */
export class TransformerEncoderLayer extends Module<[src: Tensor, ...LayerMasks]> {
  self_attn: MultiheadAttention
  linear1: Linear
  dropout: Dropout
  linear2: Linear
  readonly normFirst: boolean
  norm1: LayerNorm
  norm2: LayerNorm
  dropout1: Dropout
  dropout2: Dropout
  activation: Activation

  constructor(...given: Arguments<[dModel: number, nhead: number], LayerPlaces, TransformerEncoderLayerOptions & LayerSizes>) {
    super()
    const { dModel, nhead, dimFeedforward, dropout, activation, layerNormEps, batchFirst, normFirst } = argumentsOf('TransformerEncoderLayer', given, {
      dModel: required, nhead: required, dimFeedforward: 2048, dropout: 0.1, activation: 'relu', layerNormEps: 1e-5, batchFirst: false, normFirst: false,
    })
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
  forward(src: Tensor, ...given: LayerMasks): Tensor {
    const masks = argumentsOf('TransformerEncoderLayer', given, { srcMask: null, srcKeyPaddingMask: null })
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

interface TransformerEncoderOptions {
  readonly encoderLayer: TransformerEncoderLayer
  readonly numLayers: number
  readonly norm?: LayerNorm | null
}

/** Encoder layers one after the other, all with the initial numbers of the one given. (N, B, E) -> the same. Same as torch.nn.TransformerEncoder. */
export class TransformerEncoder extends Module<[src: Tensor, ...Masks]> {
  layers: ModuleList<TransformerEncoderLayer>
  norm: LayerNorm | null

  constructor(...given: Arguments<[encoderLayer: TransformerEncoderLayer, numLayers: number], [norm: LayerNorm | null], TransformerEncoderOptions>) {
    super()
    const { encoderLayer, numLayers, norm } = argumentsOf('TransformerEncoder', given, { encoderLayer: required, numLayers: required, norm: null })
    checkSize('TransformerEncoder', 'numLayers', numLayers)
    if (!(encoderLayer instanceof AnyModule)) throw new ValueError('TransformerEncoder', 'what was given as the layer is no module', 'give a TransformerEncoderLayer')
    this.layers = new ModuleList(Array.from({ length: numLayers }, () => encoderLayer.clone()))
    this.norm = norm
  }
  forward(src: Tensor, ...given: Masks): Tensor {
    const { mask, srcKeyPaddingMask, srcMask } = argumentsOf('TransformerEncoder', given, { mask: null, srcKeyPaddingMask: null, srcMask: null }, 2)
    let x = src
    for (const layer of this.layers) x = layer(x, { srcMask: srcMask ?? mask, srcKeyPaddingMask })
    return this.norm ? this.norm(x) : x
  }
}
