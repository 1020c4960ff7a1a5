/** Layers that change nothing but the shape. */
import { checkTensors } from '../autograd/op.ts'
import type { FlattenOptions, Tensor } from '../autograd/tensor.ts'
import { ValueError } from '../tensor/errors.ts'
import { argumentsOf, checkSize, required, type Arguments, type Given } from '../tensor/options.ts'
import type { Shape } from '../tensor/shape.ts'
import * as F from './functional/functional.ts'
import { Module } from './module.ts'
import { pythonSize } from './repr.ts'

export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x
  }
}

/** Merges the dimensions from startDim to endDim into one; the batch stays by default. */
export class Flatten extends Module {
  readonly startDim: number
  readonly endDim: number
  constructor(...given: Given<[startDim: number, endDim: number], FlattenOptions>) {
    super()
    const { startDim, endDim } = argumentsOf('Flatten', given, { startDim: 1, endDim: -1 })
    this.startDim = startDim
    this.endDim = endDim
  }
  forward(x: Tensor): Tensor {
    checkTensors('Flatten', [x])
    return x.flatten(this.startDim, this.endDim)
  }
  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`
  }
}

/** Takes a dimension apart into several, of which one size may be -1. Same as torch.nn.Unflatten. */
export class Unflatten extends Module {
  readonly dim: number
  readonly unflattenedSize: Shape
  constructor(...given: Arguments<[dim: number, unflattenedSize: Shape], [], { readonly dim: number; readonly unflattenedSize: Shape }>) {
    super()
    const { dim, unflattenedSize } = argumentsOf('Unflatten', given, { dim: required, unflattenedSize: required })
    if (!Array.isArray(unflattenedSize)) throw new ValueError('Unflatten', `unflattenedSize = ${String(unflattenedSize)} is no list`, 'give a list of sizes')
    unflattenedSize.forEach((size, i) => checkSize('Unflatten', `unflattenedSize[${i}]`, size, -1))
    this.dim = dim
    this.unflattenedSize = [...unflattenedSize]
  }
  forward(x: Tensor): Tensor {
    checkTensors('Unflatten', [x])
    return x.unflatten(this.dim, this.unflattenedSize)
  }
  override extraRepr(): string {
    return `dim=${this.dim}, unflattened_size=${pythonSize(this.unflattenedSize)}`
  }
}

/** Channels as pixels: (N, C · r², H, W) -> (N, C, H · r, W · r). Same as torch.nn.PixelShuffle. */
export class PixelShuffle extends Module {
  readonly upscaleFactor: number
  constructor(...given: Arguments<[upscaleFactor: number], [], { readonly upscaleFactor: number }>) {
    super()
    this.upscaleFactor = argumentsOf('PixelShuffle', given, { upscaleFactor: required }).upscaleFactor
  }
  forward(x: Tensor): Tensor {
    return F.pixelShuffle(x, this.upscaleFactor)
  }
  override extraRepr(): string {
    return `upscale_factor=${this.upscaleFactor}`
  }
}

/** Pixels as channels: (N, C, H · r, W · r) -> (N, C · r², H, W). Same as torch.nn.PixelUnshuffle. */
export class PixelUnshuffle extends Module {
  readonly downscaleFactor: number
  constructor(...given: Arguments<[downscaleFactor: number], [], { readonly downscaleFactor: number }>) {
    super()
    this.downscaleFactor = argumentsOf('PixelUnshuffle', given, { downscaleFactor: required }).downscaleFactor
  }
  forward(x: Tensor): Tensor {
    return F.pixelUnshuffle(x, this.downscaleFactor)
  }
  override extraRepr(): string {
    return `downscale_factor=${this.downscaleFactor}`
  }
}
