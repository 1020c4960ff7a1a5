/** Padding. */
import { add } from '../../autograd/ops/arithmetic.ts'
import { slice, slicePlaced } from '../../autograd/ops/views.ts'
import { checkTensors, constant, named } from '../../autograd/op.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { ShapeError, ValueError } from '../../tensor/errors.ts'
import { kernels } from '../../tensor/kernels/active.ts'
import { NDArray, type Range } from '../../tensor/ndarray.ts'
import { optionsOf } from '../../tensor/options.ts'
import { showShape } from '../../tensor/shape.ts'

export interface PadOptions {
  /** What the new places hold. */
  readonly value?: number
  readonly mode?: 'constant'
}

/**
 * Puts `value` around x: pad lists how much before and after, the last dimension first: [left, right, top, bottom, ...].
 * A negative amount crops. Same as torch.nn.functional.pad.
 */
export function pad(x: Tensor, pad: readonly number[], given: PadOptions = {}): Tensor {
  const { value, mode } = optionsOf('pad', given, { value: 0, mode: 'constant' })
  checkTensors('pad', [x])
  if (!Array.isArray(pad)) throw new ValueError('pad', `${String(pad)} is no list`, 'give two whole numbers for each dimension, the last dimension first')
  if (mode !== 'constant') throw new ValueError('pad', `${String(mode)} is no mode`, "only 'constant' padding is there")
  if (pad.length % 2 !== 0 || pad.length > 2 * x.ndim || !pad.every(Number.isInteger))
    throw new ValueError('pad', `[${pad.join(', ')}] does not say how much is put before and after dimensions of ${showShape(x.shape)}`, 'give two whole numbers for each dimension, the last dimension first')
  const amounts = x.shape.map((_, d) => ({ before: pad[2 * (x.ndim - 1 - d)] ?? 0, after: pad[2 * (x.ndim - 1 - d) + 1] ?? 0 }))
  const crop = amounts.map(({ before, after }, d): Range => {
    const start = Math.max(0, -before)
    const size = x.shape[d] - start - Math.max(0, -after)
    if (size < 0) throw new ShapeError('pad', `[${pad.join(', ')}] crops more from dimension ${d} of ${showShape(x.shape)} than there is`, 'crop less')
    return { start, size, step: 1 }
  })
  const starts = amounts.map(({ before }) => Math.max(0, before))
  const shape = amounts.map(({ after }, d) => starts[d] + crop[d].size + Math.max(0, after))
  const placed = slicePlaced([slice([x], crop)], { shape, starts, steps: shape.map(() => 1) })
  return named('ConstantPadNdBackward0', value === 0 ? placed : add([placed, border(shape, starts, crop, value)]))
}

/** `value` where there is padding, 0 inside. */
function border(shape: readonly number[], starts: readonly number[], inside: readonly Range[], value: number): Tensor {
  const array = NDArray.full(shape, value)
  kernels().fill(array.slice(inside.map(({ size }, d) => ({ start: starts[d], size, step: 1 }))), 0)
  return constant(array)
}
