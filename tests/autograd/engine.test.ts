/** backward() and grad(): order, accumulation, release, and what they refuse. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { autograd, GraphError, isGradEnabled, manualSeed, nn, noGrad, ones, randn, ShapeError, tensor, ValueError, zeros, type Tensor } from 'vitgrad'
import { isError } from '../is-error.ts'
import { assertClose } from './close.ts'

const leaf = (values: number | number[] | number[][]) => tensor(values, { requiresGrad: true })
const refused = (call: () => unknown, kind: new (...args: never[]) => Error, words: RegExp) =>
  assert.throws(call, isError(kind, words))

test('a chain of 100,000 operations does not exhaust the stack', () => {
  const x = leaf([1, 2])
  let y: Tensor = x
  for (let i = 0; i < 100_000; i++) y = y.add(i % 2 === 0 ? 1 : -1)
  y.mul(3).sum().backward()
  assertClose(x.grad, [3, 3])
})

test('a tensor that is used many times collects all its gradients', () => {
  const x = leaf([2, 3])
  x.mul(x).add(x).mul(x).sum().backward() // x³ + x²
  assertClose(x.grad, [3 * 4 + 2 * 2, 3 * 9 + 2 * 3])
})

test('gradients pass a diamond once for each path, in any order of construction', () => {
  const x = leaf(0.5)
  const late = x.exp()
  const early = x.mul(3)
  const joined = late.mul(early).add(early)
  joined.backward()
  assertClose(x.grad, 3 * Math.exp(0.5) * (1 + 0.5) + 3)
})

test('a second backward() adds to grad, and setting grad to null starts anew', () => {
  const x = leaf([1, 2])
  x.mul(3).sum().backward()
  x.mul(x).sum().backward()
  assertClose(x.grad, [5, 7])
  x.grad = null
  x.mul(3).sum().backward()
  assertClose(x.grad, [3, 3])
})

// torch: y = (x * x).sum(); y.backward(); y.backward() -> RuntimeError: Trying to backward through the graph a second time
test('a graph that saved values is released by backward(), unless retainGraph', () => {
  const x = leaf([1, 2])
  const y = x.mul(x).sum()
  y.backward({ retainGraph: true })
  y.backward()
  assertClose(x.grad, [4, 8])
  refused(() => y.backward(), GraphError, /mul saved .* were released by an earlier backward\(\).*\n.*retainGraph: true/)
  assertClose(x.grad, [4, 8])
})

// torch: y = (x + 1).sum(); y.backward(); y.backward(); x.grad -> tensor([2., 2.])
test('a graph that saved nothing can run twice', () => {
  const x = leaf([1, 2])
  const y = x.add(1).sum()
  y.backward()
  y.backward()
  assertClose(x.grad, [2, 2])
})

test('a leaf that does not lead to the loss keeps grad null', () => {
  const [x, unused] = [leaf([1, 2]), leaf([3])]
  unused.mul(2)
  x.sum().backward()
  assert.is(unused.grad, null)
})

test('backward() refuses a tensor without history, a tensor that is no scalar, and a gradient of another shape', () => {
  refused(() => ones([1]).backward(), GraphError, /nothing that requires a gradient/)
  refused(() => leaf([1, 2]).mul(2).backward(), GraphError, /only a scalar .* shape \(2,\)/)
  refused(() => leaf([1, 2]).mul(2).backward(ones([3])), ShapeError, /\(3,\) .* \(2,\)/)
  leaf([1]).mul(2).backward() // one element is enough, as in torch
})

test('backward() on a leaf gives it the gradient', () => {
  const x = leaf([1, 2])
  x.backward(tensor([3, 4]))
  assertClose(x.grad, [3, 4])
})

test('no two gradients share memory, nor a gradient and what the user gave', () => {
  const [a, b] = [leaf([1, 2]), leaf([3, 4])]
  const given = tensor([1, 1])
  a.add(b).backward(given)
  a.grad?.mul_(10)
  assertClose(b.grad, [1, 1])
  assertClose(given, [1, 1])
  given.fill_(7)
  assertClose(a.grad, [10, 10])
  const x = leaf([5])
  x.backward(given.at('0:1'))
  x.grad?.zero_()
  assertClose(given, [7, 7])
})

test('grad is added to in place, so that whoever holds it sees the sum', () => {
  const x = leaf([1, 2])
  x.sum().backward()
  const held = x.grad
  x.sum().backward()
  assert.is(x.grad, held)
  assertClose(held, [2, 2])
})

test('a grad that was set to an expanded tensor is replaced, one of another shape refused', () => {
  const x = leaf([1, 2, 3])
  const shared = tensor([1]).expand(3)
  x.grad = shared
  x.mul(tensor([1, 2, 3])).sum().backward()
  assertClose(x.grad, [2, 3, 4])
  assertClose(shared, [1, 1, 1])
  x.grad = zeros([1])
  refused(() => x.sum().backward(), GraphError, /shape \(3,\) .* shape \(1,\)/)
})

test('when backward() throws, no grad has changed and recording is as before', () => {
  const x = leaf([1, 2])
  const y = x.mul(x)
  const z = y.mul(y).add(x)
  y.mul_(2)
  refused(() => z.sum().backward(), GraphError, /shape \(2,\) that mul needs .* in-place operation \(version 1, expected 0\)/)
  assert.is(x.grad, null)
  assert.ok(isGradEnabled())
})

// torch.autograd.grad((x**4).sum(), x, create_graph=True) three times at x = 2 -> 32, 48, 48
test('third derivatives', () => {
  const x = leaf(2)
  const [first] = autograd.grad(x.pow(4), x, { createGraph: true })
  const [second] = autograd.grad(first, x, { createGraph: true })
  const [third] = autograd.grad(second, x)
  assertClose(first, 32)
  assertClose(second, 48)
  assertClose(third, 48)
  assert.ok(second.requiresGrad)
  assert.not.ok(third.requiresGrad)
  assert.is(x.grad, null)
})

// torch.manual_seed(0); m = nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.LayerNorm(5)); x = torch.randn(3, 4, requires_grad=True)
// dx, = torch.autograd.grad((m(x) ** 3).sum(), x, create_graph=True); (dx.pow(2).sum(1).sqrt() - 1).pow(2).mean().backward()
test('a penalty on gradients passes fused operations whose inputs depend on each other', () => {
  manualSeed(0)
  const model = new nn.Sequential(new nn.Linear(4, 5), new nn.GELU(), new nn.LayerNorm(5))
  const x = randn([3, 4], { requiresGrad: true })
  const [dx] = autograd.grad(model(x).pow(3).sum(), x, { createGraph: true })
  dx.pow(2).sum(1).sqrt().sub(1).pow(2).mean().backward()
  const [, bias, scale, shift] = [...model.parameters()].map(({ grad }) => grad)
  assertClose(x.grad, [[34.65099, 42.25808, 7.17117, 5.780709], [-1.609234, -35.44398, -61.63876, -114.2442], [-37.4368, -238.0727, -592.9413, -1077.65]])
  assertClose(bias, [1100.207, -1960.393, -188.7946, 882.5541, 179.0513])
  assertClose(scale, [57.58302, 682.5306, 275.8377, -59.80135, 113.3623])
  assertClose(shift, [39.38974, 239.5038, -161.945, -42.08715, -73.3037])
})

test('backward({ createGraph }) leaves gradients that can be differentiated', () => {
  const x = leaf([1, 2])
  x.pow(3).sum().backward({ createGraph: true })
  const penalty = x.grad?.mul(x.grad).sum()
  x.grad = null
  penalty?.backward() // d/dx (3x²)² = 36x³
  assertClose(x.grad, [36, 36 * 8])
})

test('a detached factor is a constant for second derivatives too', () => {
  const x = leaf([3])
  const [first] = autograd.grad(x.mul(x.detach()), x, { createGraph: true, gradOutputs: ones([1]) })
  assertClose(first, [3])
  assert.not.ok(first.requiresGrad)
})

test('grad() of outputs with gradOutputs, for leaves and for results on the way, does not touch grad', () => {
  const x = leaf([1, 2])
  const h = x.mul(3)
  const y = h.mul(h)
  const [dx, dh] = autograd.grad([y, h], [x, h], { gradOutputs: [tensor([1, 10]), tensor([1, 1])] })
  assertClose(dh, [2 * 3 + 1, 2 * 6 * 10 + 1])
  assertClose(dx, [3 * (2 * 3 + 1), 3 * (2 * 6 * 10 + 1)])
  assert.is(x.grad, null)
})

// torch.autograd.grad((x**3).sum(), [x, x]) at (1, 2) -> (3, 12) twice
test('grad() with the same input twice gives its gradient twice', () => {
  const x = leaf([1, 2])
  const gradients = autograd.grad(x.pow(3).sum(), [x, x])
  for (const gradient of gradients) assertClose(gradient, [3, 12])
})

test('grad() of a tensor with respect to itself is what was given', () => {
  const x = leaf([1, 2])
  const y = x.mul(2)
  assertClose(autograd.grad(y, y, { gradOutputs: tensor([5, 6]) })[0], [5, 6])
  assertClose(autograd.grad(x, x, { gradOutputs: tensor([5, 6]) })[0], [5, 6])
})

test('grad() refuses an input that does not matter, unless allowUnused, and one that needs no gradient', () => {
  const [x, other] = [leaf([1, 2]), leaf([3])]
  refused(() => autograd.grad(x.sum(), other), GraphError, /do not depend on input 0 .*\n.*allowUnused/)
  assert.equal(autograd.grad(x.sum(), other, { allowUnused: true }), [null])
  refused(() => autograd.grad(x.sum(), ones([2])), GraphError, /does not require a gradient/)
  refused(() => autograd.grad(x.sum(), x, { gradOutputs: [ones([]), ones([])] }), ValueError, /2 gradOutputs .* 1 outputs/)
})

test('grad() leaves the parts of the graph that it does not need as they are', () => {
  const [x, w] = [leaf([1, 2]), leaf([3, 4])]
  const left = x.mul(x)
  const y = left.add(w.mul(w))
  autograd.grad(y.sum(), w)
  refused(() => y.sum().backward(), GraphError, /released/)
  left.sum().backward()
  assertClose(x.grad, [2, 4])
})

test('retainGrad() keeps the gradient of a result, added up over passes', () => {
  const x = leaf([1, 2])
  const h = x.mul(3).retainGrad()
  h.mul(2).sum().backward({ retainGraph: true })
  assertClose(h.grad, [2, 2])
  h.mul(2).sum().backward()
  assertClose(h.grad, [4, 4])
  assert.is(x.retainGrad(), x)
  refused(() => ones([1]).retainGrad(), GraphError, /does not require a gradient/)
})

// torch: y = x * 2; y.retain_grad(); y.mul_(3); y.sum().backward(); y.grad -> [1, 1]
test('a retained gradient is that of the tensor after an in-place change', () => {
  const x = leaf([1, 2])
  const y = x.mul(2).retainGrad()
  y.mul_(3)
  y.sum().backward()
  assertClose(y.grad, [1, 1])
  assertClose(x.grad, [6, 6])
})

test('detach() shares the numbers and has no history, clone() copies them and has', () => {
  const x = leaf([1, 2])
  const y = x.mul(2)
  assert.not.ok(y.detach().requiresGrad)
  y.detach().fill_(9)
  assertClose(y, [9, 9])
  const copy = x.clone()
  copy.mul_(5)
  copy.sum().backward()
  assertClose(x, [1, 2])
  assertClose(x.grad, [5, 5])
})

test('requiresGrad_() is for leaves of floating-point numbers', () => {
  const x = leaf([1, 2])
  assert.ok(x.isLeaf && x.requiresGrad)
  assert.not.ok(x.requiresGrad_(false).requiresGrad)
  assert.ok(x.requiresGrad_().requiresGrad)
  const y = x.mul(2)
  assert.not.ok(y.isLeaf)
  assert.is(y.requiresGrad_(), y)
  refused(() => y.requiresGrad_(false), GraphError, /cannot stop .*\n.*detach\(\)/)
  // Unlike y.requires_grad_(), y.requires_grad = True is an error in PyTorch, too.
  refused(() => (y.requiresGrad = true), GraphError, /^requiresGrad: .* only a leaf can change .*\n.*detach\(\)/)
  refused(() => x.argmax().requiresGrad_(), GraphError, /int64/)
  refused(() => x.gt(1).requiresGrad_(), GraphError, /bool/)
  assert.ok(noGrad(() => x.mul(2)).isLeaf)
})

test('backward() runs without recording, whatever the mode outside', () => {
  const x = leaf([1, 2])
  const y = x.mul(x).sum()
  noGrad(() => y.backward())
  assertClose(x.grad, [2, 4])
  assert.not.ok(x.grad?.requiresGrad)
})

test('gradients of broadcast operands are summed back to their shapes', () => {
  const [a, b, c] = [[2, 3, 4], [3, 1], []].map((shape) => randn(shape, { requiresGrad: true }))
  a.mul(b).add(c).sum().backward()
  assert.equal([a, b, c].map((x) => x.grad?.shape), [[2, 3, 4], [3, 1], []])
  assertClose(b.grad, a.detach().sum([0, 2]).reshape(3, 1).tolist(), { rtol: 1e-4, atol: 1e-5 })
  assertClose(c.grad, 24)
})

// a = tensor([2., 3.], requires_grad=True); (a ** 3).sum().backward(create_graph=True); g = a.grad; g.sum().backward()
test('a gradient that has a history takes up the next one in place', () => {
  const a = leaf([2, 3])
  a.pow(3).sum().backward({ createGraph: true })
  const first = a.grad
  assert.is(String(first), 'tensor([12., 27.], grad_fn=<CopyBackwards>)')
  first?.sum().backward()
  assert.is(a.grad, first)
  assert.is(String(first), 'tensor([24., 45.], grad_fn=<CopyBackwards>)')
})

test.run()
