/** What errors say: the operation, the problem, and the way out. And that bad input changes nothing. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  allclose, arange, autograd, bmm, cat, einsum, enableGrad, full, Generator, GraphError, IndexError, linspace, manualSeed, maximum, nn, noGrad, ones, optim, randint, setRngState,
  ShapeError, stack, StateDictError, tensor, ValueError, where, zeros, type Tensor,
} from 'vitgrad'

test('an error is named by its class and ends with help', () => {
  const error = new ShapeError('matmul', '(2, 3) and (4, 5) cannot be multiplied', 'transpose one of them')
  assert.is(String(error), 'ShapeError: matmul: (2, 3) and (4, 5) cannot be multiplied.\n  help: transpose one of them.')
  assert.ok(error instanceof Error)
})

const x = tensor([[1, 2, 3], [4, 5, 6]])
const nothing: Tensor = JSON.parse('{"nothing": null}').missing
const word: number = JSON.parse('"3"')
const missing: Tensor = JSON.parse('null')
const noNumbers: number[] = JSON.parse('null')
const seed: number = JSON.parse('null')
const state: Uint8Array = JSON.parse('null')
const action: () => Tensor = JSON.parse('null')
const list: Tensor = JSON.parse('[1, 2, 3]')
const flag: number = JSON.parse('true')

const refusals: readonly (readonly [call: () => unknown, kind: new (...args: never[]) => Error, words: RegExp])[] = [
  [() => x.add(ones([4])), ShapeError, /^add: \(2, 3\) and \(4,\) cannot be broadcast/],
  [() => x.add(nothing), ValueError, /^add: undefined is no tensor/],
  [() => x.mul(word), ValueError, /^mul: 3 is no tensor/],
  [() => x.gt(nothing), ValueError, /^gt: undefined is no tensor/],
  [() => x.sub(missing), ValueError, /^sub: null is no tensor/],
  [() => x.mm(missing), ValueError, /^mm: null is no tensor/],
  [() => x.le(missing), ValueError, /^le: null is no tensor/],
  [() => x.equal(missing), ValueError, /^equal: null is no tensor/],
  [() => x.expandAs(missing), ValueError, /^expandAs: null is no tensor/],
  [() => x.maskedSelect(missing), ValueError, /^maskedSelect: null is no tensor/],
  [() => x.add_(missing), ValueError, /^add: null is no tensor/],
  [() => x.copy_(missing), ValueError, /^copy: null is no tensor/],
  [() => maximum(missing, x), ValueError, /^maximum: null is no tensor/],
  [() => bmm(missing, x), ValueError, /^bmm: null is no tensor/],
  [() => allclose(x, missing), ValueError, /^allclose: null is no tensor/],
  [() => x.add(list), ValueError, /^add: a list is no tensor/],
  [() => x.sum(flag), IndexError, /^sum: true is no dimension/],
  [() => x.split(noNumbers), ValueError, /^split: /],
  [() => x.roll(noNumbers, 0), ValueError, /^roll: null/],
  [() => x.indexSelect(0, noNumbers), ValueError, /^indexSelect: null is no index/],
  [() => where(missing, x, 0), ValueError, /^where: null is no tensor/],
  [() => where(x.gt(0), missing, 0), ValueError, /^where: null is no tensor/],
  [() => manualSeed(word), ValueError, /^manualSeed: 3 is not a whole number/],
  [() => manualSeed(seed), ValueError, /^manualSeed: null is not a whole number/],
  [() => new Generator(JSON.parse('{}')), ValueError, /^manualSeed: an object is not a whole number/],
  [() => setRngState(state), ValueError, /^setState: .* no list of bytes/],
  [() => noGrad(action), ValueError, /^noGrad: null is no function.*\n.*noGrad\(\(\) => \.\.\.\)/],
  [() => enableGrad(action), ValueError, /^enableGrad: null is no function/],
  [() => autograd.detectAnomaly(action), ValueError, /^detectAnomaly: null is no function/],
  [() => autograd.checkpoint(action, x), ValueError, /^checkpoint: null is no function/],
  [() => autograd.checkpoint(() => missing, x), ValueError, /^checkpoint: null is no tensor/],
  [() => autograd.gradcheck(action, [x]), ValueError, /^gradcheck: null is no function/],
  [() => autograd.gradcheck((y) => y, JSON.parse('[1]')), ValueError, /^gradcheck: 1 is no tensor/],
  [() => autograd.gradgradcheck((y) => y, JSON.parse('null')), ValueError, /^gradgradcheck: the inputs are no list/],
  [() => autograd.backward(missing), ValueError, /^backward: null is no tensor/],
  [() => x.sum().backward(list), ValueError, /^backward: a list /],
  [() => new nn.Parameter(missing), ValueError, /^Parameter: null is no tensor/],
  [() => nn.maskedSoftmax(missing), ValueError, /^maskedSoftmax: null is no tensor/],
  [() => new nn.TransformerEncoder(JSON.parse('null'), 2), ValueError, /^TransformerEncoder: .* no module/],
  [() => new nn.Linear(1, 1).registerBuffer(JSON.parse('null'), x), ValueError, /^Linear: 'null' cannot be the name/],
  [() => new nn.Linear(1, 1).apply(action), ValueError, /^apply: null is no function/],
  [() => new nn.Linear(1, 1).loadStateDict(JSON.parse('null')), StateDictError, /^Linear\.loadStateDict: null is no state dict/],
  [() => new optim.SGD([ones([1], { requiresGrad: true })], { lr: 1 }).loadStateDict(JSON.parse('null')), StateDictError, /^SGD\.loadStateDict: .* no state/],
  [() => nn.init.eye_(ones([2])), ShapeError, /^eye_: .*\(2,\) is no matrix/],
  [() => nn.init.dirac_(ones([2, 2])), ShapeError, /^dirac_: .*\(2, 2\)/],
  [() => nn.init.dirac_(ones([3, 2, 1]), 2), ValueError, /^dirac_: 2 groups do not divide 3/],
  [() => nn.init.orthogonal_(ones([2])), ShapeError, /^orthogonal_: .*\(2,\)/],
  [() => new nn.Conv2d(1, 1, 3, { stride: 2, padding: 'same' }), ValueError, /^Conv2d: padding 'same' .* stride above 1/],
  [() => nn.functional.unfold(x, 1), ShapeError, /^unfold: .*\(2, 3\) is no picture/],
  [() => nn.functional.binaryCrossEntropy(x, x), ValueError, /^binaryCrossEntropy: 2 is no probability/],
  [() => nn.functional.huberLoss(x, x, { delta: 0 }), ValueError, /^huberLoss: delta = 0/],
  [() => nn.functional.smoothL1Loss(x, ones([4])), ShapeError, /^smoothL1Loss: /],
  [() => x.norm(NaN), ValueError, /^norm: p = NaN/],
  [() => x.gt(1).norm(), ValueError, /^norm: it is not computed of bool/],
  [() => x.gt(1).neg(), ValueError, /^neg: it is not computed of a mask/],
  [() => x.long().mean(), ValueError, /^mean: it is not computed of int64/],
  [() => x.long().pow(-1), ValueError, /^pow: whole numbers/],
  [() => x.matmul(x.t().long()), ValueError, /^matmul: tensors of float32 and int64/],
  [() => x.matmul(x), ShapeError, /^matmul: \(2, 3\) and \(2, 3\) .* inner sizes 3 and 2 differ/],
  [() => x.matmul(nothing), ValueError, /^matmul: undefined is no tensor/],
  [() => x.matmul(tensor(3)), ShapeError, /^matmul: .* scalar/],
  [() => ones([2, 2, 3]).matmul(ones([3, 3, 2])), ShapeError, /^matmul: .*broadcast/],
  [() => x.bmm(x), ShapeError, /^bmm: .* 3 dimensions/],
  [() => cat([]), ValueError, /^cat: /],
  [() => cat([x, nothing]), ValueError, /^cat: undefined is no tensor/],
  [() => cat([x, ones([2, 2])]), ShapeError, /^cat: \(2, 3\) and \(2, 2\) cannot be joined along dimension 0/],
  [() => cat([x, x], 2), IndexError, /^cat: dimension 2/],
  [() => stack([x, ones([2])]), ShapeError, /^stack: \(2, 3\) and \(2,\) differ/],
  [() => einsum('ij,jk', x), ValueError, /^einsum: .*2 groups .* 1 operands/],
  [() => einsum('ij->k', x), ValueError, /^einsum: /],
  [() => einsum('ij->i->j', x), ValueError, /more than one arrow/],
  [() => einsum('i', x), ValueError, /^einsum: .*\(2, 3\)/],
  [() => einsum('...ijk', x), ValueError, /^einsum: .*'...ijk' names 3 dimensions.*\(2, 3\)/],
  [() => einsum('...i...', x), ValueError, /^einsum: .*only letters/],
  [() => einsum('ij', missing), ValueError, /^einsum: null is no tensor/],
  [() => einsum('ij,ij->i', x, ones([3, 2])), ShapeError, /^einsum: .*i has size 2 in one place and 3 in another/],
  [() => x.sum(2), IndexError, /^sum: dimension 2/],
  [() => x.mean([0, -2]), IndexError, /^mean: .*twice/],
  [() => x.reshape(4), ShapeError, /^reshape: \(2, 3\) cannot become \(4,\)/],
  [() => x.t().view(6), ShapeError, /^view: .* without a copy/],
  [() => x.flatten(1, 0), ValueError, /^flatten: /],
  [() => x.split(0), ValueError, /^split: /],
  [() => x.split([1, 2]), ValueError, /^split: parts of sizes \[1, 2\]/],
  [() => x.chunk(0), ValueError, /^chunk: /],
  [() => x.repeat(2), ValueError, /^repeat: /],
  [() => x.repeatInterleave(-1), ValueError, /^repeatInterleave: /],
  [() => x.roll([1, 2], [0]), ValueError, /^roll: 2 shifts were given for 1 dimensions/],
  [() => ones([3]).tril(), ShapeError, /^tril: \(3,\)/],
  [() => x.triu(0.5), ValueError, /^triu: 0.5/],
  [() => x.clamp(), ValueError, /^clamp: neither/],
  [() => x.item(), ValueError, /^item: .*\(2, 3\)/],
  [() => x.gather(0, tensor([[5]])), IndexError, /^gather: index 5/],
  [() => x.gather(0, tensor([0])), ShapeError, /^gather: /],
  [() => x.scatterAdd(0, tensor([[0]]), x), ShapeError, /^scatterAdd: a source of shape \(2, 3\)/],
  [() => x.indexSelect(0, [2]), IndexError, /^indexSelect: index 2/],
  [() => x.maskedSelect(tensor([true, false])), ShapeError, /^maskedSelect: /],
  [() => x.add_(ones([2, 2, 3])), ShapeError, /^add_: /],
  [() => x.copy_(nothing), ValueError, /^copy: undefined is no tensor/],
  [() => x.backward(), GraphError, /^backward: /],
  [() => autograd.grad(x.sum(), x), GraphError, /^grad: /],
  [() => zeros([-1]), ShapeError, /^zeros: /],
  [() => zeros(word), ShapeError, /^zeros: 3 is no size/],
  [() => full([1e6, 1e6], 0), ShapeError, /^full: /],
  [() => x.newFull(JSON.parse('2'), 0), ShapeError, /^newFull: 2 is no shape/],
  [() => x.indexPut_(JSON.parse('":"'), 0), ValueError, /^indexPut_: : is no index expression/],
  [() => arange(0, 1, 0), ValueError, /^arange: /],
  [() => arange(1, 0), ValueError, /^arange: /],
  [() => arange(NaN), ValueError, /^arange: /],
  [() => arange(Infinity), ShapeError, /^arange: /],
  [() => linspace(0, 1, -1), ValueError, /^linspace: /],
  [() => randint(3, 3, [2]), ValueError, /^randint: /],
  [() => tensor([[1], [2, 3]]), ShapeError, /^tensor: /],
  [() => tensor([1, [2]]), ShapeError, /^tensor: /],
  [() => tensor([1, JSON.parse('null')]), ValueError, /^tensor: null is no number/],
  [() => tensor([1, word]), ValueError, /^tensor: 3 is no number/],
  [() => tensor([1, 2], { shape: [3] }), ShapeError, /^tensor: 2 numbers do not fill the shape \(3,\)/],
]

test('bad input is refused with the name of the operation and a way out, and changes nothing', () => {
  const before = x.tolist()
  for (const [call, kind, words] of refusals)
    assert.throws(call, (error: unknown) => {
      const fits = error instanceof kind && words.test(error.message) && /\n {2}help: \S.*\.$/.test(error.message)
      if (!fits) console.error(String(call), error)
      return fits
    })
  assert.equal(x.tolist(), before)
})

test.run()
