/** Options go by name. What PyTorch takes in its place is refused, where it would otherwise pass unseen. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cat, data, Generator, manualSeed, nn, ones, optim, stack, tensor, ValueError, vit, zeros, zerosLike, type Tensor } from 'vitgrad'
import { isError } from '../is-error.ts'

const F = nn.functional
const x = ones([1, 1, 4, 4])
const row = ones([2, 3])
const weight = ones([3])

/** Calls and constructions as a program without types makes them. */
const call = (fn: (...args: never[]) => unknown, ...args: unknown[]) => () => Reflect.apply(fn, null, args)
const make = (of: abstract new (...args: never[]) => unknown, ...args: unknown[]) => () => Reflect.construct(of as new () => unknown, args)

test('what fits in no place is refused by name, and so are options that exclude each other', () => {
  const refusals: [() => unknown, RegExp][] = [
    [make(nn.Linear, 2, 3, 1), /^Linear: bias = 1 is neither true nor false/],
    [make(nn.Linear, 2, 3, true, 4), /^Linear: 4 stands where options are expected/],
    [make(nn.Linear, 2, 3, true, { bias: false }), /^Linear: bias is given twice/],
    [make(nn.Linear, { inFeatures: 2 }), /^Linear: outFeatures is missing/],
    [make(nn.Linear, 2), /^Linear: outFeatures is missing/],
    [make(nn.LayerNorm, 4, true), /^LayerNorm: eps = true is no number/],
    [make(nn.LayerNorm, 4, null), /^LayerNorm: eps = null is no number/],
    [make(nn.GELU, 'sigmoid'), /^GELU: approximate = sigmoid is unknown/],
    [make(nn.LeakyReLU, weight), /^LeakyReLU: negativeSlope = a tensor is no number/],
    [make(nn.ReLU, 1), /^ReLU: inplace = 1 is neither/],
    [make(nn.MSELoss, 'sum'), /^MSELoss: sum stands/],
    [make(nn.CrossEntropyLoss, weight, -100), /^CrossEntropyLoss: -100 stands/],
    [make(optim.SGD, [zeros([1])], null), /^SGD: lr = null/],
    [make(optim.AdamW, [zeros([1])], '0.1'), /^AdamW: lr = 0.1 is not a number/],
    [make(optim.Adam, [zeros([1])], 0.1, 0.9), /^Adam: betas/],
    [call(F.maxPool2d, x, 2, 2, 0, 1, 1), /^maxPool2d: ceilMode = 1 is neither/],
    [call(F.crossEntropy, row, [0, 1], weight, 'sum'), /^crossEntropy: sum stands/],
    [call(F.dropout, x, 0.5, 1), /^dropout: training = 1 is neither/],
    [call(F.dropout, x, true), /^dropout: p = true is no number/],
    [call(F.dropout, x, { generator: 3 }), /^dropout: generator = 3 is no Generator/],
    [call(F.dropout, x, 0.5, true, false, new Generator(1)), /^dropout: a Generator stands where options are expected/],
    [make(nn.GroupNorm, 3, 4), /^GroupNorm: 3 groups do not divide 4 channels/],
    [make(nn.Conv2d, 4, 8, 3, { padding: 'same', stride: 2 }), /^Conv2d: padding 'same' was given with a stride/],
    [make(nn.Conv2d, 4, 8, 3, { paddingMode: 'mirror' }), /^Conv2d: paddingMode = mirror is unknown/],
    [call(F.gelu, row, 'tanh'), /^gelu: tanh stands/],
    [() => row.gelu(JSON.parse('{"approximate": "sigmoid"}')), /^gelu: approximate = sigmoid is unknown/],
    [call(nn.init.kaimingUniform_, row, { mode: 'fan' }), /^kaiming: mode = fan is unknown/],
    [() => Reflect.apply(row.sum, row, [1, 1]), /^sum: keepdim = 1 is neither/],
    [() => Reflect.apply(new nn.Linear(1, 1).train, new nn.Linear(1, 1), ['yes']), /^train: mode = yes is neither/],
  ]
  for (const [act, pattern] of refusals) assert.throws(act, pattern)
})

