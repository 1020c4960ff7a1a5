/** What a tensor says of its history: the names that PyTorch 1.13 prints as grad_fn. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { autograd, cat, einsum, ones, stack, tensor, where, type Tensor } from 'vitgrad'

const x = tensor([[1, 2, 3], [4, 5, 6]], { requiresGrad: true })
const batch = ones([2, 3, 4], { requiresGrad: true })
const names: Readonly<Record<string, readonly (() => Tensor)[]>> = {
  AddBackward0: [() => x.add(1), () => x.add(x)],
  SubBackward0: [() => x.sub(1)],
  MulBackward0: [() => x.mul(2)],
  DivBackward0: [() => x.div(x)],
  PowBackward0: [() => x.pow(2), () => x.square()],
  PowBackward1: [() => x.pow(x)],
  NegBackward0: [() => x.neg()],
  ExpBackward0: [() => x.exp()],
  LogBackward0: [() => x.log()],
  SqrtBackward0: [() => x.sqrt()],
  RsqrtBackward0: [() => x.rsqrt()],
  AbsBackward0: [() => x.abs()],
  ReciprocalBackward0: [() => x.reciprocal()],
  TanhBackward0: [() => x.tanh()],
  SigmoidBackward0: [() => x.sigmoid()],
  ReluBackward0: [() => x.relu()],
  GeluBackward0: [() => x.gelu()],
  SiluBackward0: [() => x.silu()],
  ClampBackward1: [() => x.clamp(0, 1), () => x.clamp({ min: 0 })],
  SumBackward0: [() => x.sum()],
  SumBackward1: [() => x.sum(1)],
  MeanBackward0: [() => x.mean()],
  MeanBackward1: [() => x.mean([0, 1])],
  VarBackward0: [() => x.var(), () => x.var(1)],
  StdBackward0: [() => x.std()],
  AmaxBackward0: [() => x.amax(1)],
  MaxBackward0: [() => x.max(1).values],
  MaxBackward1: [() => x.max()],
  ProdBackward0: [() => x.prod()],
  ProdBackward1: [() => x.prod(1)],
  CumsumBackward0: [() => x.cumsum(0)],
  LogsumexpBackward0: [() => x.logsumexp(1)],
  SoftmaxBackward0: [() => x.softmax(1)],
  LogSoftmaxBackward0: [() => x.logSoftmax(1)],
  MmBackward0: [() => x.matmul(x.t()), () => x.mm(x.t())],
  MvBackward0: [() => x.matmul(x.at(0))],
  DotBackward0: [() => x.at(0).matmul(x.at(1))],
  SqueezeBackward3: [() => x.at(':', 0).matmul(x)],
  BmmBackward0: [() => batch.bmm(batch.transpose(1, 2))],
  UnsafeViewBackward0: [() => batch.matmul(batch.transpose(1, 2)), () => batch.matmul(ones([4, 2])), () => batch.matmul(ones([4])), () => x.t().reshape(6)],
  ViewBackward0: [() => x.view(6), () => einsum('bij,bkj->bik', batch, batch)],
  ReshapeAliasBackward0: [() => x.reshape(6), () => x.flatten()],
  TBackward0: [() => x.t(), () => x.at(0).t(), () => x.sum().t()],
  TransposeBackward0: [() => x.transpose(0, 1)],
  PermuteBackward0: [() => x.permute(1, 0), () => einsum('ij->ji', x), () => einsum('ij->ij', x)],
  ExpandBackward0: [() => x.expand(2, 2, 3)],
  SqueezeBackward0: [() => x.squeeze()],
  SqueezeBackward1: [() => x.squeeze(0)],
  UnsqueezeBackward0: [() => x.unsqueeze(0), () => x.at(null)],
  // A slice of all that says where it stops is none: PyTorch hands out x itself.
  SelectBackward0: [() => x.select(0, 1), () => x.at(':', 0), () => x.at(0, '0:3'), () => x.at(0, ':3')],
  SliceBackward0: [() => x.at(':', '1:'), () => x.at(0, ':'), () => x.at(':'), () => x.narrow(1, 0, 2), () => x.at(0, '0:'), () => x.at(0, '0:2'), () => x.at(':2')],
  AliasBackward0: [() => x.at('...'), () => x.at('0:2', '...')],
  IndexBackward0: [() => x.at([0, 1]), () => x.at(x.gt(2))],
  SplitBackward0: [() => x.split(1)[0], () => x.chunk(2)[1]],
  SplitWithSizesBackward0: [() => x.split([1, 2], 1)[0]],
  UnbindBackward0: [() => x.unbind()[0]],
  RepeatBackward0: [() => x.repeat(2, 1)],
  FlipBackward0: [() => x.flip(0)],
  RollBackward0: [() => x.roll(1), () => x.roll(1, 0), () => x.roll(3, 1)],
  TrilBackward0: [() => x.tril()],
  CloneBackward0: [() => x.clone(), () => x.t().contiguous()],
  CatBackward0: [() => cat([x, x])],
  StackBackward0: [() => stack([x, x])],
  WhereBackward0: [() => where(x.gt(2), x, 0)],
  MaskedFillBackward0: [() => x.maskedFill(x.gt(2), 0)],
  MaskedSelectBackward0: [() => x.maskedSelect(x.gt(2))],
  GatherBackward0: [() => x.gather(1, tensor([[0], [1]]))],
  IndexSelectBackward0: [() => x.indexSelect(1, [0])],
  CopyBackwards: [() => x.mul(1).copy_(x)],
  ZeroBackward0: [() => x.mul(1).zero_()],
  FillBackward2: [() => x.mul(1).fill_(2)],
  NormBackward1: [() => x.norm(), () => x.norm(1, 1)],
  SortBackward0: [() => x.sort().values],
  TopkBackward0: [() => x.topk(2).values],
  CopySlices: [() => { const y = x.mul(1); y.at(0).mul_(2); return y }],
  AsStridedBackward0: [() => x.mul(1).at(0).mul_(2)],
  // What is computed through a view of something made on the way is no view itself.
  FillBackward3: [() => x.repeat(2, 1).fill_(x.sum()), () => x.indexSelect(0, [0]).fill_(x.sum()), () => x.at([0, 1]).fill_(x.sum()), () => batch.matmul(ones([4, 2])).fill_(x.sum())],
}

for (const [name, calls] of Object.entries(names))
  test(`${name} is what PyTorch calls it`, () => {
    for (const call of calls) assert.is(call().gradFn?.name, name, String(call))
  })

test('a tensor prints its history, a leaf that it requires a gradient', () => {
  assert.is(String(tensor([1, 2], { requiresGrad: true }).mul(2)), 'tensor([2., 4.], grad_fn=<MulBackward0>)')
  assert.is(String(tensor([1, 2], { requiresGrad: true })), 'tensor([1., 2.], requires_grad=True)')
  assert.is(String(tensor([1, 2]).gt(1)), 'tensor([False,  True])')
  assert.is(String(tensor([1, 2]).argmax()), 'tensor(1)')
})

// x.max(1), x.sort(0, True), x.topk(1) in PyTorch
test('values with their indices print as the named pair that they are', () => {
  assert.is(String(tensor([[1, 3], [4, 2]]).max(1)), 'torch.return_types.max(\nvalues=tensor([3., 4.]),\nindices=tensor([1, 0]))')
  assert.is(String(tensor([1, 2], { requiresGrad: true }).sort(0, true)), 'torch.return_types.sort(\nvalues=tensor([2., 1.], grad_fn=<SortBackward0>),\nindices=tensor([1, 0]))')
  assert.is(String(tensor([1, 2]).topk(1)), 'torch.return_types.topk(\nvalues=tensor([2.]),\nindices=tensor([1]))')
})

// torch.autograd.grad((x ** p).sum(), x, create_graph=True)[0] and so on
test('a gradient that is recorded prints its history, too', () => {
  const t = tensor([1, 2], { requiresGrad: true })
  const gradient = (y: Tensor) => String(autograd.grad(y, t, { createGraph: true })[0])
  assert.is(gradient(t.pow(2).sum()), 'tensor([2., 4.], grad_fn=<MulBackward0>)')
  assert.is(gradient(t.pow(0.5).sum()), 'tensor([0.5000, 0.3536], grad_fn=<MulBackward0>)')
  assert.is(gradient(t.pow(0).sum()), 'tensor([0., 0.])')
  assert.is(gradient(tensor([2, 3]).pow(t).sum()), 'tensor([1.3863, 9.8875], grad_fn=<MulBackward0>)')
  assert.is(gradient(t.softmax(0).at(0)), 'tensor([ 0.1966, -0.1966], grad_fn=<SoftmaxBackwardDataBackward0>)')
  assert.is(gradient(t.logSoftmax(0).at(0)), 'tensor([ 0.7311, -0.7311], grad_fn=<LogSoftmaxBackwardDataBackward0>)')
})

test.run()
