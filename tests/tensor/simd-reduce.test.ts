/** Reductions by SIMD kernels give what their reference twins give. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ReduceOp } from '../../lib/tensor/kernels/kernels.ts'
import * as reference from '../../lib/tensor/kernels/reference/reduce.ts'
import { emitCopy } from '../../lib/tensor/kernels/simd/copy.ts'
import { argReduce, cumsum, emitReduce, reduce } from '../../lib/tensor/kernels/simd/reduce.ts'
import { NDArray } from '../../lib/tensor/ndarray.ts'
import { assertClose, engines, numbers, surroundings, useDefault, useReference } from './simd-engines.ts'

test.before.each(useReference)
test.after.each(useDefault)

const [{ runtime, array, random }] = engines((module) => {
  emitCopy(module)
  emitReduce(module)
})

/** Reduces the last `dims` dimensions on both sides. A sum may be off by 1e-6 of the sum of magnitudes. */
function reducesLikeReference(op: ReduceOp, x: NDArray, dims: number, what: string): void {
  const shape = x.shape.slice(0, x.ndim - dims)
  const expected = NDArray.empty(shape)
  reference.reduce(op, expected, x, dims)
  const magnitudes = NDArray.empty(shape)
  reference.reduce('sum', magnitudes, NDArray.from(Float32Array.from(numbers(x), Math.abs), x.shape), dims)
  for (const offset of [0, 1, 3]) {
    const out = array(new Float32Array(expected.numel), shape, offset)
    const used = runtime.heap.used
    reduce(runtime, op, out, x, dims)
    assert.is(runtime.heap.used, used, 'scratch memory is given back')
    numbers(out).forEach((value, i) => assertClose([value], [expected.storage.data[i]], op === 'sum' ? { absolute: 1e-6 * magnitudes.storage.data[i] } : { relative: op === 'prod' ? 1e-4 : 0, absolute: op === 'prod' ? 1e-37 : 0 }, `${op} of ${what}`))
    assert.ok(surroundings(out).every(Number.isNaN), `${op} of ${what} wrote outside of out`)
  }
}

const ops: ReduceOp[] = ['sum', 'prod', 'max', 'min']

test('rows of any length are reduced', () => {
  for (const n of [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 65, 192, 4096, 4097, 9000])
    for (const rows of [1, 2, 5])
      for (const op of ops) reducesLikeReference(op, random([rows, n], n % 4), 1, `${rows} rows of ${n}`)
})

test('columns of any height are reduced', () => {
  for (const [rows, n] of [[1, 7], [2, 1], [3, 3], [64, 5], [65, 8], [63, 35], [200, 192], [4200, 13], [70, 1030], [10000, 2]])
    for (const op of ops) reducesLikeReference(op, random([rows, n], rows % 4).permute([1, 0]), 1, `${rows} rows of ${n} columns`)
})

test('everything is reduced to one number', () => {
  for (const n of [1, 3, 65, 1000003]) for (const op of ops) reducesLikeReference(op, random([n]), 1, `all ${n} numbers`)
  reducesLikeReference('sum', random([7, 9, 11]).transpose(0, 2), 3, 'all of a transposed array')
  reducesLikeReference('max', random([]), 0, 'a scalar')
})

test('any dimensions of a dense array are reduced', () => {
  const x = random([3, 4, 5, 6])
  for (let chosen = 0; chosen < 16; chosen++) {
    const dims = [0, 1, 2, 3].filter((d) => chosen & (1 << d))
    const kept = [0, 1, 2, 3].filter((d) => !dims.includes(d))
    for (const op of ops) reducesLikeReference(op, x.permute([...kept, ...dims]), dims.length, `dimensions ${dims.join(', ')}`)
  }
})

test('the gradients of biases: rows of pictures, tokens and channels', () => {
  reducesLikeReference('sum', random([8, 65, 48]).permute([2, 0, 1]), 2, 'batch and tokens')
  reducesLikeReference('sum', random([8, 65, 48]).permute([1, 2, 0]), 1, 'batch')
  reducesLikeReference('sum', random([8, 16, 9, 9]).permute([1, 0, 2, 3]), 3, 'all but channels')
  reducesLikeReference('sum', random([8, 65, 48]).permute([0, 2, 1]), 1, 'tokens')
})

test('narrowed, broadcast and reversed arrays are reduced', () => {
  const x = random([6, 10, 30], 1)
  for (const op of ops) {
    reducesLikeReference(op, x.narrow(1, 2, 5), 1, 'narrow rows')
    reducesLikeReference(op, x.narrow(2, 3, 17), 1, 'narrow columns')
    reducesLikeReference(op, x.narrow(2, 3, 17), 2, 'two dimensions, narrowed')
    reducesLikeReference(op, x.narrow(2, 3, 17).permute([2, 0, 1]), 2, 'two outer dimensions, narrowed')
    reducesLikeReference(op, random([5, 1]).expand([5, 9]), 1, 'a broadcast column')
    reducesLikeReference(op, random([9]).expand([5, 9]).permute([1, 0]), 1, 'a broadcast row')
    reducesLikeReference(op, x.slice([{ start: 5, size: 6, step: -1 }, { start: 0, size: 5, step: 2 }, { start: 29, size: 10, step: -3 }]), 2, 'reversed steps')
  }
})

test('nothing sums to 0 and multiplies to 1', () => {
  for (const [op, value] of [['sum', 0], ['prod', 1]] as const) {
    const out = array([NaN, NaN], [2])
    reduce(runtime, op, out, array([], [2, 0]), 1)
    assert.equal(numbers(out), [value, value])
  }
  reduce(runtime, 'sum', array([], [0]), array([], [0, 3]), 1)
})

test('NaN and infinities come through', () => {
  for (const n of [3, 70])
    for (const at of [0, 1, n - 1])
      for (const value of [NaN, Infinity, -Infinity]) {
        const x = array(Float32Array.from({ length: n }, (_, i) => (i === at ? value : i)), [1, n])
        for (const op of ['sum', 'max', 'min'] as const) {
          const [out, expected] = [array([0], [1]), NDArray.empty([1])]
          reduce(runtime, op, out, x, 1)
          reference.reduce(op, expected, x, 1)
          assert.equal(numbers(out), numbers(expected), `${op} with ${value}`)
          reduce(runtime, op, out, x.reshape([n, 1]).transpose(0, 1), 1)
          assert.equal(numbers(out), numbers(expected), `${op} with ${value}`)
        }
      }
})

test('argmax, argmin and cumsum read any layout', () => {
  const x = random([7, 5, 9]).transpose(0, 2)
  const [best, expectedBest] = [array(new Float32Array(45), [9, 5]), NDArray.empty([9, 5])]
  for (const op of ['max', 'min'] as const) {
    argReduce(runtime, op, best, x)
    reference.argReduce(op, expectedBest, x)
    assert.equal(numbers(best), numbers(expectedBest))
  }
  const [sums, expectedSums] = [array(new Float32Array(315), [9, 5, 7]), NDArray.empty([9, 5, 7])]
  cumsum(runtime, sums, x)
  reference.cumsum(expectedSums, x)
  assert.equal(numbers(sums), numbers(expectedSums))
})

test.run()
