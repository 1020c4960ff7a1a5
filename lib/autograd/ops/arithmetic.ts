/** Arithmetic of two tensors with broadcasting; gradients are summed back to each operand's shape. */
import { cast, dtypeBeside, promote } from '../../tensor/dtype.ts'
import { ValueError } from '../../tensor/errors.ts'
import { binary, divideRounded, remainder as remainderOf, unary, where, type Rounding } from '../../tensor/elementwise.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import type { BinaryOp } from '../../tensor/kernels/kernels.ts'
import { constant, defineOp } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { unbroadcast } from './sum.ts'
import { choosing } from './where.ts'

type Two = [a: NDArray, b: NDArray]

const areMasks = (a: NDArray, b: NDArray) => a.dtype === 'bool' && b.dtype === 'bool'

/** d(a + b) = da + db. The sum of two masks is true where one of them is. */
export const add = defineOp('add', {
  forward: (_, [a, b]: Two) => binary(areMasks(a, b) ? 'maximum' : 'add', a, b),
  backward: (ctx, grad) => unbroadcast(ctx, () => grad, () => grad),
})

/** d(a − b) = da − db. Masks are not subtracted. */
export const sub = defineOp('sub', {
  forward: (_, [a, b]: Two) => binary('sub', a, b),
  backward: (ctx, grad) => unbroadcast(ctx, () => grad, () => grad.neg()),
})

/** d(a · b) = b · da + a · db */
export const mul = defineOp('mul', {
  forward(ctx, [a, b]: Two) {
    // Each operand is needed only for the other's gradient, so a constant factor keeps nothing but itself alive.
    ctx.save(...(ctx.needs[1] ? [a] : []), ...(ctx.needs[0] ? [b] : []))
    return binary('mul', a, b)
  },
  backward(ctx, grad) {
    const { saved } = ctx
    return unbroadcast(ctx, () => grad.mul(saved[saved.length - 1]), () => grad.mul(saved[0]))
  },
})

/** d(a / b) = da / b − (a / b) / b · db */
export const div = defineOp('div', {
  forward(ctx, [a, b]: Two) {
    ctx.save(b, ...(ctx.needs[1] ? [a] : []))
    return binary('div', a, b)
  },
  backward(ctx, grad) {
    const [b, a] = ctx.saved
    return unbroadcast(ctx, () => grad.div(b), () => grad.neg().mul(a.div(b).div(b)))
  },
})

/** a / b as a whole number: a step function, whose gradient is 0. */
export const divRounded = defineOp('div_rounded', {
  forward: (_, [a, b]: Two, mode: Rounding) => divideRounded(a, b, mode),
  backward: ({ shapes, needs }) => shapes.map((shape, i) => (needs[i] ? constant(NDArray.zeros(shape)) : null)),
})

/** What is left of a after division by b, with the sign of b. d(a % b) = da − ⌊a / b⌋ · db */
export const remainder = defineOp('remainder', {
  forward(ctx, [a, b]: Two) {
    if (ctx.needs[1]) ctx.save(a, b)
    return remainderOf(a, b)
  },
  backward(ctx, grad) {
    const [a, b] = ctx.saved
    return unbroadcast(ctx, () => grad, () => grad.neg().mul(divRounded([a, b], 'floor')))
  },
})

/** d(xᵖ) = p · xᵖ⁻¹ · dx for a number p. As in PyTorch ±½ is the square root, which is another thing than the power at −0 and −∞. */
export const pow = defineOp('pow', {
  forward(ctx, [x]: [x: NDArray], exponent: number) {
    ctx.save(x)
    if (x.dtype !== 'float32' && exponent < 0 && Number.isInteger(exponent)) throw new ValueError('pow', `whole numbers have no whole power of ${exponent}`, 'call float() before')
    if (exponent === 0.5) return unary('sqrt', x)
    if (exponent === -2) return unary('reciprocal', binary('mul', x, x))
    if (exponent === -0.5) return unary('reciprocal', unary('sqrt', x))
    const y = binary('pow', x, exponent)
    return exponent >= 0 ? y.labelled(dtypeBeside(exponent, x.dtype)) : y
  },
  backward({ saved: [x], shapes: [shape] }, grad, exponent) {
    return [exponent === 0 ? constant(NDArray.full(shape, 0)) : grad.mul(x.pow(exponent - 1).mul(exponent))]
  },
})

/** d(aᵇ) = b · aᵇ⁻¹ · da + aᵇ · ln a · db, with 0 where b = 0 (first term) and where a = 0 and b ≥ 0 (second). Whole numbers have whole powers. */
export const powTensor = defineOp('pow_tensor', {
  forward(ctx, [a, b]: Two) {
    ctx.save(a, b)
    const y = binary('pow', a, b)
    return promote(a.dtype, b.dtype) === 'float32' ? y : cast('pow', y, 'int64')
  },
  backward(ctx, grad) {
    const [a, b] = ctx.saved
    return unbroadcast(ctx, () => choosing(b.eq(0), 0, grad.mul(b).mul(a.pow(b.sub(1)))), () => grad.mul(choosing(a.eq(0).mul(b.ge(0)), 0, a.pow(b).mul(a.log()))))
  },
})

/** a + w · (b − a), from the nearer end on: b itself where w is 1. da is (1 − w), db is w, dw is b − a. */
export const lerp = defineOp('lerp', {
  forward(ctx, [a, b, w]: [a: NDArray, b: NDArray, w: NDArray]) {
    ctx.save(w, ...(ctx.needs[2] ? [a, b] : []))
    const difference = binary('sub', b, a)
    const fromA = binary('add', a, binary('mul', w, difference))
    const fromB = binary('sub', b, binary('mul', difference, binary('sub', 1, w)))
    return where(binary('lt', unary('abs', w), 0.5), fromA, fromB)
  },
  backward(ctx, grad) {
    const [w, a, b] = ctx.saved
    return unbroadcast(ctx, () => grad.mul(w.neg().add(1)), () => grad.mul(w), () => grad.mul(b.sub(a)))
  },
})

/** The larger (smaller) of a and b takes the gradient; where they are equal each takes half, where one is NaN both take it. */
function extremum(op: 'maximum' | 'minimum') {
  return defineOp(op, {
    forward(ctx, [a, b]: Two) {
      ctx.save(a, b)
      return binary(op, a, b)
    },
    backward(ctx, grad) {
      const [a, b] = ctx.saved
      const half = choosing(a.eq(b), grad.div(2), grad)
      const [secondWins, firstWins] = op === 'maximum' ? [a.lt(b), a.gt(b)] : [a.gt(b), a.lt(b)]
      return unbroadcast(ctx, () => choosing(secondWins, 0, half), () => choosing(firstWins, 0, half))
    },
  })
}
export const maximum = extremum('maximum')
export const minimum = extremum('minimum')

/** A comparison: 1 where it holds, else 0. It has no gradient. */
export function compare(op: BinaryOp, a: Tensor, b: Tensor): Tensor {
  return constant(binary(op, a.array, b.array))
}

export function isNaN(x: Tensor): Tensor {
  return constant(unary('isNaN', x.array))
}
