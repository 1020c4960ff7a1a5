/** sort, argsort and topk. Beside each expectation what PyTorch 1.13 says. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { randn, tensor, ValueError, zeros } from 'vitgrad'
import { isError } from '../is-error.ts'
import { assertClose } from './close.ts'

const x = tensor([[3, 1, 2], [1, 1, 0]])

// x.sort() -> [[1, 2, 3], [0, 1, 1]], [[1, 2, 0], [2, 0, 1]]; x.sort(0, True) -> [[3, 1, 2], [1, 1, 0]], [[0, 0, 0], [1, 1, 1]]
test('sort orders along a dimension, equal numbers as they stood', () => {
  const [values, indices] = x.sort()
  assert.equal([values.tolist(), indices.tolist()], [[[1, 2, 3], [0, 1, 1]], [[1, 2, 0], [2, 0, 1]]])
  assert.equal(x.sort(0, true).indices.tolist(), [[0, 0, 0], [1, 1, 1]])
  assert.equal(x.t().argsort({ dim: 0 }).tolist(), [[1, 2], [2, 0], [0, 1]])
  assert.is(indices.dtype, 'int64')
})

// torch.tensor([2, nan, 3, -inf]).sort() -> [-inf, 2, 3, nan], [3, 0, 2, 1]; .topk(2) -> [nan, 3], [1, 2]
test('NaN is the largest', () => {
  const odd = tensor([2, NaN, 3, -Infinity])
  assert.equal(odd.sort().indices.tolist(), [3, 0, 2, 1])
  assert.equal(odd.topk(2).indices.tolist(), [1, 2])
})

// x.topk(2) -> [[3, 2], [1, 1]]; x.topk(1, 0, largest=False) -> [[1, 1, 0]], [[1, 0, 1]]
test('topk gives the largest or the smallest, in order', () => {
  assert.equal(x.topk(2).values.tolist(), [[3, 2], [1, 1]])
  assert.equal(x.topk(1, 0, { largest: false }).values.tolist(), [[1, 1, 0]])
  assert.equal(x.topk(0).values.shape, [2, 0])
  assert.is(tensor(3).topk(1).values.item(), 3)
  assert.equal(zeros([2, 0]).sort().values.shape, [2, 0])
  assert.throws(() => x.topk(4), isError(ValueError, /^topk: k = 4 .*\n.*smaller k/))
})

test('gradients go back to where the numbers stood', () => {
  const w = randn([4, 5], { requiresGrad: true })
  const weights = tensor([1, 2])
  const [values, indices] = w.topk(2)
  values.mul(weights).sum().backward()
  assertClose(w.grad, zeros([4, 5]).scatterAdd(1, indices, weights.expand(4, 2)).tolist())
})

test.run()
