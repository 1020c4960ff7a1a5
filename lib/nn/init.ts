/** Initial values, with torch.nn.init's formulas and draws. Each function changes its tensor in place and returns it. */
import { noGrad } from '../autograd/grad-mode.ts'
import type { Tensor } from '../autograd/tensor.ts'
import { ShapeError, ValueError } from '../tensor/errors.ts'
import { NDArray } from '../tensor/ndarray.ts'
import { defaultGenerator, type Generator } from '../tensor/random.ts'
import { erfinv } from '../tensor/erfinv.ts'
import { erf } from '../tensor/kernels/reference/erf.ts'
import { constant } from '../autograd/op.ts'
import { showShape } from '../tensor/shape.ts'

export type Nonlinearity = 'linear' | 'conv2d' | 'sigmoid' | 'tanh' | 'relu' | 'leaky_relu' | 'selu'

interface Drawing {
  readonly generator?: Generator
}

export interface KaimingOptions extends Drawing {
  /** Negative slope of the leaky ReLU that follows. */
  readonly a?: number
  readonly mode?: 'fanIn' | 'fanOut'
  readonly nonlinearity?: Nonlinearity
}

export const uniform_ = (tensor: Tensor, low = 0, high = 1, options?: Drawing): Tensor => noGrad(() => tensor.uniform_(low, high, options))
export const normal_ = (tensor: Tensor, mean = 0, std = 1, options?: Drawing): Tensor => noGrad(() => tensor.normal_(mean, std, options))
export const constant_ = (tensor: Tensor, value: number): Tensor => noGrad(() => tensor.fill_(value))
export const zeros_ = (tensor: Tensor): Tensor => constant_(tensor, 0)
export const ones_ = (tensor: Tensor): Tensor => constant_(tensor, 1)

/** Inputs and outputs of a weight (out, in, receptive field ...). */
export function calculateFanInAndFanOut(tensor: Tensor): { fanIn: number; fanOut: number } {
  if (tensor.ndim < 2) throw new ShapeError('calculateFanInAndFanOut', `a tensor of shape ${showShape(tensor.shape)} has no inputs and outputs`, 'give a weight of at least two dimensions')
  const [out, inputs, ...field] = tensor.shape
  const area = field.reduce((product, size) => product * size, 1)
  return { fanIn: inputs * area, fanOut: out * area }
}

/** The recommended gain of a nonlinearity. */
export function calculateGain(nonlinearity: Nonlinearity, param = 0.01): number {
  switch (nonlinearity) {
    case 'linear':
    case 'conv2d':
    case 'sigmoid':
      return 1
    case 'tanh':
      return 5 / 3
    case 'relu':
      return Math.sqrt(2)
    case 'leaky_relu':
      return Math.sqrt(2 / (1 + param ** 2))
    case 'selu':
      return 3 / 4
    default:
      throw new ValueError('calculateGain', `${String(nonlinearity)} is not known`, "give one of 'linear', 'conv2d', 'sigmoid', 'tanh', 'relu', 'leaky_relu', 'selu'")
  }
}

/** Uniform in ±√3 · gain · √(2 / (fanIn + fanOut)) (Glorot, Bengio 2010). */
export function xavierUniform_(tensor: Tensor, { gain = 1, ...options }: Drawing & { readonly gain?: number } = {}): Tensor {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor)
  const bound = Math.sqrt(3) * (gain * Math.sqrt(2 / (fanIn + fanOut)))
  return uniform_(tensor, -bound, bound, options)
}

/** Normal with standard deviation gain · √(2 / (fanIn + fanOut)) (Glorot, Bengio 2010). */
export function xavierNormal_(tensor: Tensor, { gain = 1, ...options }: Drawing & { readonly gain?: number } = {}): Tensor {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor)
  return normal_(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), options)
}

/** gain / √fan (He et al. 2015). */
function kaimingStd(tensor: Tensor, { a = 0, mode = 'fanIn', nonlinearity = 'leaky_relu' }: KaimingOptions): number {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor)
  if (mode !== 'fanIn' && mode !== 'fanOut') throw new ValueError('kaiming', `${String(mode)} is no mode`, "give 'fanIn' or 'fanOut'")
  return calculateGain(nonlinearity, a) / Math.sqrt(mode === 'fanIn' ? fanIn : fanOut)
}

/** Uniform in ±√3 · gain / √fan (He et al. 2015). */
export function kaimingUniform_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd(tensor, options)
  return uniform_(tensor, -bound, bound, options)
}

/** Normal with standard deviation gain / √fan (He et al. 2015). */
export function kaimingNormal_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  return normal_(tensor, 0, kaimingStd(tensor, options), options)
}

/** Normal, cut off below a and above b: the inverse of the cumulative distribution applied to uniform numbers. */
export function truncNormal_(tensor: Tensor, { mean = 0, std = 1, a = -2, b = 2, generator = defaultGenerator }: Drawing & { readonly mean?: number; readonly std?: number; readonly a?: number; readonly b?: number } = {}): Tensor {
  const cdf = (x: number) => (1 + erf((x - mean) / std / Math.SQRT2)) / 2
  const drawn = NDArray.zeros(tensor.shape)
  const out = drawn.storage.data
  generator.uniform(out, 2 * cdf(a) - 1, 2 * cdf(b) - 1)
  const scale = Math.fround(std * Math.SQRT2)
  for (let i = 0; i < out.length; i++) out[i] = Math.min(Math.max(Math.fround(Math.fround(erfinv(out[i]) * scale) + Math.fround(mean)), Math.fround(a)), Math.fround(b))
  return noGrad(() => tensor.copy_(constant(drawn)))
}
