/** Channels as pixels, and back. */
import { checkTensors, own } from '../../autograd/op.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { ShapeError } from '../../tensor/errors.ts'
import { argumentsOf, checkSize, required, type Arguments } from '../../tensor/options.ts'
import { showShape } from '../../tensor/shape.ts'

/** (..., C · r², H, W) -> (..., C, H · r, W · r). Same as torch.nn.functional.pixel_shuffle. */
export function pixelShuffle(x: Tensor, ...given: Arguments<[upscaleFactor: number], [], { readonly upscaleFactor: number }>): Tensor {
  const { upscaleFactor: r } = argumentsOf('pixelShuffle', given, { upscaleFactor: required })
  checkTensors('pixelShuffle', [x])
  checkSize('pixelShuffle', 'upscaleFactor', r)
  const [channels = 0, rows = 0, columns = 0] = x.shape.slice(-3)
  if (x.ndim < 3 || channels % r ** 2 !== 0)
    throw new ShapeError('pixelShuffle', `an input of shape ${showShape(x.shape)} has not a multiple of ${r ** 2} channels`, 'give (..., C · upscaleFactor², H, W)')
  const lead = x.shape.slice(0, -3)
  const n = lead.length
  const parts = x.reshape([...lead, channels / r ** 2, r, r, rows, columns])
  const turned = parts.permute([...lead.keys(), n, n + 3, n + 1, n + 4, n + 2])
  return own('PixelShuffleBackward0', turned.reshape([...lead, channels / r ** 2, rows * r, columns * r]))
}

/** (..., C, H · r, W · r) -> (..., C · r², H, W): undoes pixelShuffle. Same as torch.nn.functional.pixel_unshuffle. */
export function pixelUnshuffle(x: Tensor, ...given: Arguments<[downscaleFactor: number], [], { readonly downscaleFactor: number }>): Tensor {
  const { downscaleFactor: r } = argumentsOf('pixelUnshuffle', given, { downscaleFactor: required })
  checkTensors('pixelUnshuffle', [x])
  checkSize('pixelUnshuffle', 'downscaleFactor', r)
  const [channels = 0, rows = 0, columns = 0] = x.shape.slice(-3)
  if (x.ndim < 3 || rows % r !== 0 || columns % r !== 0)
    throw new ShapeError('pixelUnshuffle', `an input of shape ${showShape(x.shape)} has no rows and columns in multiples of ${r}`, 'give (..., C, H · downscaleFactor, W · downscaleFactor)')
  const lead = x.shape.slice(0, -3)
  const n = lead.length
  const parts = x.reshape([...lead, channels, rows / r, r, columns / r, r])
  const turned = parts.permute([...lead.keys(), n, n + 2, n + 4, n + 1, n + 3])
  return own('PixelUnshuffleBackward0', turned.reshape([...lead, channels * r ** 2, rows / r, columns / r]))
}
