/** Windows laid out and summed back in WebAssembly, and the largest number of each, against the reference twins. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Windows } from '../../lib/tensor/kernels/kernels.ts'
import * as twin from '../../lib/tensor/kernels/reference/windows.ts'
import { emitCopy } from '../../lib/tensor/kernels/simd/copy.ts'
import { emitWindows, fold, maxPool, maxPoolBackward, unfold } from '../../lib/tensor/kernels/simd/windows.ts'
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
const unfolded = ([N, , , C]: Shape, { kernel, output }: Windows) => [N, ...output, ...kernel, C]
/** Windows over pictures (N, H, W, C). */
const over = ([N, H, W, C]: Shape, options: WindowOptions) => windowsOver('test', [N, C, H, W], options)

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

function poolsLikeReference(x: NDArray, windows: Windows, what: string): void {
  const shape = [x.shape[0], ...windows.output, x.shape[3]]
  const expected = [NDArray.zeros(shape), NDArray.zeros(shape)] as const
  twin.maxPool(...expected, dense(x), windows)
  const grad = random(shape, 1)
  const expectedBack = NDArray.zeros(x.shape)
  twin.maxPoolBackward(expectedBack, dense(grad), expected[1])
  for (let offset = 0; offset < 4; offset++) {
    const found = [zeros(shape, offset), zeros(shape, (offset + 1) % 4)] as const
    maxPool(runtime, ...found, x, windows)
    assert.equal(found.map(numbers), expected.map(numbers), `${what} at offset ${offset}`)
    const back = random(x.shape, offset)
    maxPoolBackward(runtime, back, grad, found[1], windows)
    assertClose(numbers(back), numbers(expectedBack), { relative: 1e-5, absolute: 1e-6 }, `gradients of ${what} at offset ${offset}`)
    assert.ok([...found, back].every((out) => surroundings(out).every(Number.isNaN)), `${what} wrote outside of its results`)
  }
}

/** Pictures (N, H, W, C). */
const CASES: readonly (readonly [Shape, WindowOptions])[] = [
  [[1, 1, 1, 1], { kernel: 1 }],
  [[2, 8, 8, 3], { kernel: 4 }],
  [[2, 9, 7, 3], { kernel: 3, stride: 1, padding: 1 }],
  [[1, 6, 5, 17], { kernel: 2, stride: 2 }],
  [[3, 5, 6, 33], { kernel: [1, 5], stride: [2, 1], padding: [0, 2] }],
  [[2, 8, 6, 12], { kernel: 3, stride: 2, padding: 1 }],
  [[1, 11, 13, 2], { kernel: 3, stride: 2, padding: 2, dilation: 2 }],
  [[1, 11, 13, 9], { kernel: 3, stride: [1, 2], padding: 1, dilation: 2 }],
  [[2, 10, 9, 1], { kernel: [4, 2], stride: [3, 2], padding: [1, 0], dilation: [2, 3] }],
  [[1, 40, 40, 2], { kernel: 17, stride: 5, padding: 8 }],
  [[2, 7, 7, 3], { kernel: 3, stride: 2, ceilMode: true }],
  [[1, 2, 3, 1], { kernel: 5, stride: 1, padding: 4 }],
  [[2, 4, 1, 3], { kernel: [3, 1], stride: 1, padding: [1, 0] }],
  [[2, 9, 9, 5], { kernel: 2, stride: 3 }],
  [[0, 4, 4, 3], { kernel: 2 }],
  [[2, 4, 4, 0], { kernel: 2 }],
]

test('windows of any size, stride, padding and dilation are laid out', () => {
  for (const [shape, options] of CASES) unfoldsLikeReference(random(shape, 1), over(shape, options), 0, `${shape} ${JSON.stringify(options)}`)
})

test('places outside of the picture read the filling', () => {
  for (const fill of [-Infinity, NaN, 2.5]) unfoldsLikeReference(random([2, 5, 5, 3]), over([2, 5, 5, 3], { kernel: 3, stride: 2, padding: 1 }), fill, `filled with ${fill}`)
})

