/** First and second derivatives of every operation against finite differences. An operation without an example here fails. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { autograd, cat, einsum, Generator, maximum, minimum, nn, randn, stack, tensor, where, type Tensor } from 'vitgrad'
import { opNames } from '../../lib/autograd/op.ts'
import { geluBackward, reluBackward, sigmoidBackward, tanhBackward } from '../../lib/autograd/ops/activations.ts'
import { attention, attentionBackward } from '../../lib/autograd/ops/attention.ts'
import { dropout } from '../../lib/autograd/ops/dropout.ts'
import { putAdd, take } from '../../lib/autograd/ops/indexing.ts'
import { layerNormBackward } from '../../lib/autograd/ops/layer-norm.ts'
import { addmm } from '../../lib/autograd/ops/matmul.ts'
import { std } from '../../lib/autograd/ops/reduce.ts'
import { logSoftmaxBackward, softmaxBackward } from '../../lib/autograd/ops/softmax.ts'
import { slicePlaced } from '../../lib/autograd/ops/views.ts'
import { fold, maxPoolBackward, unfold } from '../../lib/autograd/ops/windows.ts'

type Example = readonly [fn: (...inputs: Tensor[]) => Tensor | Tensor[], ...inputs: Tensor[]]

const generator = new Generator(0)
const normal = (...shape: number[]) => randn(shape, { generator, requiresGrad: true })
/** Numbers of either sign, none nearer to 0 than a half. */
const awayFromZero = (...shape: number[]) => given(normal(...shape).detach(), (x) => x + Math.sign(x) / 2)
const positive = (...shape: number[]) => given(normal(...shape).detach(), (x) => Math.abs(x) + 0.5)
/** Numbers 0.3 apart from each other, in no order, and 0.15 from 0. */
const distinct = (...shape: number[]) => {
  const x = normal(...shape).detach()
  const ranks = [...x.data].map((value) => x.data.filter((other) => other < value).length)
  return given(x, (_, i) => 0.3 * (ranks[i] - Math.floor(x.numel() / 2)) + 0.15)
}
/** As these, and no two are equal in size either. */
const distinctSizes = (...shape: number[]) => given(distinct(...shape), (x) => x + 0.05)
const given = (x: Tensor, f: (value: number, i: number) => number) => tensor(x.data.map((value, i) => f(value, i)), { shape: x.shape, requiresGrad: true })
const whole = (values: number[] | number[][]) => tensor(values, { dtype: 'int64' })
const mask = tensor([[true, false, true], [false, false, true]])
const windows = { kernel: [2, 2], stride: [1, 2], padding: [1, 0], dilation: [1, 1], output: [4, 2] } as const
const overlapping = { kernel: [3, 2], stride: [2, 1], padding: [0, 0], dilation: [1, 2], output: [1, 2] } as const
const ranges = [{ start: 1, size: 2, step: 1 }, { start: 0, size: 2, step: 3 }]
/** Any function of x whose second derivative is not 0. */
const curved = (x: Tensor) => x.mul(x).mul(x)

/** The weights that attention would have saved are computed anew from the moved queries and keys. */
function attentionGradients(dropout: Tensor | null): Example[0] {
  return (grad, q, k, v, gradWeights) => {
    const weights = q.matmul(k.transpose(-2, -1)).mul(0.7).softmax(-1).detach()
    return attentionBackward([grad, gradWeights ?? null, weights, q, k, v, dropout], 0.7)
  }
}

