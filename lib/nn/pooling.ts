/** Pooling layers. */
import type { Tensor } from '../autograd/tensor.ts'
import { optionsOf } from '../tensor/options.ts'
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

  constructor(kernelSize: Pair, given: F.PoolOptions = {}) {
    super()
    const { stride, padding, ceilMode } = optionsOf('MaxPool2d', given, { stride: kernelSize, padding: 0, ceilMode: false })
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

/** The mean of each window. x: (N, C, H, W) -> (N, C, Hout, Wout). Same as torch.nn.AvgPool2d. */
export class AvgPool2d extends Module {
  readonly kernelSize: Pair
  readonly stride: Pair
  readonly padding: Pair
  readonly ceilMode: boolean
  readonly countIncludePad: boolean
  readonly divisorOverride: number | null

  constructor(kernelSize: Pair, given: F.AvgPoolOptions = {}) {
    super()
    const { stride, padding, ceilMode, countIncludePad, divisorOverride } = optionsOf('AvgPool2d', given, { stride: kernelSize, padding: 0, ceilMode: false, countIncludePad: true, divisorOverride: null })
    this.kernelSize = kernelSize
    this.stride = stride
    this.padding = padding
    this.ceilMode = ceilMode
    this.countIncludePad = countIncludePad
    this.divisorOverride = divisorOverride
  }
  forward(x: Tensor): Tensor {
    return F.avgPool2d(x, this.kernelSize, { stride: this.stride, padding: this.padding, ceilMode: this.ceilMode, countIncludePad: this.countIncludePad, divisorOverride: this.divisorOverride })
  }
  override extraRepr(): string {
    return `kernel_size=${pythonSize(this.kernelSize)}, stride=${pythonSize(this.stride)}, padding=${pythonSize(this.padding)}`
  }
}

/** Means over as many parts as outputSize says, whatever the picture's size. x: (N, C, H, W) -> (N, C, ...outputSize). Same as torch.nn.AdaptiveAvgPool2d. */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: F.AdaptiveSize

  constructor(outputSize: F.AdaptiveSize) {
    super()
    this.outputSize = outputSize
  }
  forward(x: Tensor): Tensor {
    return F.adaptiveAvgPool2d(x, this.outputSize)
  }
  override extraRepr(): string {
    return `output_size=${typeof this.outputSize === 'number' ? this.outputSize : `(${this.outputSize.map((size) => size ?? 'None').join(', ')})`}`
  }
}
