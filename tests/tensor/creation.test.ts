/** Making tensors from numbers. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { arange, empty, eye, full, linspace, ones, onesLike, tensor, zeros, zerosLike } from 'vitgrad'

test('tensor copies and rounds nested lists and typed arrays', () => {
  const data = Float32Array.of(1, 2, 3, 4)
  const x = tensor(data, { shape: [2, 2] })
  data[0] = 9
  assert.equal(x.tolist(), [[1, 2], [3, 4]])
  assert.equal(tensor([[0.1], [16777217]]).tolist(), [[Math.fround(0.1)], [16777216]])
  assert.equal(tensor([Float64Array.of(1, 2), Int32Array.of(3, 4)]).tolist(), [[1, 2], [3, 4]])
  assert.equal(tensor(5).shape, [])
  assert.equal(tensor([]).shape, [0])
  assert.equal(tensor([[], []]).shape, [2, 0])
  assert.is(tensor([true, false]).dtype, 'bool')
})

test('shapes are given as one list or size by size, options after them', () => {
  assert.equal([zeros(2, 3), zeros([2, 3]), ones([2, 3]), empty(2, 3), full([2, 3], 7)].map((x) => x.shape), Array(5).fill([2, 3]))
  assert.ok(zeros([2], { requiresGrad: true }).requiresGrad)
  assert.equal(zeros().shape, [])
  assert.equal(full(3, 7).tolist(), [7, 7, 7])
  assert.equal([zerosLike(ones([2])).tolist(), onesLike(zeros([2])).tolist()], [[0, 0], [1, 1]])
})

// torch.arange(-2.6, 3, 0.3): eight at a time are counted from the first of them, rounded to float32
test('arange counts as PyTorch counts, to the last bit', () => {
  assert.equal(arange(-2.6, 3, 0.3).tolist(), [
    -2.5999999046325684, -2.299999952316284, -1.9999998807907104, -1.6999999284744263, -1.3999998569488525, -1.0999999046325684, -0.7999998927116394,
    -0.49999991059303284, -0.20000000298023224, 0.09999999403953552, 0.4000000059604645, 0.699999988079071, 1, 1.2999999523162842, 1.600000023841858,
    1.899999976158142, 2.200000047683716, 2.5, 2.799999952316284,
  ])
  assert.equal([arange(3), arange(1, 4), arange(4, 1, -2), arange(2, 2)].map((x) => x.tolist()), [[0, 1, 2], [1, 2, 3], [4, 2], []])
})

// torch.linspace(3.33, -4.13, 20)
test('linspace holds both ends, and every number that PyTorch computes, to the last bit', () => {
  assert.equal(linspace(3.33, -4.13, 20).tolist(), [
    3.3299999237060547, 2.937368392944336, 2.544736862182617, 2.1521050930023193, 1.7594735622406006, 1.3668420314788818, 0.974210262298584,
    0.5815787315368652, 0.18894720077514648, -0.20368438959121704, -0.5963159799575806, -0.9889476299285889, -1.3815791606903076, -1.7742106914520264,
    -2.166842460632324, -2.559473991394043, -2.9521052837371826, -3.3447370529174805, -3.737368583679199, -4.130000114440918,
  ])
  assert.equal([linspace(1, 2, 0), linspace(1, 2, 1), linspace(0, 1, 3)].map((x) => x.tolist()), [[], [1], [0, 0.5, 1]])
})

test('eye is 1 on the diagonal', () => {
  assert.equal(eye(2, 3).tolist(), [[1, 0, 0], [0, 1, 0]])
  assert.equal(eye(2).tolist(), [[1, 0], [0, 1]])
  assert.equal(eye(0).shape, [0, 0])
})

test.run()
