/** Windows over pictures: what convolutions and poolings are made of. */
import type { Windows } from '../../tensor/kernels/kernels.ts'
import type { NDArray } from '../../tensor/ndarray.ts'
import type { Shape } from '../../tensor/shape.ts'
import { fold as foldArray, unfold as unfoldArray } from '../../tensor/windows.ts'
import { defineOp, type Gradients } from '../op.ts'

interface Unfolding {
  readonly windows: Windows
  /** What places outside the picture read. */
  readonly fill: number
}

/** (N, C, H, W) -> (N, Hout, Wout, C, kh, kw) */
export const unfold = defineOp('im2col', {
  forward: (_, [x]: [x: NDArray], { windows, fill }: Unfolding) => unfoldArray(x, windows, fill),
  backward: ({ shapes: [shape] }, grad, { windows }): Gradients => [fold([grad], { windows, shape })],
})

/** The adjoint: windows summed into a picture of `shape`. */
export const fold = defineOp('col2im', {
  forward: (_, [x]: [x: NDArray], { windows, shape }: { readonly windows: Windows; readonly shape: Shape }) => foldArray(x, shape, windows),
  backward: (_, grad, { windows }): Gradients => [unfold([grad], { windows, fill: 0 })],
})
