/** Averaged models: their numbers beside torch's, and that they are models of their own. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { arange, io, manualSeed, nn, noGrad, optim, randn, ShapeError, ValueError, vit, type Tensor } from 'vitgrad'
import { isError } from '../is-error.ts'

const { AveragedModel } = optim.swaUtils

test.before.each(() => void manualSeed(0))

/** The model of step t: tensor i holds (5j + 3i + 7t) mod 11 at place j. */
function modelOf(t: number): nn.Sequential {
  const model = new nn.Sequential(new nn.Linear(2, 2), new nn.BatchNorm1d(2))
  const numbers = (count: number, i: number) => arange(count).mul(5).add(3 * i + 7 * t)
  const modulo = (x: Tensor) => x.sub(x.div(11).floor().mul(11))
  noGrad(() => [...model.parameters(), ...model.buffers()].forEach((x, i) => x.copy_(modulo(numbers(x.numel(), i)).reshape(x.shape))))
  return model
}

/** What the state holds after the models of steps 1 to 3, from a copy of the model of step 0. */
function afterThree(options: optim.swaUtils.AveragedModelOptions): Record<string, number[]> {
  const averaged = new AveragedModel(modelOf(0), options)
  for (const t of [1, 2, 3]) averaged.updateParameters(modelOf(t))
  return Object.fromEntries(Object.entries(averaged.stateDict()).map(([key, x]) => [key, [...x.data].map((value) => Number(value.toFixed(5)))]))
}

// a = torch.optim.swa_utils.AveragedModel(model(0), avg_fn=..., use_buffers=...); for t in 1, 2, 3: a.update_parameters(model(t)); a.state_dict()
const ema = {
  'module.0.weight': [6.94, 1.93, 5.94, 0.93], 'module.0.bias': [8.84, 3.94],
  'module.1.weight': [2.93, 6.94], 'module.1.bias': [4.94, 8.84],
}

test('without a decay it is the mean of all models, as in torch', () => {
  const { n_averaged, ...rest } = afterThree({})
  assert.equal(n_averaged, [3])
  assert.equal(Object.entries(rest).slice(0, 4), Object.entries({
    'module.0.weight': [6.66667, 4.33333, 5.66667, 3.33333], 'module.0.bias': [6, 3.66667],
    'module.1.weight': [5.33333, 6.66667], 'module.1.bias': [4.66667, 6],
  }))
})

test('with a decay it is an exponential mean that starts from the first model, and buffers are those of the last', () => {
  const last = Object.fromEntries(Object.entries(modelOf(3).stateDict()).slice(4).map(([key, x]) => [`module.${key}`, [...x.data]]))
  assert.equal(afterThree({ decay: 0.9 }), { n_averaged: [3], ...ema, ...last })
})

test('useBuffers averages buffers as torch does, but for counters', () => {
  const counted = { 'module.1.num_batches_tracked': [...modelOf(3).stateDict()['1.num_batches_tracked'].data] }
  assert.equal(afterThree({ decay: 0.9, useBuffers: true }), { n_averaged: [3], ...ema, 'module.1.running_mean': [6.84, 2.93], 'module.1.running_var': [0.93, 4.94], ...counted })
})

test('it is called like the model, and neither changes with the other', () => {
  const model = new vit.Vit({ imageSize: 8, patchSize: 4, numBlocks: 1, heads: 2, dropout: 0, classes: 3 })
  const averaged = new AveragedModel(model, { decay: 0.5 })
  const x = randn([2, 3, 8, 8])
  const before = model(x).data.slice()
  assert.equal(averaged(x).data, before)
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 })
  model(x).sum().backward()
  optimizer.step()
  assert.equal(averaged(x).data, before)
  averaged.updateParameters(model)
  assert.equal(averaged(x).data, model(x).data)
  averaged.eval()
  assert.ok(model.training && !averaged.module.training)
})

test('a mean goes on from its state to the bit', () => {
  const [going, resumed] = [0, 0].map((t) => new AveragedModel(modelOf(t), { decay: 0.99 }))
  going.updateParameters(modelOf(1))
  resumed.loadStateDict(io.decodeSafetensors(io.encodeSafetensors(going.stateDict())))
  for (const averaged of [going, resumed]) averaged.updateParameters(modelOf(2))
  assert.equal(Object.values(resumed.stateDict()).map((x) => [...x.data]), Object.values(going.stateDict()).map((x) => [...x.data]))
})

test('other models, and decays out of range, are refused', () => {
  const averaged = new AveragedModel(modelOf(0))
  assert.throws(() => averaged.updateParameters(new nn.Sequential(new nn.Linear(2, 2))), isError(ShapeError, /^updateParameters: the model has tensors of shapes \(2, 2\), \(2,\)/))
  assert.is(averaged.n_averaged.item(), 0)
  for (const decay of [-0.1, 1.1, NaN]) assert.throws(() => new AveragedModel(modelOf(0), { decay }), isError(ValueError, /^AveragedModel: decay = /))
})

test.run()