const examples: Readonly<Record<string, readonly Example[]>> = {
  add: [
    [(a, b) => curved(a.add(b)), normal(2, 3), normal(2, 3)],
    [(a, b) => curved(a.add(b)), normal(4, 1, 3), normal(2, 1)],
    [(a, b) => curved(a.add(b)), normal(), normal(2, 2)],
    [(a) => curved(a.add(a.t()).add(1.5)), normal(3, 3)],
  ],
  sub: [[(a, b) => curved(a.sub(b)), normal(3, 1), normal(2, 1, 4)], [(a) => curved(a.t().sub(a).sub(0.5)), normal(3, 3)]],
  mul: [
    [(a, b) => a.mul(b), normal(2, 3), normal(2, 3)],
    [(a, b) => a.mul(b), normal(1, 3, 1), normal(2, 1, 2)],
    [(a) => a.mul(a).mul(-2), normal(2, 3)],
    [(a, b) => a.t().mul(b), normal(3, 2), normal(3)],
  ],
  div: [[(a, b) => a.div(b), normal(2, 3), positive(3)], [(a, b) => a.div(b), normal(3), awayFromZero(2, 1)], [(a) => curved(a.div(4)), normal(2)]],
  pow: [
    [(a) => a.pow(3), awayFromZero(4)],
    [(a) => a.pow(0.5).add(a.pow(-0.5)), positive(4)],
    [(a) => a.rsqrt().add(a.square()), positive(4)],
  ],
  pow_tensor: [
    [(a, b) => a.pow(b), positive(2, 3), normal(3)],
    [(a, b) => a.pow(b), positive(3), normal(2, 1)],
    [(a) => tensor(2.5).pow(a), normal(4)],
  ],
  maximum: [[(a, b) => curved(maximum(a, b)), distinct(2, 3), tensor([-1.2, 0, 1.2], { requiresGrad: true })], [(a) => curved(a.maximum(0)), distinct(3)]],
  minimum: [[(a, b) => curved(minimum(a, b)), distinct(2, 3), tensor([-1.2, 0, 1.2], { requiresGrad: true })], [(a) => curved(a.minimum(0)), distinct(3)]],
  neg: [[(x) => curved(x.neg()), normal(2, 3)]],
  abs: [[(x) => curved(x.abs()), awayFromZero(2, 3)]],
  log: [[(x) => x.log(), positive(2, 3)]],
  log2: [[(x) => x.log2(), positive(2, 3)]],
  log10: [[(x) => x.t().log10(), positive(2, 3)]],
  log1p: [[(x) => x.log1p(), positive(2, 3)]],
  expm1: [[(x) => x.expm1(), normal(2, 3)]],
  sin: [[(x) => x.sin(), normal(2, 3)]],
  cos: [[(x) => x.t().cos(), normal(2, 3)]],
  erf: [[(x) => x.erf(), normal(2, 3)]],
  exp: [[(x) => x.exp(), normal(2, 3)]],
  sqrt: [[(x) => x.sqrt(), positive(2, 3)]],
  reciprocal: [[(x) => x.reciprocal(), awayFromZero(2, 3)]],
  sign: [[(x) => x.sign().mul(x).mul(x), awayFromZero(4)]],
  div_rounded: [[(a, b) => a.div(b, { roundingMode: 'floor' }).mul(a).mul(b), given(normal(4).detach(), (_, i) => i - 1.3), given(normal(4).detach(), () => 2)]],
  floor: [[(x) => x.floor().mul(x).mul(x), given(normal(4).detach(), (_, i) => i - 1.5)]],
  ceil: [[(x) => x.ceil().mul(x).mul(x), given(normal(4).detach(), (_, i) => i - 1.5)]],
  round: [[(x) => x.round().mul(x).mul(x), given(normal(4).detach(), (_, i) => i - 1.2)]],
  clone: [[(x) => curved(x.t().clone()), normal(2, 3)]],

  relu: [[(x) => curved(x.relu()), awayFromZero(2, 3)]],
  threshold_backward: [[(grad, y) => curved(reluBackward([grad, y])), normal(2, 3), awayFromZero(2, 3)]],
  tanh: [[(x) => x.tanh(), normal(2, 3)]],
  tanh_backward: [[(grad, y) => tanhBackward([grad, y]), normal(2, 3), normal(2, 3)]],
  sigmoid: [[(x) => x.sigmoid(), normal(2, 3)], [(x) => x.silu(), normal(4)]],
  sigmoid_backward: [[(grad, y) => sigmoidBackward([grad, y]), normal(2, 3), normal(2, 3)]],
  gelu: [[(x) => x.gelu(), normal(2, 3)], [(x) => x.gelu({ approximate: 'tanh' }), normal(2, 3)]],
  gelu_backward: [
    [(grad, x) => geluBackward([grad, x], { approximate: 'none' }), normal(2, 3), normal(2, 3)],
    [(grad, x) => geluBackward([grad, x], { approximate: 'tanh' }), normal(2, 3), normal(2, 3)],
  ],
  clamp: [[(x) => curved(x.clamp(-1, 1)), distinct(3, 4)], [(x) => curved(x.clamp({ min: 0 })), distinct(4)], [(x) => curved(x.clamp(null, 0)), distinct(4)]],
  clamp_tensor: [
    [(x, min, max) => curved(x.clamp(min, max)), distinct(3, 4), tensor([-0.9, 0, -1.8, 0.3], { requiresGrad: true }), tensor([[0.9], [0.6], [-1.2]], { requiresGrad: true })],
    [(x, min) => curved(x.clamp(min)), distinct(2, 3), tensor([-0.6, 0, 0.3], { requiresGrad: true })],
    [(x, max) => curved(x.clamp({ max })), distinct(3), tensor([[-0.6], [0.3]], { requiresGrad: true })],
  ],
  softplus: [[(x) => nn.functional.softplus(x), normal(2, 3)], [(x) => nn.functional.softplus(x, 2, 1), distinct(2, 3)]],

  binary_cross_entropy: [[(x, y) => nn.functional.binaryCrossEntropy(x, y), given(positive(2, 3).detach(), (_, i) => 0.1 + i / 8), given(positive(2, 3).detach(), (_, i) => 0.9 - i / 8)]],

  sum: [
    [(x) => curved(x.sum()), normal(2, 3)],
    [(x) => curved(x.sum(-2)), normal(2, 3, 2)],
    [(x) => curved(x.permute(2, 0, 1).sum([0, 2], true)), normal(2, 3, 2)],
    [(x) => curved(x.mean([1, -1])), normal(2, 3, 2)],
    [(x) => x.var(), normal(4)],
    [(x) => x.var(-1, { unbiased: false, keepdim: true }), normal(2, 3)],
    [(x) => curved(x.sum()), normal()],
  ],
  amax: [[(x) => curved(x.amax(1)), distinct(3, 4)], [(x) => curved(x.t().amax([0, 1], true)), distinct(3, 4)], [(x) => curved(x.max()), distinct(4)]],
  amin: [[(x) => curved(x.amin(-2, true)), distinct(3, 4)], [(x) => curved(x.min()), distinct(4)]],
  prod: [[(x) => x.prod(), normal(4)], [(x) => x.prod(1, true), normal(2, 3)], [(x) => x.t().prod(-1), tensor([[0, 1, 2], [0, 3, 0]], { requiresGrad: true })]],
  norm: [
    ...[1, 1.5, 2, 3, 4, 0.5, -1, -2, Infinity, -Infinity].map((p): Example => [(x) => curved(x.norm(p, 1)), distinctSizes(2, 3)]),
    [(x) => curved(x.norm(2, [0, 2], true)), normal(2, 3, 2)],
    [(x) => x.norm('fro', [0, 1]).add(x.norm()), normal(2, 3)],
  ],
  std: [[(x) => x.std(), normal(4)], [(x) => x.std(0, { unbiased: false }), normal(3, 2)], [(variance) => std([variance]), positive(3)]],
  logsumexp: [[(x) => x.logsumexp(1), normal(2, 3)], [(x) => x.t().logsumexp([0, 1], true), normal(2, 3)]],
  cumsum: [[(x) => curved(x.cumsum(0)), normal(3, 2)], [(x) => curved(x.t().cumsum(-1)), normal(3, 2)]],
  softmax: [[(x) => x.softmax(-1), normal(2, 3)], [(x) => x.t().softmax(1), normal(2, 3)], [(x) => x.softmax(1), normal(2, 3, 2)]],
  softmax_backward_data: [[(grad, y) => softmaxBackward([grad, y], 1), normal(2, 3), normal(2, 3)], [(grad, y) => softmaxBackward([grad, y], 0), normal(2, 3), normal(2, 3)]],
  log_softmax: [[(x) => x.logSoftmax(-1), normal(2, 3)], [(x) => x.logSoftmax(0), normal(3, 2, 2)]],
  log_softmax_backward_data: [[(grad, y) => logSoftmaxBackward([grad, y], 1), normal(2, 3), normal(2, 3)]],

  matmul: [
    [(a, b) => a.matmul(b), normal(2, 3), normal(3, 4)],
    [(a, b) => a.t().matmul(b.t()), normal(3, 2), normal(4, 3)],
    [(a, b) => a.matmul(b), normal(3), normal(3)],
    [(a, b) => a.matmul(b), normal(2, 3), normal(3)],
    [(a, b) => a.matmul(b), normal(3), normal(2, 3, 2)],
    [(a, b) => a.matmul(b), normal(2, 2, 3), normal(3, 2)],
    [(a, b) => a.matmul(b), normal(2, 1, 2, 3), normal(3, 3, 2)],
    [(a, b) => a.bmm(b.transpose(1, 2)), normal(2, 2, 3), normal(2, 4, 3)],
    [(a, b) => einsum('bij,kjb->ik', a, b), normal(2, 2, 3), normal(2, 3, 2)],
    [(a) => einsum('iij->j', a).square(), normal(2, 2, 3)],
    [(a, b) => einsum('...ij,jk->...ik', a, b), normal(2, 2, 3), normal(3, 2)],
  ],
  addmm: [[(x, weight, bias) => addmm([x, weight, bias]), normal(3, 2), normal(4, 2), normal(4)]],

  transpose: [[(x) => curved(x.transpose(0, -1)), normal(2, 1, 3)], [(x) => curved(x.t()), normal(2, 3)]],
  permute: [[(x) => curved(x.permute(1, -1, 0)), normal(2, 3, 2)]],
  reshape: [[(x) => curved(x.t().reshape(2, -1)), normal(4, 2)], [(x) => curved(x.flatten(1)), normal(2, 2, 2)]],
  view: [[(x) => curved(x.view(3, 2)), normal(2, 3)]],
  expand: [[(x) => curved(x.expand(2, -1, 3)), normal(2, 1)]],
  squeeze: [[(x) => curved(x.squeeze(-1)), normal(2, 1, 1)], [(x) => curved(x.squeeze()), normal(1, 2, 1)]],
  unsqueeze: [[(x) => curved(x.unsqueeze(-1)), normal(2, 3)]],
  select: [[(x) => curved(x.select(-1, -2)), normal(2, 3)]],
  unbind: [[(x) => stack(x.unbind(1)).mul(x.t()), normal(2, 3)], [(x) => curved(x.t().unbind(-1)[1]), normal(2, 3)]],
  split: [[(x) => x.split(2, 1).map(curved), normal(2, 3)], [(x) => curved(x.split([1, 0, 2], -1)[2]), normal(2, 3)]],
  slice: [[(x) => curved(x.at('1:', '::2')), normal(3, 3)], [(x) => curved(x.narrow(-1, -2, 1)), normal(2, 3)]],
  slice_backward: [[(x) => curved(slicePlaced([x], { shape: [3, 4], starts: ranges.map(({ start }) => start), steps: ranges.map(({ step }) => step) })), normal(2, 2)]],
  cat: [[(a, b) => curved(cat([a, b, a], -1)), normal(2, 1), normal(2, 2)], [(a, b) => curved(stack([a, b], 1)), normal(2, 2), normal(2, 2)], [(x) => curved(x.roll([1, -1], [0, 1])), normal(2, 3)]],
  diagonal: [[(x) => curved(x.diagonal()), normal(2, 3)], [(x) => curved(x.diagonal(-1, 2, 0)), normal(3, 2, 4)], [(x) => curved(x.diag(1)), normal(3, 3)]],
  diagonal_backward: [[(x) => curved(x.diag(-1)), normal(3)], [(x) => curved(x.diag()), normal(2)]],
  unfold: [[(x) => curved(x.unfold(1, 2, 1)), normal(2, 4)], [(x) => curved(x.t().unfold(0, 2, 3)), normal(2, 5)]],
  contiguous: [[(x) => curved(x.t().contiguous()), normal(2, 3)]],
  as_pictures: [[(x, w) => nn.functional.conv2d(x, w).view(2, -1).square(), normal(2, 1, 3, 3), normal(2, 1, 2, 2)]],
  in_layout_of: [[(x) => curved(x.t().sort(0).values), distinct(2, 3)]],
  flip: [[(x) => curved(x.t().flip(0, -1)), normal(2, 3)]],

  where: [
    [(a, b) => curved(where(mask, a, b)), normal(2, 3), normal(2, 1)],
    [(a) => curved(where(mask, 2, a)), normal(3)],
    [(a) => curved(a.maskedFill(mask, 1)), normal(2, 3)],
    [(a) => curved(a.tril().add(a.triu(1))), normal(3, 3)],
  ],
  index: [
    [(x) => take([curved(x), whole([[0, 2], [0, 0]])]), normal(3, 2)],
    [(x) => curved(x.at([0, 1, 1], [2, 0, 0])), normal(2, 3)],
    [(x) => curved(x.at(':', [1, 1], null, '0:1')), normal(2, 3, 2)],
    [(x) => curved(x.at(mask)), normal(2, 3)],
    [(x) => curved(x.indexSelect(1, [2, 2, 0])), normal(2, 3)],
  ],
  index_put: [[(x) => curved(putAdd([x, whole([1, 1, 3])], [4, 2])), normal(3, 2)]],
  put: [[(x, v) => curved(curved(x).indexPut_([':', [2, 0]], v.exp())), normal(2, 3), normal(2, 1)]],
  gather: [[(x) => curved(x.gather(1, whole([[2, 2], [0, 1]]))), normal(3, 3)], [(x) => curved(x.t().min(0).values), distinct(2, 3)], [(x) => curved(x.max(1, true).values), distinct(2, 3)]],
  scatter: [[(x, source) => curved(x.scatter(0, whole([[2, 2], [0, 1]]), source)), normal(3, 2), normal(2, 2)], [(x) => curved(x.scatter(1, whole([[1], [0]]), { value: 3 })), normal(2, 2)]],
  scatter_add: [[(x, source) => curved(x.scatterAdd(0, whole([[2, 2], [0, 1]]), source)), normal(3, 2), normal(2, 2)]],
  copy: [[(x, y) => [curved(x.clone().copy_(y)).sum(1), curved(x)], normal(2, 3), normal(3)], [(x) => curved(x.clone().fill_(3)).mul(x), normal(2)]],
  copy_slices: [
    [(x, y) => { const b = curved(x); b.at(1).copy_(y); return curved(b) }, normal(3, 2), normal(2)],
    [(x, y) => { const b = curved(x); b.t().at('1:').mul_(y); return b.mul(b) }, normal(3, 2), normal(3)],
  ],

  native_dropout: [[(x) => curved(dropout([x], { p: 0.4, generator: new Generator(1) })), normal(3, 4)]],
  im2col: [[(x) => curved(unfold([x], { windows, fill: 0 })), normal(1, 2, 3, 4)], [(x) => curved(unfold([x], { windows: overlapping, fill: 3 })), normal(1, 1, 3, 4)]],
  col2im: [[(x) => curved(fold([x], { windows, shape: [1, 2, 3, 4] })), normal(1, 4, 2, 2, 2, 2)], [(x) => curved(fold([x], { windows: overlapping, shape: [1, 1, 3, 4] })), normal(1, 1, 2, 3, 2, 1)]],
  max_pool2d_with_indices: [
    [(x) => curved(nn.functional.maxPool2d(x, 3, { stride: 2, padding: 1 })), distinct(2, 2, 3, 4)],
    [(x) => curved(nn.functional.maxPool2d(x, [1, 2], { stride: 1, dilation: [1, 2] })), distinct(1, 1, 2, 4)],
  ],
  max_pool2d_with_indices_backward: [[(grad) => curved(maxPoolBackward([grad, tensor([[[[2, 2], [6, 7]]]], { dtype: 'int64' })], { windows: { ...windows, kernel: [2, 3], stride: [2, 1], output: [2, 2] }, shape: [1, 1, 3, 4] })), normal(1, 1, 2, 2)]],
  attention: [
    [(q, k, v) => attention([q, k, v], { scale: 0.7, dropping: null }), normal(1, 2, 3, 2), normal(1, 2, 4, 2), normal(1, 2, 4, 3)],
    [(q, k, v) => attention([q, k, v], { scale: 0.7, dropping: { p: 0.4, generator: new Generator(1) } })[0], normal(2, 1, 2, 3), normal(2, 1, 2, 3), normal(2, 1, 2, 3)],
  ],
  attention_backward: [
    [attentionGradients(null), normal(1, 2, 3, 2), normal(1, 2, 3, 2), normal(1, 2, 4, 2), normal(1, 2, 4, 2)],
    [attentionGradients(normal(1, 1, 2, 2).gt(0)), normal(1, 1, 2, 3), normal(1, 1, 2, 3), normal(1, 1, 2, 3), normal(1, 1, 2, 3), normal(1, 1, 2, 2)],
  ],
  native_layer_norm: [
    [(x, w, b) => nn.functional.layerNorm(x, [3], { weight: w, bias: b }), normal(2, 3), normal(3), normal(3)],
    [(x) => nn.functional.layerNorm(x.transpose(0, 1), [2, 2]), normal(2, 3, 2)],
  ],
  native_layer_norm_backward: [[(grad, x, w) => {
    const centred = x.sub(x.mean(1, true))
    const rstd = centred.square().mean(1).add(1e-5).pow(-0.5)
    return layerNormBackward([grad, x, x.mean(1).detach(), rstd.detach(), w], { shape: [4], eps: 1e-5, sum: null })
  }, normal(2, 4), normal(2, 4), normal(4)]],
  median: [[(x) => curved(x.median()), distinct(2, 3)]],
  remainder: [[(a, b) => curved(a.remainder(b)), given(normal(4).detach(), (_, i) => i - 1.3), given(normal(4).detach(), (_, i) => 0.7 + i / 10)], [(a) => curved(a.remainder(-0.9)), given(normal(2, 2).detach(), (_, i) => i - 1.3)]],
  lerp: [[(a, b, w) => a.lerp(b, w), normal(2, 3), normal(3), given(normal(3).detach(), (_, i) => i / 3 + 0.1)], [(a, b) => curved(a.lerp(b, 0.75)), normal(2), normal(2)], [(a, b) => curved(a.lerp(b, 0.25)), normal(2, 1), normal(2)]],
}

test('every operation has an example', () => {
  assert.equal(opNames.filter((name) => !(name in examples)), [])
})

for (const [name, list] of Object.entries(examples)) {
  test(`${name}: first and second derivatives agree with finite differences`, () => {
    assert.ok(opNames.includes(name), `there is no operation ${name}`)
    for (const [fn, ...inputs] of list) {
      assert.ok(autograd.gradcheck(fn, inputs))
      assert.ok(autograd.gradgradcheck(fn, inputs))
    }
  })
}

test.run()
