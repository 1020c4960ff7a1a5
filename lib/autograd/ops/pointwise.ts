/** Functions of each element: one formula for the value, one for the derivative. */
import { binary, unary, where } from '../../tensor/elementwise.ts'
import type { UnaryOp } from '../../tensor/kernels/kernels.ts'
import { copyInOrder } from '../../tensor/layout.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import { allocatingIn } from '../../tensor/storage.ts'
import { constant, defineOp } from '../op.ts'
import type { Tensor } from '../tensor.ts'

type One = [x: NDArray]

/** y = f(x) with a gradient written in x. */
function ofInput(name: UnaryOp, backward: (grad: Tensor, x: Tensor) => Tensor) {
  return defineOp(name, {
    forward(ctx, [x]: One) {
      ctx.save(x)
      return unary(name, x)
    },
    backward: ({ saved: [x] }, grad) => [backward(grad, x)],
  })
}

/** y = f(x) with a gradient written in y, so that x need not be kept. */
export function ofOutput(name: UnaryOp, backward: (grad: Tensor, y: Tensor) => Tensor) {
  return defineOp(name, {
    forward(ctx, [x]: One) {
      const y = unary(name, x)
      ctx.save(y)
      return y
    },
    backward: ({ saved: [y] }, grad) => [backward(grad, y)],
  })
}

/** A step function: its gradient is 0 wherever it has one. */
function step(name: UnaryOp) {
  return defineOp(name, {
    forward: (_, [x]: One) => unary(name, x),
    backward: ({ shapes: [shape] }) => [constant(NDArray.zeros(shape))],
  })
}

export const neg = defineOp('neg', {
  forward: (_, [x]: One) => unary('neg', x),
  backward: (_, grad) => [grad.neg()],
})

export const abs = ofInput('abs', (grad, x) => grad.mul(x.sign()))
export const log = ofInput('log', (grad, x) => grad.div(x))
export const sin = ofInput('sin', (grad, x) => grad.mul(x.cos()))
export const cos = ofInput('cos', (grad, x) => grad.mul(x.sin().neg()))
/** erf'(x) = 2/√π · exp(−x²) */
export const erf = ofInput('erf', (grad, x) => grad.mul(x.mul(x).neg().exp().mul(2 / Math.sqrt(Math.PI))))

export const log2 = ofInput('log2', (grad, x) => grad.div(x.mul(Math.LN2)))
export const log10 = ofInput('log10', (grad, x) => grad.div(x.mul(Math.LN10)))

/** log(1 + x), also where 1 + x has lost most of x to rounding: then log(s) · x / (s − 1) with the rounded sum s. */
export function log1pOf(given: NDArray): NDArray {
  const x = given.labelled('float32')
  const sum = binary('add', x, 1)
  const log = unary('log', sum)
  const exact = where(binary('eq', sum, 1), x, binary('div', binary('mul', log, x), binary('sub', sum, 1)))
  return where(binary('lt', unary('abs', x), 0.5), exact, log)
}
export const log1p = defineOp('log1p', {
  forward(ctx, [x]: One) {
    ctx.save(x)
    return log1pOf(x)
  },
  backward: ({ saved: [x] }, grad) => [grad.div(x.add(1))],
})

/** exp(x) − 1, also where the difference has lost most of x: then (e − 1) · x / log(e) with the rounded power e. */
export const expm1 = defineOp('expm1', {
  forward(ctx, [given]: One) {
    const x = given.labelled('float32')
    const power = unary('exp', x)
    const difference = binary('sub', power, 1)
    const exact = where(binary('eq', power, 1), x, binary('div', binary('mul', difference, x), unary('log', power)))
    const y = where(binary('lt', unary('abs', x), 0.5), exact, difference)
    ctx.save(y)
    return y
  },
  backward: ({ saved: [y] }, grad) => [grad.mul(y.add(1))],
})

export const exp = ofOutput('exp', (grad, y) => grad.mul(y))
export const sqrt = ofOutput('sqrt', (grad, y) => grad.div(y.mul(2)))
export const reciprocal = ofOutput('reciprocal', (grad, y) => grad.neg().mul(y.mul(y)))

export const sign = step('sign')
export const floor = step('floor')
export const ceil = step('ceil')
export const round = step('round')

/** A copy in a storage of its own, which stays for as long as it is used. */
export const clone = defineOp('clone', {
  forward: (_, [x]: One) => allocatingIn(null, () => copyInOrder(x)),
  backward: (_, grad) => [grad],
})

/** Such a copy in row-major order. */
export const contiguous = defineOp('contiguous', {
  forward: (_, [x]: One) => allocatingIn(null, () => x.copy()),
  backward: (_, grad) => [grad],
})
