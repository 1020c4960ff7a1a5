/** Reading and summing by index in WebAssembly, against the reference twins. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as twin from '../../lib/tensor/kernels/reference/indexing.ts'
import { emitCopy } from '../../lib/tensor/kernels/simd/copy.ts'
import { emitIndexing, gather, putAdd, scatterAdd, take } from '../../lib/tensor/kernels/simd/indexing.ts'
import { NDArray } from '../../lib/tensor/ndarray.ts'
import type { Shape } from '../../lib/tensor/shape.ts'
import { assertClose, engines, numbers, surroundings } from './simd-engines.ts'

const [{ runtime, array, random }] = engines((module) => {
  emitCopy(module)
  emitIndexing(module)
})

type Kernel = (out: NDArray, x: NDArray, index: NDArray) => void
const zeros = (shape: Shape, offset: number) => array(new Float32Array(shape.reduce((a, b) => a * b, 1)), shape, offset)
const dense = (x: NDArray) => NDArray.from(Float32Array.from(numbers(x)), x.shape)
/** Whole numbers below `size`. */
const indices = (shape: Shape, size: number, offset = 0) => array(numbers(random(shape)).map((x) => Math.floor(Math.abs(x) * 1e4) % size), shape, offset)

/** Compares a kernel with its twin for each alignment of out; what is summed, to rounding. */
function same(kernel: Kernel, reference: Kernel, shape: Shape, x: NDArray, index: NDArray, tolerance: { readonly relative?: number; readonly absolute?: number }, what: string): void {
  const expected = NDArray.zeros(shape)
  reference(expected, dense(x), dense(index))
  for (let offset = 0; offset < 4; offset++) {
    const out = zeros(shape, offset)
    const before = runtime.heap.used
    kernel(out, x, index)
    assertClose(numbers(out), numbers(expected), tolerance, `${what} at offset ${offset}`)
    assert.ok(surroundings(out).every(Number.isNaN), `${what} wrote outside of out`)
    assert.is(runtime.heap.used, before)
  }
}

const SUMS = { relative: 1e-6, absolute: 1e-5 }
const bound = { take: take.bind(null, runtime), putAdd: putAdd.bind(null, runtime), gather: gather.bind(null, runtime), scatterAdd: scatterAdd.bind(null, runtime) }

const ROWS = [1, 2, 3, 4, 5, 7, 16, 33, 63, 64, 65, 130, 1000]

test('take reads rows of any length, in any order', () => {
  for (const n of ROWS) {
    same(bound.take, twin.take, [6, n], random([9, n], n % 4), indices([6], 9, 1), {}, `rows of ${n}`)
    same(bound.take, twin.take, [2, 5, n], random([3, n], 1), indices([2, 5], 3), {}, `an index of two dimensions, rows of ${n}`)
  }
  same(bound.take, twin.take, [7], random([9]), indices([7], 9), {}, 'numbers')
  same(bound.take, twin.take, [4, 3], random([5, 4, 3]), indices([], 5), {}, 'one row')
  same(bound.take, twin.take, [2000, 3, 5], random([70, 3, 5], 3), indices([2000], 70), {}, 'many rows')
})

test('take reads from any strides', () => {
  const index = indices([4, 6], 9).transpose(0, 1)
  for (const [what, x] of Object.entries({
    transposed: random([5, 9]).transpose(0, 1), expanded: random([9, 1]).expand([9, 5]), repeated: random([5]).expand([9, 5]), narrowed: random([9, 12], 1).narrow(1, 3, 5), backwards: random([9, 5]).slice([{ start: 8, size: 9, step: -1 }, { start: 0, size: 5, step: 1 }]),
  }))
    same(bound.take, twin.take, [6, 4, 5], x, index, {}, what)
})

test('putAdd sums rows of any length into their places', () => {
  for (const n of ROWS) {
    same(bound.putAdd, twin.putAdd, [4, n], random([30, n], n % 4), indices([30], 4, 1), SUMS, `rows of ${n}`)
    same(bound.putAdd, twin.putAdd, [90, n], random([2, 3, n], 1), indices([2, 3], 90), SUMS, `few rows of ${n} into many`)
  }
  same(bound.putAdd, twin.putAdd, [5], random([40]), indices([40], 5), SUMS, 'numbers')
  same(bound.putAdd, twin.putAdd, [5, 4, 3], random([4, 3]), indices([], 5), SUMS, 'one row')
  same(bound.putAdd, twin.putAdd, [50, 1], random([3, 7, 1]), indices([3, 7], 50), SUMS, 'columns of one')
})

