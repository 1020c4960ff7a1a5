/** In-place operations: numbers, versions, and the history of tensors and their views. The numbers are PyTorch 1.13's. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { GraphError, IndexError, noGrad, ones, ShapeError, tensor, ValueError, zeros, type Tensor } from 'vitgrad'
import { isError } from '../is-error.ts'
import { assertClose } from './close.ts'

const leaf = (values: number | number[] | number[][]) => tensor(values, { requiresGrad: true })
const throwsWith = (call: () => unknown, kind: new (...args: never[]) => Error, words: RegExp) =>
  assert.throws(call, isError(kind, words))

// a = x * 3; a.add_(a); a.mul_(x); a.sum().backward(); x.grad -> [12, 24]
test('a chain of in-place operations has the gradient of the same chain out of place', () => {
  const x = leaf([1, 2])
  const a = x.mul(3)
  a.add_(a).mul_(x)
  a.sum().backward()
  assertClose(a, [6, 24])
  assertClose(x.grad, [12, 24])
})

// a = x * 1; a.div_(x); a.clamp_(0, 1); a.mul_(x); a.sub_(1); a.sum().backward(); x.grad -> [1, 1] at (2, 3)
test('an in-place operation that needs the old numbers for its gradient keeps them', () => {
  const x = leaf([2, 3])
  const a = x.mul(1)
  a.div_(x).clamp_(0, 1).mul_(x).sub_(1)
  a.sum().backward()
  assertClose(a, [1, 2])
  assertClose(x.grad, [1, 1])
})

test('what an in-place operation overwrites has gradient 0', () => {
  const overwrite: readonly ((a: Tensor) => Tensor)[] = [(a) => a.zero_(), (a) => a.fill_(3), (a) => a.uniform_(), (a) => a.normal_(), (a) => a.copy_(ones([2]))]
  for (const change of overwrite) {
    const x = leaf([1, 2])
    const a = x.mul(1)
    change(a)
    assert.ok(a.requiresGrad)
    a.mul(Infinity).sum().backward()
    assertClose(x.grad, [0, 0])
  }
})

// w = tensor([3.], requires_grad=True); a.fill_(w[0]); (a * tensor([1., 2.])).sum().backward(); w.grad -> [3]
test('the gradient of fill_, copy_ and maskedFill_ reaches what they took over', () => {
  const [x, w] = [leaf([1, -2]), leaf([3])]
  const a = x.mul(1).fill_(w.at(0))
  a.mul(tensor([1, 2])).sum().backward()
  assertClose(w.grad, [3])
  const rows = zeros([2, 2])
  rows.copy_(x)
  rows.sum().backward()
  assertClose(x.grad, [2, 2])
  x.grad = null
  const b = x.mul(1)
  b.maskedFill_(b.lt(0), 7).sum().backward()
  assertClose(b, [1, 7])
  assertClose(x.grad, [1, 0])
})

// b = zeros(2, 3); v = b[0]; s = b[:, 1:]; v.copy_(x); s[1].copy_(y); b[1, 0] = 5.; (s * s).sum().backward()
test('writing into slices of a buffer gives the buffer and all its views a history', () => {
  const [x, y] = [leaf([1, 2, 3]), leaf([10, 20])]
  const buffer = zeros([2, 3])
  const row = buffer.at(0)
  const right = buffer.at(':', '1:')
  row.copy_(x)
  right.at(1).copy_(y)
  buffer.at(1, 0).fill_(5)
  assert.ok(buffer.requiresGrad && right.requiresGrad)
  right.mul(right).sum().backward()
  assertClose(buffer, [[1, 2, 3], [5, 10, 20]])
  assertClose(x.grad, [0, 4, 6])
  assertClose(y.grad, [20, 40])
})

// x = arange(1., 7.).reshape(2, 3); a = x * 1; t = a.t(); r = t[1]; r.mul_(10); a[0].add_(1); (t * t).sum().backward()
test('views of views and their base see each other change, in numbers and in gradients', () => {
  const x = leaf([[1, 2, 3], [4, 5, 6]])
  const a = x.mul(1)
  const transposed = a.t()
  transposed.at(1).mul_(10)
  a.at(0).add_(1)
  transposed.mul(transposed).sum().backward()
  assertClose(a, [[2, 21, 4], [4, 50, 6]])
  assertClose(x.grad, [[4, 420, 8], [8, 1000, 12]])
})

test('a value that a gradient needs may not change: as input, as output, through a view, through detach()', () => {
  const changes: readonly ((y: Tensor) => unknown)[] = [(y) => y.add_(1), (y) => y.at(0).zero_(), (y) => y.detach().mul_(2), (y) => noGrad(() => y.view(2, 1).fill_(0))]
  for (const change of changes) {
    const x = leaf([1, 2])
    const [input, output] = [x.mul(1), x.exp()]
    const square = input.mul(input)
    change(input)
    throwsWith(() => square.sum().backward(), GraphError, /mul needs for its gradient was changed/)
    change(output)
    throwsWith(() => output.sum().backward(), GraphError, /exp needs for its gradient was changed/)
  }
})

// y = x * 1; z = y + 1; y.add_(1); (z.sum() + y.sum()).backward(); x.grad -> [2, 2]
test('a value that no gradient needs may change', () => {
  const x = leaf([1, 2])
  const y = x.mul(1)
  const z = y.add(1)
  y.add_(1)
  z.sum().add(y.sum()).backward()
  assertClose(x.grad, [2, 2])
})

test('a leaf that requires a gradient, and a view of one, change only without recording', () => {
  const x = leaf([1, 2])
  throwsWith(() => x.add_(1), GraphError, /^add_: the tensor, .* is a leaf/)
  throwsWith(() => x.view(2).mul_(2), GraphError, /^mul_: the tensor that this is a view of, .* is a leaf/)
  assertClose(x, [1, 2])
  noGrad(() => x.add_(1).view(2).mul_(2))
  assertClose(x, [4, 6])
  assert.ok(x.isLeaf && x.requiresGrad)
})

// torch: A view was created in no_grad mode and is being modified inplace with grad mode enabled
test('a view taken inside noGrad may not carry gradients into its base', () => {
  const x = leaf([1, 2])
  const buffer = zeros([3])
  const [ofResult, ofBuffer] = noGrad(() => [x.mul(1), buffer]).map((base) => noGrad(() => base.at('0:2')))
  throwsWith(() => ofBuffer.copy_(x), GraphError, /taken inside noGrad/)
  assertClose(buffer, [0, 0, 0])
  assertClose(ofResult.add_(1), [2, 3])
})

test('an expanded tensor, or a result that does not fit, is refused and nothing changes', () => {
  const one = ones([1])
  throwsWith(() => one.expand(3).add_(1), ValueError, /^add_: .* expanded/)
  throwsWith(() => one.add_(ones([3])), ShapeError, /^add_: the result has shape \(3,\), which does not fit into \(1,\)/)
  throwsWith(() => one.copy_(ones([3])), ShapeError, /^copy_: \(3,\) cannot be expanded to \(1,\)/)
  throwsWith(() => one.fill_(ones([1])), ShapeError, /^fill_: .* no single number/)
  assertClose(one, [1])
})

test('copy_ between overlapping views reads before it writes', () => {
  const a = tensor([1, 2, 3, 4])
  a.at('1:').copy_(a.at(':-1'))
  assertClose(a, [1, 1, 2, 3])
})

// a = x * 1; a.add_(x, alpha=2).sub_(torch.ones(3), alpha=0.5).lerp_(tensor([9., 8., 7.]), 0.25).addcmul_(x, x, value=-0.5)
// .addcdiv_(tensor([1., 2., 4.]), x, value=3).pow_(2).sqrt_(); a.sum().backward()
test('what optimizers written by hand are made of has the numbers and gradients of torch, in place and out of it', () => {
  const [x, end, parts] = [leaf([1, 2, 3]), tensor([9, 8, 7]), tensor([1, 2, 4])]
  const a = x.mul(1).add_(x, { alpha: 2 }).sub_(ones([3]), { alpha: 0.5 }).lerp_(end, 0.25).addcmul_(x, x, { value: -0.5 }).addcdiv_(parts, x, { value: 3 }).pow_(2).sqrt_()
  const b = x.add(x, { alpha: 2 }).sub(ones([3]), { alpha: 0.5 }).lerp(end, 0.25).addcmul(x, x, { value: -0.5 }).addcdiv(parts, x, { value: 3 })
  for (const result of [a, b]) {
    x.grad = null
    result.sum().backward()
    assertClose(result, [6.625, 7.125, 7.625])
    assertClose(x.grad, [-1.75, -1.25, -25 / 12])
  }
  assertClose(tensor([1, 2]).lerp(tensor([3, 6]), tensor([0.5, 0.25])), [2, 3])
  const names = [x.lerp(end, 0.5), x.lerp(end, x), x.addcmul(x, x), x.addcdiv(x, end)].map((result) => /grad_fn=<(\w+)>/.exec(String(result))?.[1])
  assert.equal(names, ['LerpBackward0', 'LerpBackward1', 'AddcmulBackward0', 'AddcdivBackward0'])
  assert.throws(() => a.add_(1, { alhpa: 2 } as object), /add: alhpa is no option of it/)
})

// y = x * 1; y[:, [2, 0]] = v; y.index_put_((tensor([0, 1]), tensor([1, 1])), v, accumulate=True); (y * w).sum().backward()
test('indexPut_ puts values in place of what an index expression reads, or adds them, with their gradients', () => {
  const weights = tensor([[1, 2, 3], [4, 5, 6]])
  const run = (change: (y: Tensor, v: Tensor) => Tensor) => {
    const [x, v] = [leaf([[0, 1, 2], [3, 4, 5]]), leaf([10, 20])]
    const y = change(x.mul(1), v)
    y.mul(weights).sum().backward()
    return [y, x.grad, v.grad].map((t) => t?.tolist())
  }
  assert.equal(run((y, v) => y.indexPut_([':', [2, 0]], v)), [[[20, 1, 10], [20, 4, 10]], [[0, 2, 0], [0, 5, 0]], [9, 5]])
  assert.equal(run((y, v) => y.indexPut_([[0, 1], [1, 1]], v, { accumulate: true })), [[[0, 11, 2], [3, 24, 5]], [[1, 2, 3], [4, 5, 6]], [2, 5]])
  assert.equal(zeros([3]).indexPut_([[1, 1, 2]], tensor([1, 2, 4])).tolist(), [0, 2, 4])
  assert.equal(zeros([3]).indexPut_([[1, 1, 2]], tensor([1, 2, 4]), { accumulate: true }).tolist(), [0, 3, 4])
})

// z = torch.arange(4.).requires_grad_() * 1; z[z > 1] = z[z > 1] * 2;  m[[0, 1], [0, 1]] = True;  b[:2][[0], [1]] = 5
test('indexPut_ takes masks, numbers, views and other labels, and refuses what does not fit', () => {
  const z = leaf([0, 1, 2, 3]).mul(1)
  assert.is(String(z.indexPut_([z.gt(1)], z.at(z.gt(1)).mul(2))), 'tensor([0., 1., 4., 6.], grad_fn=<IndexPutBackward0>)')
  const whole = tensor([1, 2, 3], { dtype: 'int64' })
  assert.is(String(whole.indexPut_([whole.gt(1)], 0)), 'tensor([1, 0, 0])')
  assert.is(String(zeros([2, 2]).bool().indexPut_([[0, 1], [0, 1]], 1)), 'tensor([[ True, False],\n        [False,  True]])')
  const b = zeros([3, 2])
  b.at(':2').indexPut_([[0], [1]], 5)
  assert.equal(b.tolist(), [[0, 5], [0, 0], [0, 0]])
  b.indexPut_([0], ones([1, 2]).at(0))
  assert.equal(b.at(0).tolist(), [1, 1])
  throwsWith(() => b.indexPut_([[0, 1]], ones([3])), ShapeError, /indexPut_: values of shape \(3,\) do not fit \(2, 2\)/)
  throwsWith(() => b.indexPut_([0], ones([1, 2])), ShapeError, /indexPut_: values of shape \(1, 2\) do not fit \(2,\)/)
  throwsWith(() => b.indexPut_([[3]], 1), IndexError, /index 3/)
  throwsWith(() => leaf([1]).indexPut_([0], 1), GraphError, /leaf/)
})

test.run()
