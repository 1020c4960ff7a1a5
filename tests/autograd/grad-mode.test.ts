/** noGrad and enableGrad. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { autograd, enableGrad, isGradEnabled, noGrad, tensor, ValueError } from 'vitgrad'
import { isError } from '../is-error.ts'

test('noGrad and enableGrad nest, return what the function returns, and put back what was before', () => {
  const x = tensor([1], { requiresGrad: true })
  const [off, on] = noGrad(() => [x.mul(2), enableGrad(() => x.mul(2))])
  assert.not.ok(off.requiresGrad)
  assert.ok(on.requiresGrad)
  enableGrad(() => noGrad(() => assert.not.ok(isGradEnabled())))
  assert.ok(isGradEnabled())
})

test('the mode is put back when the function throws', () => {
  assert.throws(() => noGrad(() => enableGrad(() => { throw new Error('inner') })), /inner/)
  assert.ok(isGradEnabled())
})

test('an asynchronous function is refused, and the mode put back', () => {
  for (const mode of [noGrad, enableGrad]) assert.throws(() => mode(async () => 1), isError(ValueError, /asynchronous/))
  assert.ok(isGradEnabled())
})

test('a tensor made inside noGrad may require a gradient itself', () => {
  const x = noGrad(() => tensor([1, 2], { requiresGrad: true }))
  x.sum().backward()
  assert.equal(x.grad?.tolist(), [1, 1])
  assert.is(autograd.noGrad, noGrad)
})

test.run()
