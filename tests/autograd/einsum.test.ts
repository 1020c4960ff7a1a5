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

// torch.einsum(...).stride(): where a row is made of row-major parts, view() works as it does in PyTorch
test('the numbers lie as they do in torch', () => {
  assert.equal(einsum('fed,fk->dek', ones([2, 3, 5]), ones([2, 4])).stride(), [12, 4, 1])
  assert.equal(einsum('fed,fk', ones([2, 3, 5]), ones([2, 4])).stride(), [12, 4, 1])
  assert.equal(einsum('ge,i->ige', ones([3, 2]), ones([4])).stride(), [6, 2, 1])
  assert.equal(einsum('abc,cnl->nc', ones([4, 4, 2]), ones([2, 3, 4])).stride(), [2, 1])
  assert.equal(einsum('bhqd,bhkd->bhqk', ones([2, 3, 4, 5]), ones([2, 3, 6, 5])).stride(), [72, 24, 6, 1])
  assert.equal(einsum('bhqk,bhkd->bqhd', ones([2, 3, 4, 5]), ones([2, 3, 5, 6])).stride(), [72, 6, 24, 1])
})

test('without an arrow they come first', () => same(einsum('...ij,...jk', a, batch), a.matmul(batch)))

test.run()
