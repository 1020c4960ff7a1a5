/** Convolutions of pictures, as matrix products over their windows. */
import { checkTensors, own } from '../../autograd/op.ts'
import { addmm } from '../../autograd/ops/matmul.ts'
import { asPictures, unfold } from '../../autograd/ops/windows.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { ShapeError, ValueError } from '../../tensor/errors.ts'
import type { Windows } from '../../tensor/kernels/kernels.ts'
import { argumentsOf, type Given } from '../../tensor/options.ts'
import { numelOf, sameShape, showShape } from '../../tensor/shape.ts'
import { pair, windowsOver, type Pair } from '../../tensor/windows.ts'
import { pad } from './pad.ts'

/** Zeros around the picture; 'same' for as many as keep its size, the odd one at its end, 'valid' for none. */
export type Padding = Pair | 'same' | 'valid'

export interface ConvOptions {
  readonly stride?: Pair
  readonly padding?: Padding
  readonly dilation?: Pair
  /** Input and output channels are cut into so many groups that do not see each other. */
  readonly groups?: number
}

type ConvPlaces = [bias: Tensor | null, stride: Pair, padding: Padding, dilation: Pair, groups: number]

/**
 * A 2-D convolution. x: (N, Cin, H, W) or (Cin, H, W), weight: (Cout, Cin / groups, kh, kw), bias: (Cout,) -> (N, Cout, Hout, Wout).
 * Same as torch.nn.functional.conv2d.
 */
export function conv2d(x: Tensor, weight: Tensor, ...given: Given<ConvPlaces, ConvOptions & { readonly bias?: Tensor | null }>): Tensor {
  const { bias, stride, padding, dilation, groups } = argumentsOf('conv2d', given, { bias: null, stride: 1, padding: 0, dilation: 1, groups: 1 })
  checkTensors('conv2d', [x, weight], [bias])
  if (x.ndim === 3) return conv2d(x.unsqueeze(0), weight, bias, { stride, padding, dilation, groups }).squeeze(0)
  checkConv(x, weight, bias, groups)
  const [outChannels, , ...kernel] = weight.shape
  if (padding === 'same') {
    const margins = sameMargins(kernel, stride, dilation)
    return conv2d(margins.some((margin) => margin.odd > 0) ? pad(x, [0, margins[1].odd, 0, margins[0].odd]) : x, weight, bias, { stride, padding: margins.map(({ both }) => both), dilation, groups })
  }
  const windows = windowsOver('conv2d', x.shape, { kernel, stride, padding: padding === 'valid' ? 0 : padding, dilation })
  const tiling = isTiling(windows, x)
  const patches = tiling ? tiles(x, windows) : unfold([x], { windows, fill: 0 })
  const y = groups > 1 ? groupedProduct(tiling ? patches : patches.permute([0, 1, 2, 5, 3, 4]), weight, bias, groups)
    : wholeProduct(patches, tiling ? weight : weight.permute([0, 2, 3, 1]), bias)
  return own('ConvolutionBackward0', asPictures([y.reshape([x.shape[0], ...windows.output, outChannels])]))
}

function checkConv(x: Tensor, weight: Tensor, bias: Tensor | null, groups: number): void {
  if (x.ndim !== 4 || weight.ndim !== 4)
    throw new ShapeError('conv2d', `an input of shape ${showShape(x.shape)} and a weight of shape ${showShape(weight.shape)} are not both of 4 dimensions`, 'give (N, C, H, W) and (Cout, Cin / groups, kh, kw)')
  const [outChannels, channels] = weight.shape
  if (!Number.isInteger(groups) || groups < 1 || outChannels % groups !== 0)
    throw new ValueError('conv2d', `${groups} groups do not divide ${outChannels} output channels`, 'give a number of groups that divides both channels')
  if (x.shape[1] !== channels * groups)
    throw new ShapeError('conv2d', `an input of shape ${showShape(x.shape)} has ${x.shape[1]} channels, a weight of shape ${showShape(weight.shape)} in ${groups} groups takes ${channels * groups}`, 'the channels of the input must be the second size of the weight times groups')
  if (bias && !sameShape(bias.shape, [outChannels]))
    throw new ShapeError('conv2d', `a bias of shape ${showShape(bias.shape)} does not fit a weight of shape ${showShape(weight.shape)}`, `give a bias of shape (${outChannels},)`)
}

/** Throws unless windows that move on by `stride` can keep the size of a picture. */
export function checkSameStride(operation: string, stride: Pair): void {
  if (pair(operation, 'stride', stride, 1).some((step) => step !== 1))
    throw new ValueError(operation, "padding 'same' was given with a stride above 1, which does not keep the size", 'give the padding as a number or [height, width]')
}

/** What keeps a picture's height and width: zeros on both sides, and one more at the end where their number is odd. */
function sameMargins(kernel: readonly number[], stride: Pair, dilation: Pair): { both: number; odd: number }[] {
  checkSameStride('conv2d', stride)
  return pair('conv2d', 'dilation', dilation, 1).map((step, axis) => {
    const total = step * (kernel[axis] - 1)
    return { both: Math.floor(total / 2), odd: total % 2 }
  })
}

/** What is put around a picture: [left, right, top, bottom], as pad() takes it. */
export function marginsOf(kernel: readonly number[], padding: Padding, dilation: Pair): number[] {
  if (padding === 'valid') return [0, 0, 0, 0]
  if (padding === 'same') return sameMargins(kernel, 1, dilation).toReversed().flatMap(({ both, odd }) => [both, both + odd])
  return pair('conv2d', 'padding', padding, 0).toReversed().flatMap((margin) => [margin, margin])
}

/** Whether the windows lie side by side and cover the picture, as in a patch embedding. */
function isTiling({ kernel, stride, padding, dilation, output }: Windows, x: Tensor): boolean {
  return [0, 1].every((axis) => stride[axis] === kernel[axis] && padding[axis] === 0 && dilation[axis] === 1 && output[axis] * kernel[axis] === x.shape[2 + axis])
}

/** (N, C, H, W) -> (N, Hout, Wout, C, kh, kw) by taking the picture's two axes apart. */
function tiles(x: Tensor, { kernel, output }: Windows): Tensor {
  return x.reshape([x.shape[0], x.shape[1], output[0], kernel[0], output[1], kernel[1]]).permute([0, 2, 4, 1, 3, 5])
}

/** Every window as a row, times the weight, whose numbers are in the same order: one matrix product. */
function wholeProduct(patches: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  const rows = patches.reshape([numelOf(patches.shape.slice(0, 3)), numelOf(patches.shape.slice(3))])
  const columns = weight.reshape([weight.shape[0], rows.shape[1]])
  return bias ? addmm([rows, columns, bias]) : rows.matmul(columns.transpose(0, 1))
}

/** A product for each group: (G, rows, Cin/G · kh · kw) · (G, Cin/G · kh · kw, Cout/G). */
function groupedProduct(patches: Tensor, weight: Tensor, bias: Tensor | null, groups: number): Tensor {
  const count = numelOf(patches.shape.slice(0, 3))
  const inside = numelOf(weight.shape.slice(1))
  const rows = patches.reshape([count, groups, inside]).permute([1, 0, 2])
  const columns = weight.reshape([groups, weight.shape[0] / groups, inside]).transpose(1, 2)
  const y = rows.matmul(columns).permute([1, 0, 2]).reshape([count, weight.shape[0]])
  return bias ? y.add(bias) : y
}
