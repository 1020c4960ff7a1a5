/** Padding of pictures as layers. */
import type { Tensor } from '../autograd/tensor.ts'
import { ValueError } from '../tensor/errors.ts'
import { argumentsOf, required, type Arguments } from '../tensor/options.ts'
import * as F from './functional/functional.ts'
import { Module } from './module.ts'
import { pythonFloat } from './repr.ts'

/** [left, right, top, bottom], or one number for all. */
export type Borders = number | readonly [left: number, right: number, top: number, bottom: number]

type Given = Arguments<[padding: Borders], [], { readonly padding: Borders }>

function borders(operation: string, padding: Borders): readonly number[] {
  const amounts: readonly number[] = typeof padding === 'number' ? [padding, padding, padding, padding] : padding
  if (!Array.isArray(amounts) || amounts.length !== 4 || !amounts.every(Number.isInteger))
    throw new ValueError(operation, `padding = ${String(padding)} is no amount for each of four borders`, 'give a whole number, or [left, right, top, bottom]')
  return amounts
}

/** Puts a number around pictures (N, C, H, W). Same as torch.nn.ConstantPad2d. */
export class ConstantPad2d extends Module {
  readonly padding: readonly number[]
  readonly value: number
  constructor(...given: Arguments<[padding: Borders, value: number], [], { readonly padding: Borders; readonly value: number }>) {
    super()
    const { padding, value } = argumentsOf('ConstantPad2d', given, { padding: required, value: required })
    this.padding = borders('ConstantPad2d', padding)
    this.value = value
  }
  forward(x: Tensor): Tensor {
    return F.pad(x, this.padding, 'constant', this.value)
  }
  override extraRepr(): string {
    return `padding=(${this.padding.join(', ')}), value=${Number.isInteger(this.value) ? this.value : pythonFloat(this.value)}`
  }
}

abstract class Pad2d extends Module {
  readonly padding: readonly number[]
  protected abstract readonly mode: F.PadMode
  constructor(...given: Given) {
    super()
    this.padding = borders(new.target.name, argumentsOf(new.target.name, given, { padding: required }).padding)
  }
  forward(x: Tensor): Tensor {
    return F.pad(x, this.padding, this.mode)
  }
  override extraRepr(): string {
    return `(${this.padding.join(', ')})`
  }
}

/** Puts zeros around pictures (N, C, H, W). Same as torch.nn.ZeroPad2d. */
export class ZeroPad2d extends Pad2d {
  protected readonly mode = 'constant'
}

/** Mirrors pictures (N, C, H, W) at their edges. Same as torch.nn.ReflectionPad2d. */
export class ReflectionPad2d extends Pad2d {
  protected readonly mode = 'reflect'
}

/** Repeats the edges of pictures (N, C, H, W). Same as torch.nn.ReplicationPad2d. */
export class ReplicationPad2d extends Pad2d {
  protected readonly mode = 'replicate'
}
