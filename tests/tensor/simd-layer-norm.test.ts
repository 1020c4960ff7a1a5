/** Layer normalisation by SIMD kernels gives what its reference twin gives. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as reference from '../../lib/tensor/kernels/reference/layer-norm.ts'
import { emitCopy } from '../../lib/tensor/kernels/simd/copy.ts'
import { emitLayerNorm, layerNorm, layerNormBackward } from '../../lib/tensor/kernels/simd/layer-norm.ts'
import { emitReduce } from '../../lib/tensor/kernels/simd/reduce.ts'
import { NDArray } from '../../lib/tensor/ndarray.ts'
import { assertClose, engines, numbers, surroundings, useDefault, useReference } from './simd-engines.ts'

test.before.each(useReference)
test.after.each(useDefault)

const all = engines((module, target) => {
  emitCopy(module)
  emitReduce(module)
  emitLayerNorm(module, target)
})

for (const { name, runtime, array, random } of all) {
  const blank = (shape: readonly number[], offset: number) => array(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape, offset)

  const forwardLikeReference = (x: NDArray, weight: NDArray | null, bias: NDArray | null, what: string, absolute = 4e-6) => {
    for (const offset of [0, 1, 3]) {
      const outs = [blank(x.shape, offset), blank([x.shape[0]], offset), blank([x.shape[0]], offset)] as const
      const expected = [NDArray.empty(x.shape), NDArray.empty([x.shape[0]]), NDArray.empty([x.shape[0]])] as const
      layerNorm(runtime, ...outs, x, weight, bias, 1e-5)
      reference.layerNorm(...expected, x, weight, bias, 1e-5)
      outs.forEach((out, i) => {
        assertClose(numbers(out), numbers(expected[i]), { relative: 2e-6, absolute }, `${['y', 'mean', 'rstd'][i]} of ${what}`)
        assert.ok(surroundings(out).every(Number.isNaN), `${what} wrote outside of output ${i}`)
      })
    }
  }

  const backwardLikeReference = (grad: NDArray, x: NDArray, weight: NDArray | null, what: string) => {
    const [rows, n] = x.shape
    const [y, mean, rstd] = [blank(x.shape, 0), blank([rows], 1), blank([rows], 2)]
    layerNorm(runtime, y, mean, rstd, x, null, null, 1e-5)
    const truth = [NDArray.empty(x.shape), NDArray.empty([n]), NDArray.empty([n])] as const
    reference.layerNormBackward(...truth, grad, x, mean, rstd, weight, 1e-5, false)
    // A rounding of the mean counts rstd² times in dx, which is large where a row's few numbers happen to lie close together.
    const sensitivity = Math.max(10, ...numbers(rstd).map((scale) => scale ** 2))
    for (const wanted of [[true, true], [true, false], [false, true], [false, false]]) {
      const dx = blank(x.shape, 1)
      const [dweight, dbias] = wanted.map((want) => (want ? blank([n], 2) : null))
      layerNormBackward(runtime, dx, dweight, dbias, grad, x, mean, rstd, weight, 1e-5, false)
      ;[dx, dweight, dbias].forEach((out, i) => {
        if (!out) return
        assertClose(numbers(out), numbers(truth[i]), { relative: 4e-6, absolute: i === 0 ? 1e-6 * sensitivity : 1e-6 * rows + 1e-5 }, `${['dx', 'dweight', 'dbias'][i]} of ${what}`)
        assert.ok(surroundings(out).every(Number.isNaN), `${what} wrote outside of output ${i}`)
      })
    }
    const [sum, expected] = [random(x.shape), NDArray.empty(x.shape)]
    expected.storage.data.set(sum.values())
    layerNormBackward(runtime, sum, null, null, grad, x, mean, rstd, weight, 1e-5, true)
    reference.layerNormBackward(expected, null, null, grad, x, mean, rstd, weight, 1e-5, true)
    assertClose(numbers(sum), numbers(expected), { relative: 4e-6, absolute: 1e-6 * sensitivity }, `dx onto a sum, of ${what}`)
  }

  test(`rows of any length, with and without weight and bias, ${name}`, () => {
    for (const n of [2, 3, 4, 5, 7, 16, 17, 48, 65, 192, 770])
      for (const rows of [1, 3, 33]) {
        const what = `${rows} rows of ${n}`
        const [x, weight, bias] = [random([rows, n], n % 4), random([n], 1), random([n], 2)]
        forwardLikeReference(x, weight, bias, what)
        forwardLikeReference(x, null, null, what)
        forwardLikeReference(x, weight, null, what)
        forwardLikeReference(x, null, bias, what)
        backwardLikeReference(random([rows, n], 3), x, weight, what)
        backwardLikeReference(random([rows, n], 3), x, null, what)
      }
  })

  test(`many rows, ${name}`, () => {
    const x = random([2080, 24])
    forwardLikeReference(x, random([24]), random([24]), 'many rows')
    backwardLikeReference(random([2080, 24]), x, random([24]), 'many rows')
  })

  test(`strided inputs, ${name}`, () => {
    const views = [random([12, 9]).transpose(0, 1), random([9, 20]).narrow(1, 3, 12), random([18, 12]).slice([{ start: 1, size: 9, step: 2 }, { start: 0, size: 12, step: 1 }])]
    for (const [i, x] of views.entries()) {
      forwardLikeReference(x, random([24]).slice([{ start: 0, size: 12, step: 2 }]), null, `view ${i}`)
      backwardLikeReference(random([9, 12]), x, null, `view ${i} as x`)
      backwardLikeReference(x, random([9, 12]), random([12]), `view ${i} as the gradient`)
    }
  })

  test(`a row that lies far from 0, one of equal numbers, tiny numbers and NaN, ${name}`, () => {
    // At 1000 a float32 step is 6e-5: the mean is rounded to it, on both sides.
    forwardLikeReference(array(Array.from({ length: 30 }, (_, i) => 1000 + (i % 7)), [2, 15]), null, null, 'far from 0', 1e-4)
    forwardLikeReference(array(new Array(26).fill(0.1), [2, 13]), null, random([13]), 'equal numbers', 1e-4)
    forwardLikeReference(array(Array.from({ length: 26 }, (_, i) => i * 1e-20), [2, 13]), null, null, 'tiny numbers')
    forwardLikeReference(array([1, 2, 3, 4, 5, NaN, 1, 2, 3, 4, 5, Infinity], [2, 6]), null, null, 'NaN and infinity')
  })

  test(`no rows leave no gradient, ${name}`, () => {
    const empty = array([], [0, 5])
    const [dweight, dbias] = [array([1, 2, 3, 4, 5], [5]), array([1, 2, 3, 4, 5], [5])]
    layerNormBackward(runtime, array([], [0, 5]), dweight, dbias, empty, empty, array([], [0]), array([], [0]), null, 1e-5, false)
    assert.equal([...numbers(dweight), ...numbers(dbias)], new Array(10).fill(0))
  })
}

test.run()
