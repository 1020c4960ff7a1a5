/** Hooks on gradients. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { autograd, GraphError, nn, ones, tensor, type Tensor } from 'vitgrad'
import { isError } from '../is-error.ts'
import { assertClose } from './close.ts'

const leaf = (values: number[]) => tensor(values, { requiresGrad: true })

test('a hook of a leaf sees the whole gradient once, and replaces it before it is added to grad', () => {
  const x = leaf([1, 2])
  const seen: unknown[] = []
  x.registerHook((grad) => void seen.push(grad.tolist()))
  x.registerHook((grad) => grad.mul(10))
  x.mul(2).add(x.mul(3)).sum().backward()
  assert.equal(seen, [[5, 5]])
  assertClose(x.grad, [50, 50])
  x.sum().backward()
  assertClose(x.grad, [60, 60])
})

// y = a * 2; each of a, b and y with a hook that appends its name; (y * b).sum().backward() -> ['b', 'y', 'a']
test('the gradient of a leaf is complete, and added to grad, before the pass goes on behind it', () => {
  const [a, b] = [leaf([1, 2]), leaf([3, 4])]
  const y = a.mul(2)
  const order: string[] = []
  Object.entries({ a, b, y }).forEach(([name, x]) => x.registerHook(() => void order.push(name)))
  y.mul(b).sum().backward()
  assert.equal(order, ['b', 'y', 'a'])
})

// The same with a hook of y that raises: b.grad is [2, 4], a.grad None
test('what has arrived when a hook throws stays', () => {
  const [a, b] = [leaf([1, 2]), leaf([3, 4])]
  const y = a.mul(2)
  y.registerHook(() => {
    throw new Error('no')
  })
  assert.throws(() => y.mul(b).sum().backward(), /no/)
  assertClose(b.grad, [2, 4])
  assert.is(a.grad, null)
})

// h = x * 3; h.register_hook(lambda g: g * 10); h.retain_grad(); h.register_hook(lambda g: g + 1); (h * 2).sum().backward()
test('hooks of a result run in order of registration, and their replacement flows on', () => {
  const x = leaf([1, 2])
  const h = x.mul(3)
  h.registerHook((grad) => grad.mul(10))
  h.retainGrad()
  h.registerHook((grad) => grad.add(1))
  h.mul(2).sum().backward()
  assertClose(h.grad, [21, 21])
  assertClose(x.grad, [63, 63])
})

test('remove() takes away one hook, also when the same function is there twice', () => {
  const x = leaf([1])
  let calls = 0
  const count = () => void calls++
  const first = x.registerHook(count)
  x.registerHook(count)
  first.remove()
  first.remove()
  x.sum().backward()
  assert.is(calls, 1)
  const h = x.mul(2)
  h.registerHook(count).remove()
  h.sum().backward()
  assert.is(calls, 2)
})

// h1.remove() in the first of two hooks of a leaf and of a result; backward() twice -> ['first', 'second', 'second']
test('a hook may remove itself: those after it run all the same', () => {
  const x = leaf([1])
  for (const y of [x, x.mul(2)]) {
    const seen: string[] = []
    const { remove } = y.registerHook(() => {
      seen.push('first')
      remove()
    })
    y.registerHook(() => void seen.push('second'))
    for (let pass = 0; pass < 2; pass++) y.sum().backward({ retainGraph: true })
    assert.equal(seen, ['first', 'second', 'second'])
  }
})

// m.register_forward_hook(f); handle = m.register_forward_hook(f); m(x); handle.remove(); m(x) -> f is called three times
test('a hook that a module has twice runs twice, until one of them is removed', () => {
  const module = new nn.Identity()
  let calls = 0
  const count = () => void calls++
  module.registerForwardHook(count)
  const { remove } = module.registerForwardHook(count)
  module(ones([1]))
  remove()
  remove()
  module(ones([1]))
  assert.is(calls, 3)
})

test('a hook that changes the shape is refused, and so is one on a tensor that requires no gradient', () => {
  const x = leaf([1, 2])
  const h = x.mul(2)
  h.registerHook(() => ones([3]))
  assert.throws(() => h.sum().backward(), isError(GraphError, /a hook returned .* \(3,\) for one of shape \(2,\)/))
  assert.throws(() => ones([1]).registerHook((grad: Tensor) => grad), isError(GraphError))
})

// y = x * 2; y.register_hook(l.append); y.mul_(3); y.sum().backward() -> the hook sees [3, 3]
test('a hook stays with the result it was registered on when the tensor changes in place', () => {
  const y = leaf([1, 2]).mul(2)
  const seen: unknown[] = []
  y.registerHook((grad) => void seen.push(grad.tolist()))
  y.mul_(3)
  y.sum().backward()
  assert.equal(seen, [[3, 3]])
})

test('hooks run for grad() too, and inside createGraph their work is recorded', () => {
  const x = leaf([2])
  x.registerHook((grad) => grad.mul(x))
  const [first] = autograd.grad(x.pow(2).sum(), x, { createGraph: true }) // 2x · x
  assertClose(first, [8])
  assertClose(autograd.grad(first.sum(), x)[0], [2 * 8]) // 4x, then the hook again
})

test.run()
