/** The SIMD attention kernels against their reference twins. */
import { test } from 'uvu'
import { attention as attentionTwin, attentionBackward as attentionBackwardTwin } from '../../lib/tensor/kernels/reference/attention.ts'
import { attention, attentionBackward, emitAttention } from '../../lib/tensor/kernels/simd/attention.ts'
import { emitCopy } from '../../lib/tensor/kernels/simd/copy.ts'
import type { NDArray } from '../../lib/tensor/ndarray.ts'
import { assertClose, engines, numbers, useDefault, useReference } from './simd-engines.ts'

test.before.each(useReference)
test.after.each(useDefault)

const engineList = engines((module, target) => {
  emitCopy(module)
  emitAttention(module, target)
})

/** B, h, N, M, d, e */
const SIZES = [
  [1, 1, 1, 1, 1, 1], [2, 3, 5, 7, 4, 3], [1, 2, 65, 65, 12, 12], [2, 1, 17, 33, 20, 5], [1, 4, 9, 9, 64, 64], [3, 2, 6, 2, 1, 9], [0, 2, 3, 3, 4, 4], [1, 1, 3, 0, 4, 2],
] as const

for (const engine of engineList) {
  const { runtime } = engine
  /** Heads side by side in each token, as a projection leaves them. */
  const heads = (B: number, h: number, n: number, d: number, offset = 0) => engine.random([B, n, h, d], offset).transpose(1, 2)
  const same = (actual: NDArray, expected: NDArray, what: string) => assertClose(numbers(actual), numbers(expected), { relative: 2e-5, absolute: 2e-6 }, what)

  test(`weights, output and gradients are those of the reference (${engine.name})`, () => {
    for (const [B, h, N, M, d, e] of SIZES)
      for (const masked of [false, true]) {
        const what = `B ${B}, h ${h}, N ${N}, M ${M}, d ${d}, e ${e}, ${masked ? 'with' : 'without'} a mask`
        const [q, k, v] = [heads(B, h, N, d, 1), heads(B, h, M, d), heads(B, h, M, e, 3)]
        const mask = masked ? engine.array(numbers(engine.random([B, h, N, M])).map((x) => (x > 0 ? 1.25 : 0)), [B, h, N, M]) : null
        const pair = (make: () => NDArray) => [make(), make()]
        const [out, outTwin] = pair(() => heads(B, h, N, e))
        const [weights, weightsTwin] = pair(() => engine.random([B, h, N, M]))
        attention(runtime, out, weights, q, k, v, mask, 0.3)
        attentionTwin(outTwin, weightsTwin, q, k, v, mask, 0.3)
        same(weights, weightsTwin, `weights, ${what}`)
        same(out, outTwin, `output, ${what}`)

        const grad = heads(B, h, N, e, 2)
        for (const gradWeights of [null, engine.random([B, h, N, M])]) {
          const [dq, dqTwin] = pair(() => heads(B, h, N, d))
          const [dk, dkTwin] = pair(() => heads(B, h, M, d))
          const [dv, dvTwin] = pair(() => heads(B, h, M, e))
          attentionBackward(runtime, dq, dk, dv, grad, gradWeights, weights, q, k, v, mask, 0.3)
          attentionBackwardTwin(dqTwin, dkTwin, dvTwin, grad, gradWeights, weights, q, k, v, mask, 0.3)
          same(dq, dqTwin, `gradient of q, ${what}`)
          same(dk, dkTwin, `gradient of k, ${what}`)
          same(dv, dvTwin, `gradient of v, ${what}`)
        }
      }
  })

  test(`large scores overflow nothing (${engine.name})`, () => {
    const [q, k, v] = [engine.array([1e4, -1e4], [1, 1, 2, 1]), engine.array([1, 2, -3], [1, 1, 3, 1]), engine.array([1, 2, 4], [1, 1, 3, 1])]
    const [out, weights] = [engine.random([1, 1, 2, 1]), engine.random([1, 1, 2, 3])]
    attention(runtime, out, weights, q, k, v, null, 1)
    assertClose(numbers(weights), [0, 1, 0, 0, 0, 1], {}, 'weights')
    assertClose(numbers(out), [2, 4], {}, 'output')
  })
}

test.run()
