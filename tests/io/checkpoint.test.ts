/** Checkpoints: what goes in comes out to the bit, and training goes on from one as if it had not stopped. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { arange, DataError, Generator, getRngState, io, manualSeed, nn, optim, randint, randn, setRngState, tensor, Tensor, ValueError, vit } from 'vitgrad'
import { isError } from '../is-error.ts'

const test = suite('checkpoint')
let folder = ''
test.before(() => void (folder = mkdtempSync(join(tmpdir(), 'vitgrad-io-'))))
test.after(() => rmSync(folder, { recursive: true }))
test.before.each(() => {
  manualSeed(0)
  readdirSync(folder).forEach((name) => rmSync(join(folder, name)))
})

function roundTrip<State extends object>(state: State): State {
  const path = join(folder, 'state')
  io.saveCheckpoint(path, state)
  return io.loadCheckpoint<State>(path)
}

test('numbers, texts and all that is neither come back as they were', () => {
  const state = {
    numbers: [0, -0, 1 / 3, 5e-324, 1.7976931348623157e308, 2 ** 53, NaN, Infinity, -Infinity, -1e-7],
    texts: ['', 'ä "quoted"\n\u2028', '\ud800', '$', 'NaN'],
    rest: [true, false, null, undefined, [], {}, [[[]]]],
    names: { '': 1, '0.weight': 2, 'a/b': 3, $: 4, $x: { $: 'Tensor', key: 'x' }, __metadata__: 5, toString: 6 },
  }
  assert.ok(isDeepStrictEqual(roundTrip(state), state))
  assert.ok(isDeepStrictEqual(roundTrip({ first: state, second: state }), { first: state, second: state }))
})

test("the name '__proto__' is a name like others", () => {
  const back = roundTrip({ ['__proto__']: { lr: 0.1, x: tensor([1]) } })
  assert.is(Object.getPrototypeOf(back), Object.prototype)
  assert.equal(Object.entries(back).map(([name, { lr, x }]) => [name, lr, x.item()]), [['__proto__', 0.1, 1]])
})

test('tensors come back with bits, shape and label, whatever they hold', () => {
  const numbers = new Float32Array(Uint32Array.of(0x7fc00001, 0xffc12345, 1, 0x80000000, 0x7f800000, 0x3f800000).buffer)
  const x = tensor(numbers, { shape: [2, 3] })
  const state = { x, turned: x.t(), label: tensor([0.5, -0], { dtype: 'int64' }), mask: tensor([true, false]), scalar: tensor(3), none: arange(0) }
  const back = roundTrip(state)
  const bytes = (t: Tensor) => [...new Uint8Array(t.data.slice().buffer)]
  for (const [name, t] of Object.entries(state)) {
    const same: Tensor = Reflect.get(back, name)
    assert.equal([same.shape, same.dtype, bytes(same)], [t.shape, t.dtype, bytes(t)], name)
  }
})

test('typed arrays come back as they were, also windows on larger ones', () => {
  const state = [
    Int8Array.of(-1), Uint8Array.of(1, 255), Uint8ClampedArray.of(3), Int16Array.of(-2), Uint16Array.of(65535), Int32Array.of(-3), Uint32Array.of(2 ** 32 - 1),
    Float32Array.of(NaN, -0), Float64Array.of(0.1, -0), BigInt64Array.of(-(2n ** 63n)), BigUint64Array.of(2n ** 64n - 1n), new Float64Array(0), Float64Array.of(1, 2, 3).subarray(1, 2),
  ]
  assert.ok(isDeepStrictEqual(roundTrip(state), state))
  assert.equal(roundTrip([Buffer.from([1, 2])]), [Uint8Array.of(1, 2)])
})

test('tensors stand in the file under their paths, which differ even where joined names do not', () => {
  const [a, b, c] = [1, 2, 3].map((value) => tensor([value]))
  const state = { model: { 'blocks.0.weight': a }, 'model/blocks.0.weight': b, list: [{ m: c }] }
  const back = roundTrip(state)
  assert.equal([back.model['blocks.0.weight'].item(), back['model/blocks.0.weight'].item(), back.list[0].m.item()], [1, 2, 3])
  assert.equal(Object.keys(io.loadSafetensors(join(folder, 'state'))), ['model/blocks.0.weight', "model/blocks.0.weight'", 'list/0/m'])
})

test('what cannot be kept is refused by its path, and nothing is written', () => {
  const refuses = (state: object, pattern: RegExp) => assert.throws(() => io.saveCheckpoint(join(folder, 'state'), state), isError(ValueError, pattern))
  const model = new nn.Linear(1, 1)
  refuses({ model }, /^saveCheckpoint: model is a function/)
  refuses({ run: { optimizer: new optim.SGD(model.parameters()) } }, /^saveCheckpoint: run\/optimizer is a SGD/)
  refuses([1, 2n], /^saveCheckpoint: 1 is a bigint/)
  refuses({ seen: new Map() }, /^saveCheckpoint: seen is a Map/)
  refuses({ view: new DataView(new ArrayBuffer(1)) }, /^saveCheckpoint: view is a DataView/)
  const loop: Record<string, unknown> = {}
  refuses({ loop: Object.assign(loop, { again: loop }) }, /^saveCheckpoint: loop\/again is one of the objects that it lies in/)
})

test('other files are refused as checkpoints', () => {
  const path = join(folder, 'state')
  const refuses = (pattern: RegExp) => assert.throws(() => io.loadCheckpoint(path), (error: unknown) => error instanceof DataError && error.message.includes(path) && pattern.test(error.message))
  refuses(/cannot be read \(ENOENT/)
  io.saveSafetensors(path, { x: tensor([1]) })
  refuses(/is a safetensors file, but no checkpoint/)
  io.saveCheckpoint(path, { x: tensor([1]) })
  const { state, ...others } = io.safetensorsMetadata(path)
  const forged = (json: string, x = tensor([1])) => io.saveSafetensors(path, { x }, { ...others, state: json })
  forged(state.slice(1))
  refuses(/holds no state \(/)
  forged(state, tensor([1], { dtype: 'int64' }))
  refuses(/lacks 'x' of type F32/)
  forged('{"x": {"$": "Matrix"}}')
  refuses(/holds a Matrix, which this version does not know/)
})

// ---- going on

type Run = { losses: number[]; weights: number[] }

const build = () => new vit.VisionTransformer({ imageSize: 8, patchSize: 4, classes: 3, dim: 8, depth: 1, heads: 2, dropout: 0.1 })

const optimizers: Readonly<Record<string, (params: Iterable<Tensor>) => optim.Optimizer<{ lr: number }>>> = {
  'SGD with momentum': (params) => new optim.SGD(params, { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-3 }),
  'SGD in groups': (params) => {
    const [first, ...rest] = params
    return new optim.SGD([{ params: [first], lr: 0.5 }, { params: rest, momentum: 0.9, dampening: 0.1 }], { lr: 0.1 })
  },
  Adam: (params) => new optim.Adam(params, { lr: 0.01, amsgrad: true, weightDecay: 0.1 }),
  AdamW: (params) => new optim.AdamW(params, { lr: 0.01, betas: [0.8, 0.95] }),
  RMSprop: (params) => new optim.RMSprop(params, { lr: 1e-3, momentum: 0.5, centered: true }),
}

interface Schedule {
  step(): void
  stateDict(): optim.lrScheduler.SchedulerState
  loadStateDict(state: optim.lrScheduler.SchedulerState): void
}

const S = optim.lrScheduler
const schedules: Readonly<Record<string, (optimizer: optim.Optimizer<{ lr: number }>) => Schedule>> = {
  StepLR: (o) => new S.StepLR(o, 2, { gamma: 0.3 }),
  MultiStepLR: (o) => new S.MultiStepLR(o, [1, 5]),
  ConstantLR: (o) => new S.ConstantLR(o, { totalIters: 6 }),
  LinearLR: (o) => new S.LinearLR(o, { startFactor: 0.1, totalIters: 7 }),
  ExponentialLR: (o) => new S.ExponentialLR(o, 0.9),
  CosineAnnealingLR: (o) => new S.CosineAnnealingLR(o, 3),
  LambdaLR: (o) => new S.LambdaLR(o, (epoch) => 1 / (1 + epoch)),
  OneCycleLR: (o) => new S.OneCycleLR(o, 0.1, { totalSteps: 12, cycleMomentum: 'momentum' in o.defaults && o.defaults.momentum !== 0 }),
  SequentialLR: (o) => new S.SequentialLR(o, [new S.LinearLR(o, { startFactor: 0.1, totalIters: 3 }), new S.CosineAnnealingLR(o, 5)], [3]),
}

/** Trains for 8 steps; after step `stop`, everything is saved and goes on from the file in objects made anew, of other seeds. */
function train(makeOptimizer: (typeof optimizers)[string], makeSchedule: (typeof schedules)[string], stop: number | null): Run {
  manualSeed(1)
  let model = build()
  let optimizer = makeOptimizer(model.parameters())
  let schedule = makeSchedule(optimizer)
  let order = new Generator(7)
  const losses: number[] = []
  for (let step = 1; step <= 8; step++) {
    const picture = randn([4, 3, 8, 8], { generator: order })
    optimizer.zeroGrad()
    const loss = nn.functional.crossEntropy(model(picture), randint(0, 3, [4]))
    loss.backward()
    optimizer.step()
    schedule.step()
    losses.push(loss.item())
    if (step !== stop) continue
    const saved = roundTrip({ model: model.stateDict(), optimizer: optimizer.stateDict(), schedule: schedule.stateDict(), random: getRngState(), order: order.getState(), step })
    manualSeed(99)
    model = build()
    optimizer = makeOptimizer(model.parameters())
    schedule = makeSchedule(optimizer)
    model.loadStateDict(saved.model)
    optimizer.loadStateDict(saved.optimizer)
    schedule.loadStateDict(saved.schedule)
    setRngState(saved.random)
    order = new Generator()
    order.setState(saved.order)
    assert.is(saved.step, step)
  }
  return { losses, weights: [...model.parameters()].flatMap((p) => [...p.data]) }
}

for (const [name, makeOptimizer] of Object.entries(optimizers))
  test(`${name}: from a checkpoint, training gives the losses and weights of a run that did not stop`, () => {
    const whole = train(makeOptimizer, schedules.CosineAnnealingLR, null)
    assert.ok(whole.losses.every(Number.isFinite))
    for (const stop of [1, 4]) assert.equal(train(makeOptimizer, schedules.CosineAnnealingLR, stop), whole)
  })

for (const [name, makeSchedule] of Object.entries(schedules))
  test(`${name}: from a checkpoint, rates go on as if nothing had happened`, () => {
    const makeOptimizer = optimizers['SGD with momentum']
    const whole = train(makeOptimizer, makeSchedule, null)
    for (const stop of [2, 5]) assert.equal(train(makeOptimizer, makeSchedule, stop), whole)
  })

test.run()
