/** Dropout of numbers and of whole samples. */
import { checkTensors, constant, named } from '../../autograd/op.ts'
import { drawMask, dropout as dropoutOp } from '../../autograd/ops/dropout.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { ValueError } from '../../tensor/errors.ts'
import { optionsOf, withFirst, type FirstOr } from '../../tensor/options.ts'
import { defaultGenerator, type Generator } from '../../tensor/random.ts'

/** Throws unless p is a probability. */
export function checkProbability(operation: string, p: number): void {
  if (!(p >= 0 && p <= 1)) throw new ValueError(operation, `p = ${p} is not a probability`, 'give a number in [0, 1]')
}

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
export function dropout(x: Tensor, first: FirstOr<number, DropoutOptions> = 0.5, options: DropoutOptions = {}): Tensor {
  const { p, training, inplace, generator } = optionsOf('dropout', withFirst<number, DropoutOptions>('p', first, options), { p: 0.5, training: true, inplace: false, generator: defaultGenerator })
  checkTensors('dropout', [x])
  checkProbability('dropout', p)
  if (!training || p === 0 || x.numel() === 0) return x
  if (inplace) return p === 1 ? x.mul_(0) : x.mul_(constant(drawMask(x.shape, { p, generator })))
  return named('MulBackward0', p === 1 ? x.mul(0) : dropoutOp([x], { p, generator }))
}

/**
 * Stochastic depth (Huang et al. 2016): in training, zeroes each sample, x[i], with probability p and scales the others by 1 / (1 − p).
 * Same draws as timm's drop_path.
 */
export function dropPath(x: Tensor, p = 0, given: { readonly training?: boolean; readonly generator?: Generator } = {}): Tensor {
  const { training, generator } = optionsOf('dropPath', given, { training: true, generator: defaultGenerator })
  checkTensors('dropPath', [x])
  checkProbability('dropPath', p)
  if (!training || p === 0) return x
  return p === 1 ? x.mul(0) : x.mul(constant(drawMask(x.shape.map((size, d) => (d === 0 ? size : 1)), { p, generator })))
}
