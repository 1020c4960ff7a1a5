/** Softmax kernels give what their reference twins give. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as reference from '../../lib/tensor/kernels/reference/softmax.ts'
import { emitCopy } from '../../lib/tensor/kernels/simd/copy.ts'
import { emitSoftmax, logSoftmax, logSoftmaxBackward, softmax, softmaxBackward } from '../../lib/tensor/kernels/simd/softmax.ts'
import { NDArray } from '../../lib/tensor/ndarray.ts'
import { assertClose, engines, numbers, surroundings, useDefault, useReference } from './simd-engines.ts'

test.before.each(useReference)
test.after.each(useDefault)

const all = engines((module, target) => {
  emitCopy(module)
  emitSoftmax(module, target)
})

type Forward = (out: NDArray, x: NDArray) => void
type Backward = (out: NDArray, grad: NDArray, y: NDArray) => void

for (const { name, runtime, array, random } of all) {
  const forwards: [string, Forward, Forward][] = [
    ['softmax', (out, x) => softmax(runtime, out, x), reference.softmax],
    ['logSoftmax', (out, x) => logSoftmax(runtime, out, x), reference.logSoftmax],
  ]
  const backwards: [string, Backward, Backward][] = [
    ['softmaxBackward', (out, grad, y) => softmaxBackward(runtime, out, grad, y), reference.softmaxBackward],
    ['logSoftmaxBackward', (out, grad, y) => logSoftmaxBackward(runtime, out, grad, y), reference.logSoftmaxBackward],
  ]

  const forwardLikeReference = (x: NDArray, what: string) => {
    for (const [op, simd, truth] of forwards)
      for (const offset of [0, 1, 2, 3]) {
        const [out, expected] = [array(new Float32Array(x.numel), x.shape, offset), NDArray.empty(x.shape)]
        simd(out, x)
        truth(expected, x)
        assertClose(numbers(out), numbers(expected), { relative: 1e-6, absolute: op === 'softmax' ? 1e-37 : 1e-6 }, `${op} of ${what}`)
        assert.ok(surroundings(out).every(Number.isNaN), `${op} of ${what} wrote outside of out`)
      }
  }
  const backwardLikeReference = (grad: NDArray, y: NDArray, what: string) => {
    for (const [op, simd, truth] of backwards)
      for (const offset of [0, 1, 2, 3]) {
        const [out, expected] = [array(new Float32Array(y.numel), y.shape, offset), NDArray.empty(y.shape)]
        simd(out, grad, y)
        truth(expected, grad, y)
        assertClose(numbers(out), numbers(expected), { relative: 2e-6, absolute: 1e-5 }, `${op} of ${what}`)
        assert.ok(surroundings(out).every(Number.isNaN), `${op} of ${what} wrote outside of out`)
      }
  }

  test(`rows of any length and alignment, ${name}`, () => {
    for (const n of [1, 2, 3, 4, 5, 7, 8, 10, 15, 16, 17, 65, 197, 1000])
      for (const rows of [1, 3]) {
        forwardLikeReference(random([rows, n], n % 4), `${rows} rows of ${n}`)
        backwardLikeReference(random([rows, n], (n + 1) % 4), random([rows, n], n % 4), `${rows} rows of ${n}`)
      }
    forwardLikeReference(random([0, 5]), 'no rows')
    forwardLikeReference(random([3, 400, 65]), 'several chunks')
  })

  test(`strided rows, ${name}`, () => {
    const views = [random([4, 7, 9]).transpose(0, 2), random([4, 7, 30]).narrow(2, 5, 9), random([4, 9, 7]).narrow(1, 2, 5), random([9]).expand([4, 9]), random([4, 1]).expand([4, 6]), random([8, 5]).slice([{ start: 0, size: 4, step: 2 }, { start: 0, size: 5, step: 1 }])]
    for (const [i, x] of views.entries()) {
      forwardLikeReference(x, `view ${i}`)
      backwardLikeReference(x, random(x.shape), `view ${i} as the gradient`)
      backwardLikeReference(random(x.shape), x, `view ${i} as y`)
    }
  })

  test(`large, masked, infinite and missing numbers, ${name}`, () => {
    forwardLikeReference(array([1000, 999, 998, 0, -1000, 1e4, 1e4, -1e4, -3e38, 3e38, 0, 1], [2, 6]), 'large numbers')
    forwardLikeReference(array([1, -1e6, 2, -1e6, 3, -Infinity, 0, -Infinity, -Infinity, 1], [2, 5]), 'masks')
    forwardLikeReference(array([-Infinity, -Infinity, -Infinity, 0, 0, 0, NaN, 1, 2, Infinity, 1, 2], [4, 3]), 'rows without a number')
    forwardLikeReference(array([1, 2, 3, 4, 5, NaN, 1, 2, 3, 4, 5, 6, NaN, 8], [2, 7]), 'NaN in the rest of a row')
  })

  test(`results in place of the input, ${name}`, () => {
    for (const [, simd] of forwards) {
      const x = random([5, 13])
      const out = array(new Float32Array(65), [5, 13])
      simd(out, x)
      simd(x, x)
      assert.equal(numbers(x), numbers(out))
    }
    for (const [, simd] of backwards) {
      const [grad, y] = [random([5, 13]), random([5, 13])]
      const out = array(new Float32Array(65), [5, 13])
      simd(out, grad, y)
      simd(grad, grad, y)
      assert.equal(numbers(grad), numbers(out))
    }
  })
}

test.run()