// nn.Conv2d(2, 4, 3, 2, 1, 1, 2, False, 'circular'), nn.MaxPool2d(3, 2, 1, 2, False, True) and so on, printed
test('arguments in the places that PyTorch has for them are those by name', () => {
  const texts: [nn.AnyModule, string][] = [
    [new nn.Conv2d(2, 4, 3, 2, 1, 1, 2, false, 'circular'), 'Conv2d(2, 4, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), groups=2, bias=False, padding_mode=circular)'],
    [new nn.Conv2d({ inChannels: 3, outChannels: 8, kernelSize: 4, stride: 4 }), 'Conv2d(3, 8, kernel_size=(4, 4), stride=(4, 4))'],
    [new nn.MaxPool2d(3, 2, 1, 2, false, true), 'MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=2, ceil_mode=True)'],
    [new nn.AvgPool2d(3, null, 1), 'AvgPool2d(kernel_size=3, stride=3, padding=1)'],
    [new nn.Linear(3, 4, false), 'Linear(in_features=3, out_features=4, bias=False)'],
    [new nn.LayerNorm(4, 1e-6, { elementwiseAffine: false }), 'LayerNorm((4,), eps=1e-06, elementwise_affine=False)'],
    [new nn.BatchNorm2d(4, undefined, 0.2), 'BatchNorm2d(4, eps=1e-05, momentum=0.2, affine=True, track_running_stats=True)'],
    [new nn.LeakyReLU(0.2, true), 'LeakyReLU(negative_slope=0.2, inplace=True)'],
    [new nn.LeakyReLU({ negativeSlope: 0.2 }), 'LeakyReLU(negative_slope=0.2)'],
    [new nn.Dropout(0.25, true), 'Dropout(p=0.25, inplace=True)'],
    [new nn.Embedding(5, 3, 1), 'Embedding(5, 3, padding_idx=1)'],
    [new nn.Upsample(null, [2, 3], 'bilinear', true), 'Upsample(scale_factor=(2.0, 3.0), mode=bilinear)'],
  ]
  for (const [module, text] of texts) assert.is(String(module), text)
  const { betas, weightDecay } = new optim.AdamW([ones([1], { requiresGrad: true })], 0.1, [0.8, 0.9], 1e-8, 0.5).paramGroups[0]
  assert.equal([betas, weightDecay], [[0.8, 0.9], 0.5])
})

test('what a function has to be given may go by its name, too', () => {
  const picture = tensor(Float32Array.from({ length: 32 }, (_, i) => (i * 7) % 11), { shape: [1, 2, 4, 4] })
  const pairs: [Tensor, Tensor][] = [
    [F.maxPool2d(picture, { kernelSize: 3, stride: 1 }), F.maxPool2d(picture, 3, 1)],
    [F.maxPool2d(picture, { kernelSize: 2, returnIndices: true })[1], F.maxPool2d(picture, 2, { returnIndices: true })[1]],
    [F.avgPool2d(picture, { kernelSize: 3, padding: 1 }), F.avgPool2d(picture, 3, null, 1)],
    [F.adaptiveAvgPool2d(picture, { outputSize: 3 }), F.adaptiveAvgPool2d(picture, 3)],
    [F.adaptiveMaxPool2d(picture, { outputSize: [1, null], returnIndices: true })[1], F.adaptiveMaxPool2d(picture, [1, null], true)[1]],
    [F.unfold(picture, { kernelSize: 2, stride: 2 }), F.unfold(picture, 2, 1, 0, 2)],
    [F.layerNorm(picture, { normalizedShape: [4, 4], eps: 1 }), F.layerNorm(picture, [4, 4], null, null, 1)],
    [F.groupNorm(picture, { numGroups: 2 }), F.groupNorm(picture, 2)],
    [F.pad(picture, { pad: [1, 0, 0, 1], mode: 'reflect' }), F.pad(picture, [1, 0, 0, 1], 'reflect')],
  ]
  for (const [named, placed] of pairs) assert.ok(named.equal(placed))
  assert.throws(call(F.maxPool2d, picture, { stride: 2 }), /^maxPool2d: kernelSize is missing/)
})

