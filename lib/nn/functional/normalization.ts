/** Normalisation over features, batches and groups of channels. */
import { noGrad } from '../../autograd/grad-mode.ts'
import { checkTensors, named } from '../../autograd/op.ts'
import { layerNorm as layerNormOp } from '../../autograd/ops/layer-norm.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { ShapeError, ValueError } from '../../tensor/errors.ts'
import { argumentsOf, required, type Arguments, type Given } from '../../tensor/options.ts'
import { numelOf, sameShape, showShape, type Shape } from '../../tensor/shape.ts'

export interface Affine {
  readonly weight?: Tensor | null
  readonly bias?: Tensor | null
  /** Added to the variance. */
  readonly eps?: number
}

type AffinePlaces = [weight: Tensor | null, bias: Tensor | null, eps: number]

const affineDefaults = { weight: null, bias: null, eps: 1e-5 } as const

/** Over the last dimensions, whose sizes are `normalizedShape`: (x − mean) / √(var + eps) · weight + bias. Same as torch.nn.functional.layer_norm. */
export function layerNorm(x: Tensor, ...given: Arguments<[normalizedShape: number | Shape], AffinePlaces, Affine & { readonly normalizedShape: number | Shape }>): Tensor {
  const { normalizedShape, weight, bias, eps } = argumentsOf('layerNorm', given, { normalizedShape: required, ...affineDefaults })
  checkTensors('layerNorm', [x], [weight, bias])
  if (typeof normalizedShape !== 'number' && !Array.isArray(normalizedShape)) throw new ValueError('layerNorm', `${String(normalizedShape)} is no shape`, 'give the sizes of the last dimensions')
  const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape
  if (shape.length === 0 || shape.length > x.ndim || !sameShape(x.shape.slice(x.ndim - shape.length), shape))
    throw new ShapeError('layerNorm', `an input of shape ${showShape(x.shape)} does not end with the normalized shape ${showShape(shape)}`, 'give the sizes of the last dimensions')
  for (const [name, part] of Object.entries({ weight, bias }))
    if (part && !sameShape(part.shape, shape)) throw new ShapeError('layerNorm', `${name} has shape ${showShape(part.shape)}, the normalized shape is ${showShape(shape)}`, 'they must be equal')
  return layerNormOp([x, weight, bias], { shape: [...shape], eps })
}

interface BatchNormOptions extends Affine {
  /** Use the batch's own mean and variance, and update the running ones. */
  readonly training?: boolean
  /** Share of the new value in the running ones. */
  readonly momentum?: number
}

type BatchNormPlaces = [weight: Tensor | null, bias: Tensor | null, training: boolean, momentum: number, eps: number]

/**
 * Each channel over all else: x (N, C, ...). In training, runningMean and runningVar (C,), where given, move towards the batch's.
 * Same as torch.nn.functional.batch_norm.
 */
export function batchNorm(x: Tensor, runningMean: Tensor | null, runningVar: Tensor | null, ...given: Given<BatchNormPlaces, BatchNormOptions>): Tensor {
  const { weight, bias, training, momentum, eps } = argumentsOf('batchNorm', given, { weight: null, bias: null, training: false, momentum: 0.1, eps: 1e-5 })
  checkTensors('batchNorm', [x], [runningMean, runningVar, weight, bias])
  if (x.ndim < 2) throw new ShapeError('batchNorm', `an input of shape ${showShape(x.shape)} has no channels`, 'give (N, C, ...)')
  const channels = x.shape[1]
  for (const [name, part] of Object.entries({ runningMean, runningVar, weight, bias }))
    if (part && !sameShape(part.shape, [channels])) throw new ShapeError('batchNorm', `${name} has shape ${showShape(part.shape)}, the input ${showShape(x.shape)} has ${channels} channels`, `give ${name} of shape (${channels},)`)
  const count = x.numel() / Math.max(channels, 1)
  if (training && count === 1) throw new ValueError('batchNorm', `an input of shape ${showShape(x.shape)} has one value per channel, which has no variance`, 'train with larger batches, or call eval()')
  if (!training && (!runningMean || !runningVar)) throw new ValueError('batchNorm', 'outside of training running mean and variance are needed', 'give both, or training: true')
  const perChannel = (part: Tensor) => part.reshape([1, channels, ...x.shape.slice(2).map(() => 1)])
  const others = x.shape.map((_, d) => d).filter((d) => d !== 1)
  const measured = training || !runningMean || !runningVar
  const mean = measured ? x.mean(others) : runningMean
  const centred = x.sub(perChannel(mean))
  const variance = measured ? centred.mul(centred).mean(others) : runningVar
  if (training && count > 0) updateRunning(runningMean, runningVar, mean, variance.mul(count / (count - 1)), momentum)
  const normalized = centred.mul(perChannel(variance.add(eps).pow(-0.5)))
  const scaled = weight ? normalized.mul(perChannel(weight)) : normalized
  return named('NativeBatchNormBackward0', bias ? scaled.add(perChannel(bias)) : scaled)
}

function updateRunning(runningMean: Tensor | null, runningVar: Tensor | null, mean: Tensor, unbiasedVar: Tensor, momentum: number): void {
  noGrad(() => {
    runningMean?.mul_(1 - momentum).add_(mean.mul(momentum))
    runningVar?.mul_(1 - momentum).add_(unbiasedVar.mul(momentum))
  })
}

/** The channels of x (N, C, ...) in `numGroups` groups, each normalised with all its places. Same as torch.nn.functional.group_norm. */
export function groupNorm(x: Tensor, ...given: Arguments<[numGroups: number], AffinePlaces, Affine & { readonly numGroups: number }>): Tensor {
  const { numGroups, weight, bias, eps } = argumentsOf('groupNorm', given, { numGroups: required, ...affineDefaults })
  checkTensors('groupNorm', [x], [weight, bias])
  const [N, C] = x.shape
  if (x.ndim < 2 || !Number.isInteger(numGroups) || numGroups < 1 || C % numGroups !== 0)
    throw new ValueError('groupNorm', `${numGroups} groups do not divide the channels of ${showShape(x.shape)}`, 'give a number of groups that divides the channels')
  const inside = numelOf(x.shape.slice(1)) / numGroups
  if (N * inside === 1) throw new ValueError('groupNorm', `an input of shape ${showShape(x.shape)} has one value per group, which has no variance`, 'give fewer groups, or larger batches')
  const normalized = layerNorm(x.reshape([N, numGroups, inside]), [inside], { eps }).reshape(x.shape)
  const perChannel = (part: Tensor) => part.reshape([1, C, ...x.shape.slice(2).map(() => 1)])
  const scaled = weight ? normalized.mul(perChannel(weight)) : normalized
  return named('NativeGroupNormBackward0', bias ? scaled.add(perChannel(bias)) : scaled)
}
