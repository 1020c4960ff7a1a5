/** Windows laid out and summed back in WebAssembly, against the reference twins. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Windows } from '../../lib/tensor/kernels/kernels.ts'
import * as twin from '../../lib/tensor/kernels/reference/windows.ts'
import { emitCopy } from '../../lib/tensor/kernels/simd/copy.ts'
import { emitWindows, fold, maxPlaces, unfold } from '../../lib/tensor/kernels/simd/windows.ts'
import { NDArray } from '../../lib/tensor/ndarray.ts'
import { numelOf, type Shape } from '../../lib/tensor/shape.ts'
import { windowsOver, type WindowOptions } from '../../lib/tensor/windows.ts'
import { assertClose, engines, numbers, surroundings } from './simd-engines.ts'

const [{ runtime, array, random }] = engines((module) => {
  emitCopy(module)
  emitWindows(module)
})

const zeros = (shape: Shape, offset: number) => array(new Float32Array(numelOf(shape)), shape, offset)
const dense = (x: NDArray) => NDArray.from(Float32Array.from(numbers(x)), x.shape)
const unfolded = ([N, C]: Shape, { kernel, output }: Windows) => [N, ...output, C, ...kernel]

function unfoldsLikeReference(x: NDArray, windows: Windows, fill: number, what: string): void {
  const shape = unfolded(x.shape, windows)
  const expected = NDArray.zeros(shape)
  twin.unfold(expected, dense(x), windows, fill)
  for (let offset = 0; offset < 4; offset++) {
    const out = zeros(shape, offset)
    unfold(runtime, out, x, windows, fill)
    assert.equal(numbers(out), numbers(expected), `${what} at offset ${offset}`)
    assert.ok(surroundings(out).every(Number.isNaN), `${what} wrote outside of out`)
  }
}

function foldsLikeReference(shape: Shape, x: NDArray, windows: Windows, what: string): void {
  const expected = NDArray.zeros(shape)
  twin.fold(expected, dense(x), windows)
  for (let offset = 0; offset < 4; offset++) {
    // What out held before does not count.
    const out = random(shape, offset)
    fold(runtime, out, x, windows)
    assertClose(numbers(out), numbers(expected), { relative: 1e-5, absolute: 1e-5 }, `${what} at offset ${offset}`)
    assert.ok(surroundings(out).every(Number.isNaN), `${what} wrote outside of out`)
  }
}

const CASES: readonly (readonly [Shape, WindowOptions])[] = [
  [[1, 1, 1, 1], { kernel: 1 }],
  [[2, 3, 8, 8], { kernel: 4 }],
  [[2, 3, 9, 7], { kernel: 3, stride: 1, padding: 1 }],
  [[1, 17, 6, 5], { kernel: 2, stride: 2 }],
  [[3, 33, 5, 6], { kernel: [1, 5], stride: [2, 1], padding: [0, 2] }],
  [[1, 2, 11, 13], { kernel: 3, stride: 2, padding: 2, dilation: 2 }],
  [[2, 1, 10, 9], { kernel: [4, 2], stride: [3, 2], padding: [1, 0], dilation: [2, 3] }],
  [[1, 2, 40, 40], { kernel: 17, stride: 5, padding: 8 }],
  [[2, 3, 7, 7], { kernel: 3, stride: 2, ceilMode: true }],
  [[1, 1, 2, 3], { kernel: 5, stride: 1, padding: 4 }],
  [[2, 3, 4, 1], { kernel: [3, 1], stride: 1, padding: [1, 0] }],
  [[0, 3, 4, 4], { kernel: 2 }],
  [[2, 0, 4, 4], { kernel: 2 }],
]

test('windows of any size, stride, padding and dilation are laid out', () => {
  for (const [shape, options] of CASES) unfoldsLikeReference(random(shape, 1), windowsOver('unfold', shape, options), 0, `${shape} ${JSON.stringify(options)}`)
})

test('places outside of the picture read the filling', () => {
  for (const fill of [-Infinity, NaN, 2.5]) unfoldsLikeReference(random([2, 3, 5, 5]), windowsOver('unfold', [2, 3, 5, 5], { kernel: 3, stride: 2, padding: 1 }), fill, `filled with ${fill}`)
})

test('windows are summed back', () => {
  for (const [shape, options] of CASES) {
    const windows = windowsOver('fold', shape, options)
    foldsLikeReference(shape, random(unfolded(shape, windows), 3), windows, `${shape} ${JSON.stringify(options)}`)
  }
})

test('pictures and windows may have any strides', () => {
  const windows = windowsOver('unfold', [2, 3, 6, 7], { kernel: 3, stride: 2, padding: 1 })
  const pictures: [string, NDArray][] = [
    ['channels last', random([2, 6, 7, 3]).permute([0, 3, 1, 2])], ['narrowed', random([2, 5, 9, 12], 1).narrow(1, 1, 3).narrow(2, 2, 6).narrow(3, 3, 7)],
    ['pictures and channels swapped', random([3, 2, 6, 7]).transpose(0, 1)], ['one channel for all', random([2, 1, 6, 7]).expand([2, 3, 6, 7])],
    ['upside down', random([2, 3, 6, 7]).slice([2, 3, 6, 7].map((size, d) => (d === 2 ? { start: 5, size, step: -1 } : { start: 0, size, step: 1 })))],
  ]
  for (const [what, x] of pictures) unfoldsLikeReference(x, windows, 0, what)
  foldsLikeReference([2, 3, 6, 7], random([2, 3, 3, 3, 3, 4]).permute([0, 4, 5, 1, 2, 3]).narrow(2, 0, 4), windowsOver('fold', [2, 3, 6, 7], { kernel: 3, stride: 2, padding: 1 }), 'channels first')
})

test('NaN and infinities stay where they are', () => {
  const windows = windowsOver('unfold', [1, 1, 3, 3], { kernel: 2, stride: 1 })
  unfoldsLikeReference(array([NaN, Infinity, -Infinity, 1, 2, 3, 4, 5, NaN], [1, 1, 3, 3]), windows, 0, 'picture')
  const x = random([1, 2, 2, 1, 2, 2])
  x.storage.data[x.offset + 3] = NaN
  x.storage.data[x.offset + 9] = Infinity
  foldsLikeReference([1, 1, 3, 3], x, windows, 'windows')
})

test('one unit after the other gives what all at once give', () => {
  const shape = [2, 33, 9, 9]
  const windows = windowsOver('fold', shape, { kernel: 3, stride: 1, padding: 1 })
  const single = { ...runtime, run: (kernel: string, args: readonly number[], count: number) => runtime.run(kernel, args, count, 1) }
  const x = random(unfolded(shape, windows))
  const [whole, cut] = [zeros(shape, 0), zeros(shape, 0)]
  fold(runtime, whole, x, windows)
  fold(single, cut, x, windows)
  assert.equal(numbers(cut), numbers(whole))
  const [laid, laidByOne] = [zeros(x.shape, 0), zeros(x.shape, 0)]
  unfold(runtime, laid, whole, windows, 0)
  unfold(single, laidByOne, whole, windows, 0)
  assert.equal(numbers(laidByOne), numbers(laid))
})

test('the place of the largest number of each window, the first of equal ones and the first NaN', () => {
  for (const [shape, options] of CASES) {
    const windows = windowsOver('maxPlaces', shape, options)
    if (options.dilation || shape.includes(0) || windows.padding.some((size, axis) => size > windows.kernel[axis] / 2)) continue
    const drawn = random(shape, 2)
    for (const change of [(value: number) => value, Math.round, (value: number) => (value > 0.5 ? NaN : value), () => -Infinity]) {
      const x = array(Float32Array.from(numbers(drawn), change), shape, 1)
      const places = [...shape.slice(0, 2), ...windows.output]
      const expected = NDArray.zeros(places)
      twin.maxPlaces(expected, dense(x), windows)
      const out = zeros(places, 3)
      maxPlaces(runtime, out, x, windows)
      assert.equal(numbers(out), numbers(expected), `${shape} ${JSON.stringify(options)}`)
      assert.ok(surroundings(out).every(Number.isNaN))
    }
  }
})

test.run()
