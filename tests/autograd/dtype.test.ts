/** What the label of a tensor does to results. Beside each expectation the program that makes PyTorch 1.13 print it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { arange, cat, einsum, full, fullLike, GraphError, linspace, ones, onesLike, rand, randLike, randn, stack, tensor, ValueError, where, zeros, zerosLike, type Tensor } from 'vitgrad'
import { isError } from '../is-error.ts'

const mask = tensor([true, false, true])
const whole = tensor([3, -1, 2], { dtype: 'int64' })
const x = tensor([0.5, -1, 2])
const refused = (call: () => unknown, kind: new (...args: never[]) => Error, words: RegExp) =>
  assert.throws(call, isError(kind, words))

const prints: readonly (readonly [() => Tensor, string])[] = [
  [() => mask.sum(), 'tensor(2)'], // m.sum()
  [() => x.gt(0).sum(0), 'tensor(2)'], // (x > 0).sum(0)
  [() => mask.cumsum(0), 'tensor([1, 1, 2])'], // m.cumsum(0)
  [() => mask.prod(), 'tensor(0)'], // m.prod()
  [() => mask.add(mask), 'tensor([ True, False,  True])'], // m + m
  [() => mask.mul(mask), 'tensor([ True, False,  True])'], // m * m
  [() => mask.add(whole), 'tensor([ 4, -1,  3])'], // m + i
  [() => mask.mul(x), 'tensor([0.5000, -0.0000, 2.0000])'], // m * x
  [() => whole.add(1), 'tensor([4, 0, 3])'], // i + 1
  [() => whole.mul(0.5), 'tensor([ 1.5000, -0.5000,  1.0000])'], // i * 0.5
  [() => whole.sub(whole), 'tensor([0, 0, 0])'], // i - i
  [() => whole.div(2), 'tensor([ 1.5000, -0.5000,  1.0000])'], // i / 2
  [() => whole.pow(2), 'tensor([9, 1, 4])'], // i ** 2
  [() => whole.pow(tensor([2, -1, 0], { dtype: 'int64' })), 'tensor([ 9, -1,  1])'], // i.pow(torch.tensor([2, -1, 0]))
  [() => whole.matmul(whole), 'tensor(14)'], // i @ i
  [() => einsum('i,j->ij', whole, whole).sum(1), 'tensor([12, -4,  8])'], // torch.einsum('i,j->ij', i, i).sum(1)
  [() => whole.neg().abs(), 'tensor([3, 1, 2])'], // (-i).abs()
  [() => whole.clamp(0, 2), 'tensor([2, 0, 2])'], // i.clamp(0, 2)
  [() => whole.max(), 'tensor(3)'], // i.max()
  [() => whole.max(0).values, 'tensor(3)'], // i.max(0).values
  [() => whole.sum(), 'tensor(4)'], // i.sum()
  [() => whole.exp(), 'tensor([20.0855,  0.3679,  7.3891])'], // i.exp()
  [() => whole.gather(0, tensor([0, 0])), 'tensor([3, 3])'], // i.gather(0, torch.tensor([0, 0]))
  [() => where(mask, whole, 0), 'tensor([3, 0, 2])'], // torch.where(m, i, 0)
  [() => where(mask, whole, x), 'tensor([ 3., -1.,  2.])'], // torch.where(m, i, x)
  [() => whole.maskedFill(mask, 7), 'tensor([ 7, -1,  7])'], // i.masked_fill(m, 7)
  [() => stack([mask, mask]).tril(), 'tensor([[ True, False, False],\n        [ True, False, False]])'], // torch.stack([m, m]).tril()
  [() => cat([whole, mask]), 'tensor([ 3, -1,  2,  1,  0,  1])'], // torch.cat([i, m])
  [() => mask.float(), 'tensor([1., 0., 1.])'], // m.float()
  [() => tensor([1.7, -1.7]).long(), 'tensor([ 1, -1])'], // torch.tensor([1.7, -1.7]).long()
  [() => x.bool(), 'tensor([True, True, True])'], // x.bool()
  [() => tensor([1.7, -0.5], { dtype: 'int64' }), 'tensor([1, 0])'], // torch.tensor([1.7, -0.5], dtype=torch.long)
  [() => tensor([0.5, 0], { dtype: 'bool' }), 'tensor([ True, False])'], // torch.tensor([0.5, 0], dtype=torch.bool)
  [() => tensor([true, 2.5]), 'tensor([1.0000, 2.5000])'], // torch.tensor([True, 2.5])
  [() => full([2], 2.7, { dtype: 'int64' }), 'tensor([2, 2])'], // torch.full((2,), 2.7, dtype=torch.long)
  [() => arange(0.5, 3, 1, { dtype: 'int64' }), 'tensor([0, 1, 2])'], // torch.arange(0.5, 3, dtype=torch.long)
  [() => linspace(0, 3, 5, { dtype: 'int64' }), 'tensor([0, 0, 1, 2, 3])'], // torch.linspace(0, 3, 5, dtype=torch.long)
  // a = torch.tensor([7., -7., 1., -1., 5., 0., inf, 3.]); b = torch.tensor([2., 2., 0.1, 0.1, -2., 3., 2., 0.]); torch.div(a, b, rounding_mode='floor')
  [() => tensor([7, -7, 1, -1, 5, 0, Infinity, 3]).div(tensor([2, 2, 0.1, 0.1, -2, 3, 2, 0]), { roundingMode: 'floor' }), 'tensor([  3.,  -4.,   9., -10.,  -3.,   0.,  nan,  inf])'],
  [() => tensor([7, -7, 1, -1, 5, 0, Infinity, 3]).div(tensor([2, 2, 0.1, 0.1, -2, 3, 2, 0]), { roundingMode: 'trunc' }), 'tensor([  3.,  -3.,  10., -10.,  -2.,   0.,  inf,  inf])'],
  [() => whole.div(2, { roundingMode: 'floor' }), 'tensor([ 1, -1,  1])'], // torch.div(torch.tensor([3, -1, 2]), 2, rounding_mode='floor')
  [() => tensor([7, 5], { requiresGrad: true }).div(2, { roundingMode: 'trunc' }), 'tensor([3., 2.], grad_fn=<DivBackward2>)'],
  [() => tensor([8.6415, 6.1725]).round({ decimals: 2 }), 'tensor([8.6400, 6.1700])'], // torch.tensor([8.6415, 6.1725]).round(decimals=2)
  [() => tensor([1234, 1250], { requiresGrad: true }).round({ decimals: -2 }), 'tensor([1200., 1200.], grad_fn=<RoundBackward1>)'],
  [() => zerosLike(whole), 'tensor([0, 0, 0])'], // torch.zeros_like(i)
  [() => onesLike(mask), 'tensor([True, True, True])'], // torch.ones_like(m)
  [() => fullLike(whole, 2.7), 'tensor([2, 2, 2])'], // torch.full_like(i, 2.7)
  [() => fullLike(mask, 0.5), 'tensor([True, True, True])'], // torch.full_like(m, 0.5)
  [() => zerosLike(whole, { dtype: 'float32' }), 'tensor([0., 0., 0.])'], // torch.zeros_like(i, dtype=torch.float32)
]

test('sums of masks are counts, and whole numbers stay whole where they do in torch', () => {
  for (const [call, text] of prints) assert.is(String(call()), text, String(call))
})

// i = torch.tensor([3, -1, 2]); i.copy_(torch.tensor([0.5, -1.5, 2])) -> [0, -1, 2]; m.fill_(3) -> True
test('a tensor that is changed in place keeps its label', () => {
  const target = whole.clone()
  assert.is(String(target.add_(1)), 'tensor([4, 0, 3])')
  assert.is(String(target.copy_(tensor([0.5, -1.5, 2]))), 'tensor([ 0, -1,  2])')
  assert.is(String(mask.clone().fill_(3)), 'tensor([True, True, True])')
})

// "result type Float can't be cast to the desired output type Long", and "not implemented for 'Long'"
test('what a label cannot hold is refused, and nothing is changed', () => {
  const target = whole.clone()
  refused(() => target.add_(0.5), ValueError, /^add_: the result is of float32, .* int64 .*\n.*add\(\), or float\(\)/)
  refused(() => target.div_(2), ValueError, /^div_: /)
  refused(() => target.fill_(NaN), ValueError, /NaN is no whole number/)
  refused(() => target.normal_(), ValueError, /^normal_: a tensor of int64/)
  refused(() => mask.clone().add_(1.5), ValueError, /^add_: /)
  refused(() => mask.clone().sub_(1), ValueError, /^sub: it is not computed of a mask/)
  refused(() => tensor([NaN], { dtype: 'int64' }), ValueError, /^tensor: NaN is no whole number/)
  refused(() => rand([2], { dtype: 'int64' }), ValueError, /^rand: a tensor of int64/)
  refused(() => randn([2], { dtype: 'bool' }), ValueError, /^randn: a tensor of bool/)
  refused(() => randLike(whole), ValueError, /^randLike: a tensor of int64/)
  assert.equal(target.tolist(), [3, -1, 2])
})

test('labels other than float32 have no part in gradients', () => {
  const w = tensor([1, 2, 3], { requiresGrad: true })
  w.mul(whole).add(mask).sum().backward()
  assert.equal(w.grad?.tolist(), [3, -1, 2])
  assert.not.ok(whole.clone().copy_(w).requiresGrad)
  assert.is(w.float(), w)
  assert.not.ok(w.long().requiresGrad)
  refused(() => w.long().requiresGrad_(), GraphError, /int64/)
})

// torch.zeros(2, dtype='float64'), torch.tensor([1.5], dtype='double') and x.to(dtype='half') are TypeErrors
test('a label that there is not is refused wherever it is given', () => {
  const double = JSON.parse('{"dtype": "double"}')
  for (const make of [() => zeros([2], double), () => full([2], 1, double), () => arange(3, double), () => tensor([1.5], double), () => onesLike(ones([2]), double), () => ones([2]).to(double)])
    refused(make, ValueError, /dtype = double is unknown\.\n {2}help: give 'float32', 'int64' or 'bool'/)
})

test.run()
