/** Cutting pictures into windows. */
import type { Tensor } from '../autograd/tensor.ts'
import { argumentsOf, required, type Arguments } from '../tensor/options.ts'
import type { Pair } from '../tensor/windows.ts'
import * as F from './functional/functional.ts'
import { unfoldDefaults } from './functional/unfold.ts'
import { Module } from './module.ts'
import { pythonSize } from './repr.ts'

/** Every window of a picture as a column. x: (N, C, H, W) -> (N, C · kh · kw, Hout · Wout). Same as torch.nn.Unfold. */
export class Unfold extends Module {
  readonly kernelSize: Pair
  readonly dilation: Pair
  readonly padding: Pair
  readonly stride: Pair

  constructor(...given: Arguments<[kernelSize: Pair], [dilation: Pair, padding: Pair, stride: Pair], F.UnfoldOptions & { readonly kernelSize: Pair }>) {
    super()
    const { kernelSize, dilation, padding, stride } = argumentsOf('Unfold', given, { kernelSize: required, ...unfoldDefaults })
    this.kernelSize = kernelSize
    this.dilation = dilation
    this.padding = padding
    this.stride = stride
  }
  forward(x: Tensor): Tensor {
    return F.unfold(x, this.kernelSize, this.dilation, this.padding, this.stride)
  }
  override extraRepr(): string {
    return `kernel_size=${pythonSize(this.kernelSize)}, dilation=${pythonSize(this.dilation)}, padding=${pythonSize(this.padding)}, stride=${pythonSize(this.stride)}`
  }
}
