/** Activations as functions. */
import { changeInPlace } from '../../autograd/in-place.ts'
import { checkTensors, named } from '../../autograd/op.ts'
import { softplus as softplusOp, type GeluOptions } from '../../autograd/ops/activations.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { ShapeError } from '../../tensor/errors.ts'
import { argumentsOf, type Arguments, type Given } from '../../tensor/options.ts'
import { normalizeDim, showShape } from '../../tensor/shape.ts'
import { choosing } from '../../autograd/ops/where.ts'

function checked(operation: string, x: Tensor): Tensor {
  checkTensors(operation, [x])
  return x
}

export interface InplaceOptions {
  /** Change the numbers of x itself. */
  readonly inplace?: boolean
}

/** `compute(x)`, or x itself with those numbers. */
function activated(operation: string, x: Tensor, inplace: boolean, compute: (x: Tensor) => Tensor): Tensor {
  checked(operation, x)
  return inplace ? changeInPlace(`${operation}_`, x, compute) : compute(x)
}

/** An activation that has no other options. */
const plain = (operation: string, compute: (x: Tensor) => Tensor) => (x: Tensor, ...given: Given<[inplace: boolean], InplaceOptions>): Tensor =>
  activated(operation, checked(operation, x), argumentsOf(operation, given, { inplace: false }).inplace, compute)

type OfDim = Arguments<[dim: number], [], { readonly dim: number }>

export const gelu = (x: Tensor, options?: Partial<GeluOptions>): Tensor => checked('gelu', x).gelu(options)
export const tanh = (x: Tensor): Tensor => checked('tanh', x).tanh()
export const sigmoid = (x: Tensor): Tensor => checked('sigmoid', x).sigmoid()
export const softmax = (x: Tensor, ...dim: OfDim): Tensor => checked('softmax', x).softmax(...dim)
export const logSoftmax = (x: Tensor, ...dim: OfDim): Tensor => checked('logSoftmax', x).logSoftmax(...dim)

/** max(x, 0) */
export const relu = plain('relu', (x) => x.relu())
/** x · sigmoid(x) */
export const silu = plain('silu', (x) => x.silu())
/** x limited to [0, 6]. */
export const relu6 = plain('relu6', (x) => limited(x, 0, 6))
/** x · tanh(log(1 + exp(x))) (Misra 2019). */
export const mish = plain('mish', (x) => named('MishBackward0', x.mul(softplusOp([x], { beta: 1, threshold: 20 }).tanh())))
/** x · relu6(x + 3) / 6 (Howard et al. 2019). */
export const hardswish = plain('hardswish', (x) => named('HardswishBackward0', choosing(x.lt(-3), x.mul(0), choosing(x.le(3), x.mul(x.add(3)).div(6), x))))
/** relu6(x + 3) / 6 */
export const hardsigmoid = plain('hardsigmoid', (x) => named('HardsigmoidBackward0', limited(x, -3, 3).add(3).div(6)))

const SELU_ALPHA = 1.6732632423543772848170429916717
const SELU_SCALE = 1.0507009873554804934193349852946
/** elu with the α and the scale that keep mean and variance (Klambauer et al. 2017). */
export const selu = plain('selu', (x) => named('EluBackward0', exponentialBelow(x, SELU_ALPHA).mul(SELU_SCALE)))

/** x where positive, else α · (exp(x) − 1). The exponential is of what is not positive alone, so that it stays finite. */
const exponentialBelow = (x: Tensor, alpha: number) => choosing(x.gt(0), x, x.clamp({ max: 0 }).exp().sub(1).mul(alpha))

/** x limited to [min, max], without a gradient on the bounds. */
const limited = (x: Tensor, min: number, max: number) => named('HardtanhBackward0', choosing(x.le(min), min, choosing(x.ge(max), max, x)))

export interface LeakyReluOptions extends InplaceOptions {
  readonly negativeSlope?: number
}

export const leakyReluDefaults = { negativeSlope: 0.01, inplace: false } as const

