/** Initial values, with torch.nn.init's formulas and draws. Each function changes its tensor in place and returns it. */
import { noGrad } from '../autograd/grad-mode.ts'
import type { Tensor } from '../autograd/tensor.ts'
import { ShapeError, ValueError } from '../tensor/errors.ts'
import { NDArray } from '../tensor/ndarray.ts'
import { argumentsOf, checkNumber, checkWord, required, type Arguments, type Given } from '../tensor/options.ts'
import { defaultGenerator, type Generator } from '../tensor/random.ts'
import { erfinv } from '../tensor/erfinv.ts'
import { erf } from '../tensor/kernels/reference/erf.ts'
import { checkTensors, constant } from '../autograd/op.ts'
import { numelOf, showShape } from '../tensor/shape.ts'

export { dirac_, eye_, orthogonal_ } from './init-orthogonal.ts'

export type Nonlinearity = 'linear' | 'conv2d' | 'sigmoid' | 'tanh' | 'relu' | 'leaky_relu' | 'selu'

interface Drawing {
  readonly generator?: Generator
}

type FanMode = 'fan_in' | 'fan_out' | 'fanIn' | 'fanOut'

export interface KaimingOptions extends Drawing {
  /** Negative slope of the leaky ReLU that follows. */
  readonly a?: number
  readonly mode?: FanMode
  readonly nonlinearity?: Nonlinearity
}

/** Evenly from [a, b): uniform_(w, -1, 1) or uniform_(w, { a: -1, b: 1 }). */
export function uniform_(tensor: Tensor, ...given: Given<[a: number, b: number], Drawing & { readonly a?: number; readonly b?: number }>): Tensor {
  const { a, b, generator } = argumentsOf('uniform_', given, { a: 0, b: 1, generator: undefined }, 2)
  checkTensors('uniform_', [tensor])
  return noGrad(() => tensor.uniform_(a, b, { generator }))
}
/** From the normal distribution: normal_(w, 0, 0.02) or normal_(w, { std: 0.02 }). */
export function normal_(tensor: Tensor, ...given: Given<[mean: number, std: number], Drawing & { readonly mean?: number; readonly std?: number }>): Tensor {
  const { mean, std, generator } = argumentsOf('normal_', given, { mean: 0, std: 1, generator: undefined }, 2)
  checkTensors('normal_', [tensor])
  return noGrad(() => tensor.normal_(mean, std, { generator }))
}
export function constant_(tensor: Tensor, ...given: Arguments<[val: number], [], { readonly val: number }>): Tensor {
  const value = checkNumber('constant_', 'val', argumentsOf('constant_', given, { val: required }).val)
  checkTensors('constant_', [tensor])
  return noGrad(() => tensor.fill_(value))
}
export const zeros_ = (tensor: Tensor): Tensor => constant_(tensor, 0)
export const ones_ = (tensor: Tensor): Tensor => constant_(tensor, 1)

/** Inputs and outputs of a weight (out, in, receptive field ...). */
export function calculateFanInAndFanOut(tensor: Tensor): { fanIn: number; fanOut: number } {
  checkTensors('calculateFanInAndFanOut', [tensor])
  if (tensor.ndim < 2) throw new ShapeError('calculateFanInAndFanOut', `a tensor of shape ${showShape(tensor.shape)} has no inputs and outputs`, 'give a weight of at least two dimensions')
  const [out, inputs, ...field] = tensor.shape
  const area = numelOf(field)
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

interface XavierOptions extends Drawing {
  readonly gain?: number
}

/** Uniform in ±√3 · gain · √(2 / (fanIn + fanOut)) (Glorot, Bengio 2010). */
export function xavierUniform_(tensor: Tensor, ...given: Given<[gain: number], XavierOptions>): Tensor {
  const { gain, generator } = argumentsOf('xavierUniform_', given, { gain: 1, generator: undefined }, 1)
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor)
  const bound = Math.sqrt(3) * (gain * Math.sqrt(2 / (fanIn + fanOut)))
  return uniform_(tensor, -bound, bound, { generator })
}

/** Normal with standard deviation gain · √(2 / (fanIn + fanOut)) (Glorot, Bengio 2010). */
export function xavierNormal_(tensor: Tensor, ...given: Given<[gain: number], XavierOptions>): Tensor {
  const { gain, generator } = argumentsOf('xavierNormal_', given, { gain: 1, generator: undefined }, 1)
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor)
  return normal_(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), { generator })
}

type KaimingPlaces = [a: number, mode: FanMode, nonlinearity: Nonlinearity]

const kaimingDefaults = { a: 0, mode: 'fan_in', nonlinearity: 'leaky_relu', generator: undefined } as const

/** gain / √fan (He et al. 2015). */
function kaimingStd(tensor: Tensor, { a, mode, nonlinearity }: Omit<Required<KaimingOptions>, 'generator'>): number {
  const { fanIn, fanOut } = calculateFanInAndFanOut(tensor)
  // Without inputs there is nothing to draw, and no fan to divide by.
  if (tensor.numel() === 0) return 0
  const fan = { fan_in: fanIn, fanIn, fan_out: fanOut, fanOut }[checkWord('kaiming', 'mode', mode, ['fan_in', 'fan_out', 'fanIn', 'fanOut'])]
  return calculateGain(nonlinearity, a) / Math.sqrt(fan)
}

/** Uniform in ±√3 · gain / √fan (He et al. 2015). */
export function kaimingUniform_(tensor: Tensor, ...given: Given<KaimingPlaces, KaimingOptions>): Tensor {
  const { generator, ...options } = argumentsOf('kaimingUniform_', given, kaimingDefaults, 3)
  const bound = Math.sqrt(3) * kaimingStd(tensor, options)
  return uniform_(tensor, -bound, bound, { generator })
}

/** Normal with standard deviation gain / √fan (He et al. 2015). */
export function kaimingNormal_(tensor: Tensor, ...given: Given<KaimingPlaces, KaimingOptions>): Tensor {
  const { generator, ...options } = argumentsOf('kaimingNormal_', given, kaimingDefaults, 3)
  return normal_(tensor, 0, kaimingStd(tensor, options), { generator })
}

interface TruncNormalOptions extends Drawing {
  readonly mean?: number
  readonly std?: number
  readonly a?: number
  readonly b?: number
}

/** Normal, cut off below a and above b: the inverse of the cumulative distribution applied to uniform numbers. */
export function truncNormal_(tensor: Tensor, ...given: Given<[mean: number, std: number, a: number, b: number], TruncNormalOptions>): Tensor {
  const { mean, std, a, b, generator } = argumentsOf('truncNormal_', given, { mean: 0, std: 1, a: -2, b: 2, generator: defaultGenerator }, 4)
  checkTensors('truncNormal_', [tensor])
  const cdf = (x: number) => (1 + erf((x - mean) / std / Math.SQRT2)) / 2
  const drawn = NDArray.zeros(tensor.shape)
  const out = drawn.storage.data
  generator.uniform(out, 2 * cdf(a) - 1, 2 * cdf(b) - 1)
  const scale = Math.fround(std * Math.SQRT2)
  for (let i = 0; i < out.length; i++) out[i] = Math.min(Math.max(Math.fround(Math.fround(erfinv(out[i]) * scale) + Math.fround(mean)), Math.fround(a)), Math.fround(b))
  return noGrad(() => tensor.copy_(constant(drawn)))
}
