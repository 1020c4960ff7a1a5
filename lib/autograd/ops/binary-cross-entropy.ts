/** Binary cross entropy of probabilities. */
import { binary, unary } from '../../tensor/elementwise.ts'
import type { NDArray } from '../../tensor/ndarray.ts'
import { defineOp } from '../op.ts'

const LEAST_LOG = -100
const LEAST_SPREAD = 1e-12

/** log x, but at least −100, so that a wrong certainty costs much and not infinitely much. */
const boundedLog = (x: NDArray) => binary('maximum', unary('log', x), LEAST_LOG)
const complement = (x: NDArray) => binary('sub', 1, x)

/** −y · log x − (1 − y) · log(1 − x); dx = (x − y) / (x · (1 − x)), which is kept from becoming infinite; dy = log(1 − x) − log x, without that bound. */
export const binaryEntropy = defineOp('binary_cross_entropy', {
  forward(ctx, [x, y]: [x: NDArray, y: NDArray]) {
    ctx.save(x, y)
    const [positive, negative] = [binary('mul', y, boundedLog(x)), binary('mul', complement(y), boundedLog(complement(x)))]
    return unary('neg', binary('add', positive, negative))
  },
  backward({ saved: [x, y], needs }, grad) {
    const other = x.neg().add(1)
    return [needs[0] ? grad.mul(x.sub(y)).div(x.mul(other).maximum(LEAST_SPREAD)) : null, needs[1] ? grad.mul(other.log().sub(x.log())) : null]
  },
})