/** x where positive, else negativeSlope · x. */
export function leakyRelu(x: Tensor, ...given: Given<[negativeSlope: number, inplace: boolean], LeakyReluOptions>): Tensor {
  const { negativeSlope, inplace } = argumentsOf('leakyRelu', given, leakyReluDefaults)
  return activated('leakyRelu', x, inplace, (x) => named(inplace ? 'LeakyReluBackward1' : 'LeakyReluBackward0', choosing(x.gt(0), x, x.mul(negativeSlope))))
}

export interface EluOptions extends InplaceOptions {
  readonly alpha?: number
}

export const eluDefaults = { alpha: 1, inplace: false } as const

/** x where positive, else α · (exp(x) − 1) (Clevert et al. 2016). */
export function elu(x: Tensor, ...given: Given<[alpha: number, inplace: boolean], EluOptions>): Tensor {
  const { alpha, inplace } = argumentsOf('elu', given, eluDefaults)
  return activated('elu', x, inplace, (x) => named(inplace ? 'EluBackward1' : 'EluBackward0', exponentialBelow(x, alpha)))
}

export interface HardtanhOptions extends InplaceOptions {
  readonly minVal?: number
  readonly maxVal?: number
}

export const hardtanhDefaults = { minVal: -1, maxVal: 1, inplace: false } as const

/** x limited to [minVal, maxVal]. */
export function hardtanh(x: Tensor, ...given: Given<[minVal: number, maxVal: number, inplace: boolean], HardtanhOptions>): Tensor {
  const { minVal, maxVal, inplace } = argumentsOf('hardtanh', given, hardtanhDefaults)
  return activated('hardtanh', x, inplace, (x) => limited(x, minVal, maxVal))
}

export interface SoftplusOptions {
  readonly beta?: number
  /** x itself is taken where beta · x is above. */
  readonly threshold?: number
}

export const softplusDefaults = { beta: 1, threshold: 20 } as const

/** log(1 + exp(β · x)) / β */
export function softplus(x: Tensor, ...given: Given<[beta: number, threshold: number], SoftplusOptions>): Tensor {
  const { beta, threshold } = argumentsOf('softplus', given, softplusDefaults)
  return softplusOp([checked('softplus', x)], { beta, threshold })
}

/** log(1 / (1 + exp(−x))) */
export const logsigmoid = (x: Tensor): Tensor => named('LogSigmoidBackward0', softplusOp([checked('logsigmoid', x).neg()], { beta: 1, threshold: Infinity }).neg())
/** x / (1 + |x|) */
export const softsign = (x: Tensor): Tensor => checked('softsign', x).div(x.abs().add(1))
/** softmax(−x) */
export const softmin = (x: Tensor, ...dim: OfDim): Tensor => checked('softmin', x).neg().softmax(...dim)

/** x where positive, else weight · x, with one weight or one for each channel x[:, c]. Same as torch.nn.functional.prelu. */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  checkTensors('prelu', [x, weight])
  const channels = x.ndim > 1 ? x.shape[1] : 1
  if (weight.ndim > 1 || (weight.numel() !== 1 && weight.numel() !== channels))
    throw new ShapeError('prelu', `a weight of shape ${showShape(weight.shape)} does not fit an input of shape ${showShape(x.shape)}`, `give one number, or one for each of ${channels} channels`)
  const slopes = weight.numel() === 1 ? weight.reshape([]) : weight.reshape(x.shape.map((_, d) => (d === 1 ? channels : 1)))
  return named('PreluBackward0', choosing(x.gt(0), x, x.mul(slopes)))
}

/** The first half along a dimension times the sigmoid of the second (Dauphin et al. 2017). */
export function glu(x: Tensor, ...given: Given<[dim: number], { readonly dim?: number }>): Tensor {
  const { dim } = argumentsOf('glu', given, { dim: -1 })
  const d = normalizeDim('glu', dim, checked('glu', x).ndim)
  if (x.ndim === 0 || x.shape[d] % 2 !== 0) throw new ShapeError('glu', `dimension ${d} of ${showShape(x.shape)} has no two halves`, 'give an even size')
  const [values, gates] = x.split(x.shape[d] / 2, d)
  return named('GluBackward0', values.mul(gates.sigmoid()))
}
