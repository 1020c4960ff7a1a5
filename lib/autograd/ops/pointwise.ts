/** Functions of each element: one formula for the value, one for the derivative. */
import { unary } from '../../tensor/elementwise.ts'
import type { UnaryOp } from '../../tensor/kernels/kernels.ts'
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

export const exp = ofOutput('exp', (grad, y) => grad.mul(y))
export const sqrt = ofOutput('sqrt', (grad, y) => grad.div(y.mul(2)))
export const reciprocal = ofOutput('reciprocal', (grad, y) => grad.neg().mul(y.mul(y)))

export const sign = step('sign')
export const floor = step('floor')
export const ceil = step('ceil')
export const round = step('round')

/** A copy in a storage of its own, which stays for as long as it is used. */
export const clone = defineOp('clone', {
  forward: (_, [x]: One) => allocatingIn(null, () => x.copy()),
  backward: (_, grad) => [grad],
})
