/** Pooling layers. */
import type { Tensor } from '../autograd/tensor.ts'
import type { Pair } from '../tensor/windows.ts'
import * as F from './functional/functional.ts'
import { Module } from './module.ts'
import { pythonBool, pythonSize } from './repr.ts'

/** The largest number of each window. x: (N, C, H, W) -> (N, C, Hout, Wout). Same as torch.nn.MaxPool2d. */
export class MaxPool2d extends Module {
  readonly kernelSize: Pair
  readonly stride: Pair
  readonly padding: Pair
  readonly ceilMode: boolean

  constructor(kernelSize: Pair, { stride = kernelSize, padding = 0, ceilMode = false }: F.PoolOptions = {}) {
    super()
    this.kernelSize = kernelSize
    this.stride = stride
    this.padding = padding
    this.ceilMode = ceilMode
  }
  forward(x: Tensor): Tensor {
    return F.maxPool2d(x, this.kernelSize, { stride: this.stride, padding: this.padding, ceilMode: this.ceilMode })
  }
  override extraRepr(): string {
    return `kernel_size=${pythonSize(this.kernelSize)}, stride=${pythonSize(this.stride)}, padding=${pythonSize(this.padding)}, dilation=1, ceil_mode=${pythonBool(this.ceilMode)}`
  }
}
