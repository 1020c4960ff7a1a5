/** Padding. */
import { add } from '../../autograd/ops/arithmetic.ts'
import { slice, slicePlaced } from '../../autograd/ops/views.ts'
import { checkTensors, constant, named, own } from '../../autograd/op.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { ShapeError, ValueError } from '../../tensor/errors.ts'
import { kernels } from '../../tensor/kernels/active.ts'
import { castNumber, checkIsFloat } from '../../tensor/dtype.ts'
import { NDArray, type DType, type Range } from '../../tensor/ndarray.ts'
import { argumentsOf, checkWord, required, type Arguments } from '../../tensor/options.ts'
import { showShape, type Shape } from '../../tensor/shape.ts'

export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular'

export interface PadOptions {
  /** What new places hold: `value`, the picture mirrored at its edge, the edge, or the picture once more. */
  readonly mode?: PadMode
  /** For 'constant', 0 by default. */
  readonly value?: number | null
}

/** How much is put before and after a dimension; a negative amount crops. */
interface Amount {
  readonly before: number
  readonly after: number
}

/**
 * Puts something around x: pad lists how much before and after, the last dimension first: [left, right, top, bottom, ...]. A negative
 * amount crops. Other modes than 'constant' pad the last one to three dimensions of (C, W), (N, C, W), (N, C, H, W) and so on.
 * pad(x, [1, 1], 'constant', 2) or pad(x, [1, 1], { value: 2 }). Same as torch.nn.functional.pad.
 */
export function pad(x: Tensor, ...given: Arguments<[pad: readonly number[]], [mode: PadMode, value: number | null], PadOptions & { readonly pad: readonly number[] }>): Tensor {
  const { pad, mode, value } = argumentsOf('pad', given, { pad: required, mode: 'constant', value: null })
  checkTensors('pad', [x])
  if (!Array.isArray(pad)) throw new ValueError('pad', `${String(pad)} is no list`, 'give two whole numbers for each dimension, the last dimension first')
  checkWord('pad', 'mode', mode, ['constant', 'reflect', 'replicate', 'circular'])
  if (pad.length % 2 !== 0 || pad.length > 2 * x.ndim || !pad.every(Number.isInteger))
    throw new ValueError('pad', `[${pad.join(', ')}] does not say how much is put before and after dimensions of ${showShape(x.shape)}`, 'give two whole numbers for each dimension, the last dimension first')
  const amounts = x.shape.map((_, d): Amount => ({ before: pad[2 * (x.ndim - 1 - d)] ?? 0, after: pad[2 * (x.ndim - 1 - d) + 1] ?? 0 }))
  if (mode === 'constant') return padConstant(x, amounts, value ?? 0)
  if (value !== null && value !== 0) throw new ValueError('pad', `a value was given for '${mode}' padding`, 'leave it out')
  return padFrom(x, amounts, pad.length / 2, mode)
}

function padConstant(x: Tensor, amounts: readonly Amount[], value: number): Tensor {
  const crop = amounts.map(({ before, after }, d): Range => {
    const start = Math.max(0, -before)
    const size = x.shape[d] - start - Math.max(0, -after)
    if (size < 0) throw new ShapeError('pad', `padding by ${before} and ${after} crops more from dimension ${d} of ${showShape(x.shape)} than there is`, 'crop less')
    return { start, size, step: 1 }
  })
  const starts = amounts.map(({ before }) => Math.max(0, before))
  const shape = amounts.map(({ after }, d) => starts[d] + crop[d].size + Math.max(0, after))
  const placed = slicePlaced([slice([x], crop)], { shape, starts, steps: shape.map(() => 1) })
  return named('ConstantPadNdBackward0', value === 0 ? placed : add([placed, border(shape, starts, crop, castNumber('pad', value, x.dtype), x.dtype)]))
}

/** Padding with numbers of x itself, in the last `count` dimensions. */
function padFrom(x: Tensor, amounts: readonly Amount[], count: number, mode: Exclude<PadMode, 'constant'>): Tensor {
  const fits = mode === 'circular' ? x.ndim === count + 2 : x.ndim === count + 1 || x.ndim === count + 2
  if (count < 1 || count > 3 || !fits)
    throw new ShapeError('pad', `'${mode}' padding of ${count} dimensions does not fit an input of shape ${showShape(x.shape)}`, 'give two numbers for each dimension behind (N, C)')
  if (mode !== 'circular') checkIsFloat('pad', x.dtype)
  const padded = amounts.reduce((y, amount, dim) => (amount.before === 0 && amount.after === 0 ? y : y.indexSelect(dim, sources(x.shape, dim, amount, mode))), x)
  const result = padded === x ? x.clone() : padded
  return own(mode === 'circular' ? 'CopySlices' : `${mode === 'reflect' ? 'Reflection' : 'Replication'}Pad${count}DBackward0`, result)
}

/** Which number of a dimension each of the padded one is. */
function sources(shape: Shape, dim: number, { before, after }: Amount, mode: Exclude<PadMode, 'constant'>): number[] {
  const size = shape[dim]
  const refuse = (problem: string, help: string) => new ShapeError('pad', `padding by ${before} and ${after} ${problem} dimension ${dim} of ${showShape(shape)}`, help)
  const start = Math.max(0, -before)
  const cropped = size - start - Math.max(0, -after)
  const places = Array.from({ length: Math.max(0, size + before + after) }, (_, i) => i - before)
  if (mode === 'replicate') {
    if (size === 0) throw refuse('has no edge to repeat in', 'give a picture of at least one pixel')
    return places.map((i) => Math.min(Math.max(i, 0), size - 1))
  }
  if (mode === 'circular') {
    if (cropped <= 0 && size > 0) throw refuse('leaves nothing of', 'crop less')
    if (before > size || after > size) throw refuse('wraps more than once around', 'pad by at most the size')
    return places.map((i) => start + ((((i - start) % cropped) + cropped) % cropped))
  }
  if (places.length === 0 || before >= size || after >= size) throw refuse('does not fit', 'pad by less than the size')
  return places.map((i) => (i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i))
}

/** `value` where there is padding, 0 inside. */
function border(shape: Shape, starts: Shape, inside: readonly Range[], value: number, dtype: DType): Tensor {
  const array = NDArray.full(shape, value, dtype)
  kernels().fill(array.slice(inside.map(({ size }, d) => ({ start: starts[d], size, step: 1 }))), 0)
  return constant(array)
}