test('a name that is no option is refused with those that are', () => {
  const dataset = new data.TensorDataset(ones([3]))
  const { StepLR, OneCycleLR, LinearLR } = optim.lrScheduler
  const optimizer = new optim.SGD([zeros([1])])
  const refusals: [() => unknown, RegExp][] = [
    [make(nn.Linear, 3, 4, { bais: false }), /^Linear: bais is no option of it\.\n {2}help: its options are inFeatures, outFeatures, bias\.$/],
    [make(nn.Conv2d, 3, 4, 3, { strides: 2 }), /^Conv2d: strides .*\n.* stride, padding, dilation, groups, bias/],
    [make(nn.LayerNorm, 3, { elementwise_affine: false }), /^LayerNorm: elementwise_affine .*\n.* eps, elementwiseAffine, bias/],
    [make(nn.BatchNorm2d, 3, { momentun: 1 }), /^BatchNorm2d: momentun/],
    [make(nn.CrossEntropyLoss, { label_smoothing: 0.1 }), /^CrossEntropyLoss: label_smoothing .*\n.* labelSmoothing/],
    [make(nn.MultiheadAttention, 4, 2, { batch_first: true }), /^MultiheadAttention: batch_first/],
    [make(nn.TransformerEncoderLayer, 4, 2, { dimFeedForward: 8 }), /^TransformerEncoderLayer: dimFeedForward/],
    [make(data.DataLoader, dataset, { batch_size: 3 }), /^DataLoader: batch_size .*\n.* batchSize, shuffle, dropLast, generator, numWorkers/],
    [call(data.randomSplit, dataset, [1, 2], { seed: 1 }), /^randomSplit: seed/],
    [call(data.synthetic, { n: 3 }), /^synthetic: n /],
    [make(data.transforms.RandomCrop, 4, { pad: 1 }), /^RandomCrop: pad /],
    [make(data.transforms.ColorJitter, { bright: 1 }), /^ColorJitter: bright /],
    [make(data.transforms.RandomHorizontalFlip, { chance: 1 }), /^RandomHorizontalFlip: chance /],
    [make(data.transforms.Mixup, { classes: 3 }), /^MixUp: classes /],
    [make(optim.SGD, [zeros([1])], { learningRate: 1 }), /^SGD: learningRate .*\n.* lr, momentum/],
    [make(optim.AdamW, [zeros([1])], { weight_decay: 0.1 }), /^AdamW: weight_decay .*\n.* weightDecay/],
    [make(StepLR, optimizer, 3, { gama: 0.5 }), /^StepLR: gama /],
    [make(StepLR, optimizer, {}), /^StepLR: stepSize is missing/],
    [make(LinearLR, optimizer, { start: 0.5 }), /^LinearLR: start /],
    [make(OneCycleLR, optimizer, 1, { steps: 5 }), /^OneCycleLR: steps /],
    [make(optim.swaUtils.AveragedModel, new nn.Linear(1, 1), { beta: 0.9 }), /^AveragedModel: beta /],
    [make(vit.VisionTransformer, { imageSize: 8, patch: 4 }), /^VisionTransformer: patch is no option/],
    [make(vit.VisionTransformer, { imageSize: 8 }), /^VisionTransformer: patchSize is missing/],
    [make(vit.Vit, { image_size: 8 }), /^Vit: image_size is no option/],
    [call(F.crossEntropy, row, [0, 1], { smoothing: 0.1 }), /^crossEntropy: smoothing /],
    [call(F.dropout, row, 0.5, { train: true }), /^dropout: train /],
    [call(F.interpolate, x, { scale: 2 }), /^interpolate: scale /],
    [call(zeros, [2], { requires_grad: true }), /^zeros: requires_grad .*\n.* requiresGrad, dtype/],
    [call(tensor, [2], { grad: true }), /^tensor: grad /],
    [() => Reflect.apply(row.backward, tensor(1, { requiresGrad: true }), [{ retain_graph: true }]), /^backward: retain_graph /],
    [() => Reflect.apply(new nn.Linear(1, 1).loadStateDict, new nn.Linear(1, 1), [{}, { strikt: false }]), /^Linear.loadStateDict: strikt /],
    [() => Reflect.apply(row.sum, row, [1, { keepDim: true }]), /^sum: keepDim /],
    [() => Reflect.apply(row.var, row, [{ dims: 1 }]), /^var: dims /],
  ]
  for (const [act, pattern] of refusals) assert.throws(act, isError(ValueError, pattern), String(pattern))
})

test('undefined stands for an option that is left out', () => {
  assert.is(String(new nn.LayerNorm(3, { eps: undefined })), String(new nn.LayerNorm(3)))
})

