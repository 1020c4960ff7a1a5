/** Resizing pictures as layers. */
import type { Tensor } from '../autograd/tensor.ts'
import { argumentsOf, type Given } from '../tensor/options.ts'
import type { Shape } from '../tensor/shape.ts'
import * as F from './functional/functional.ts'
import { upsampleDefaults } from './functional/interpolate.ts'
import { Module } from './module.ts'
import { pythonFloat, pythonSize } from './repr.ts'

type Places = [size: number | Shape | null, scaleFactor: number | readonly number[] | null, mode: F.InterpolateMode, alignCorners: boolean | null, recomputeScaleFactor: boolean | null]

/** Pictures (N, C, H, W), rows (N, C, L) or volumes (N, C, D, H, W) at another size, or so many times as large. Same as torch.nn.Upsample. */
export class Upsample extends Module {
  readonly size: number | Shape | null
  readonly scaleFactor: number | readonly number[] | null
  readonly mode: F.InterpolateMode
  readonly alignCorners: boolean | null
  readonly recomputeScaleFactor: boolean | null

  constructor(...given: Given<Places, Omit<F.InterpolateOptions, 'antialias'>>) {
    super()
    const { size, scaleFactor, mode, alignCorners, recomputeScaleFactor } = argumentsOf('Upsample', given, upsampleDefaults)
    this.size = size
    this.scaleFactor = scaleFactor
    this.mode = mode
    this.alignCorners = alignCorners
    this.recomputeScaleFactor = recomputeScaleFactor
  }
  forward(x: Tensor): Tensor {
    return F.interpolate(x, this.size, this.scaleFactor, this.mode, this.alignCorners, this.recomputeScaleFactor)
  }
  override extraRepr(): string {
    const factor = typeof this.scaleFactor === 'number' ? pythonFloat(this.scaleFactor) : `(${this.scaleFactor?.map(pythonFloat).join(', ')})`
    return `${this.scaleFactor === null ? `size=${this.size === null ? 'None' : pythonSize(this.size)}` : `scale_factor=${factor}`}, mode=${this.mode}`
  }
}
