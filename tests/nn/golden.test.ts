/** Layers beside PyTorch: their text, their first numbers, what they compute in training, and the random numbers that they leave. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { manualSeed, nn, rand, randn, tensor, zeros, type Tensor } from 'vitgrad'
import { assertClose, assertSame, golden, projected } from './golden.ts'

const encoder = (options = {}) => new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, dropout: 0.3, ...options })
const plain = (options = {}) => new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, ...options })

const modules: Readonly<Record<string, () => nn.AnyModule>> = {
  Linear: () => new nn.Linear(3, 4),
  'Linear without bias': () => new nn.Linear(3, 4, { bias: false }),
  Conv2d: () => new nn.Conv2d(3, 4, 2),
  'Conv2d with all options': () => new nn.Conv2d(4, 8, [3, 1], { stride: 2, padding: [1, 0], dilation: 2, groups: 2, bias: false }),
  'Conv2d of the same size': () => new nn.Conv2d(3, 4, 3, { padding: 'same' }),
  LayerNorm: () => new nn.LayerNorm(4),
  'LayerNorm of two sizes': () => new nn.LayerNorm([4, 5], { eps: 1e-6, elementwiseAffine: false }),
  BatchNorm1d: () => new nn.BatchNorm1d(4),
  BatchNorm2d: () => new nn.BatchNorm2d(4, { eps: 1e-3, momentum: null, affine: false, trackRunningStats: false }),
  GroupNorm: () => new nn.GroupNorm(2, 4),
  Dropout: () => new nn.Dropout(0.1),
  Embedding: () => new nn.Embedding(10, 3),
  'Embedding with padding': () => new nn.Embedding(10, 3, { paddingIdx: -1 }),
  ReLU: () => new nn.ReLU(),
  'ReLU in place': () => new nn.ReLU({ inplace: true }),
  LeakyReLU: () => new nn.LeakyReLU(),
  'LeakyReLU of a slope': () => new nn.LeakyReLU(0.2),
  GELU: () => new nn.GELU(),
  'GELU tanh': () => new nn.GELU({ approximate: 'tanh' }),
  SiLU: () => new nn.SiLU(),
  Tanh: () => new nn.Tanh(),
  Sigmoid: () => new nn.Sigmoid(),
  Softmax: () => new nn.Softmax(-1),
  LogSoftmax: () => new nn.LogSoftmax(1),
  Identity: () => new nn.Identity(),
  Flatten: () => new nn.Flatten(),
  MaxPool2d: () => new nn.MaxPool2d(2),
  'MaxPool2d with all options': () => new nn.MaxPool2d([3, 2], { stride: [2, 1], padding: 1, ceilMode: true }),
  AvgPool2d: () => new nn.AvgPool2d(2, { padding: 1 }),
  'AvgPool2d of pairs': () => new nn.AvgPool2d([3, 2], { stride: [2, 1] }),
  AdaptiveAvgPool2d: () => new nn.AdaptiveAvgPool2d(1),
  'AdaptiveAvgPool2d of pairs': () => new nn.AdaptiveAvgPool2d([null, 7]),
  Unfold: () => new nn.Unfold(2),
  'Unfold of pairs': () => new nn.Unfold([2, 3], { dilation: 2, padding: [0, 1], stride: [2, 3] }),
  CrossEntropyLoss: () => new nn.CrossEntropyLoss(),
  NLLLoss: () => new nn.NLLLoss(),
  MSELoss: () => new nn.MSELoss(),
  L1Loss: () => new nn.L1Loss(),
  SmoothL1Loss: () => new nn.SmoothL1Loss({ beta: 0.5 }),
  HuberLoss: () => new nn.HuberLoss({ delta: 0.5 }),
  BCELoss: () => new nn.BCELoss(),
  BCEWithLogitsLoss: () => new nn.BCEWithLogitsLoss(),
  KLDivLoss: () => new nn.KLDivLoss(),
  MultiheadAttention: () => new nn.MultiheadAttention(8, 2),
  'MultiheadAttention without bias': () => new nn.MultiheadAttention(8, 2, { bias: false, kdim: 3 }),
  TransformerEncoderLayer: () => plain({ batchFirst: true, normFirst: true }),
  TransformerEncoder: () => new nn.TransformerEncoder(plain({ batchFirst: true, normFirst: true }), 2, { norm: new nn.LayerNorm(8) }),
  Sequential: () => new nn.Sequential(new nn.Linear(2, 2), new nn.Sequential(new nn.ReLU(), new nn.Dropout()), new nn.Sequential()),
  ModuleList: () => new nn.ModuleList<nn.Module>([new nn.Linear(1, 1), new nn.Identity()]),
  'empty ModuleList': () => new nn.ModuleList(),
  ModuleDict: () => new nn.ModuleDict<nn.Module>({ conv: new nn.Conv2d(1, 2, 3), act: new nn.ReLU() }),
}

test('every module is printed as torch prints it', () => {
  assert.equal(Object.keys(modules), Object.keys(golden.text))
  for (const [name, build] of Object.entries(modules)) assert.is(String(build()), golden.text[name])
})

const fresh: Readonly<Record<string, () => nn.AnyModule>> = {
  Linear: () => new nn.Linear(5, 3),
  'Linear without bias': () => new nn.Linear(20, 10, { bias: false }),
  Conv2d: () => new nn.Conv2d(3, 4, 2),
  'Conv2d in groups': () => new nn.Conv2d(4, 6, [3, 1], { groups: 2 }),
  LayerNorm: () => new nn.LayerNorm(4),
  BatchNorm2d: () => new nn.BatchNorm2d(4),
  GroupNorm: () => new nn.GroupNorm(2, 4),
  Embedding: () => new nn.Embedding(7, 5),
  'Embedding with padding': () => new nn.Embedding(3, 4, { paddingIdx: 1 }),
  MultiheadAttention: () => new nn.MultiheadAttention(8, 2),
  'MultiheadAttention without bias': () => new nn.MultiheadAttention(8, 2, { bias: false }),
  'MultiheadAttention of other sizes': () => new nn.MultiheadAttention(8, 2, { kdim: 3, vdim: 5 }),
  TransformerEncoderLayer: () => plain(),
  TransformerEncoder: () => new nn.TransformerEncoder(plain(), 2),
}

for (const [name, build] of Object.entries(fresh))
  test(`${name}: names and first numbers are torch's, bit for bit, and so is the next random number`, () => {
    const { parameters, next } = golden.draws[name]
    manualSeed(0)
    const state = build().stateDict()
    assert.is(rand([1]).item(), Math.fround(next))
    assert.equal(Object.keys(state), Object.keys(parameters))
    for (const [key, value] of Object.entries(state)) assertSame(value, parameters[key], key)
  })

const fills: Readonly<Record<string, (w: Tensor) => Tensor>> = {
  uniform_: (w) => nn.init.uniform_(w, -2, 3),
  normal_: (w) => nn.init.normal_(w, 1, 2),
  constant_: (w) => nn.init.constant_(w, 0.3),
  xavierUniform_: (w) => nn.init.xavierUniform_(w, { gain: 2 }),
  xavierNormal_: (w) => nn.init.xavierNormal_(w),
  kaimingUniform_: (w) => nn.init.kaimingUniform_(w, { mode: 'fanOut', nonlinearity: 'relu' }),
  kaimingNormal_: (w) => nn.init.kaimingNormal_(w, { a: 0.2 }),
  truncNormal_: (w) => nn.init.truncNormal_(w, { std: 0.02 }),
  'truncNormal_ between bounds': (w) => nn.init.truncNormal_(w, { mean: 1, std: 2, a: 0, b: 2.5 }),
}

for (const [name, fill] of Object.entries(fills))
  test(`init.${name} fills a leaf with torch's numbers, bit for bit`, () => {
    manualSeed(0)
    const weight = zeros([6, 4, 3], { requiresGrad: true })
    assert.is(fill(weight), weight)
    assertSame(weight, golden.init[name].value, name)
    assert.is(rand([1]).item(), Math.fround(golden.init[name].next))
  })

const maps: Readonly<Record<string, (w: Tensor) => Tensor>> = {
  eye_: (w) => nn.init.eye_(w),
  dirac_: (w) => nn.init.dirac_(w),
  'dirac_ in groups': (w) => nn.init.dirac_(w, 2),
  orthogonal_: (w) => nn.init.orthogonal_(w),
  'orthogonal_, tall': (w) => nn.init.orthogonal_(w),
  'orthogonal_, wide, with a gain': (w) => nn.init.orthogonal_(w, { gain: 2 }),
}

for (const [name, { shape, value, next }] of Object.entries(golden.orthogonal))
  test(`init.${name} fills a leaf with torch's numbers`, () => {
    manualSeed(0)
    const weight = zeros(shape, { requiresGrad: true })
    assert.is(maps[name](weight), weight)
    assertClose(weight.data, value, name, 1e-6)
    assert.is(rand([1]).item(), Math.fround(next))
  })

const losses: Readonly<Record<string, (x: Tensor, y: Tensor) => Tensor>> = {
  smoothL1Loss: (x, y) => nn.functional.smoothL1Loss(x, y),
  'smoothL1Loss, beta': (x, y) => new nn.SmoothL1Loss({ beta: 0.3, reduction: 'sum' })(x, y),
  'smoothL1Loss, beta 0': (x, y) => nn.functional.smoothL1Loss(x.add(3), y, { beta: 0 }),
  huberLoss: (x, y) => nn.functional.huberLoss(x, y),
  'huberLoss, delta': (x, y) => new nn.HuberLoss({ delta: 0.3, reduction: 'sum' })(x, y),
  binaryCrossEntropy: (x, y) => nn.functional.binaryCrossEntropy(x.clamp(0, 1), y),
  'binaryCrossEntropy, weight': (x, y) => new nn.BCELoss({ weight: y.add(1), reduction: 'sum' })(x.sigmoid(), y),
}

for (const [name, { value, grad, text }] of Object.entries(golden.losses))
  test(`${name}: value, gradient and name are torch's`, () => {
    manualSeed(0)
    const [x, y] = [randn([4, 5]), rand([4, 5])]
    y.at(0, ':3').copy_(tensor([0, 1, 1]))
    x.at(0, ':3').copy_(tensor([0, 0, 1]))
    const loss = losses[name](x.requiresGrad_(), y)
    loss.backward()
    assertClose(loss.data, [value], name)
    assertClose(x.grad?.data ?? [], grad, `gradient of ${name}`)
    assert.is(loss.gradFn?.name, text)
  })

type Case<Args extends unknown[], Result> = readonly [build: () => nn.Module<Args, Result>, shape: readonly number[], call: (module: nn.Module<Args, Result>, x: Tensor) => readonly (Tensor | null)[]]
const run = <Args extends unknown[], Result>(...[build, shape, call]: Case<Args, Result>) => (seed: number) => {
  manualSeed(seed)
  const module = build()
  const x = randn(shape, { requiresGrad: true })
  return { module, x, outputs: call(module, x).filter((output) => output !== null) }
}

const once = (module: (x: Tensor) => Tensor, x: Tensor) => [module(x)]

const runs: Readonly<Record<string, (seed: number) => { module: nn.AnyModule; x: Tensor; outputs: Tensor[] }>> = {
  Dropout: run(() => new nn.Dropout(0.3), [4, 5], once),
  'Dropout of a view': run(() => new nn.Dropout(0.3), [4, 5], (module, x) => [module(x.t())]),
  MultiheadAttention: run(() => new nn.MultiheadAttention(8, 2, { dropout: 0.3 }), [5, 2, 8], (module, x) => module(x, x, x)),
  'MultiheadAttention, batch first': run(
    () => new nn.MultiheadAttention(8, 4, { dropout: 0.3, batchFirst: true }),
    [2, 5, 8],
    (module, x) => module(x, x.at(':', ':3'), x.at(':', ':3'), { averageAttnWeights: false }),
  ),
  TransformerEncoderLayer: run(() => encoder(), [5, 2, 8], once),
  'TransformerEncoderLayer, batch first': run(() => encoder({ batchFirst: true, activation: 'gelu' }), [2, 5, 8], once),
  'TransformerEncoderLayer, norm first': run(() => encoder({ batchFirst: true, normFirst: true }), [2, 5, 8], once),
  TransformerEncoder: run(() => new nn.TransformerEncoder(encoder(), 2, { norm: new nn.LayerNorm(8) }), [3, 2, 8], once),
  BatchNorm2d: run(() => new nn.BatchNorm2d(3, { momentum: null }), [2, 3, 2, 2], (module, x) => [module(module(x))]),
  GroupNorm: run(() => new nn.GroupNorm(2, 4), [2, 4, 3], once),
}

for (const [name, recorded] of Object.entries(golden.runs))
  test(`${name} in training: outputs, gradients, buffers and the random numbers used are torch's`, () => {
    const { module, x, outputs } = runs[name](recorded.seed)
    outputs.reduce((sum, y) => sum.add(y.mul(y).sum()), zeros([])).backward()
    assert.is(rand([1]).item(), Math.fround(recorded.next))
    outputs.forEach((y, i) => assertClose(y.data, recorded.outputs[i], `output ${i}`))
    const grads = [...module.namedParameters()].map(([key, p]): [string, Tensor | null] => [key, p.grad])
    assert.equal(grads.map(([key]) => key), Object.keys(recorded.grads))
    for (const [key, grad] of [['input', x.grad], ...grads] as const) assertClose([grad ? projected(grad) : NaN], [key === 'input' ? recorded.grad : recorded.grads[key]], `gradient of ${key}`, 2e-5)
    assert.equal([...module.namedBuffers()].map(([key]) => key), Object.keys(recorded.buffers))
    for (const [key, buffer] of module.namedBuffers()) assertClose(buffer.data, recorded.buffers[key], key)
  })

const F = nn.functional
const resized: Readonly<Record<string, nn.functional.InterpolateOptions>> = { size: { size: [5, 4] }, 'size one': { size: 1 }, factor: { scaleFactor: 2 }, 'uneven factors': { scaleFactor: [1.7, 0.6] } }
const functions: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  ...Object.fromEntries(
    Object.entries(resized).flatMap(([name, options]) => [
      [`nearest, ${name}`, (x: Tensor) => F.interpolate(x, options)],
      [`bilinear, ${name}`, (x: Tensor) => F.interpolate(x, { mode: 'bilinear', ...options })],
      [`bilinear, corners aligned, ${name}`, (x: Tensor) => F.interpolate(x, { mode: 'bilinear', alignCorners: true, ...options })],
    ]),
  ),
  normalize: (x) => F.normalize(x),
  'normalize, p 1': (x) => F.normalize(x, { p: 1, dim: -1 }),
  'normalize, p 3': (x) => F.normalize(x, { p: 3, dim: 2 }),
  'normalize, p inf': (x) => F.normalize(x, { p: Infinity, dim: 0 }),
  adaptive: (x) => F.adaptiveAvgPool2d(x, [2, null]),
  'average, divided by 3': (x) => F.avgPool2d(x, 2, { divisorOverride: 3 }),
  leakyRelu: (x) => F.leakyRelu(x, 0.2),
  'convolution of the same size': (x) => F.conv2d(x, x.at(':', ':', ':2', ':4'), null, { padding: 'same', dilation: [1, 2] }),
  'convolution, valid': (x) => F.conv2d(x, x.at(':', ':', ':2', ':4'), null, { padding: 'valid', stride: 2 }),
  unfold: (x) => F.unfold(x, 2),
  'unfold of pairs': (x) => new nn.Unfold([2, 3], { dilation: [1, 2], padding: [0, 1], stride: [2, 1] })(x),
  'unfold of one picture': (x) => F.unfold(x.at(0), 3),
  cosineSimilarity: (x) => F.cosineSimilarity(x, x.flip(0)),
  'cosineSimilarity, broadcast': (x) => F.cosineSimilarity(x, x.at(':1', ':', ':', ':1'), { dim: -1 }),
  norm: (x) => x.norm(),
  'norm, along dimensions': (x) => x.norm({ dim: [1, 2] }),
  'norm, p 3': (x) => x.norm(3, 1, { keepdim: true }),
  'norm, p inf': (x) => x.norm(Infinity, 0),
}

test('resizing, normalizing, pooling and the like compute what torch computes', () => {
  assert.equal(Object.keys(functions), Object.keys(golden.functions))
  for (const [name, f] of Object.entries(functions)) {
    manualSeed(0)
    const y = f(randn([2, 2, 3, 5]))
    const [shape, values] = golden.functions[name]
    assert.equal(y.shape, shape, name)
    assertClose(y.data, values, name)
  }
})

test.run()
