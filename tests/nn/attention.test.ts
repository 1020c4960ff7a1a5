/** nn.MultiheadAttention, the Transformer's encoder and the notebook's attention: masks, layouts, and what they refuse. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { manualSeed, nn, noGrad, ones, rand, randn, tensor, type Tensor } from 'vitgrad'
import { assertClose } from './golden.ts'

test.before.each(() => void manualSeed(0))

const attention = (options: nn.MultiheadAttentionOptions = {}) => new nn.MultiheadAttention(6, 2, { batchFirst: true, ...options })

test('attention is the formula of its parts', () => {
  const module = attention()
  const [q, k, v] = [randn([2, 3, 6]), randn([2, 4, 6]), randn([2, 4, 6])]
  const state = module.stateDict()
  const [Q, K, V] = [q, k, v].map((x, i) => nn.functional.linear(x, state.in_proj_weight.chunk(3)[i], state.in_proj_bias.chunk(3)[i]))
  const heads = [0, 1].map((h) => {
    const part = (x: Tensor) => x.narrow(-1, 3 * h, 3)
    return part(Q).matmul(part(K).transpose(1, 2)).div(Math.sqrt(3)).softmax(-1)
  })
  const joined = [0, 1].flatMap((b) => [0, 1, 2].flatMap((row) => heads.flatMap((weights, h) => [...weights.at(b, row).matmul(V.at(b).narrow(-1, 3 * h, 3)).data])))
  const [output, weights] = module(q, k, v)
  assertClose(output.data, nn.functional.linear(tensor(joined).reshape([2, 3, 6]), state['out_proj.weight'], state['out_proj.bias']).data)
  assertClose(weights?.data ?? [], heads[0].add(heads[1]).div(2).data)
})

test('the batch may come first, second, or not at all', () => {
  const [first, second] = [attention(), attention({ batchFirst: false })]
  second.loadStateDict(first.stateDict())
  const x = randn([2, 3, 6])
  const [output, weights] = first(x, x, x)
  const t = x.transpose(0, 1)
  const [transposed, same] = second(t, t, t)
  assertClose(transposed.transpose(0, 1).data, output.data)
  assertClose(same?.data ?? [], weights?.data ?? [])
  const one = x.select(0, 1)
  const [single, own] = first(one, one, one)
  assert.equal([single.shape, own?.shape], [[3, 6], [3, 3]])
  assertClose(single.data, output.select(0, 1).data)
})

test('one tensor as query, key and value gives what equal tensors give', () => {
  const module = attention()
  const x = randn([2, 3, 6])
  assertClose(module(x, x, x)[0].data, module(x, x.clone(), x.clone())[0].data)
})

test('blocked keys weigh nothing, in masks of booleans and of numbers, alone and together', () => {
  const module = attention()
  const x = randn([2, 3, 6])
  const keyPaddingMask = tensor([[false, false, true], [false, true, false]])
  const attnMask = tensor([[false, true, true], [false, false, true], [false, false, false]])
  const numbers = (mask: Tensor) => tensor(mask.data.map((blocked) => (blocked ? -Infinity : 0)), { shape: mask.shape })
  const [output, weights] = module(x, x, x, { keyPaddingMask, attnMask })
  const shown = weights?.tolist()
  assert.ok(Array.isArray(shown))
  const zero = [[[1, 2], [2], [2]], [[1, 2], [1, 2], [1]]]
  shown.forEach((rows, b) => Array.isArray(rows) && rows.forEach((row, i) => assert.equal(Array.isArray(row) && row.flatMap((value, j) => (value === 0 ? [j] : [])), zero[b][i])))
  for (const masks of [{ keyPaddingMask: numbers(keyPaddingMask), attnMask }, { keyPaddingMask, attnMask: numbers(attnMask) }, { keyPaddingMask, attnMask: attnMask.expand([4, 3, 3]) }])
    assert.ok(module(x, x, x, masks)[0].equal(output))
})

test('weights are returned for each head, as their mean, or not at all', () => {
  const module = attention()
  const x = randn([2, 3, 6])
  const [, each] = module(x, x, x, { averageAttnWeights: false })
  const [, mean] = module(x, x, x)
  assert.equal([each?.shape, mean?.shape], [[2, 2, 3, 3], [2, 3, 3]])
  assertClose(mean?.data ?? [], each?.mean(1).data ?? [])
  assert.is(module(x, x, x, { needWeights: false })[1], null)
})

test('keys and values of other sizes get projections of their own', () => {
  const module = attention({ kdim: 4, vdim: 5, bias: false })
  assert.equal(Object.keys(module.stateDict()), ['q_proj_weight', 'k_proj_weight', 'v_proj_weight', 'out_proj.weight'])
  const [output] = module(randn([2, 3, 6]), randn([2, 7, 4]), randn([2, 7, 5]))
  assert.equal(output.shape, [2, 3, 6])
})

test('attention refuses tensors and masks of other shapes', () => {
  const module = attention()
  const x = ones([2, 3, 6])
  const refuses = (call: () => unknown, pattern: RegExp) => assert.throws(call, pattern)
  refuses(() => module(ones([2, 3, 5]), x, x), /^MultiheadAttention: a query of shape \(2, 3, 5\).*\n {2}help: give \(B, L, 6\)/)
  refuses(() => module(x, ones([3, 3, 6]), ones([3, 3, 6])), /do not fit/)
  refuses(() => module(x, x, ones([2, 4, 6])), /do not fit/)
  refuses(() => module(x.select(0, 0), x, x), /do not fit/)
  refuses(() => module(x, x, x, { keyPaddingMask: tensor([[true, false]]) }), /keyPaddingMask has shape \(1, 2\)\.\n {2}help: give it of shape \(2, 3\)/)
  refuses(() => module(x, x, x, { attnMask: ones([3, 4]) }), /attnMask has shape \(3, 4\)/)
})

test('an encoder layer normalises first or last', () => {
  const x = randn([2, 3, 6])
  const layer = (normFirst: boolean) => {
    manualSeed(1)
    return new nn.TransformerEncoderLayer(6, 2, { dimFeedforward: 4, batchFirst: true, normFirst, activation: (y) => y.silu() }).eval()
  }
  const parts = ({ self_attn, linear1, linear2 }: nn.TransformerEncoderLayer) => ({ attend: (y: Tensor) => self_attn(y, y, y)[0], think: (y: Tensor) => linear2(linear1(y).silu()) })
  const last = layer(false)
  const { attend, think } = parts(last)
  const middle = last.norm1(x.add(attend(x)))
  assertClose(last(x).data, last.norm2(middle.add(think(middle))).data)
  const first = layer(true)
  const summed = x.add(parts(first).attend(first.norm1(x)))
  assertClose(first(x).data, summed.add(parts(first).think(first.norm2(summed))).data)
})

test('masks of an encoder reach the attention of every layer', () => {
  const model = new nn.TransformerEncoder(new nn.TransformerEncoderLayer(6, 2, { dimFeedforward: 4, batchFirst: true }), 2).eval()
  const x = randn([1, 3, 6])
  const changed = x.clone()
  noGrad(() => changed.select(1, 2).fill_(5))
  const srcKeyPaddingMask = tensor([[false, false, true]])
  const blocked = (y: Tensor) => model(y, { srcKeyPaddingMask }).narrow(1, 0, 2)
  assert.ok(blocked(x).equal(blocked(changed)))
  const mask = tensor([[false, true, true], [false, false, true], [false, false, false]])
  const causal = (y: Tensor) => model(y, { mask }).narrow(1, 0, 2)
  assert.ok(causal(x).equal(causal(changed)))
  assert.not(model(x).equal(model(changed)))
})

test('the layers of an encoder begin with equal numbers of their own, and copying draws none', () => {
  const layer = new nn.TransformerEncoderLayer(6, 2, { dimFeedforward: 4 })
  manualSeed(3)
  const model = new nn.TransformerEncoder(layer, 2)
  const next = rand([1]).item()
  manualSeed(3)
  assert.is(rand([1]).item(), next)
  const [first, second] = model.layers
  assert.ok(first.linear1.weight.equal(second.linear1.weight))
  noGrad(() => first.linear1.weight.fill_(0))
  assert.not(first.linear1.weight.equal(second.linear1.weight))
  assert.not(first.linear1.weight.equal(layer.linear1.weight))
})

test("the notebook's attention keeps its weights, and keys past a valid length weigh nothing", () => {
  const module = new nn.MultiHeadAttention(4, 2, 0)
  const x = randn([2, 3, 4])
  module(x, x, x, [1, 3])
  const weights = module.attention.attention_weights
  assert.equal(weights?.shape, [4, 3, 3])
  assert.equal(weights?.at(':2', 0).tolist(), [[1, 0, 0], [1, 0, 0]])
})

test('sequences and batches may be empty', () => {
  const module = new nn.MultiheadAttention(4, 2, { batchFirst: true })
  for (const shape of [[2, 0, 4], [0, 3, 4]]) {
    const x = ones(shape)
    assert.equal(module(x, x, x)[0].shape, shape)
  }
})

// d2l's: bmm of queries and keys, masked_softmax, dropout, bmm with the values
test("the notebook's attention bears the names of its steps, with valid lengths or without", () => {
  const x = randn([2, 3, 4], { requiresGrad: true })
  for (const validLens of [null, [1, 3]]) {
    const module = new nn.DotProductAttention(0.5)
    assert.is(module(x, x, x, validLens).gradFn?.name, 'BmmBackward0')
    assert.is(module.attention_weights?.gradFn?.name, 'SoftmaxBackward0')
  }
})

test('a valid length of 0 gives equal weights, and lengths of another shape are refused', () => {
  assertClose(nn.maskedSoftmax(randn([1, 1, 4]), [0]).data, [0.25, 0.25, 0.25, 0.25])
  assertClose(nn.maskedSoftmax(randn([1, 2, 2]), tensor([[1, 2]])).at(0, 0).data, [1, 0])
  assert.throws(() => nn.maskedSoftmax(randn([2, 1, 4]), [1, 2, 3]), /^maskedSoftmax: valid lengths of shape \(3,\)/)
})

test.run()
