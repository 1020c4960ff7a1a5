/** Windows of pictures as columns. */
import { checkTensors, own } from '../../autograd/op.ts'
import { unfold as windowsOf } from '../../autograd/ops/windows.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { ShapeError } from '../../tensor/errors.ts'
import { argumentsOf, required, type Arguments } from '../../tensor/options.ts'
import { showShape } from '../../tensor/shape.ts'
import { windowsOver, type Pair } from '../../tensor/windows.ts'

export interface UnfoldOptions {
  readonly dilation?: Pair
  readonly padding?: Pair
  readonly stride?: Pair
}

export const unfoldDefaults = { dilation: 1, padding: 0, stride: 1 } as const

/**
 * Every window of a picture as a column, its numbers channel by channel, row by row: with a stride of kernelSize, a picture's patches.
 * x: (N, C, H, W) or (C, H, W) -> (N, C · kh · kw, Hout · Wout) or without N. Same as torch.nn.functional.unfold.
 */
export function unfold(x: Tensor, ...given: Arguments<[kernelSize: Pair], [dilation: Pair, padding: Pair, stride: Pair], UnfoldOptions & { readonly kernelSize: Pair }>): Tensor {
  const { kernelSize: kernel, ...options } = argumentsOf('unfold', given, { kernelSize: required, ...unfoldDefaults })
  checkTensors('unfold', [x])
  if (x.ndim !== 3 && x.ndim !== 4) throw new ShapeError('unfold', `an input of shape ${showShape(x.shape)} is no picture`, 'give (N, C, H, W) or (C, H, W)')
  const pictures = x.ndim === 3 ? x.unsqueeze(0) : x
  const windows = windowsOver('unfold', pictures.shape, { kernel, ...options })
  const found = windowsOf([pictures], { windows, fill: 0 })
  const [N, rows, columns, kh, kw, C] = found.shape
  const asColumns = found.permute([0, 5, 3, 4, 1, 2]).reshape([N, C * kh * kw, rows * columns])
  return own('Im2ColBackward0', x.ndim === 3 ? asColumns.squeeze(0) : asColumns)
}
