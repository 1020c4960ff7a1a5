/** Limiting numbers from below and from above. */
import { dtypeBeside } from '../../tensor/dtype.ts'
import { binary } from '../../tensor/elementwise.ts'
import { ValueError } from '../../tensor/errors.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import { checkTensors, defineOp, isTensor, named } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { unbroadcast } from './sum.ts'
import { choosing } from './where.ts'

/** x limited to [min, max]; the gradient passes inside and on the bounds. */
const clampNumbers = defineOp('clamp', {
  forward(ctx, [x]: [x: NDArray], [min, max]: readonly [number, number]) {
    ctx.save(x)
    const bound = (value: number) => NDArray.full([], value, Number.isFinite(value) ? dtypeBeside(value, x.dtype) : x.dtype)
    return binary('atMost', binary('atLeast', x, bound(min)), bound(max))
  },
  backward: ({ saved: [x] }, grad, [min, max]) => [choosing(x.ge(min).mul(x.le(max)), grad, 0)],
})

/** x limited by other tensors, which broadcast; one may be left out. The gradient passes to what the result is, to x on a bound. */
const clampTensors = defineOp('clamp_tensor', {
  optional: true,
  forward(ctx, [x, min, max]: [x: NDArray, min: NDArray | null, max: NDArray | null], _has: { readonly min: boolean; readonly max: boolean }) {
    ctx.save(x, ...(min ? [min] : []), ...(max ? [max] : []))
    const above = min ? binary('maximum', x, min) : x
    return max ? binary('minimum', above, max) : above
  },
  backward(ctx, grad, has) {
    const [x, ...bounds] = ctx.saved
    const min = has.min ? bounds[0] : null
    const max = has.max ? bounds[bounds.length - 1] : null
    const both = (a: Tensor | null, b: Tensor | null) => (a && b ? a.mul(b) : a ?? b)
    const isInside = both(min && x.ge(min), max && x.le(max))
    const isBelow = min && both(x.lt(min), max && min.lt(max))
    const isAbove = max && (min ? x.gt(max).add(max.lt(min)) : x.gt(max))
    return unbroadcast(ctx, ...[isInside, isBelow, isAbove].map((chosen) => chosen && (() => choosing(chosen, grad, 0))))
  },
})

export type Bound = number | Tensor | null

/** x limited by numbers or by tensors; one of them may be null. Same as torch.clamp. */
export function clamp(x: Tensor, min: Bound, max: Bound): Tensor {
  if (min === null && max === null) throw new ValueError('clamp', 'neither min nor max was given', 'give at least one of them')
  checkTensors('clamp', [min, max].filter((bound) => typeof bound !== 'number' && bound !== null))
  // A scalar beside a number is one, too.
  const isNumbers = typeof min === 'number' || typeof max === 'number'
  const [least, most] = [min, max].map((bound) => (isNumbers && isTensor(bound) && bound.ndim === 0 ? bound.item() : bound))
  if (isTensor(least) || isTensor(most)) {
    if (typeof least === 'number' || typeof most === 'number') throw new ValueError('clamp', 'a tensor and a number were given as bounds', 'give two of one kind')
    return named('ClampBackward0', clampTensors([x, least, most], { min: least !== null, max: most !== null }))
  }
  // What is no number is no bound.
  return named('ClampBackward1', clampNumbers([x], [Number.isNaN(least) ? -Infinity : least ?? -Infinity, Number.isNaN(most) ? Infinity : most ?? Infinity]))
}
