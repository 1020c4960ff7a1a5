/** Views: the same numbers under another shape. They share storage with their input and never copy. */
import { ShapeError } from '../../tensor/errors.ts'
import { place } from '../../tensor/indexing.ts'
import { NDArray, type Range } from '../../tensor/ndarray.ts'
import { inverseOrder, showShape, type Shape } from '../../tensor/shape.ts'
import { constant, defineOp, type Gradients } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { cat, stack } from './joining.ts'
import { sumTo } from './sum.ts'

type One = [x: NDArray]

export const transpose = defineOp('transpose', {
  forward: (_, [x]: One, [dim0, dim1]: readonly [number, number]) => x.transpose(dim0, dim1),
  backward: (_, grad, [dim0, dim1]) => [grad.transpose(dim0, dim1)],
})

export const permute = defineOp('permute', {
  forward: (_, [x]: One, dims: readonly number[]) => x.permute(dims),
  backward: (_, grad, dims) => [grad.permute(inverseOrder(dims.map((dim) => (dim < 0 ? dim + dims.length : dim))))],
})

/** A view where the layout allows it, else a copy. */
export const reshape = defineOp('reshape', {
  forward: (_, [x]: One, shape: Shape) => x.reshape(shape),
  backward: ({ shapes: [shape] }, grad) => [grad.reshape(shape)],
})

export const view = defineOp('view', {
  forward(_, [x]: One, shape: Shape) {
    const seen = x.tryView(shape)
    if (!seen) throw new ShapeError('view', `a tensor of shape ${showShape(x.shape)} with strides ${showShape(x.seenStrides)} cannot be seen as ${showShape(shape)} without a copy`, 'use reshape(), which copies where it must')
    return seen
  },
  backward: ({ shapes: [shape] }, grad) => [grad.reshape(shape)],
})

export const expand = defineOp('expand', {
  forward: (_, [x]: One, shape: Shape) => x.expand(shape),
  backward: ({ shapes: [shape] }, grad) => [sumTo(grad, shape)],
})

export const squeeze = defineOp('squeeze', {
  forward: (_, [x]: One, dims: readonly number[] | undefined) => x.squeeze(dims),
  backward: ({ shapes: [shape] }, grad) => [grad.reshape(shape)],
})

export const unsqueeze = defineOp('unsqueeze', {
  forward: (_, [x]: One, dim: number) => x.unsqueeze(dim),
  backward: ({ shapes: [shape] }, grad) => [grad.reshape(shape)],
})

export const select = defineOp('select', {
  forward: (_, [x]: One, [dim, index]: readonly [number, number]) => x.select(dim, index),
  backward({ shapes: [shape] }, grad, [dim, index]) {
    const d = dim < 0 ? dim + shape.length : dim
    return [slicePlaced([grad.unsqueeze(d)], { shape, starts: shape.map((size, i) => (i !== d ? 0 : index < 0 ? index + size : index)), steps: shape.map(() => 1) })]
  },
})

/** All elements along a dimension, each without it. */
export const unbind = defineOp('unbind', {
  forward: (_, [x]: One, dim: number) => Array.from({ length: x.shape[dim] }, (_element, i) => x.select(dim, i)),
  backward: ({ shapes: [shape] }, grads, dim): Gradients => [stack(orZeros(grads, grads.map(() => shape.toSpliced(dim, 1))), dim)],
})

/** Consecutive parts of the given sizes along a dimension. */
export const split = defineOp('split', {
  forward(_, [x]: One, { sizes, dim }: { readonly sizes: readonly number[]; readonly dim: number }) {
    let start = 0
    return sizes.map((size) => x.narrow(dim, (start += size) - size, size))
  },
  backward: ({ shapes: [shape] }, grads, { sizes, dim }): Gradients => [cat(orZeros(grads, sizes.map((size) => shape.with(dim, size))), dim)],
})

/** Gradients with zeros in place of those that did not arrive. */
function orZeros(grads: readonly (Tensor | null)[], shapes: readonly Shape[]): Tensor[] {
  return grads.map((grad, i) => grad ?? constant(NDArray.full(shapes[i], 0)))
}

/** A range of every dimension. */
export const slice = defineOp('slice', {
  forward: (_, [x]: One, ranges: readonly Range[]) => x.slice(ranges),
  backward: ({ shapes: [shape] }, grad, ranges): Gradients => [slicePlaced([grad], { shape, starts: ranges.map(({ start }) => start), steps: ranges.map(({ step }) => step) })],
})

interface Placement {
  readonly shape: Shape
  readonly starts: readonly number[]
  readonly steps: readonly number[]
}

/** x put into zeros: the adjoint of a slice, whose adjoint is the slice. */
export const slicePlaced = defineOp('slice_backward', {
  forward: (_, [x]: One, { shape, starts, steps }: Placement) => place(x, shape, starts, steps),
  backward: ({ shapes: [shape] }, grad, { starts, steps }): Gradients => [slice([grad], shape.map((size, d) => ({ start: starts[d], size, step: steps[d] })))],
})
