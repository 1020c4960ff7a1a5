/** Limiting gradients. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { nn, tensor, type Tensor } from 'vitgrad'
import { assertClose } from './golden.ts'

const { clipGradNorm_, clipGradValue_ } = nn.utils

function withGradient(...gradient: number[]): Tensor {
  const p = tensor(gradient.map(() => 0), { requiresGrad: true })
  p.grad = tensor(gradient)
  return p
}

test('gradients are scaled together, in place, and the norm before is returned', () => {
  const params = [withGradient(3), withGradient(0, 4), tensor([1], { requiresGrad: true })]
  const grads = params.map(({ grad }) => grad)
  assert.is(clipGradNorm_(params, 1).item(), 5)
  assert.equal(params.map(({ grad }) => grad), grads)
  assertClose(params.flatMap(({ grad }) => (grad ? [...grad.data] : [])), [0.6, 0, 0.8])
})

test('gradients within the limit keep every bit', () => {
  const p = withGradient(0.1, 0.2)
  clipGradNorm_(p, 1)
  assert.equal([...(p.grad?.data ?? [])], [0.1, 0.2].map(Math.fround))
})

test('a generator of parameters is walked once, and parameters without gradients have norm 0', () => {
  const model = new nn.Linear(2, 2)
  assert.is(clipGradNorm_(model.parameters(), 1).item(), 0)
  model.weight.grad = tensor([[3, 0], [0, 4]])
  assert.is(clipGradNorm_(model.parameters(), 1, { normType: Infinity }).item(), 4)
  assertClose(model.weight.grad.data, [0.75, 0, 0, 1])
})

test('a norm that is not finite scales by it, unless it is to be an error, which changes nothing', () => {
  const p = withGradient(NaN, 1)
  assert.throws(() => clipGradNorm_(p, 1, { errorIfNonfinite: true }), /^clipGradNorm_: the norm of the gradients is NaN/)
  assert.is(p.grad?.data[1], 1)
  assert.ok(Number.isNaN(clipGradNorm_(p, 1).item()))
  assert.ok(Number.isNaN(p.grad?.data[1]))
})

test('values are limited one by one', () => {
  const p = withGradient(-3, 0.5, 2)
  clipGradValue_([p], 1)
  assert.equal([...(p.grad?.data ?? [])], [-1, 0.5, 1])
})

test('limits that are no numbers of at least 0 are refused', () => {
  for (const limit of [-1, NaN]) {
    assert.throws(() => clipGradNorm_([], limit), /^clipGradNorm_: maxNorm/)
    assert.throws(() => clipGradValue_([], limit), /^clipGradValue_: clipValue/)
  }
  assert.throws(() => clipGradNorm_([], 1, { normType: NaN }), /^clipGradNorm_: normType/)
  assert.throws(() => clipGradNorm_([], { maxNorm: -1 }), /^clipGradNorm_: maxNorm/)
})

test.run()
