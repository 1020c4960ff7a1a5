/** Losses of numbers that are to come close to others, which broadcast to their shape. */
import { checkTensors, named } from '../../autograd/op.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { ValueError } from '../../tensor/errors.ts'
import { argumentsOf, optionsOf, type Given } from '../../tensor/options.ts'
import { checkBroadcast, reduced, type Reduction } from './loss.ts'

function differences(operation: string, input: Tensor, target: Tensor): Tensor {
  checkTensors(operation, [input, target])
  checkBroadcast(operation, input, target)
  return input.sub(target)
}

/** (input − target)². Same as torch.nn.functional.mse_loss. */
export function mseLoss(input: Tensor, target: Tensor, given: { readonly reduction?: Reduction } = {}): Tensor {
  const { reduction } = optionsOf('mseLoss', given, { reduction: 'mean' })
  return named('MseLossBackward0', reduced('mseLoss', differences('mseLoss', input, target).pow(2), reduction))
}

/** |input − target|. Same as torch.nn.functional.l1_loss. */
export function l1Loss(input: Tensor, target: Tensor, given: { readonly reduction?: Reduction } = {}): Tensor {
  const { reduction } = optionsOf('l1Loss', given, { reduction: 'mean' })
  return reduced('l1Loss', differences('l1Loss', input, target).abs(), reduction)
}

export interface SmoothL1Options {
  /** Where the parabola turns into the straight line. */
  readonly beta?: number
  readonly reduction?: Reduction
}

export const smoothL1Defaults = { beta: 1, reduction: 'mean' } as const

/** ½ · d² / β where |d| < β, else |d| − ½ · β, of the differences d = input − target (Girshick 2015). Same as torch.nn.functional.smooth_l1_loss. */
export function smoothL1Loss(input: Tensor, target: Tensor, given: SmoothL1Options = {}): Tensor {
  const { beta, reduction } = optionsOf('smoothL1Loss', given, smoothL1Defaults)
  if (!(beta >= 0)) throw new ValueError('smoothL1Loss', `beta = ${beta} is not at least 0`, 'give a number of at least 0')
  // With β = 0 there is no parabola to divide by it.
  const terms = beta === 0 ? differences('smoothL1Loss', input, target).abs() : parabolaThenLine('smoothL1Loss', input, target, beta).div(beta)
  return named('SmoothL1LossBackward0', reduced('smoothL1Loss', terms, reduction))
}

export interface HuberOptions {
  /** Where the parabola turns into the straight line. */
  readonly delta?: number
  readonly reduction?: Reduction
}

export const huberDefaults = { reduction: 'mean', delta: 1 } as const

/** ½ · d² where |d| < δ, else δ · (|d| − ½ · δ), of the differences d = input − target (Huber 1964). Same as torch.nn.functional.huber_loss. */
export function huberLoss(input: Tensor, target: Tensor, ...given: Given<[reduction: Reduction, delta: number], HuberOptions>): Tensor {
  const { delta, reduction } = argumentsOf('huberLoss', given, huberDefaults)
  if (!(delta > 0)) throw new ValueError('huberLoss', `delta = ${delta} is not above 0`, 'give a positive number')
  return named('HuberLossBackward0', reduced('huberLoss', parabolaThenLine('huberLoss', input, target, delta), reduction))
}

/** ½ · d² where |d| is below `bound`, else bound · (|d| − ½ · bound): m · (d − ½ · m), where m is d kept from −bound to bound. */
function parabolaThenLine(operation: string, input: Tensor, target: Tensor, bound: number): Tensor {
  const d = differences(operation, input, target)
  const m = d.clamp(-bound, bound)
  return m.mul(d.sub(m.div(2)))
}