test('what is no tensor is refused by every function', () => {
  const named: [string, (given: unknown) => () => unknown][] = [
    ...(['relu', 'gelu', 'silu', 'tanh', 'sigmoid', 'softmax', 'logSoftmax', 'leakyRelu', 'dropout', 'dropPath'] as const).map((name): [string, (given: unknown) => () => unknown] => [name, (given) => call(F[name], given, 0)]),
    ['linear', (given) => call(F.linear, given, row)], ['linear', (given) => call(F.linear, row, given)],
    ['conv2d', (given) => call(F.conv2d, given, x)], ['maxPool2d', (given) => call(F.maxPool2d, given, 2)], ['avgPool2d', (given) => call(F.avgPool2d, given, 2)],
    ['adaptiveAvgPool2d', (given) => call(F.adaptiveAvgPool2d, given, 2)], ['layerNorm', (given) => call(F.layerNorm, given, 2)], ['groupNorm', (given) => call(F.groupNorm, given, 1)],
    ['batchNorm', (given) => call(F.batchNorm, given, null, null)], ['pad', (given) => call(F.pad, given, [1, 1])], ['interpolate', (given) => call(F.interpolate, given, { size: 2 })],
    ['crossEntropy', (given) => call(F.crossEntropy, given, [0])], ['nllLoss', (given) => call(F.nllLoss, given, [0])], ['mseLoss', (given) => call(F.mseLoss, row, given)], ['l1Loss', (given) => call(F.l1Loss, given, row)],
    ['klDiv', (given) => call(F.klDiv, row, given)], ['binaryCrossEntropyWithLogits', (given) => call(F.binaryCrossEntropyWithLogits, given, row)], ['scaledDotProductAttention', (given) => call(F.scaledDotProductAttention, x, given, x)],
    ['normalize', (given) => call(F.normalize, given)], ['embedding', (given) => call(F.embedding, [0], given)], ['zerosLike', (given) => call(zerosLike, given)], ['uniform_', (given) => call(nn.init.uniform_, given)], ['constant_', (given) => call(nn.init.zeros_, given)],
  ]
  for (const [name, act] of named) for (const given of [null, undefined, 3, 'x', {}]) assert.throws(act(given), isError(ValueError, new RegExp(`^${name}: .* is no tensor`)), `${name}(${String(given)})`)
})

test('what is no list of parameters, no optimizer and no dataset is refused', () => {
  const refusals: [(given: unknown) => () => unknown, RegExp][] = [
    [(given) => make(optim.Adam, given), /^Adam: something that is no list of parameters/],
    [(given) => call(nn.utils.clipGradNorm_, given, 1), /^clipGradNorm_: /],
    [(given) => make(optim.lrScheduler.StepLR, given, 1), /^StepLR: its first argument is no optimizer/],
    [(given) => make(optim.lrScheduler.OneCycleLR, given, 1, { totalSteps: 3 }), /^OneCycleLR: its first argument is no optimizer/],
    [(given) => make(data.DataLoader, given), /^DataLoader: what it was given is no dataset/],
    [(given) => call(data.randomSplit, given, [1]), /^randomSplit: what it was given is no dataset/],
  ]
  for (const [act, pattern] of refusals) for (const given of [null, undefined, 3, {}]) assert.throws(act(given), isError(ValueError, pattern), String(pattern))
})

test('initial values are drawn the same with options by name and in their place', () => {
  const drawn = (draw: (w: Tensor) => Tensor) => {
    manualSeed(1)
    return [...draw(zeros([4, 5])).data]
  }
  assert.equal(drawn((w) => nn.init.normal_(w, { mean: 1, std: 2 })), drawn((w) => nn.init.normal_(w, 1, 2)))
  assert.equal(drawn((w) => nn.init.uniform_(w, { b: 3 })), drawn((w) => nn.init.uniform_(w, 0, 3)))
  assert.equal(drawn((w) => nn.init.kaimingNormal_(w, { mode: 'fan_out' })), drawn((w) => nn.init.kaimingNormal_(w, { mode: 'fanOut' })))
})

