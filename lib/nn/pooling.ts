/** Pooling layers. */
import type { Tensor } from '../autograd/tensor.ts'
import { argumentsOf, required, type Arguments } from '../tensor/options.ts'
import type { Pair } from '../tensor/windows.ts'
import * as F from './functional/functional.ts'
import { avgPoolDefaults, type AvgPoolPlaces } from './functional/pooling.ts'
import { Module } from './module.ts'
import { pythonBool, pythonSize } from './repr.ts'

type MaxPoolPlaces = [stride: Pair | null, padding: Pair, dilation: Pair, returnIndices: boolean, ceilMode: boolean]
/** What a pooling returns: numbers, or also where they stood, which new MaxPool2d<true>(2, { returnIndices: true }) says to the types. */
type Pooled<Indices extends boolean> = Indices extends true ? F.WithIndices : Tensor

/** The largest number of each window. x: (N, C, H, W) -> (N, C, Hout, Wout), with returnIndices two of them. Same as torch.nn.MaxPool2d. */
export class MaxPool2d<Indices extends boolean = false> extends Module<[x: Tensor], Pooled<Indices>> {
  readonly kernelSize: Pair
  readonly stride: Pair
  readonly padding: Pair
  readonly dilation: Pair
  readonly returnIndices: boolean
  readonly ceilMode: boolean

  constructor(...given: Arguments<[kernelSize: Pair], MaxPoolPlaces, F.MaxPoolOptions & { readonly kernelSize: Pair }>) {
    super()
    const { kernelSize, stride, padding, dilation, returnIndices, ceilMode } = argumentsOf('MaxPool2d', given, {
      kernelSize: required, stride: null, padding: 0, dilation: 1, returnIndices: false, ceilMode: false,
    })
    this.kernelSize = kernelSize
    this.stride = stride ?? kernelSize
    this.padding = padding
    this.dilation = dilation
    this.returnIndices = returnIndices
    this.ceilMode = ceilMode
  }
  forward(x: Tensor): Pooled<Indices> {
    return F.maxPool2d(x, this.kernelSize, this.stride, this.padding, this.dilation, this.ceilMode, this.returnIndices) as Pooled<Indices>
  }
  override extraRepr(): string {
    const { kernelSize, stride, padding, dilation, ceilMode } = this
    return `kernel_size=${pythonSize(kernelSize)}, stride=${pythonSize(stride)}, padding=${pythonSize(padding)}, dilation=${pythonSize(dilation)}, ceil_mode=${pythonBool(ceilMode)}`
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

  constructor(...given: Arguments<[kernelSize: Pair], AvgPoolPlaces, F.AvgPoolOptions & { readonly kernelSize: Pair }>) {
    super()
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = argumentsOf('AvgPool2d', given, { kernelSize: required, ...avgPoolDefaults })
    this.kernelSize = kernelSize
    this.stride = stride ?? kernelSize
    this.padding = padding
    this.ceilMode = ceilMode
    this.countIncludePad = countIncludePad
    this.divisorOverride = divisorOverride
  }
  forward(x: Tensor): Tensor {
    return F.avgPool2d(x, this.kernelSize, this.stride, this.padding, this.ceilMode, this.countIncludePad, this.divisorOverride)
  }
  override extraRepr(): string {
    return `kernel_size=${pythonSize(this.kernelSize)}, stride=${pythonSize(this.stride)}, padding=${pythonSize(this.padding)}`
  }
}

const sizeRepr = (size: F.AdaptiveSize) => `output_size=${typeof size === 'number' ? size : `(${size.map((part) => part ?? 'None').join(', ')})`}`

/** Means over as many parts as outputSize says, whatever the picture's size. x: (N, C, H, W) -> (N, C, ...outputSize). Same as torch.nn.AdaptiveAvgPool2d. */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: F.AdaptiveSize

  constructor(...given: Arguments<[outputSize: F.AdaptiveSize], [], { readonly outputSize: F.AdaptiveSize }>) {
    super()
    this.outputSize = argumentsOf('AdaptiveAvgPool2d', given, { outputSize: required }).outputSize
  }
  forward(x: Tensor): Tensor {
    return F.adaptiveAvgPool2d(x, this.outputSize)
  }
  override extraRepr(): string {
    return sizeRepr(this.outputSize)
  }
}

/** The largest numbers of such parts, with returnIndices also where they stand. Same as torch.nn.AdaptiveMaxPool2d. */
export class AdaptiveMaxPool2d<Indices extends boolean = false> extends Module<[x: Tensor], Pooled<Indices>> {
  readonly outputSize: F.AdaptiveSize
  readonly returnIndices: boolean

  constructor(...given: Arguments<[outputSize: F.AdaptiveSize], [returnIndices: boolean], { readonly outputSize: F.AdaptiveSize; readonly returnIndices?: boolean }>) {
    super()
    const { outputSize, returnIndices } = argumentsOf('AdaptiveMaxPool2d', given, { outputSize: required, returnIndices: false })
    this.outputSize = outputSize
    this.returnIndices = returnIndices
  }
  forward(x: Tensor): Pooled<Indices> {
    return F.adaptiveMaxPool2d(x, this.outputSize, this.returnIndices) as Pooled<Indices>
  }
  override extraRepr(): string {
    return sizeRepr(this.outputSize)
  }
}
