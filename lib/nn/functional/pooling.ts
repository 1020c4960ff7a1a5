/** Pooling over windows of pictures. */
import { named } from '../../autograd/op.ts'
import { argExtremum } from '../../autograd/ops/reduce.ts'
import { gather } from '../../autograd/ops/indexing.ts'
import { unfold } from '../../autograd/ops/windows.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { ShapeError, ValueError } from '../../tensor/errors.ts'
import { showShape } from '../../tensor/shape.ts'
import { pair, windowsOver, type Pair } from '../../tensor/windows.ts'

export interface PoolOptions {
  /** Default: the kernel size, so that windows lie side by side. */
  readonly stride?: Pair
  readonly padding?: Pair
  /** Round the number of windows up instead of down. */
  readonly ceilMode?: boolean
}

/** Runs `pool` on a batch; a single picture becomes a batch of one. */
function batched(operation: string, x: Tensor, pool: (x: Tensor) => Tensor): Tensor {
  if (x.ndim === 3) return pool(x.unsqueeze(0)).squeeze(0)
  if (x.ndim !== 4) throw new ShapeError(operation, `an input of shape ${showShape(x.shape)} is no picture`, 'give (N, C, H, W) or (C, H, W)')
  return pool(x)
}

function checkPadding(operation: string, kernelSize: Pair, padding: Pair): void {
  const kernel = pair(operation, 'kernelSize', kernelSize, 1)
  pair(operation, 'padding', padding, 0).forEach((size, axis) => {
    if (size > kernel[axis] / 2) throw new ValueError(operation, `a padding of ${size} is more than half of the kernel size ${kernel[axis]}`, 'pad by at most half of the kernel')
  })
}

/** The largest number of each window; the first of equal ones takes the gradient. x: (N, C, H, W) or (C, H, W). Same as torch.nn.functional.max_pool2d. */
export function maxPool2d(x: Tensor, kernelSize: Pair, { stride = kernelSize, padding = 0, dilation = 1, ceilMode = false }: PoolOptions & { readonly dilation?: Pair } = {}): Tensor {
  checkPadding('maxPool2d', kernelSize, padding)
  return batched('maxPool2d', x, (pictures) => {
    const windows = windowsOver('maxPool2d', pictures.shape, { kernel: kernelSize, stride, padding, dilation, ceilMode })
    const places = unfold([pictures], { windows, fill: -Infinity }).flatten(-2)
    const largest = gather([places, argExtremum('max', places, -1 + places.ndim, true)], places.ndim - 1)
    return named('MaxPool2DWithIndicesBackward0', largest.squeeze(-1).permute([0, 3, 1, 2]))
  })
}
