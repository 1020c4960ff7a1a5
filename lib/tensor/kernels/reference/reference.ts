/** The reference engine: plain TypeScript loops, the readable truth that every faster kernel is judged against. */
import type { Kernels } from '../kernels.ts'
import { adam } from './adam.ts'
import { attention, attentionBackward } from './attention.ts'
import { binary, copy, fill, unary, where } from './elementwise.ts'
import { gather, putAdd, scatterAdd, take } from './indexing.ts'
import { layerNorm, layerNormBackward } from './layer-norm.ts'
import { lerp } from './lerp.ts'
import { matmul } from './matmul.ts'
import { bernoulli } from './random.ts'
import { argReduce, cumsum, reduce } from './reduce.ts'
import { rmsprop } from './rmsprop.ts'
import { sgd } from './sgd.ts'
import { logSoftmax, logSoftmaxBackward, softmax, softmaxBackward } from './softmax.ts'
import { fold, maxPool, maxPoolBackward, unfold } from './windows.ts'

export const reference: Kernels = {
  fill, copy, unary, binary, where,
  reduce, argReduce, cumsum,
  softmax, logSoftmax, softmaxBackward, logSoftmaxBackward,
  matmul, layerNorm, layerNormBackward, attention, attentionBackward,
  unfold, fold, maxPool, maxPoolBackward,
  take, putAdd, gather, scatterAdd,
  bernoulli,
  sgd, adam, rmsprop, lerp,
}
