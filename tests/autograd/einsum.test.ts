/** einsum: '...' stands for the dimensions without a letter, as in PyTorch. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { arange, einsum, ones, type Tensor } from 'vitgrad'

const a = arange(24).reshape(2, 3, 4)
const b = arange(20).reshape(4, 5)
const batch = arange(40).reshape(2, 4, 5)

const same = (actual: Tensor, expected: Tensor) => assert.equal([actual.shape, ...actual.data], [expected.shape, ...expected.data])

test('dimensions behind the dots are kept, summed over or moved as a whole', () => {
  same(einsum('...i->...', a), a.sum(-1))
  same(einsum('i...->...', a), a.sum(0))
  same(einsum('ij...->ij', a), a.sum(-1))
  same(einsum('i...j->j...i', a), a.transpose(0, 2))
  same(einsum('...ii->...i', ones([2, 3, 3])), ones([2, 3]))
})

test('dimensions behind the dots broadcast, matched from the last', () => {
  same(einsum('...ij,jk->...ik', a, b), a.matmul(b))
  same(einsum('bij,...jk->...ik', a, batch).sum(), einsum('bij,cjk->cik', a, batch).sum())
  same(einsum('...i,...i->...', a, ones([3, 4])), a.sum(-1))
  assert.equal(einsum('i...,j...->ij...', ones([2, 1, 3]), ones([4, 5, 3])).shape, [2, 4, 5, 3])
})

test('without an arrow they come first', () => same(einsum('...ij,...jk', a, batch), a.matmul(batch)))

test.run()
