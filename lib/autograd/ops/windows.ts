/** Windows over pictures: what convolutions and poolings are made of. */
import type { Windows } from '../../tensor/kernels/kernels.ts'
import type { NDArray } from '../../tensor/ndarray.ts'
import type { Shape } from '../../tensor/shape.ts'
import { channelsFirst, fold as foldArray, maxPool as maxPoolArray, maxPoolBackward as maxPoolBackwardArray, unfold as unfoldArray } from '../../tensor/windows.ts'
import { defineOp, type Gradients } from '../op.ts'
import { gather } from './indexing.ts'

interface Unfolding {
  readonly windows: Windows
  /** What places outside the picture read. */
  readonly fill: number
}

/** (N, C, H, W) -> (N, Hout, Wout, kh, kw, C) */
export const unfold = defineOp('im2col', {
  forward: (_, [x]: [x: NDArray], { windows, fill }: Unfolding) => unfoldArray(x, windows, fill),
  backward: ({ shapes: [shape] }, grad, { windows }): Gradients => [fold([grad], { windows, shape })],
})

/** Pixels (N, Hout, Wout, C) as pictures (N, C, Hout, Wout). */
export const asPictures = defineOp('as_pictures', {
  forward: (_, [x]: [x: NDArray]) => channelsFirst(x),
  backward: (_, grad): Gradients => [grad.permute([0, 2, 3, 1])],
})

interface Folding {
  readonly windows: Windows
  /** Of the picture. */
  readonly shape: Shape
}

/** The adjoint: windows summed into a picture. */
export const fold = defineOp('col2im', {
  forward: (_, [x]: [x: NDArray], { windows, shape }: Folding) => foldArray(x, shape, windows),
  backward: (_, grad, { windows }): Gradients => [unfold([grad], { windows, fill: 0 })],
})

/** The largest number of each window; the first of equal ones takes the gradient. (N, C, H, W) -> (N, C, Hout, Wout) */
export const maxPool = defineOp('max_pool2d_with_indices', {
  forward(ctx, [x]: [x: NDArray], windows: Windows) {
    const [largest, places] = maxPoolArray(x, windows)
    ctx.save(places)
    return largest
  },
  backward: ({ saved: [places], shapes: [shape] }, grad, windows): Gradients => [maxPoolBackward([grad, places], { windows, shape })],
})

/** Numbers summed into a picture at the places that they were taken from: linear, so its own gradient reads there. */
export const maxPoolBackward = defineOp('max_pool2d_with_indices_backward', {
  forward(ctx, [grad, places]: [grad: NDArray, places: NDArray], { windows, shape }: Folding) {
    ctx.save(places)
    return maxPoolBackwardArray(grad, places, shape, windows)
  },
  backward: ({ saved: [places] }, second): Gradients => [gather([second.flatten(2), places.flatten(2)], 2).reshape(places.shape), null],
})
