/** Dropout (Srivastava et al. 2014). */
import { binary } from '../../tensor/elementwise.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import type { Generator } from '../../tensor/random.ts'
import type { Shape } from '../../tensor/shape.ts'
import { defineOp } from '../op.ts'

export interface Dropping {
  /** Probability with which an element is dropped, below 1. */
  readonly p: number
  readonly generator: Generator
}

/** Factors of a new mask: 0 with probability p, else 1 / (1 − p). Drawn in row-major order. */
export function drawMask(shape: Shape, { p, generator }: Dropping): NDArray {
  const mask = NDArray.empty(shape)
  generator.bernoulli(mask, 1 - p, 1 / Math.fround(1 - p))
  return mask
}

export const dropout = defineOp('native_dropout', {
  forward(ctx, [x]: [x: NDArray], dropping: Dropping) {
    const mask = drawMask(x.shape, dropping)
    ctx.save(mask)
    return binary('mul', x, mask)
  },
  backward: ({ saved: [mask] }, grad) => [grad.mul(mask)],
})
