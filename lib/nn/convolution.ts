/** Convolution layers. */
import { zeros } from '../autograd/creation.ts'
import type { Tensor } from '../autograd/tensor.ts'
import { ValueError } from '../tensor/errors.ts'
import { argumentsOf, checkSize, checkWord, required, type Arguments } from '../tensor/options.ts'
import { pair, type Pair } from '../tensor/windows.ts'
import { checkSameStride, marginsOf } from './functional/convolution.ts'
import * as F from './functional/functional.ts'
import { calculateFanInAndFanOut, kaimingUniform_, uniform_ } from './init.ts'
import { Module } from './module.ts'
import { Parameter } from './parameter.ts'
import { pythonSize } from './repr.ts'

interface Conv2dOptions extends F.ConvOptions {
  readonly inChannels: number
  readonly outChannels: number
  readonly kernelSize: Pair
  readonly bias?: boolean
  /** What padding puts around a picture. */
  readonly paddingMode?: PaddingMode
}

type PaddingMode = 'zeros' | Exclude<F.PadMode, 'constant'>
type Places = [stride: Pair, padding: F.Padding, dilation: Pair, groups: number, bias: boolean, paddingMode: PaddingMode]

/** Applies a 2-D convolution. x: (N, Cin, H, W) -> (N, Cout, Hout, Wout). Sizes are a number or [height, width]. Same as torch.nn.Conv2d. */
export class Conv2d extends Module {
  readonly inChannels: number
  readonly outChannels: number
  readonly kernelSize: readonly [number, number]
  readonly stride: readonly [number, number]
  readonly padding: readonly [number, number] | 'same' | 'valid'
  readonly paddingMode: PaddingMode
  readonly dilation: readonly [number, number]
  readonly groups: number
  weight: Parameter
  bias: Parameter | null

  constructor(...given: Arguments<[inChannels: number, outChannels: number, kernelSize: Pair], Places, Conv2dOptions>) {
    super()
    const { inChannels, outChannels, kernelSize, stride, padding, dilation, groups, bias, paddingMode } = argumentsOf('Conv2d', given, {
      inChannels: required, outChannels: required, kernelSize: required, stride: 1, padding: 0, dilation: 1, groups: 1, bias: true, paddingMode: 'zeros',
    })
    checkSize('Conv2d', 'inChannels', inChannels)
    checkSize('Conv2d', 'outChannels', outChannels)
    checkSize('Conv2d', 'groups', groups)
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new ValueError('Conv2d', `${groups} groups do not divide ${inChannels} input and ${outChannels} output channels`, 'give a number of groups that divides both')
    this.inChannels = inChannels
    this.outChannels = outChannels
    this.kernelSize = pair('Conv2d', 'kernelSize', kernelSize, 1)
    this.stride = pair('Conv2d', 'stride', stride, 1)
    if (padding === 'same') checkSameStride('Conv2d', stride)
    this.padding = padding === 'same' || padding === 'valid' ? padding : pair('Conv2d', 'padding', padding, 0)
    this.paddingMode = checkWord('Conv2d', 'paddingMode', paddingMode, ['zeros', 'reflect', 'replicate', 'circular'])
    this.dilation = pair('Conv2d', 'dilation', dilation, 1)
    this.groups = groups
    this.weight = new Parameter(zeros([outChannels, inChannels / groups, ...this.kernelSize]))
    this.bias = bias ? new Parameter(zeros([outChannels])) : null
    kaimingUniform_(this.weight, { a: Math.sqrt(5) })
    const bound = 1 / Math.sqrt(calculateFanInAndFanOut(this.weight).fanIn)
    if (this.bias) uniform_(this.bias, -bound, bound)
  }
  forward(x: Tensor): Tensor {
    if (this.paddingMode === 'zeros') return F.conv2d(x, this.weight, this.bias, this.stride, this.padding, this.dilation, this.groups)
    const padded = F.pad(x, marginsOf(this.kernelSize, this.padding, this.dilation), this.paddingMode)
    return F.conv2d(padded, this.weight, this.bias, this.stride, 0, this.dilation, this.groups)
  }
  override extraRepr(): string {
    const parts = [`${this.inChannels}, ${this.outChannels}, kernel_size=${pythonSize(this.kernelSize)}, stride=${pythonSize(this.stride)}`]
    if (typeof this.padding === 'string') parts.push(`padding=${this.padding}`)
    else if (this.padding.some((size) => size !== 0)) parts.push(`padding=${pythonSize(this.padding)}`)
    if (this.dilation.some((size) => size !== 1)) parts.push(`dilation=${pythonSize(this.dilation)}`)
    if (this.groups !== 1) parts.push(`groups=${this.groups}`)
    if (!this.bias) parts.push('bias=False')
    if (this.paddingMode !== 'zeros') parts.push(`padding_mode=${this.paddingMode}`)
    return parts.join(', ')
  }
}