test('putAdd and scatterAdd sum from any strides', () => {
  const index = indices([6, 5], 4)
  for (const [what, x] of Object.entries({ transposed: random([3, 5, 6]).permute([2, 1, 0]), expanded: random([1, 5, 1]).expand([6, 5, 3]), narrowed: random([6, 5, 8], 1).narrow(2, 3, 3) })) {
    same(bound.putAdd, twin.putAdd, [4, 3], x, index, SUMS, what)
    same(bound.scatterAdd, twin.scatterAdd, [6, 5, 4], x, indices([6, 5, 3], 4), SUMS, what)
    same(bound.gather, twin.gather, [6, 5, 7], x, indices([7, 6, 5], 3).permute([1, 2, 0]), {}, what)
  }
})

test('putAdd gives the same bits for any cut into chunks', () => {
  const [x, index] = [random([500, 200]), indices([500], 7)]
  const whole = zeros([7, 200], 0)
  putAdd(runtime, whole, x, index)
  const cut = zeros([7, 200], 0)
  putAdd({ ...runtime, run: (kernel, args, count) => runtime.run(kernel, args, count, 1) }, cut, x, index)
  assert.equal(numbers(cut), numbers(whole))
})

test('gather reads along the last dimension', () => {
  for (const [rows, size, length] of [[1, 1, 1], [64, 10, 1], [3, 5, 2], [5, 3, 9], [1, 1000, 777], [300, 7, 7]]) {
    same(bound.gather, twin.gather, [rows, length], random([rows, size], 1), indices([rows, length], size, 3), {}, `${rows} rows of ${size}, ${length} read`)
    same(bound.gather, twin.gather, [rows, length], random([size, rows]).transpose(0, 1), indices([rows, length], size), {}, `${rows} transposed rows of ${size}, ${length} read`)
  }
  same(bound.gather, twin.gather, [5], random([3]), indices([5], 3), {}, 'one dimension')
})

test('scatterAdd sums along the last dimension', () => {
  for (const [rows, size, length] of [[1, 1, 1], [64, 10, 1], [3, 5, 2], [5, 3, 9], [1, 1000, 777], [1, 3, 5000], [300, 7, 7]])
    same(bound.scatterAdd, twin.scatterAdd, [rows, size], random([rows, length], 1), indices([rows, length], size, 3), { relative: 1e-5, absolute: 1e-4 }, `${rows} rows of ${size}, ${length} summed`)
  same(bound.scatterAdd, twin.scatterAdd, [3], random([5]), indices([5], 3), SUMS, 'one dimension')
})

test('NaN and infinities go where they belong, and only there', () => {
  const x = array([NaN, Infinity, -Infinity, 1, 2, Infinity], [3, 2])
  const index = array([2, 0, 2], [3])
  const out = zeros([4, 2], 1)
  putAdd(runtime, out, x, index)
  assert.equal(numbers(out), [-Infinity, 1, 0, 0, NaN, Infinity, 0, 0])
  take(runtime, out, x, array([1, 1, 0, 2], [4]))
  assert.equal(numbers(out), [-Infinity, 1, -Infinity, 1, NaN, Infinity, 2, Infinity])
  const sums = zeros([1, 3], 0)
  scatterAdd(runtime, sums, array([NaN, Infinity, 1], [1, 3]), array([1, 0, 0], [1, 3]))
  assert.equal(numbers(sums), [Infinity, NaN, 0])
})

test('nothing read or summed is no work', () => {
  take(runtime, zeros([0, 3], 0), random([5, 3]), zeros([0], 0))
  take(runtime, zeros([4, 0], 0), random([5, 0]), zeros([4], 0))
  gather(runtime, zeros([2, 0], 0), random([2, 3]), zeros([2, 0], 0))
  const [sums, rows] = [zeros([5, 3], 0), zeros([2, 3], 0)]
  putAdd(runtime, sums, random([0, 3]), zeros([0], 0))
  scatterAdd(runtime, rows, random([2, 0]), zeros([2, 0], 0))
  assert.ok([...numbers(sums), ...numbers(rows)].every((x) => x === 0))
})

test.run()
