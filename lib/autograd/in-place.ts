/** Changing a tensor in place, and giving it and its views the history that the change has. */
import { cast, promote } from '../tensor/dtype.ts'
import { GraphError, ShapeError, ValueError } from '../tensor/errors.ts'
import { kernels } from '../tensor/kernels/active.ts'
import { orderOf } from '../tensor/layout.ts'
import { NDArray } from '../tensor/ndarray.ts'
import { inverseOrder, sameShape, showShape } from '../tensor/shape.ts'
import { isGradEnabled, noGrad } from './grad-mode.ts'
import { constant, defineOp, named } from './op.ts'
import { unbroadcast } from './ops/sum.ts'
import { choosing } from './ops/where.ts'
import type { Tensor } from './tensor.ts'

/** What a tensor holds after copy_(): the source, stretched to its shape, under its label. The old values have no influence any more. */
export const overwritten = defineOp('copy', {
  forward: (_, [old, source]: [old: NDArray, source: NDArray]) => cast('copy_', source.expand(old.shape, 'copy_'), old.dtype),
  backward: (ctx, grad) => unbroadcast(ctx, () => constant(NDArray.zeros(ctx.shapes[0])), () => grad),
})

interface Look {
  /** Takes the view. */
  readonly look: (from: Tensor) => Tensor
  /** The dimensions of the tensor it is taken of, the one whose neighbours lie farthest apart first: of others it may not be there to take. */
  readonly order: readonly number[]
}

/** A tensor of which the view that `look` takes has been replaced by `value`. The numbers are already in place. */
const viewReplaced = defineOp('copy_slices', {
  forward: (_, [base]: [base: NDArray, value: NDArray], _look: Look) => base,
  backward({ shapes: [shape], needs }, grad, { look, order }) {
    const back = inverseOrder(order)
    const kept = constant(NDArray.full(order.map((d) => shape[d]), 1)).permute(back)
    noGrad(() => kernels().fill(look(kept).array, 0))
    return [needs[0] ? choosing(kept, grad, 0) : null, needs[1] ? look(grad.permute(order).contiguous().permute(back)) : null]
  },
})

/**
 * Replaces the numbers of `target` by those of `compute(target)`, and its history by theirs. Nothing is changed when it throws.
 * Where gradients are recorded, `compute` sees a copy of the target, which keeps the old numbers for their gradients.
 */
export function changeInPlace(name: string, target: Tensor, compute: (old: Tensor) => Tensor): Tensor {
  const base = target.viewBase ?? target
  for (const tensor of [target, base])
    if (isGradEnabled() && tensor.requiresGrad && tensor.isLeaf)
      throw new GraphError(name, `${tensor === target ? 'the tensor' : 'the tensor that this is a view of'}, of shape ${showShape(tensor.shape)}, is a leaf that requires a gradient`, 'change it inside noGrad(() => ...), or change a clone()')
  if (target.numel() > 0 && target.array.strides.some((stride, d) => stride === 0 && target.shape[d] > 1))
    throw new ValueError(name, `the tensor of shape ${showShape(target.shape)} is expanded: several of its elements are one number`, 'clone() it first')
  const result = compute(isGradEnabled() ? target.snapshot() : target)
  if (!sameShape(result.shape, target.shape))
    throw new ShapeError(name, `the result has shape ${showShape(result.shape)}, which does not fit into ${showShape(target.shape)}`, 'only the argument may be broadcast')
  if (promote(target.dtype, result.dtype) !== target.dtype)
    throw new ValueError(name, `the result is of ${result.dtype}, which a tensor of ${target.dtype} cannot hold`, `use ${name.slice(0, -1)}(), or float() before`)
  const recorded = isGradEnabled() && target.dtype === 'float32' && (result.requiresGrad || base.requiresGrad)
  if (recorded && !target.followsBase)
    throw new GraphError(name, `the tensor of shape ${showShape(target.shape)} is a view that was taken inside noGrad, but changed outside of it, where gradients are recorded`, 'take the view outside of noGrad, or change it inside')
  kernels().copy(target.array, result.array)
  target.array.storage.version++
  if (recorded) base.replaceHistory(base === target ? result : named('CopySlices', viewReplaced([base, result], { look: (from) => target.viewOf(from), order: orderOf(base.shape, [base.array.strides]) ?? base.shape.map((_, d) => d) })))
  return target
}