test('what stands in its place may be given by its name, as in Python', () => {
  const images = tensor(Array.from({ length: 24 }, (_, i) => Math.sin(i)), { shape: [2, 1, 3, 4] })
  const matrix = images.reshape([6, 4])
  const same: [Tensor | readonly Tensor[], Tensor | readonly Tensor[]][] = [
    [matrix.softmax({ dim: 0 }), matrix.softmax(0)],
    [F.softmax(matrix, { dim: 0 }), matrix.softmax(0)],
    [F.logSoftmax(matrix, { dim: 0 }), matrix.logSoftmax(0)],
    [matrix.cumsum({ dim: 1 }), matrix.cumsum(1)],
    [matrix.unsqueeze({ dim: 1 }), matrix.unsqueeze(1)],
    [images.squeeze({ dim: 1 }), images.squeeze(1)],
    [images.flatten({ startDim: 2 }), images.flatten(2)],
    [images.flatten({ endDim: 1 }), images.flatten(0, 1)],
    [matrix.tril({ diagonal: -1 }), matrix.tril(-1)],
    [matrix.triu({ diagonal: 1 }), matrix.triu(1)],
    [matrix.split(2, { dim: 1 }), matrix.split(2, 1)],
    [matrix.chunk(2, { dim: 1 }), matrix.chunk(2, 1)],
    [matrix.unbind({ dim: 1 }), matrix.unbind(1)],
    [cat([matrix, matrix], { dim: 1 }), cat([matrix, matrix], 1)],
    [stack([matrix, matrix], { dim: 1 }), stack([matrix, matrix], 1)],
    [F.oneHot([0, 2], { numClasses: 4 }), F.oneHot([0, 2], 4)],
    [F.dropout(matrix, { p: 1 }), matrix.mul(0)],
    [new nn.Softmax({ dim: 0 })(matrix), matrix.softmax(0)],
    [new nn.Flatten({ startDim: 2 })(images), images.flatten(2)],
    [new nn.Flatten({ startDim: 0, endDim: 1 })(images), images.flatten(0, 1)],
  ]
  const listed = (result: Tensor | readonly Tensor[]) => [result].flat().map((part) => [part.shape, [...part.data]])
  for (const [named, placed] of same) assert.equal(listed(named), listed(placed))
  assert.is(String(new nn.Dropout({ p: 0.25 })), 'Dropout(p=0.25, inplace=False)')
  for (const act of [() => Reflect.apply(matrix.softmax, matrix, [{}]), call(F.softmax, matrix, { axis: 0 }), call(cat, [matrix], { dims: 0 }), make(nn.Softmax, {})]) assert.throws(act, isError(ValueError))
})

test('datasets and transforms take arguments in the places that PyTorch has for them, with the same draws', () => {
  const T = data.transforms
  const picture = tensor(Array.from({ length: 75 }, (_, i) => (i * 7) % 11 / 11), { shape: [3, 5, 5] })
  const same: [(x: Tensor) => Tensor, (x: Tensor) => Tensor][] = [
    [new T.RandomCrop(4, 2, false, 0.5, 'constant'), new T.RandomCrop(4, { padding: 2, fill: 0.5 })],
    [new T.Pad(1, 0.5), new T.Pad(1, { fill: 0.5 })],
    [new T.RandomResizedCrop(3, [0.2, 0.9], [1, 1]), new T.RandomResizedCrop(3, { scale: [0.2, 0.9], ratio: [1, 1] })],
    [new T.Resize(3, 'nearest'), new T.Resize(3, { interpolation: 'nearest' })],
    [new T.ColorJitter(0.4, 0.3, 0.2, 0.1), new T.ColorJitter({ brightness: 0.4, contrast: 0.3, saturation: 0.2, hue: 0.1 })],
    [new T.RandomErasing(1, [0.1, 0.3]), new T.RandomErasing({ p: 1, scale: [0.1, 0.3] })],
    [new T.RandomAffine(20, [0.1, 0.2], [0.5, 2]), new T.RandomAffine(20, { translate: [0.1, 0.2], scale: [0.5, 2] })],
    [new T.RandomRotation(20, 'bilinear'), new T.RandomRotation(20, { interpolation: 'bilinear' })],
    [new T.Grayscale(3), new T.Grayscale({ numOutputChannels: 3 })],
  ]
  const drawn = (transform: (x: Tensor) => Tensor) => {
    manualSeed(1)
    const result = transform(picture)
    return [result.shape, ...result.data]
  }
  for (const [placed, named] of same) assert.equal(drawn(placed), drawn(named))
  const dataset = new data.TensorDataset(ones([7]))
  assert.is(new data.DataLoader(dataset, 2, true).length, 4)
  const parts = (split: data.Subset[]) => split.map(({ indices }) => indices)
  assert.equal(parts(data.randomSplit(dataset, [3, 4], new Generator(5))), parts(data.randomSplit(dataset, [3, 4], { generator: new Generator(5) })))
})

test.run()
