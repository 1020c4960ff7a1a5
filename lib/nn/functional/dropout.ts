/** Dropout of numbers and of whole samples. */
import { checkTensors, constant, named } from '../../autograd/op.ts'
import { drawMask, dropout as dropoutOp } from '../../autograd/ops/dropout.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { argumentsOf, checkProbability, type Given } from '../../tensor/options.ts'
import { defaultGenerator, type Generator } from '../../tensor/random.ts'

interface DropoutOptions {
  readonly p?: number
  readonly training?: boolean
  readonly inplace?: boolean
  readonly generator?: Generator
}

/**
 * In training, zeroes each element with probability p and scales the others by 1 / (1 − p); with `inplace` the numbers of x itself are
 * changed. Same draws as torch.nn.functional.dropout.
 */
export function dropout(x: Tensor, ...given: Given<[p: number, training: boolean, inplace: boolean], DropoutOptions>): Tensor {
  const { p, training, inplace, generator } = argumentsOf('dropout', given, { p: 0.5, training: true, inplace: false, generator: defaultGenerator }, 3)
  checkTensors('dropout', [x])
  checkProbability('dropout', p)
  if (!training || p === 0 || x.numel() === 0) return x
  if (inplace) return p === 1 ? x.mul_(0) : x.mul_(constant(drawMask(x.shape, { p, generator })))
  return named('MulBackward0', p === 1 ? x.mul(0) : dropoutOp([x], { p, generator }))
}

/** In training, zeroes each channel, x[i, c], with probability p and scales the others by 1 / (1 − p). Same draws as torch.nn.functional.dropout2d. */
export function dropout2d(x: Tensor, ...given: Given<[p: number, training: boolean, inplace: boolean], DropoutOptions>): Tensor {
  const { inplace, ...options } = argumentsOf('dropout2d', given, { p: 0.5, training: true, inplace: false, generator: defaultGenerator }, 3)
  return dropParts('dropout2d', x, 2, inplace, options)
}

/**
 * Stochastic depth (Huang et al. 2016): in training, zeroes each sample, x[i], with probability p and scales the others by 1 / (1 − p).
 * Same draws as timm's drop_path.
 */
export function dropPath(x: Tensor, ...given: Given<[p: number, training: boolean], Omit<DropoutOptions, 'inplace'>>): Tensor {
  return dropParts('dropPath', x, 1, false, argumentsOf('dropPath', given, { p: 0, training: true, generator: defaultGenerator }, 2))
}

/** Dropout of parts as a whole, each of which has a place in the first `count` dimensions. */
function dropParts(operation: string, x: Tensor, count: number, inplace: boolean, { p, training, generator }: { readonly p: number; readonly training: boolean; readonly generator: Generator }): Tensor {
  checkTensors(operation, [x])
  checkProbability(operation, p)
  if (!training || p === 0 || x.numel() === 0) return x
  const factors = p === 1 ? 0 : constant(drawMask(x.shape.map((size, d) => (d < count ? size : 1)), { p, generator }))
  return inplace ? x.mul_(factors) : x.mul(factors)
}
