/** Shapes, strides and broadcasting. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { IndexError, ShapeError } from '../../lib/tensor/errors.ts'
import { broadcastShapes, checkShape, inferShape, normalizeDim, normalizeDims, numelOf, rowMajorStrides, showShape, viewStrides } from '../../lib/tensor/shape.ts'
import { isError } from '../is-error.ts'
import { draws, drawShape, indices, scattered } from './layouts.ts'

test('a shape is written as Python writes it', () => {
  assert.equal([[], [3], [2, 3]].map(showShape), ['()', '(3,)', '(2, 3)'])
})

test('row-major strides, also where a size is 0', () => {
  assert.equal(rowMajorStrides([2, 3, 4]), [12, 4, 1])
  assert.equal(rowMajorStrides([]), [])
  assert.equal(rowMajorStrides([2, 0, 3]), [3, 3, 1]) // torch.zeros(2, 0, 3).stride()
})

test('dimensions count from either end; a scalar has 0 and -1; others are refused', () => {
  assert.equal([-3, -1, 0, 2].map((dim) => normalizeDim('op', dim, 3)), [0, 2, 0, 2])
  assert.equal([normalizeDim('op', 0, 0), normalizeDim('op', -1, 0)], [0, 0])
  for (const dim of [3, -4, 0.5, NaN]) assert.throws(() => normalizeDim('op', dim, 3), isError(IndexError, /^op: dimension .* 3 dimensions/))
})

test('a list of dimensions comes back ascending; none means all; one twice is refused', () => {
  assert.equal(normalizeDims('op', [-1, 0], 3), [0, 2])
  assert.equal([null, undefined, []].map((dims) => normalizeDims('op', dims, 2)), [[0, 1], [0, 1], [0, 1]])
  assert.equal(normalizeDims('op', -2, 3), [1])
  assert.throws(() => normalizeDims('op', [1, -1], 2), isError(IndexError, /twice/))
})

test('broadcasting matches sizes from the last, and is refused where they differ', () => {
  assert.equal(broadcastShapes('op', [2, 1, 4], [3, 1]), [2, 3, 4])
  assert.equal(broadcastShapes('op', [], [2]), [2])
  assert.equal(broadcastShapes('op', [1, 0], [3, 1]), [3, 0])
  assert.throws(() => broadcastShapes('op', [2, 3], [2, 4]), isError(ShapeError, /^op: \(2, 3\) and \(2, 4\) .* sizes 3 and 4 differ in dimension 1/))
  assert.throws(() => broadcastShapes('op', [0], [2]), isError(ShapeError))
})

test('broadcast shapes hold for every pair: symmetric, and each operand has size 1 or the result', () => {
  const draw = draws(1)
  for (let i = 0; i < 300; i++) {
    const result = drawShape(draw)
    const shrink = () => result.slice(draw(result.length + 1)).map((size) => (draw(3) === 0 ? 1 : size))
    const [a, b] = [shrink(), shrink()]
    const shape = broadcastShapes('op', a, b)
    assert.equal(broadcastShapes('op', b, a), shape)
    for (const operand of [a, b]) operand.forEach((size, d) => assert.ok(size === 1 || size === shape[shape.length - operand.length + d]))
    assert.is(numelOf(broadcastShapes('op', shape, a)), numelOf(shape))
  }
})

test('one size of -1 is inferred', () => {
  assert.equal(inferShape('view', [2, -1], [3, 4]), [2, 6])
  assert.equal(inferShape('view', [-1], []), [1])
  assert.equal(inferShape('view', [-1, 2], [0, 2]), [0, 2])
  for (const shape of [[5], [-1, 5], [-1, -1], [-2, 6], [1.5, 8], [NaN]]) assert.throws(() => inferShape('view', shape, [3, 4]), isError(ShapeError, /^view: \(3, 4\) cannot become/))
  assert.throws(() => inferShape('view', [-1, 0], [0]), isError(ShapeError, /could be anything/))
})

test('sizes that are no sizes, or too many numbers, are refused', () => {
  for (const shape of [[-1], [1.5], [NaN], [Infinity], [1e6, 1e6]]) assert.throws(() => checkShape('zeros', shape), isError(ShapeError, /^zeros: /))
  checkShape('zeros', [0, 3])
})

/** The strides with which `shape` reads `offsets` in order, found by trying; null when there are none. */
function stridesByTrial(offsets: readonly number[], shape: readonly number[]): number[] | null {
  const strides = rowMajorStrides(shape).map((step, d) => (shape[d] > 1 ? offsets[step] - offsets[0] : 0))
  const fits = [...indices(shape)].every((index, i) => offsets[0] + index.reduce((sum, at, d) => sum + at * strides[d], 0) === offsets[i])
  return fits ? strides : null
}

/** A shape of so many numbers. */
function factors(numel: number, draw: (below: number) => number): number[] {
  const shape: number[] = []
  for (let rest = numel; rest > 1; ) {
    const divisors = Array.from({ length: rest }, (_, i) => i + 1).filter((k) => rest % k === 0)
    shape.push(divisors[draw(divisors.length)])
    rest /= shape[shape.length - 1]
  }
  return shape
}

test('a view is possible exactly when some strides read the same numbers in the same order', () => {
  const draw = draws(2)
  let [possible, impossible] = [0, 0]
  for (let i = 0; i < 2000; i++) {
    const x = scattered(drawShape(draw), draw)
    const shape = factors(x.numel, draw)
    const offsets = [...indices(x.shape)].map((index) => index.reduce((sum, at, d) => sum + at * x.strides[d], 0))
    const found = viewStrides(x.shape, x.strides, shape)
    const expected = stridesByTrial(offsets, shape)
    assert.equal(found && found.filter((_, d) => shape[d] > 1), expected && expected.filter((_, d) => shape[d] > 1), `${x.shape} ${x.strides} -> ${shape}`)
    if (found) possible++
    else impossible++
  }
  assert.ok(possible > 100 && impossible > 100, `${possible} views, ${impossible} refusals`)
})

test.run()
