/** Options go by name. What PyTorch takes in its place is refused, where it would otherwise pass unseen. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { manualSeed, nn, ones, optim, zeros, type Tensor } from 'vitgrad'

const F = nn.functional
const x = ones([1, 1, 4, 4])
const row = ones([2, 3])
const weight = ones([3])

/** Calls and constructions as a program without types makes them. */
const call = (fn: (...args: never[]) => unknown, ...args: unknown[]) => () => Reflect.apply(fn, null, args)
const make = (of: abstract new (...args: never[]) => unknown, ...args: unknown[]) => () => Reflect.construct(of as new () => unknown, args)

test('numbers, tensors and lists in the place of options are refused by name', () => {
  const refusals: [() => unknown, RegExp][] = [
    [make(nn.Linear, 2, 3, false), /^Linear: false stands where options are expected/],
    [make(nn.Conv2d, 3, 8, 3, 1, 1), /^Conv2d: 1 stands/],
    [make(nn.MaxPool2d, 2, 2), /^MaxPool2d: 2 stands/],
    [make(nn.LayerNorm, 4, 1e-6), /^LayerNorm: 0.000001 stands/],
    [make(nn.BatchNorm2d, 4, 1e-3), /^BatchNorm2d: 0.001 stands/],
    [make(nn.GELU, 'tanh'), /^GELU: tanh stands/],
    [make(nn.CrossEntropyLoss, weight), /^CrossEntropyLoss: a tensor stands/],
    [make(nn.MultiheadAttention, 4, 2, 0.1), /^MultiheadAttention: 0.1 stands/],
    [make(optim.SGD, [zeros([1])], 0.1), /^SGD: 0.1 stands/],
    [make(optim.Adam, [zeros([1])], 0.1), /^Adam: 0.1 stands/],
    [make(optim.AdamW, [zeros([1])], null), /^AdamW: null stands/],
    [call(F.maxPool2d, x, 2, 2), /^maxPool2d: 2 stands/],
    [call(F.layerNorm, row, [3], weight), /^layerNorm: a tensor stands/],
    [call(F.crossEntropy, row, [0, 1], weight), /^crossEntropy: a tensor stands/],
    [call(F.scaledDotProductAttention, x, x, x, x), /^scaledDotProductAttention: a tensor stands/],
    [call(F.dropout, x, 0.5, false), /^dropout: false stands/],
    [call(F.normalize, row, 1), /^normalize: 1 stands/],
    [call(F.gelu, row, 'tanh'), /^gelu: tanh stands/],
    [() => row.gelu(JSON.parse('{"approximate": "sigmoid"}')), /^gelu: sigmoid is no way/],
    [call(nn.init.xavierUniform_, row, 2), /^xavierUniform_: 2 stands/],
    [call(nn.init.kaimingUniform_, row, { mode: 'fan' }), /^kaiming: fan is no mode/],
  ]
  for (const [act, pattern] of refusals) assert.throws(act, pattern)
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

test.run()