test('windows are summed back', () => {
  for (const [shape, options] of CASES) {
    const windows = over(shape, options)
    foldsLikeReference(shape, random(unfolded(shape, windows), 3), windows, `${shape} ${JSON.stringify(options)}`)
  }
})

test('pictures and windows may have any strides', () => {
  const shape = [2, 6, 7, 3]
  const windows = over(shape, { kernel: 3, stride: 2, padding: 1 })
  const pictures: [string, NDArray][] = [
    ['channels first', random([2, 3, 6, 7]).permute([0, 2, 3, 1])], ['narrowed', random([2, 9, 12, 5], 1).narrow(1, 2, 6).narrow(2, 3, 7).narrow(3, 1, 3)],
    ['pictures and channels swapped', random([3, 6, 7, 2]).transpose(0, 3)], ['one channel for all', random([2, 6, 7, 1]).expand(shape)],
    ['upside down', random(shape).slice(shape.map((size, d) => (d === 1 ? { start: 5, size, step: -1 } : { start: 0, size, step: 1 })))],
  ]
  for (const [what, x] of pictures) {
    unfoldsLikeReference(x, windows, 0, what)
    poolsLikeReference(x, windows, what)
  }
  foldsLikeReference(shape, random([2, 3, 3, 3, 3, 4]).permute([0, 4, 5, 2, 3, 1]).narrow(1, 0, 3), over(shape, { kernel: 3, stride: [2, 2], padding: 1 }), 'channels first')
})

test('NaN and infinities stay where they are', () => {
  const windows = over([1, 3, 3, 1], { kernel: 2, stride: 1 })
  unfoldsLikeReference(array([NaN, Infinity, -Infinity, 1, 2, 3, 4, 5, NaN], [1, 3, 3, 1]), windows, 0, 'picture')
  const x = random([1, 2, 2, 2, 2, 1])
  x.storage.data[x.offset + 3] = NaN
  x.storage.data[x.offset + 9] = Infinity
  foldsLikeReference([1, 3, 3, 1], x, windows, 'windows')
})

test('one unit after the other gives what all at once give', () => {
  const shape = [2, 9, 9, 33]
  const windows = over(shape, { kernel: 3, stride: 1, padding: 1 })
  const single = { ...runtime, run: (kernel: string, args: readonly number[], count: number) => runtime.run(kernel, args, count, 1) }
  const [x, picture] = [random(unfolded(shape, windows)), random(shape)]
  const inBoth = (kernel: (engine: typeof runtime, ...outs: NDArray[]) => void, ...shapes: Shape[]) => {
    const [whole, cut] = [runtime, single].map((engine) => {
      const outs = shapes.map((each) => zeros(each, 0))
      kernel(engine, ...outs)
      return outs
    })
    assert.equal(cut.map(numbers), whole.map(numbers))
    return whole
  }
  inBoth((engine, out) => fold(engine, out, x, windows), shape)
  inBoth((engine, out) => unfold(engine, out, picture, windows, 0), x.shape)
  const [, places] = inBoth((engine, out, at) => maxPool(engine, out, at, picture, windows), shape, shape)
  inBoth((engine, out) => maxPoolBackward(engine, out, picture, places, windows), shape)
})

test('the largest number of each window and its place, the first of equal ones and the first NaN, and back to it', () => {
  for (const [shape, options] of CASES) {
    const windows = over(shape, options)
    if (shape.includes(0) || windows.padding.some((size, axis) => size > (windows.dilation[axis] * (windows.kernel[axis] - 1) + 1) / 2)) continue
    const drawn = random(shape, 2)
    for (const change of [(value: number) => value, Math.round, (value: number) => (value > 0.5 ? NaN : value), () => -Infinity])
      poolsLikeReference(array(Float32Array.from(numbers(drawn), change), shape, 1), windows, `${shape} ${JSON.stringify(options)}`)
  }
})

test.run()
