/** Schedules of learning rates beside PyTorch's: golden.json is made by golden.py. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { optim, StateDictError, ValueError, zeros } from 'vitgrad'
import { isError } from '../is-error.ts'

const { ConstantLR, CosineAnnealingLR, ExponentialLR, LambdaLR, LinearLR, MultiStepLR, OneCycleLR, SequentialLR, StepLR } = optim.lrScheduler

const golden: Readonly<Record<string, readonly (readonly number[])[]>> = JSON.parse(readFileSync(new URL('golden.json', import.meta.url), 'utf8'))

function twoGroups(): optim.SGD {
  const [a, b] = [zeros([1], { requiresGrad: true }), zeros([1], { requiresGrad: true })]
  return new optim.SGD([{ params: [a] }, { params: [b], lr: 0.02 }], { lr: 0.1, momentum: 0.9 })
}

interface Steps {
  step(): void
}

const both = (...schedules: readonly Steps[]): Steps => ({ step: () => schedules.forEach((schedule) => schedule.step()) })

const schedules: Readonly<Record<string, (optimizer: optim.SGD) => Steps>> = {
  StepLR: (o) => new StepLR(o, 2, { gamma: 0.5 }),
  MultiStepLR: (o) => new MultiStepLR(o, [1, 3, 3, 6]),
  ConstantLR: (o) => new ConstantLR(o, { factor: 0.25, totalIters: 3 }),
  LinearLR: (o) => new LinearLR(o, { startFactor: 0.5, endFactor: 0.1, totalIters: 4 }),
  ExponentialLR: (o) => new ExponentialLR(o, 0.8),
  CosineAnnealingLR: (o) => new CosineAnnealingLR(o, 3, { etaMin: 0.01 }),
  LambdaLR: (o) => new LambdaLR(o, (epoch) => 0.95 ** epoch),
  'LambdaLR of two': (o) => new LambdaLR(o, [(epoch) => 1 / (1 + epoch), (epoch) => epoch]),
  OneCycleLR: (o) => new OneCycleLR(o, [0.3, 0.6], { totalSteps: 8, baseMomentum: [0.7, 0.8] }),
  'OneCycleLR in three phases': (o) => new OneCycleLR(o, 0.3, { epochs: 2, stepsPerEpoch: 4, threePhase: true, annealStrategy: 'linear', cycleMomentum: false }),
  'warm-up, then cosine': (o) => new SequentialLR(o, [new LinearLR(o, { startFactor: 0.1, totalIters: 3 }), new CosineAnnealingLR(o, 5)], [3]),
  'three in sequence': (o) => new SequentialLR(o, [new ConstantLR(o, { factor: 0.5, totalIters: 9 }), new ExponentialLR(o, 0.5), new StepLR(o, 1)], [2, 5]),
  'sequence with a lambda': (o) => new SequentialLR(o, [new ExponentialLR(o, 0.5), new LambdaLR(o, (epoch) => 1 / (1 + epoch))], [4]),
  'two at once': (o) => both(new ExponentialLR(o, 0.9), new StepLR(o, 3)),
  'changed from outside': (o) => new CosineAnnealingLR(o, 4),
}

const inForce = ({ paramGroups: [first, second] }: optim.SGD) => [first.lr, second.lr, first.momentum]

function assertClose(actual: readonly number[], expected: readonly number[], what: string): void {
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) <= 1e-12 + 1e-9 * Math.abs(expected[i]), `${what}: ${actual}, expected ${expected}`))
}

for (const [name, expected] of Object.entries(golden))
  test(`${name}: rates and momentum are torch's`, () => {
    const optimizer = twoGroups()
    const schedule = schedules[name](optimizer)
    expected.forEach((row, step) => {
      if (step > 0) {
        if (name === 'changed from outside' && step === 3) optimizer.paramGroups[0].lr = 0.5
        optimizer.step()
        schedule.step()
      }
      assertClose(inForce(optimizer), row, `step ${step}`)
    })
  })

test('what is required may be given in its place or by its name', () => {
  const first = (make: (optimizer: optim.SGD) => Steps) => {
    const optimizer = twoGroups()
    const schedule = make(optimizer)
    for (let i = 0; i < 3; i++) schedule.step()
    return inForce(optimizer)
  }
  assert.equal(first((o) => new StepLR(o, { stepSize: 2, gamma: 0.5 })), first((o) => new StepLR(o, 2, { gamma: 0.5 })))
  assert.equal(first((o) => new MultiStepLR(o, { milestones: [2] })), first((o) => new MultiStepLR(o, [2])))
  assert.equal(first((o) => new ExponentialLR(o, { gamma: 0.8 })), first((o) => new ExponentialLR(o, 0.8)))
  assert.equal(first((o) => new CosineAnnealingLR(o, { tMax: 4 })), first((o) => new CosineAnnealingLR(o, 4)))
  assert.equal(first((o) => new CosineAnnealingLR(o, { TMax: 4 })), first((o) => new CosineAnnealingLR(o, 4)))
  assert.equal(first((o) => new OneCycleLR(o, { maxLr: 1, totalSteps: 9 })), first((o) => new OneCycleLR(o, 1, { totalSteps: 9 })))
  assert.equal(first((o) => new LambdaLR(o, { lrLambda: (epoch) => epoch })), first((o) => new LambdaLR(o, (epoch) => epoch)))
  const sequence = (o: optim.SGD) => [new StepLR(o, 1), new StepLR(o, 2)]
  assert.equal(first((o) => new SequentialLR(o, { schedulers: sequence(o), milestones: [2] })), first((o) => new SequentialLR(o, sequence(o), [2])))
  assert.equal(first((o) => new SequentialLR(o, sequence(o), { milestones: [2] })), first((o) => new SequentialLR(o, sequence(o), [2])))
})

test('getLastLr() tells the rates of the last step, whatever has been done to the groups since', () => {
  const optimizer = twoGroups()
  const schedule = new StepLR(optimizer, 1, { gamma: 0.5 })
  assert.equal(schedule.getLastLr(), [0.1, 0.02])
  schedule.step()
  optimizer.paramGroups[0].lr = 9
  assert.equal(schedule.getLastLr(), [0.05, 0.01])
})

test('the rate that each group began with is kept as initialLr', () => {
  const optimizer = twoGroups()
  new LinearLR(optimizer)
  assert.equal(optimizer.paramGroups.map(({ initialLr }) => initialLr), [0.1, 0.02])
})

test("a one cycle moves Adam's first beta and leaves the second", () => {
  const adam = new optim.Adam([zeros([1], { requiresGrad: true })])
  const schedule = new OneCycleLR(adam, 1, { totalSteps: 10 })
  assert.equal(adam.paramGroups[0].betas, [0.95, 0.999])
  for (let i = 0; i < 2; i++) schedule.step()
  assertClose(adam.paramGroups[0].betas, [0.85, 0.999], 'at the peak')
  assertClose([adam.paramGroups[0].lr], [1], 'at the peak')
})

for (const [name, make] of Object.entries({ ...schedules, 'two at once': schedules.StepLR }))
  test(`${name}: a schedule resumed from state dicts, written as JSON, goes on as the first one does`, () => {
    const [first, second] = [twoGroups(), twoGroups()]
    const going = make(first)
    for (let i = 0; i < 4; i++) going.step()
    const resumed = make(second)
    second.loadStateDict(first.stateDict())
    if (!('stateDict' in going && typeof going.stateDict === 'function' && 'loadStateDict' in resumed && typeof resumed.loadStateDict === 'function')) throw new Error('no state')
    resumed.loadStateDict(JSON.parse(JSON.stringify(going.stateDict())))
    for (let i = 0; i < 4; i++) {
      going.step()
      resumed.step()
      assert.equal(inForce(second), inForce(first))
    }
  })

test('the state of another kind of schedule is refused, and changes nothing', () => {
  const optimizer = twoGroups()
  const [step, cosine] = [new StepLR(optimizer, 1), new CosineAnnealingLR(optimizer, 5)]
  const before = cosine.stateDict()
  const refused = isError(StateDictError, /^CosineAnnealingLR\.loadStateDict: it holds .*stepSize/)
  assert.throws(() => cosine.loadStateDict(step.stateDict()), refused)
  assert.throws(() => cosine.loadStateDict({ ...before, lastEpoch: 'two' }), /^CosineAnnealingLR\.loadStateDict: /)
  assert.equal(cosine.stateDict(), before)
  const sequence = new SequentialLR(optimizer, [step], [])
  assert.throws(() => sequence.loadStateDict(before), /^SequentialLR\.loadStateDict: /)
})

test('a step past the end of a cycle is refused and changes nothing', () => {
  const optimizer = twoGroups()
  const schedule = new OneCycleLR(optimizer, 0.1, { totalSteps: 3 })
  for (let i = 0; i < 3; i++) schedule.step()
  const before = inForce(optimizer)
  assert.throws(() => schedule.step(), /^OneCycleLR\.step: step 4 was asked of a cycle of 3 steps/)
  assert.equal([inForce(optimizer), schedule.lastEpoch], [before, 3])
})

test('arguments that make no schedule are refused and change nothing', () => {
  const optimizer = twoGroups()
  const before = structuredClone(inForce(optimizer))
  const refusals: [() => unknown, RegExp][] = [
    [() => new StepLR(optimizer, 0), /^StepLR: stepSize = 0/],
    [() => Reflect.construct(StepLR, [optimizer, {}]), /^StepLR: stepSize is missing/],
    [() => new ExponentialLR(optimizer, NaN), /^ExponentialLR: gamma = NaN/],
    [() => new LinearLR(optimizer, { startFactor: 0 }), /^LinearLR: startFactor = 0 is not a number above 0/],
    [() => new LinearLR(optimizer, { endFactor: 2 }), /^LinearLR: endFactor = 2/],
    [() => new ConstantLR(optimizer, { factor: -1 }), /^ConstantLR: factor = -1/],
    [() => new CosineAnnealingLR(optimizer, 1.5), /^CosineAnnealingLR: tMax = 1\.5/],
    [() => new LambdaLR(optimizer, [() => 1]), /^LambdaLR: lrLambda has 1 entries for 2 parameter groups/],
    [() => new OneCycleLR(optimizer, 1), /^OneCycleLR: epochs = undefined/],
    [() => new OneCycleLR(optimizer, { totalSteps: 5 } as optim.lrScheduler.OneCycleArguments), /^OneCycleLR: maxLr is missing/],
    [() => new OneCycleLR(optimizer, [1, 2, 3], { totalSteps: 5 }), /^OneCycleLR: maxLr has 3 entries/],
    [() => new OneCycleLR(optimizer, 1, { totalSteps: 10, pctStart: 0.1 }), /^OneCycleLR: of 10 steps a share of 0\.1 leaves no step/],
    [() => new OneCycleLR(optimizer, 1, { totalSteps: 10, pctStart: 2 }), /^OneCycleLR: pctStart = 2/],
    [() => new SequentialLR(optimizer, [new StepLR(twoGroups(), 1)], []), /^SequentialLR: a schedule belongs to another optimizer/],
    [() => new SequentialLR(optimizer, [new StepLR(optimizer, 1)], [1]), /^SequentialLR: 1 schedules were given with 1 milestones/],
    [() => new SequentialLR(optimizer, [new StepLR(optimizer, 1), new StepLR(optimizer, 1)], [0]), /^SequentialLR: milestones \[0\]/],
  ]
  for (const [build, pattern] of refusals) assert.throws(build, isError(ValueError, pattern), String(build))
  assert.equal(inForce(optimizer), before)
})

test('a group that is added later goes on from its own rate', () => {
  const optimizer = twoGroups()
  const schedule = new StepLR(optimizer, 1, { gamma: 0.5 })
  optimizer.addParamGroup({ params: [zeros([1], { requiresGrad: true })], lr: 1 })
  schedule.step()
  assert.equal(optimizer.paramGroups.map(({ lr }) => lr), [0.05, 0.01, 0.5])
})

test.run()
