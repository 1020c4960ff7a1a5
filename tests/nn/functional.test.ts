/** Functions of nn.functional at their edges: ties, overflow, empty and refused arguments, derivatives. Numbers beside torch snippets are torch's. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { arange, autograd, Generator, manualSeed, nn, ones, randn, tensor, zeros, type Tensor } from 'vitgrad'
import { assertClose } from './golden.ts'

const F = nn.functional
const { gradcheck, gradgradcheck } = autograd
const generator = new Generator(1)
const normal = (...shape: number[]) => randn(shape, { generator, requiresGrad: true })
const curved = (x: Tensor) => x.mul(x).mul(x)

test.before.each(() => void manualSeed(0))

test('first and second derivatives agree with finite differences', () => {
  const target = tensor([[0.2, 0.9, 0], [1, 0.5, 0.3]])
  const weight = tensor([0.5, 2, 3])
  const cases: [fn: (...inputs: Tensor[]) => Tensor, ...inputs: Tensor[]][] = [
    [(x) => curved(F.pad(x, [2, -1, 1, 0], { value: 3 })), normal(2, 3)],
    [(x) => curved(F.avgPool2d(x, 2, { stride: [2, 1], padding: 1, ceilMode: true, countIncludePad: false })), normal(1, 2, 3, 3)],
    [(x) => curved(F.adaptiveAvgPool2d(x, [2, 3])), normal(2, 3, 5)],
    [(x) => curved(F.interpolate(x, { size: [2, 5] })), normal(1, 1, 3, 2)],
    [(x) => curved(F.interpolate(x, { scaleFactor: 1.5, mode: 'bilinear' })), normal(1, 1, 3, 2)],
    [(x) => F.normalize(x), normal(2, 3)],
    [(x) => F.normalize(x, { p: 3, dim: 0 }), normal(3, 2)],
    [(x) => F.binaryCrossEntropyWithLogits(x, target, { posWeight: weight, weight }), normal(2, 3)],
    [(x) => F.klDiv(x, target, { reduction: 'batchmean' }), normal(2, 3)],
    [(x, t) => F.klDiv(x, t, { logTarget: true, reduction: 'sum' }), normal(2, 3), normal(2, 3)],
    [(q, k, v) => F.scaledDotProductAttention(q, k, v, { isCausal: true }), normal(1, 3, 2), normal(1, 4, 2), normal(1, 4, 3)],
    [(q, k, v, attnMask) => F.scaledDotProductAttention(q, k, v, { attnMask, scale: 0.7 }), normal(2, 1, 2), normal(1, 3, 2), normal(3, 2), normal(1, 3)],
  ]
  for (const [fn, ...inputs] of cases) {
    assert.ok(gradcheck(fn, inputs), String(fn))
    assert.ok(gradgradcheck(fn, inputs), String(fn))
  }
})

// F.binary_cross_entropy_with_logits(torch.tensor([0., 200, -200, 3, -0.]), torch.tensor([1., 0, 1, .25, 0]), reduction='none')
test('binary cross entropy of scores neither overflows nor loses its slope at 0', () => {
  const x = tensor([0, 200, -200, 3, -0], { requiresGrad: true })
  const loss = F.binaryCrossEntropyWithLogits(x, tensor([1, 0, 1, 0.25, 0]), { reduction: 'none' })
  assertClose(loss.data, [0.6931471824645996, 200, 200, 2.2985873222351074, 0.6931471824645996])
  loss.sum().backward()
  assertClose(x.grad?.data ?? [], [-0.5, 1, -1, 0.7025741338729858, 0.5])
})

// a = torch.tensor([[.2, .8], [1., 0]]).log_softmax(1); t = torch.tensor([[0., 1], [.5, .5]]); F.kl_div(a, t, reduction=r)
test('the divergence counts 0 where the target is 0, and each reduction divides by its own number', () => {
  const input = tensor([[0.2, 0.8], [1, 0]]).logSoftmax(1)
  const target = tensor([[0, 1], [0.5, 0.5]])
  assertClose(F.klDiv(input, target, { reduction: 'none' }).data, [0, 0.43748798966407776, -0.18994276225566864, 0.31005722284317017])
  assertClose([F.klDiv(input, target, { reduction: 'batchmean' }).item(), F.klDiv(input, target).item(), F.klDiv(input, target, { reduction: 'sum' }).item()], [0.27880123257637024, 0.13940061628818512, 0.5576024651527405])
})

// F.mse_loss(torch.ones(2, 1), torch.zeros(3)) -> tensor(1.)
test('differences of shapes that broadcast are taken, others are refused by name', () => {
  assert.is(F.mseLoss(ones([2, 1]), zeros([3])).item(), 1)
  for (const [name, loss] of Object.entries({ mseLoss: F.mseLoss, l1Loss: F.l1Loss, klDiv: F.klDiv }))
    assert.throws(() => loss(ones([2, 3]), ones([2, 4])), new RegExp(`^${name}: \\(2, 3\\) and \\(2, 4\\) cannot be broadcast together`))
  assert.throws(() => F.binaryCrossEntropyWithLogits(ones([2, 1]), ones([2, 3])), /^binaryCrossEntropyWithLogits: .*\(2, 1\).*\(2, 3\)/)
})

test('a reduction that does not exist is refused with the name of the loss', () => {
  const calls: Record<string, (options: object) => unknown> = {
    mseLoss: (options) => F.mseLoss(ones([1]), ones([1]), options),
    klDiv: (options) => F.klDiv(ones([1]), ones([1]), options),
    crossEntropy: (options) => F.crossEntropy(ones([1, 2]), [0], options),
    binaryCrossEntropyWithLogits: (options) => F.binaryCrossEntropyWithLogits(ones([1]), ones([1]), options),
  }
  for (const [name, call] of Object.entries(calls)) assert.throws(() => call({ reduction: 'average' }), new RegExp(`${name}: reduction = average is unknown`))
})

// F.pad(torch.arange(6.).reshape(2, 3), [1, 0, -1, 1], value=9.)
test('padding starts with the last dimension, and negative amounts crop', () => {
  const x = arange(6).reshape([2, 3])
  assert.equal(F.pad(x, [1, 0, -1, 1], { value: 9 }).tolist(), [[9, 3, 4, 5], [9, 9, 9, 9]])
  assert.equal(F.pad(x, [0, 1], { value: -Infinity }).tolist(), [[0, 1, 2, -Infinity], [3, 4, 5, -Infinity]])
  assert.equal(F.pad(x, [0, -3]).shape, [2, 0])
  assert.equal(F.pad(zeros([0, 2]), [0, 0, 1, 0]).tolist(), [[0, 0]])
})

test('padding that says too much, too little or crops what is not there is refused', () => {
  const x = ones([2, 3])
  for (const amounts of [[1], [0.5, 0], [1, 1, 1, 1, 1, 1]]) assert.throws(() => F.pad(x, amounts), /^pad: /)
  assert.throws(() => F.pad(x, [-2, -2]), /^pad: .* crops more from dimension 1 of \(2, 3\)/)
  assert.throws(() => F.pad(x, [-4, 5]), /^pad: /)
})

test('a pad that changes nothing gives a copy', () => {
  const x = ones([2])
  F.pad(x, [0, 0]).fill_(5)
  assert.equal([...x.data], [1, 1])
})

// F.avg_pool2d(torch.ones(1, 1, 3, 3), 2, 2, 1), the same with count_include_pad=False, F.avg_pool2d(torch.ones(1, 1, 4, 4), 3, 2, 1, ceil_mode=True)
test('padding counts as zeros in a mean unless told otherwise; what hangs over the padded edge never counts', () => {
  assertClose(F.avgPool2d(ones([1, 3, 3]), 2, { padding: 1 }).data, [0.25, 0.5, 0.5, 1])
  assertClose(F.avgPool2d(ones([1, 3, 3]), 2, { padding: 1, countIncludePad: false }).data, [1, 1, 1, 1])
  assertClose(F.avgPool2d(ones([1, 4, 4]), 3, { stride: 2, padding: 1, ceilMode: true }).data, [4 / 9, 2 / 3, 1 / 3, 2 / 3, 1, 1 / 2, 1 / 3, 1 / 2, 1 / 4])
})

test('an infinite pixel spoils only the means that it belongs to', () => {
  const x = ones([1, 1, 2, 5])
  x.at(0, 0, 0, 0).fill_(Infinity)
  assert.equal([...F.adaptiveAvgPool2d(x, [1, 2]).data], [Infinity, 1])
})

// nn.GroupNorm(4, 4)(torch.ones(1, 4)): Expected more than 1 value per channel when training, got input size [1, 4]
test('groups of a single value are refused, as they have no variance', () => {
  assert.throws(() => F.groupNorm(ones([1, 4]), 4), /^groupNorm: an input of shape \(1, 4\) has one value per group/)
  assert.equal(F.groupNorm(ones([2, 4]), 4).data, new Float32Array(8))
})

// torch.nn.functional.interpolate(x, size=size, mode='area').grad_fn
test('means of whole pictures bear the name of a mean', () => {
  const x = ones([1, 1, 2, 2], { requiresGrad: true })
  assert.is(F.interpolate(x, { size: 1, mode: 'area' }).gradFn?.name, 'MeanBackward1')
  assert.is(F.interpolate(x, { size: [1, 2], mode: 'area' }).gradFn?.name, 'AdaptiveAvgPool2DBackward0')
})

// F.binary_cross_entropy_with_logits(torch.tensor([math.inf, 3.]), torch.tensor([0.5, 1.]), reduction='none')
test('an infinite logit costs infinitely much where its target is below 1', () => {
  assert.equal([...F.binaryCrossEntropyWithLogits(tensor([Infinity, Infinity]), tensor([0.5, 0]), { reduction: 'none' }).data], [Infinity, Infinity])
})

// torch.nn.BatchNorm1d(2)(torch.ones(0, 2)), F.cross_entropy(e, e) and F.cross_entropy(e, torch.tensor([], dtype=torch.long)) with e = torch.ones(0, 3), torch.nn.Linear(0, 3)(torch.ones(2, 0))
test('batches of nothing leave running statistics alone and have no mean loss; layers without inputs give their bias', () => {
  const norm = new nn.BatchNorm1d(2)
  assert.equal(norm(ones([0, 2])).shape, [0, 2])
  assert.equal([norm.running_mean, norm.running_var, norm.num_batches_tracked].map((buffer) => buffer?.tolist()), [[0, 0], [1, 1], 1])
  for (const target of [ones([0, 3]), []]) assert.ok(Number.isNaN(F.crossEntropy(ones([0, 3]), target).item()))
  assert.equal(new nn.Linear(0, 3)(ones([2, 0])).tolist(), [[0, 0, 0], [0, 0, 0]])
})

test('pools refuse what is no picture and windows that cannot be', () => {
  assert.throws(() => F.avgPool2d(ones([3]), 2), /^avgPool2d: .*\(3,\) is no picture/)
  assert.throws(() => F.avgPool2d(ones([1, 2, 2]), 2, { padding: 2 }), /^avgPool2d: a padding of 2/)
  assert.throws(() => F.avgPool2d(ones([1, 2, 2]), 2, { divisorOverride: 0 }), /^avgPool2d: a divisorOverride of 0/)
  assert.throws(() => F.adaptiveAvgPool2d(ones([2, 2]), 1), /^adaptiveAvgPool2d: /)
  assert.throws(() => F.adaptiveAvgPool2d(ones([1, 2, 2]), [1.5, 1]), /^adaptiveAvgPool2d: outputSize/)
  assert.throws(() => F.maxPool2d(ones([1, 2, 2]), 3), /^maxPool2d: a kernel spanning 3/)
})

test('resizing needs pictures and one of size and factor', () => {
  const x = ones([1, 1, 2, 2])
  assert.throws(() => F.interpolate(ones([2, 2]), { size: 3 }), /^interpolate: 'nearest' does not resize an input of shape \(2, 2\)/)
  assert.throws(() => F.interpolate(x, {}), /^interpolate: neither of size and scaleFactor is given/)
  assert.throws(() => F.interpolate(x, { size: 3, scaleFactor: 2 }), /^interpolate: both/)
  assert.throws(() => F.interpolate(x, { scaleFactor: 0.1 }), /^interpolate: dimension 2 of \(1, 1, 2, 2\) cannot become 0/)
  assert.throws(() => F.interpolate(x, { scaleFactor: -1 }), /^interpolate: dimension 2 of \(1, 1, 2, 2\) cannot become -2/)
  assert.throws(() => F.interpolate(x, { scaleFactor: [2] }), /^interpolate: scaleFactor/)
  assert.throws(() => F.interpolate(ones([1, 2, 2]), { size: 3, mode: 'bicubic' }), /^interpolate: 'bicubic' does not resize/)
  assert.throws(() => F.interpolate(x, { size: 3, antialias: true }), /^interpolate: antialias/)
  assert.throws(() => F.interpolate(x, { size: 3, alignCorners: true }), /^interpolate: alignCorners/)
})

// x = torch.zeros(2, 3, requires_grad=True); F.normalize(x).sum().backward(); x.grad -> 1e12 everywhere
test('a vector of zeros is divided by eps, not by 0', () => {
  const x = zeros([2, 3], { requiresGrad: true })
  const y = F.normalize(x)
  assert.equal([...y.data], [0, 0, 0, 0, 0, 0])
  y.sum().backward()
  assertClose(x.grad?.data ?? [], new Array<number>(6).fill(1e12))
})

test('attention weighs the allowed keys alone', () => {
  const [q, k, v] = [randn([2, 3, 4]), randn([2, 3, 4]), randn([2, 3, 5])]
  const attnMask = tensor([[true, false, false], [true, true, false], [true, true, true]])
  const masked = F.scaledDotProductAttention(q, k, v, { attnMask })
  assert.ok(masked.equal(F.scaledDotProductAttention(q, k, v, { isCausal: true })))
  assertClose(masked.at(':', 0).data, v.at(':', 0).data)
  const added = tensor([[0, -Infinity, -Infinity], [0, 0, -Infinity], [0, 0, 0]])
  assert.ok(masked.equal(F.scaledDotProductAttention(q, k, v, { attnMask: added })))
  const byHand = q.matmul(k.transpose(-2, -1)).mul(0.3).softmax(-1).matmul(v)
  assertClose(F.scaledDotProductAttention(q, k, v, { scale: 0.3 }).data, byHand.data)
})

test('attention drops weights, each with the probability given', () => {
  const [q, k, v] = [zeros([1, 1, 2]), zeros([1, 1000, 2]), ones([1, 1000, 1])]
  const [share] = F.scaledDotProductAttention(q, k, v, { dropoutP: 0.4 }).data
  assert.ok(Math.abs(share - 1) < 0.1 && share !== 1, `${share}`)
})

test('attention refuses shapes that do not fit, two masks, and masks of indices', () => {
  const x = ones([1, 3, 2])
  assert.throws(() => F.scaledDotProductAttention(x, ones([1, 3, 4]), x), /^scaledDotProductAttention: queries of shape \(1, 3, 2\), keys of shape \(1, 3, 4\)/)
  assert.throws(() => F.scaledDotProductAttention(x, x, ones([1, 4, 2])), /^scaledDotProductAttention: /)
  assert.throws(() => F.scaledDotProductAttention(x, x, x, { isCausal: true, attnMask: ones([3, 3]) }), /isCausal/)
  assert.throws(() => F.scaledDotProductAttention(x, x, x, { attnMask: tensor([[1, 0, 1]], { dtype: 'int64' }) }), /a mask of int64/)
})

test('targets out of range and of other shapes are refused before anything is computed', () => {
  assert.throws(() => F.crossEntropy(ones([2, 3]), [0, 3]), /^crossEntropy: label 3 at position 1 is out of range for 3 classes/)
  assert.throws(() => F.nllLoss(ones([2, 3]), [0]), /^nllLoss: /)
  assert.throws(() => F.crossEntropy(ones([2, 3]), [0, 1], { labelSmoothing: 2 }), /^crossEntropy: a label smoothing of 2/)
  assert.throws(() => F.embedding([0, 5], ones([5, 2])), /^embedding: index 5 at position 1/)
  assert.throws(() => F.embedding([0], ones([5])), /^embedding: a weight of shape \(5,\)/)
  assert.throws(() => F.binaryCrossEntropyWithLogits(ones([2, 3]), ones([2, 3]), { posWeight: ones([2]) }), /^binaryCrossEntropyWithLogits: \(2, 3\) and \(2,\)/)
})

test('the row of padding gets no gradient', () => {
  const weight = normal(3, 2)
  F.embedding([0, 1, 1, 2], weight, { paddingIdx: -2 }).sum().backward()
  assert.equal(weight.grad?.tolist(), [[1, 1], [0, 0], [1, 1]])
})

// F.one_hot(torch.tensor([0, 2])) -> tensor([[1, 0, 0], [0, 0, 1]])
test('oneHot has a class for the largest index, and no room for one that is too large', () => {
  assert.is(String(F.oneHot([0, 2])), 'tensor([[1, 0, 0],\n        [0, 0, 1]])')
  assert.equal(F.oneHot(tensor([[1]], { dtype: 'int64' }), 3).tolist(), [[[0, 1, 0]]])
  assert.throws(() => F.oneHot([3], 2), /^oneHot: index 3 at position 0/)
})

test('dropout with p = 1 leaves nothing, with p = 0 or in evaluation everything, and then draws nothing', () => {
  const x = ones([4], { requiresGrad: true })
  assert.equal([...F.dropout(x, 1).data], [0, 0, 0, 0])
  const next = randn([1]).item()
  manualSeed(0)
  assert.is(F.dropout(x, 0), x)
  assert.is(F.dropout(x, 0.5, { training: false }), x)
  assert.is(randn([1]).item(), next)
})

// g, = torch.autograd.grad(F.smooth_l1_loss(x, zeros, reduction='sum'), x, create_graph=True); torch.autograd.grad(g.sum(), x)
test('the parabola of smoothL1Loss and huberLoss is one at 0, too, and their lines go on for ever', () => {
  for (const loss of [F.smoothL1Loss, F.huberLoss]) {
    const x = tensor([0, 0.5, 2], { requiresGrad: true })
    const [grad] = autograd.grad(loss(x, zeros([3]), { reduction: 'sum' }), x, { createGraph: true })
    assert.equal([grad.tolist(), autograd.grad(grad.sum(), x)[0].tolist()], [[0, 0.5, 1], [1, 1, 0]])
    const far = tensor([Infinity, -Infinity, 1e30], { requiresGrad: true })
    loss(far, zeros([3]), { reduction: 'sum' }).backward()
    assert.equal(far.grad?.tolist(), [1, -1, 1])
  }
})

// F.binary_cross_entropy(x, y).backward() -> x.grad, y.grad
test('binaryCrossEntropy of a wrong certainty has the gradients of torch', () => {
  const [x, y] = [tensor([0, 1, 0.3], { requiresGrad: true }), tensor([1, 0, 0.2], { requiresGrad: true })]
  F.binaryCrossEntropy(x, y).backward()
  assertClose(x.grad?.data ?? [], [-333333331968, 333333331968, 0.1587301641702652], 'gradient of the probabilities')
  assertClose(y.grad?.data ?? [], [Infinity, -Infinity, 0.2824326157569885], 'gradient of the targets')
})

// x = torch.tensor([0., 3, -4, 4]); x.norm(0.5).backward(); x.grad.tolist()
test('the gradient of a norm is 0 where there is nothing to become smaller', () => {
  const gradOf = (numbers: number[], p: number) => {
    const x = tensor(numbers, { requiresGrad: true })
    x.norm(p).backward()
    return x.grad
  }
  assertClose(gradOf([0, 3, -4, 4], 0.5)?.data ?? [], [0, 3.309401035308838, -2.866025447845459, 2.866025447845459], 'p = 0.5')
  for (const p of [0.5, 1, 1.5, 2, 3, Infinity]) assert.equal(gradOf([0, 0], p)?.tolist(), [0, 0], `p = ${p}`)
})

test.run()
