/** NDArray: views of one storage. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { IndexError, ShapeError } from '../../lib/tensor/errors.ts'
import { NDArray } from '../../lib/tensor/ndarray.ts'
import { rowMajorStrides } from '../../lib/tensor/shape.ts'
import { isError } from '../is-error.ts'
import { draws, drawShape, indices, read, readAll, scattered } from './layouts.ts'

const counting = (...shape: number[]) => NDArray.from(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i), shape)

test('views show the same numbers under another index, and share them', () => {
  const draw = draws(1)
  for (let i = 0; i < 500; i++) {
    const x = scattered(drawShape(draw), draw)
    if (x.ndim > 0) {
      const d = draw(x.ndim)
      const start = draw(x.shape[d])
      const turned = x.permute(x.shape.map((_, k) => -1 - k))
      const swapped = x.transpose(d, -1)
      const narrowed = x.narrow(d, start - x.shape[d], x.shape[d] - start)
      const chosen = x.select(d - x.ndim, start)
      for (const index of indices(turned.shape)) assert.is(read(turned, index), read(x, index.toReversed()))
      for (const index of indices(swapped.shape)) assert.is(read(swapped, index), read(x, index.with(d, index[x.ndim - 1]).with(-1, index[d])))
      for (const index of indices(narrowed.shape)) assert.is(read(narrowed, index), read(x, index.with(d, index[d] + start)))
      for (const index of indices(chosen.shape)) assert.is(read(chosen, index), read(x, index.toSpliced(d, 0, start)))
      for (const view of [turned, swapped, narrowed, chosen]) assert.is(view.storage, x.storage)
    }
    assert.equal(readAll(x.unsqueeze(-1).squeeze(-1)), readAll(x))
  }
})

test('copy, contiguous, reshape and values give the numbers in row-major order', () => {
  const draw = draws(2)
  for (let i = 0; i < 500; i++) {
    const x = scattered(drawShape(draw), draw)
    const expected = readAll(x)
    for (const y of [x.copy(), x.contiguous()]) {
      assert.equal(y.shape, x.shape)
      assert.ok(y.isContiguous)
      assert.equal([...y.values()], expected)
    }
    assert.equal([...x.values()], expected)
    assert.equal(readAll(x.reshape([-1])), expected)
    assert.is.not(x.copy().storage, x.storage)
  }
})

test('an array is contiguous when its strides are row-major, whatever those of size 1 are', () => {
  const draw = draws(3)
  for (let i = 0; i < 500; i++) {
    const x = scattered(drawShape(draw), draw)
    const dense = rowMajorStrides(x.shape)
    assert.is(x.isContiguous, x.strides.every((stride, d) => x.shape[d] === 1 || stride === dense[d]))
  }
  assert.ok(NDArray.empty([0, 3]).transpose(0, 1).isContiguous)
})

test('values() is a window on the storage where the numbers are dense in it', () => {
  const x = counting(3, 4)
  x.select(0, 1).values()[0] = 100
  assert.is(read(x, [1, 0]), 100)
  x.transpose(0, 1).values()[0] = 7
  assert.is(read(x, [0, 0]), 0)
})

test('full keeps the sign of zero', () => {
  assert.ok(Object.is(NDArray.full([2], -0).values()[1], -0))
})

test('expand stretches sizes of 1 and adds leading dimensions; -1 keeps a size', () => {
  const x = counting(3, 1).expand([2, -1, 4])
  assert.equal([x.shape, x.strides], [[2, 3, 4], [0, 1, 0]])
  assert.equal(readAll(x).slice(0, 8), [0, 0, 0, 0, 1, 1, 1, 1])
  for (const shape of [[3], [4, 1], [-1, 3, 1], [3, -2], [3, 0.5]]) assert.throws(() => counting(3, 1).expand(shape), isError(ShapeError, /^expand: \(3, 1\) cannot be expanded/))
})

test('a view that would need a copy is null, reshape copies', () => {
  const x = counting(2, 3).transpose(0, 1)
  assert.is(x.tryView([6]), null)
  assert.equal(readAll(x.reshape([6])), [0, 3, 1, 4, 2, 5])
  assert.is(x.tryView([3, 1, 2])?.storage, x.storage)
})

test('indices and dimensions out of range, and wrong lists of dimensions, are refused', () => {
  const x = counting(2, 3)
  for (const call of [() => x.select(0, 2), () => x.select(1, -4), () => x.select(0, 0.5), () => x.select(2, 0), () => x.narrow(1, 2, 2), () => x.narrow(1, -4, 1), () => x.narrow(0, 0, -1), () => x.narrow(0, NaN, 1), () => x.unsqueeze(3), () => x.transpose(0, 2), () => x.permute([0, 0]), () => counting().select(0, 0), () => counting().narrow(0, 0, 0)])
    assert.throws(call, isError(IndexError))
  assert.throws(() => x.permute([0]), isError(ShapeError, /lists 1 dimensions, .* has 2/))
})

test.run()
