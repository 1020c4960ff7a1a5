/** Layers that change nothing but the shape. */
import { checkTensors } from '../autograd/op.ts'
import type { FlattenOptions, Tensor } from '../autograd/tensor.ts'
import { argumentsOf, type Given } from '../tensor/options.ts'
import { Module } from './module.ts'

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
