/** Training that is taken up in its middle from state dicts, with every optimizer and schedule, against PyTorch's. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { manualSeed, nn, optim, randint, randn, type Tensor } from 'vitgrad'

interface Case {
  readonly optimizer: string
  readonly schedule: string
  readonly rows: readonly (readonly [loss: number, lr: number, momentum: number])[]
}

const golden: Case[] = JSON.parse(readFileSync(new URL('resume.golden.json', import.meta.url), 'utf8'))
const { Adam, AdamW, RMSprop, SGD } = optim
const { ConstantLR, CosineAnnealingLR, ExponentialLR, LambdaLR, LinearLR, MultiStepLR, OneCycleLR, SequentialLR, StepLR } = optim.lrScheduler

type Params = Iterable<Tensor>
type Rule = optim.SGD | optim.Adam | optim.AdamW | optim.RMSprop

const optimizers: Readonly<Record<string, (params: Params) => Rule>> = {
  SGD: (p) => new SGD(p, { lr: 0.1 }),
  'SGD with momentum and decay': (p) => new SGD(p, { lr: 0.1, momentum: 0.9, weightDecay: 0.01 }),
  'SGD with dampening': (p) => new SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.3 }),
  'SGD with Nesterov momentum': (p) => new SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true }),
  Adam: (p) => new Adam(p, { lr: 0.02 }),
  'Adam with the largest mean': (p) => new Adam(p, { lr: 0.02, amsgrad: true, weightDecay: 0.05 }),
  AdamW: (p) => new AdamW(p, { lr: 0.02, betas: [0.8, 0.95], eps: 1e-6, weightDecay: 0.1 }),
  RMSprop: (p) => new RMSprop(p, { lr: 0.01 }),
  'RMSprop, centered, with momentum': (p) => new RMSprop(p, { lr: 0.01, alpha: 0.9, momentum: 0.9, centered: true, weightDecay: 0.01 }),
}

type Schedule = optim.lrScheduler.LRScheduler | optim.lrScheduler.SequentialLR

const schedules: Readonly<Record<string, (rule: Rule) => Schedule | null>> = {
  none: () => null,
  StepLR: (o) => new StepLR(o, 3, { gamma: 0.5 }),
  MultiStepLR: (o) => new MultiStepLR(o, [2, 5, 5, 9], { gamma: 0.3 }),
  ConstantLR: (o) => new ConstantLR(o, { factor: 0.5, totalIters: 7 }),
  LinearLR: (o) => new LinearLR(o, { startFactor: 0.2, totalIters: 8 }),
  ExponentialLR: (o) => new ExponentialLR(o, 0.9),
  CosineAnnealingLR: (o) => new CosineAnnealingLR(o, 6, { etaMin: 0.001 }),
  LambdaLR: (o) => new LambdaLR(o, (epoch) => 0.95 ** epoch),
  SequentialLR: (o) => new SequentialLR(o, [new LinearLR(o, { startFactor: 0.1, totalIters: 3 }), new CosineAnnealingLR(o, 7)], [3]),
  'SequentialLR, next after resuming': (o) => new SequentialLR(o, [new ConstantLR(o, { factor: 0.1, totalIters: 2 }), new ExponentialLR(o, 0.9), new StepLR(o, 2, { gamma: 0.5 })], [2, 6]),
  OneCycleLR: (o) => new OneCycleLR(o, 0.2, { totalSteps: 12 }),
  'OneCycleLR in three phases': (o) => new OneCycleLR(o, 0.2, { totalSteps: 12, threePhase: true, annealStrategy: 'linear' }),
}

function start({ optimizer, schedule }: Case) {
  manualSeed(11)
  const model = new nn.Sequential(new nn.Linear(4, 6), new nn.Tanh(), new nn.Linear(6, 3))
  const rule = optimizers[optimizer](model.parameters())
  return { model, rule, scheduler: schedules[schedule](rule) }
}

/** What start() makes, with the state of what another start() made, by way of JSON where a file would hold plain values. */
function resumed(parts: ReturnType<typeof start>, given: Case) {
  const states = { model: parts.model.clone().stateDict(), rule: parts.rule.stateDict(), scheduler: JSON.stringify(parts.scheduler?.stateDict() ?? null) }
  const fresh = start(given)
  fresh.model.loadStateDict(states.model)
  Reflect.apply(fresh.rule.loadStateDict, fresh.rule, [states.rule])
  fresh.scheduler?.loadStateDict(JSON.parse(states.scheduler))
  return fresh
}

for (const given of golden)
  test(`${given.optimizer}, schedule ${given.schedule}: resumed in the middle, it goes on as torch does`, () => {
    manualSeed(99)
    const [inputs, labels] = [randn([10, 8, 4]), randint(0, 3, [10, 8])]
    let parts = start(given)
    given.rows.forEach(([loss, lr, momentum], step) => {
      if (step === 5) parts = resumed(parts, given)
      const { model, rule, scheduler } = parts
      rule.zeroGrad()
      const ours = nn.functional.crossEntropy(model(inputs.at(step)), labels.at(step))
      ours.backward()
      rule.step()
      const [group] = rule.paramGroups
      assert.ok(Math.abs(ours.item() - loss) < 3e-5 * loss, `step ${step}: loss ${ours.item()}, not ${loss}`)
      assert.ok(Math.abs(group.lr - lr) < 1e-12, `step ${step}: rate ${group.lr}, not ${lr}`)
      const moving = 'betas' in group ? group.betas[0] : 'momentum' in group ? group.momentum : NaN
      assert.ok(Math.abs(moving - momentum) < 1e-12, `step ${step}: momentum ${moving}, not ${momentum}`)
      scheduler?.step()
    })
  })

test.run()
