/** Norms of vectors along dimensions. */
import { ValueError } from '../../tensor/errors.ts'
import type { Tensor } from '../tensor.ts'
import type { Reduction } from './sum.ts'
import { choosing } from './where.ts'

/** (Σ |x|ᵖ)^(1/p), or the largest |x| for p = Infinity. Its gradient is 0, not infinite, where all is 0, and with p < 1 at every 0. */
export function norm(operation: string, x: Tensor, p: number, { dims, keepdim }: Reduction): Tensor {
  if (!(p > 0)) throw new ValueError(operation, `p = ${p} is not above 0`, 'give the order of the norm, such as 2')
  if (p === Infinity) return x.abs().amax(dims, keepdim)
  if (p === 1) return x.abs().sum(dims, keepdim)
  // Where p is even |x| would only hide the second derivative at 0.
  const powers = p < 1 ? flatPow(x.abs(), p) : (p % 2 === 0 ? x : x.abs()).pow(p)
  return flatPow(powers.sum(dims, keepdim), 1 / p)
}

/** xᵖ of numbers from 0 on, with 0 for its gradient at 0. */
function flatPow(x: Tensor, p: number): Tensor {
  const isZero = x.eq(0)
  return choosing(isZero, 0, choosing(isZero, 1, x).pow(p))
}
