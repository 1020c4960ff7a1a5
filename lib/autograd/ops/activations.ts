/** Activation functions. Their backward rules are operations of their own, so that one pass over the numbers is enough. */
import { binary, unary, where } from '../../tensor/elementwise.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import { gradThrough } from '../engine.ts'
import { constant, defineOp, type Gradients } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { log1pOf, ofOutput } from './pointwise.ts'
import { choosing } from './where.ts'

type One = [x: NDArray]
type GradAnd = [grad: NDArray, x: NDArray]

/** max(x, 0), with gradient 0 at 0. */
export const relu = ofOutput('relu', (grad, y) => reluBackward([grad, y]))

/** The gradient where y > 0, else 0: linear in the gradient, constant in y, whose gradient is 0 and not missing, as in PyTorch. */
export const reluBackward = defineOp('threshold_backward', {
  forward(ctx, [grad, y]: GradAnd) {
    ctx.save(y)
    return binary('reluBackward', grad, y)
  },
  backward: ({ saved: [y], shapes, needs }, grad): Gradients => [reluBackward([grad, y]), needs[1] ? constant(NDArray.zeros(shapes[1])) : null],
})

export const tanh = ofOutput('tanh', (grad, y) => tanhBackward([grad, y]))

/** grad · (1 − y²) */
export const tanhBackward = defineOp('tanh_backward', {
  forward(ctx, [grad, y]: GradAnd) {
    ctx.save(grad, y)
    return binary('tanhBackward', grad, y)
  },
  backward: ({ saved: [grad, y] }, second): Gradients => [tanhBackward([second, y]), second.mul(grad).mul(y).mul(-2)],
})

/** 1 / (1 + exp(−x)) */
export const sigmoid = ofOutput('sigmoid', (grad, y) => sigmoidBackward([grad, y]))

/** grad · y · (1 − y) */
export const sigmoidBackward = defineOp('sigmoid_backward', {
  forward(ctx, [grad, y]: GradAnd) {
    ctx.save(grad, y)
    return binary('sigmoidBackward', grad, y)
  },
  backward: ({ saved: [grad, y] }, second): Gradients => [sigmoidBackward([second, y]), second.mul(grad).mul(y.mul(-2).add(1))],
})

export interface GeluOptions {
  /** 'none': x · Φ(x). 'tanh': the approximation ½ · x · (1 + tanh(√(2/π) · (x + 0.044715 x³))). */
  readonly approximate: 'none' | 'tanh'
}

/** Gaussian error linear unit (Hendrycks, Gimpel 2016). */
export const gelu = defineOp('gelu', {
  forward(ctx, [x]: One, { approximate }: GeluOptions) {
    ctx.save(x)
    return unary(approximate === 'tanh' ? 'geluTanh' : 'gelu', x)
  },
  backward: ({ saved: [x] }, grad, options) => [geluBackward([grad, x], options)],
})

export const geluBackward = defineOp('gelu_backward', {
  forward(ctx, [grad, x]: GradAnd, { approximate }: GeluOptions) {
    ctx.save(grad, x)
    return binary(approximate === 'tanh' ? 'geluTanhBackward' : 'geluBackward', grad, x)
  },
  backward: ({ saved }, second, { approximate }): Gradients => gradThrough((grad, x) => [grad.mul(approximate === 'tanh' ? geluTanhDerivative(x) : geluDerivative(x))], saved, [second]),
})

/** Φ(x) + x · φ(x) */
function geluDerivative(x: Tensor): Tensor {
  const cdf = x.mul(Math.SQRT1_2).erf().add(1).mul(0.5)
  const pdf = x.mul(x).mul(-0.5).exp().mul(1 / Math.sqrt(2 * Math.PI))
  return cdf.add(x.mul(pdf))
}

/** ½ · (1 + t) + ½ · x · (1 − t²) · √(2/π) · (1 + 3 · 0.044715 x²) with t = tanh(√(2/π) · (x + 0.044715 x³)) */
function geluTanhDerivative(x: Tensor): Tensor {
  const square = x.mul(x)
  const scale = Math.sqrt(2 / Math.PI)
  const t = square.mul(0.044715).add(1).mul(x).mul(scale).tanh()
  const inner = square.mul(3 * 0.044715).add(1).mul(scale)
  return t.add(1).add(x.mul(t.mul(t).neg().add(1)).mul(inner)).mul(0.5)
}

export interface SoftplusOptions {
  readonly beta: number
  /** x itself is taken where beta · x is above. */
  readonly threshold: number
}

/** log(1 + exp(β · x)) / β */
export const softplus = defineOp('softplus', {
  forward(ctx, [x]: One, { beta, threshold }: SoftplusOptions) {
    ctx.save(x)
    const scaled = binary('mul', x, beta)
    // log(1 + exp(a)) = max(a, 0) + log(1 + exp(−|a|)), which does not overflow.
    const rest = log1pOf(unary('exp', unary('neg', unary('abs', scaled))))
    const y = binary('div', binary('add', binary('maximum', scaled, 0), rest), beta)
    return where(binary('gt', scaled, threshold), x, y)
  },
  backward: ({ saved: [x] }, grad, { beta, threshold }) => [choosing(x.mul(beta).gt(threshold), grad, grad.mul(x.mul(beta).sigmoid()))],
})
