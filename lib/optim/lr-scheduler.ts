/**
 * Learning rate schedules. Each changes `lr` of the optimizer's groups when it is made and at every step().
 *
 * As in torch.optim.lr_scheduler, most derive the next rate from the one in force, so that they can be combined and a rate
 * that was changed from outside is respected. What PyTorch requires may be given in its place or by its name:
 * StepLR(optimizer, 30) or StepLR(optimizer, { stepSize: 30 }).
 */
import { StateDictError, ValueError } from '../tensor/errors.ts'
import type { Optimizer, ParamGroup } from './optimizer.ts'

interface Rates {
  lr: number
  momentum?: number
  betas?: readonly [number, number]
}

/** Any optimizer: its groups have a learning rate. */
export type Scheduled = Optimizer<Rates>

/** What stateDict() returns: plain values by name. */
export type SchedulerState = Readonly<Record<string, unknown>>

/** Options of which the first may be given in its place before the others. */
type FirstOr<First, Options> = First | Options

function withFirst<First, Options extends object>(name: keyof Options, first: FirstOr<First, Options>, options: Partial<Options>): Partial<Options> {
  return isOptions(first) ? first : { [name]: first, ...options } as Partial<Options>
}

function isOptions<First, Options extends object>(value: FirstOr<First, Options>): value is Options {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function checkWhole(scheduler: string, name: string, value: number | undefined): number {
  if (value === undefined || !Number.isInteger(value) || value < 1) throw new ValueError(scheduler, `${name} = ${value} is not a whole number of at least 1`, `give ${name} as a whole number`)
  return value
}

function checkNumber(scheduler: string, name: string, value: number | undefined): number {
  if (typeof value !== 'number' || Number.isNaN(value)) throw new ValueError(scheduler, `${name} = ${value} is not a number`, `give ${name} as a number`)
  return value
}

/** A factor of 0 is refused where later rates are derived from it. */
function checkShare(scheduler: string, name: string, value: number, { zero = false }: { readonly zero?: boolean } = {}): number {
  if (!(value >= 0 && value <= 1) || (value === 0 && !zero)) throw new ValueError(scheduler, `${name} = ${value} is not a number ${zero ? 'from' : 'above'} 0 up to 1`, `give ${name} in that range`)
  return value
}

/** One value for each group: a list of as many, or the same for all. */
function forEachGroup<T>(scheduler: string, name: string, optimizer: Scheduled, value: T | readonly T[]): readonly T[] {
  const { length } = optimizer.paramGroups
  if (!Array.isArray(value)) return Array.from({ length }, () => value as T)
  if (value.length !== length) throw new ValueError(scheduler, `${name} has ${value.length} entries for ${length} parameter groups`, 'give one value, or one for each group')
  return value as readonly T[]
}

/** What all schedules share. `Options` are plain values that stay as they are. */
export abstract class LRScheduler<Options extends object = object> {
  readonly optimizer: Scheduled
  protected options: Options
  /** How many steps have been made. */
  lastEpoch = 0
  protected baseLrs: readonly number[]
  protected lastLr: readonly number[] = []

  constructor(optimizer: Scheduled, options: Options) {
    this.optimizer = optimizer
    this.options = options
    for (const group of optimizer.paramGroups) group.initialLr ??= group.lr
    this.baseLrs = optimizer.paramGroups.map((group) => group.initialLr ?? group.lr)
    this.advance(0)
  }

  /** The rate of a group at `epoch`, where its rate so far is `lr` and the one that it began with `base`. */
  protected abstract rate(epoch: number, lr: number, base: number, group: number): number

  /** Goes on to the next rate. Call it after optimizer.step(). */
  step(): void {
    this.advance(this.lastEpoch + 1)
  }

  /** Begins anew from the initial rates. */
  restart(): void {
    this.optimizer.paramGroups.forEach((group, i) => (group.lr = this.base(group, i)))
    this.advance(0)
  }

  protected advance(epoch: number): void {
    const { paramGroups } = this.optimizer
    const rates = paramGroups.map((group, i) => this.rate(epoch, group.lr, this.base(group, i), i))
    paramGroups.forEach((group, i) => (group.lr = rates[i]))
    this.lastEpoch = epoch
    this.lastLr = rates
  }

  /** A group that was added later begins with the rate that it had then. */
  protected base(group: ParamGroup<Rates>, i: number): number {
    return this.baseLrs[i] ?? (group.initialLr ??= group.lr)
  }

  /** The rates in force since the last step, one for each group. */
  getLastLr(): number[] {
    return [...this.lastLr]
  }

  /** All that the next steps depend on besides the optimizer's state. Functions are left out. */
  stateDict(): SchedulerState {
    const options = Object.entries(this.options).filter(([, value]) => typeof value !== 'function' && !(Array.isArray(value) && value.some((entry) => typeof entry === 'function')))
    return structuredClone({ ...Object.fromEntries(options), lastEpoch: this.lastEpoch, baseLrs: this.baseLrs, lastLr: this.lastLr })
  }

  /** Takes over what stateDict() returned of a schedule of the same kind. Nothing is changed when it throws. */
  loadStateDict(state: SchedulerState): void {
    const own = this.stateDict()
    const names = (of: SchedulerState) => Object.keys(of).sort().join(', ')
    const refuse = (problem: string) => new StateDictError(`${this.constructor.name}.loadStateDict`, problem, 'load what stateDict() of the same kind of schedule returned')
    if (names(state) !== names(own)) throw refuse(`it holds ${names(state)}; ${names(own)} were expected`)
    const { lastEpoch, baseLrs, lastLr, ...options } = structuredClone(state)
    if (typeof lastEpoch !== 'number' || !isNumbers(baseLrs) || !isNumbers(lastLr)) throw refuse('lastEpoch is no number, or baseLrs or lastLr are no lists of numbers')
    this.options = { ...this.options, ...options }
    this.lastEpoch = lastEpoch
    this.baseLrs = baseLrs
    this.lastLr = lastLr
  }
}

const isNumbers = (value: unknown): value is readonly number[] => Array.isArray(value) && value.every((entry) => typeof entry === 'number')

/** The initial rate times a factor that a function (one, or one for each group) gives for the number of steps made. */
export class LambdaLR extends LRScheduler<{ readonly lrLambda: readonly ((epoch: number) => number)[] }> {
  constructor(optimizer: Scheduled, first: ((epoch: number) => number) | readonly ((epoch: number) => number)[] | { readonly lrLambda: ((epoch: number) => number) | readonly ((epoch: number) => number)[] }) {
    const given = typeof first === 'object' && 'lrLambda' in first ? first.lrLambda : first
    const lrLambda = forEachGroup('LambdaLR', 'lrLambda', optimizer, given)
    if (!lrLambda.every((fn) => typeof fn === 'function')) throw new ValueError('LambdaLR', 'something that is no function was given', 'give a function from the number of steps to a factor')
    super(optimizer, { lrLambda })
  }
  protected rate(epoch: number, _lr: number, base: number, group: number): number {
    const factor = this.options.lrLambda[group]
    return factor ? base * factor(epoch) : base
  }
}

interface StepOptions {
  readonly stepSize: number
  readonly gamma: number
}

/** Times gamma every stepSize steps. */
export class StepLR extends LRScheduler<StepOptions> {
  constructor(optimizer: Scheduled, first: FirstOr<number, Partial<StepOptions>>, options: Partial<StepOptions> = {}) {
    const { stepSize, gamma = 0.1 } = withFirst<number, Partial<StepOptions>>('stepSize', first, options)
    super(optimizer, { stepSize: checkWhole('StepLR', 'stepSize', stepSize), gamma: checkNumber('StepLR', 'gamma', gamma) })
  }
  protected rate(epoch: number, lr: number): number {
    return epoch > 0 && epoch % this.options.stepSize === 0 ? lr * this.options.gamma : lr
  }
}

interface MultiStepOptions {
  readonly milestones: readonly number[]
  readonly gamma: number
}

/** Times gamma at each of the milestones, as often as it is listed. */
export class MultiStepLR extends LRScheduler<MultiStepOptions> {
  constructor(optimizer: Scheduled, first: FirstOr<readonly number[], Partial<MultiStepOptions>>, options: Partial<MultiStepOptions> = {}) {
    const { milestones, gamma = 0.1 } = withFirst<readonly number[], Partial<MultiStepOptions>>('milestones', first, options)
    if (!isNumbers(milestones)) throw new ValueError('MultiStepLR', 'milestones are no list of numbers', 'give the numbers of the steps at which the rate changes')
    super(optimizer, { milestones: [...milestones], gamma: checkNumber('MultiStepLR', 'gamma', gamma) })
  }
  protected rate(epoch: number, lr: number): number {
    return lr * this.options.gamma ** this.options.milestones.filter((milestone) => milestone === epoch).length
  }
}

interface ConstantOptions {
  readonly factor: number
  readonly totalIters: number
}

/** Times `factor` until totalIters steps are made. */
export class ConstantLR extends LRScheduler<ConstantOptions> {
  constructor(optimizer: Scheduled, { factor = 1 / 3, totalIters = 5 }: Partial<ConstantOptions> = {}) {
    super(optimizer, { factor: checkShare('ConstantLR', 'factor', factor), totalIters: checkWhole('ConstantLR', 'totalIters', totalIters) })
  }
  protected rate(epoch: number, lr: number): number {
    if (epoch === 0) return lr * this.options.factor
    return epoch === this.options.totalIters ? lr * (1 / this.options.factor) : lr
  }
}

interface LinearOptions {
  readonly startFactor: number
  readonly endFactor: number
  readonly totalIters: number
}

/** Times a factor that goes evenly from startFactor to endFactor in totalIters steps. */
export class LinearLR extends LRScheduler<LinearOptions> {
  constructor(optimizer: Scheduled, { startFactor = 1 / 3, endFactor = 1, totalIters = 5 }: Partial<LinearOptions> = {}) {
    super(optimizer, {
      startFactor: checkShare('LinearLR', 'startFactor', startFactor),
      endFactor: checkShare('LinearLR', 'endFactor', endFactor, { zero: true }),
      totalIters: checkWhole('LinearLR', 'totalIters', totalIters),
    })
  }
  protected rate(epoch: number, lr: number): number {
    const { startFactor, endFactor, totalIters } = this.options
    if (epoch === 0) return lr * startFactor
    if (epoch > totalIters) return lr
    const rise = endFactor - startFactor
    return lr * (1 + rise / (totalIters * startFactor + (epoch - 1) * rise))
  }
}

interface ExponentialOptions {
  readonly gamma: number
}

/** Times gamma every step. */
export class ExponentialLR extends LRScheduler<ExponentialOptions> {
  constructor(optimizer: Scheduled, first: FirstOr<number, ExponentialOptions>) {
    const { gamma } = withFirst<number, ExponentialOptions>('gamma', first, {})
    super(optimizer, { gamma: checkNumber('ExponentialLR', 'gamma', gamma) })
  }
  protected rate(epoch: number, lr: number): number {
    return epoch === 0 ? lr : lr * this.options.gamma
  }
}

interface CosineOptions {
  /** Steps from the initial rate down to etaMin. PyTorch's T_max. */
  readonly tMax: number
  readonly etaMin: number
}

/** etaMin + ½ · (base − etaMin) · (1 + cos(π · t / tMax)), derived from one step to the next (Loshchilov, Hutter 2017). */
export class CosineAnnealingLR extends LRScheduler<CosineOptions> {
  /** T_max may be called tMax or TMax. */
  constructor(optimizer: Scheduled, first: FirstOr<number, Partial<CosineOptions & { readonly TMax: number }>>, options: Partial<CosineOptions> = {}) {
    const { TMax, tMax = TMax, etaMin = 0 } = withFirst<number, Partial<CosineOptions & { readonly TMax: number }>>('tMax', first, options)
    super(optimizer, { tMax: checkWhole('CosineAnnealingLR', 'tMax', tMax), etaMin: checkNumber('CosineAnnealingLR', 'etaMin', etaMin) })
  }
  protected rate(epoch: number, lr: number, base: number): number {
    const { tMax, etaMin } = this.options
    if (epoch === 0) return lr
    // After the valley the quotient below would divide by 0.
    if ((epoch - 1 - tMax) % (2 * tMax) === 0) return lr + ((base - etaMin) * (1 - Math.cos(Math.PI / tMax))) / 2
    return ((1 + Math.cos((Math.PI * epoch) / tMax)) / (1 + Math.cos((Math.PI * (epoch - 1)) / tMax))) * (lr - etaMin) + etaMin
  }
}

export interface OneCycleArguments {
  /** The highest rate, for all groups or for each. */
  readonly maxLr: number | readonly number[]
  /** Steps of the whole cycle; or epochs and stepsPerEpoch, whose product it is. */
  readonly totalSteps?: number | null
  readonly epochs?: number | null
  readonly stepsPerEpoch?: number | null
  /** Share of the cycle in which the rate rises. */
  readonly pctStart?: number
  readonly annealStrategy?: 'cos' | 'linear'
  /** Move the momentum (Adam's first beta) against the rate, between baseMomentum and maxMomentum. */
  readonly cycleMomentum?: boolean
  readonly baseMomentum?: number | readonly number[]
  readonly maxMomentum?: number | readonly number[]
  /** The cycle starts from maxLr / divFactor and ends at that / finalDivFactor. */
  readonly divFactor?: number
  readonly finalDivFactor?: number
  /** Fall as long as the rate rose, then on to the end, instead of falling to the end at once. */
  readonly threePhase?: boolean
}

interface OneCycleOptions {
  readonly totalSteps: number
  readonly pctStart: number
  readonly annealStrategy: 'cos' | 'linear'
  readonly cycleMomentum: boolean
  readonly threePhase: boolean
  readonly initialLrs: readonly number[]
  readonly maxLrs: readonly number[]
  readonly minLrs: readonly number[]
  readonly baseMomentums: readonly number[]
  readonly maxMomentums: readonly number[]
}

type Level = 'initialLrs' | 'maxLrs' | 'minLrs' | 'baseMomentums' | 'maxMomentums'

/** A part of the cycle, up to the step `end`, and what rate and momentum go from and to. */
interface Phase {
  readonly end: number
  readonly lr: readonly [Level, Level]
  readonly momentum: readonly [Level, Level]
}

/** One rise to maxLr and one fall (Smith, Topin 2018). It has an end: a step past it is an error. */
export class OneCycleLR extends LRScheduler<OneCycleOptions> {
  constructor(optimizer: Scheduled, first: FirstOr<number | readonly number[], OneCycleArguments>, options: Partial<OneCycleArguments> = {}) {
    const given = withFirst<number | readonly number[], OneCycleArguments>('maxLr', first, options)
    const { maxLr, pctStart = 0.3, annealStrategy = 'cos', cycleMomentum = true, baseMomentum = 0.85, maxMomentum = 0.95, divFactor = 25, finalDivFactor = 1e4, threePhase = false } = given
    checkShare('OneCycleLR', 'pctStart', pctStart, { zero: true })
    if (annealStrategy !== 'cos' && annealStrategy !== 'linear') throw new ValueError('OneCycleLR', `${String(annealStrategy)} is no way to anneal`, "give 'cos' or 'linear'")
    if (cycleMomentum && !('momentum' in optimizer.defaults) && !('betas' in optimizer.defaults))
      throw new ValueError('OneCycleLR', 'the optimizer has no momentum to cycle', 'pass { cycleMomentum: false }')
    if (maxLr === undefined) throw new ValueError('OneCycleLR', 'maxLr is missing', 'give the highest learning rate')
    const maxLrs = forEachGroup('OneCycleLR', 'maxLr', optimizer, maxLr)
    const initialLrs = maxLrs.map((rate) => rate / divFactor)
    const cycle: OneCycleOptions = {
      totalSteps: stepsOf(given),
      pctStart,
      annealStrategy,
      cycleMomentum,
      threePhase,
      initialLrs,
      maxLrs,
      minLrs: initialLrs.map((rate) => rate / finalDivFactor),
      baseMomentums: forEachGroup('OneCycleLR', 'baseMomentum', optimizer, baseMomentum),
      maxMomentums: forEachGroup('OneCycleLR', 'maxMomentum', optimizer, maxMomentum),
    }
    const [{ end }] = phasesOf(cycle)
    if (end === 0) throw new ValueError('OneCycleLR', `of ${cycle.totalSteps} steps a share of ${pctStart} leaves no step in which the rate rises`, 'give a larger pctStart, or 0')
    optimizer.paramGroups.forEach((group, i) => (group.initialLr = initialLrs[i]))
    super(optimizer, cycle)
  }

  protected override advance(epoch: number): void {
    super.advance(epoch)
    if (!this.options.cycleMomentum) return
    this.optimizer.paramGroups.forEach((group, i) => {
      const momentum = levelAt(this.options, epoch, i, ({ momentum }) => momentum)
      if (group.betas) group.betas = [momentum, group.betas[1]]
      else group.momentum = momentum
    })
  }
  protected rate(epoch: number, _lr: number, _base: number, group: number): number {
    const { totalSteps } = this.options
    if (epoch > totalSteps) throw new ValueError('OneCycleLR.step', `step ${epoch} was asked of a cycle of ${totalSteps} steps`, 'make fewer steps, or a schedule with a larger totalSteps')
    return levelAt(this.options, epoch, group, ({ lr }) => lr)
  }
}

function stepsOf({ totalSteps, epochs, stepsPerEpoch }: Partial<OneCycleArguments>): number {
  if (totalSteps !== undefined && totalSteps !== null) return checkWhole('OneCycleLR', 'totalSteps', totalSteps)
  return checkWhole('OneCycleLR', 'epochs', epochs ?? undefined) * checkWhole('OneCycleLR', 'stepsPerEpoch', stepsPerEpoch ?? undefined)
}

function phasesOf({ totalSteps, pctStart, threePhase }: OneCycleOptions): readonly Phase[] {
  const rise: Phase = { end: pctStart * totalSteps - 1, lr: ['initialLrs', 'maxLrs'], momentum: ['maxMomentums', 'baseMomentums'] }
  const end = totalSteps - 1
  if (!threePhase) return [rise, { end, lr: ['maxLrs', 'minLrs'], momentum: ['baseMomentums', 'maxMomentums'] }]
  return [
    rise,
    { end: 2 * pctStart * totalSteps - 2, lr: ['maxLrs', 'initialLrs'], momentum: ['baseMomentums', 'maxMomentums'] },
    { end, lr: ['initialLrs', 'minLrs'], momentum: ['maxMomentums', 'maxMomentums'] },
  ]
}

/** Rate or momentum of a group at `epoch`, between the levels that its phase goes from and to. */
function levelAt(cycle: OneCycleOptions, epoch: number, group: number, levels: (phase: Phase) => readonly [Level, Level]): number {
  const phases = phasesOf(cycle)
  const found = phases.findIndex(({ end }) => epoch <= end)
  const at = found < 0 ? phases.length - 1 : found
  const begin = at === 0 ? 0 : phases[at - 1].end
  const [from, to] = levels(phases[at]).map((level) => cycle[level][group])
  const share = (epoch - begin) / (phases[at].end - begin)
  return cycle.annealStrategy === 'cos' ? to + ((from - to) / 2) * (Math.cos(Math.PI * share) + 1) : (to - from) * share + from
}

interface SequentialOptions {
  readonly schedulers: readonly LRScheduler[]
  readonly milestones: readonly number[]
}

/** Schedules one after the other: from step milestones[i] on, schedulers[i + 1], begun anew from the initial rates. */
export class SequentialLR {
  readonly optimizer: Scheduled
  lastEpoch = 0
  readonly #schedulers: readonly LRScheduler[]
  #milestones: readonly number[]

  constructor(optimizer: Scheduled, first: FirstOr<readonly LRScheduler[], SequentialOptions>, later: readonly number[] = []) {
    const { schedulers = [], milestones = [] } = withFirst<readonly LRScheduler[], SequentialOptions>('schedulers', first, { milestones: later })
    if (schedulers.length === 0 || !isNumbers(milestones) || milestones.length !== schedulers.length - 1)
      throw new ValueError('SequentialLR', `${schedulers.length} schedules were given with ${milestones.length} milestones`, 'give one milestone fewer than schedules: the steps at which the next one takes over')
    if (!milestones.every((milestone, i) => Number.isInteger(milestone) && milestone >= (milestones[i - 1] ?? 1)))
      throw new ValueError('SequentialLR', `milestones [${milestones.join(', ')}] do not ascend from 1 in whole numbers`, 'give the steps at which the next schedule takes over in order')
    if (schedulers.some((scheduler) => scheduler.optimizer !== optimizer)) throw new ValueError('SequentialLR', 'a schedule belongs to another optimizer', 'make all of them for the same one')
    this.optimizer = optimizer
    this.#schedulers = [...schedulers]
    this.#milestones = [...milestones]
    for (const group of optimizer.paramGroups) group.lr = group.initialLr ?? group.lr
    schedulers[0].restart()
  }

  step(): void {
    const epoch = this.lastEpoch + 1
    const current = this.#indexAt(epoch)
    if (current > 0 && this.#milestones[current - 1] === epoch) this.#schedulers[current].restart()
    else this.#schedulers[current].step()
    this.lastEpoch = epoch
  }
  /** How many milestones have been reached. */
  #indexAt(epoch: number): number {
    return this.#milestones.filter((milestone) => milestone <= epoch).length
  }

  getLastLr(): number[] {
    return this.#schedulers[this.#indexAt(this.lastEpoch)].getLastLr()
  }
  stateDict(): SchedulerState {
    return { lastEpoch: this.lastEpoch, milestones: [...this.#milestones], schedulers: this.#schedulers.map((scheduler) => scheduler.stateDict()) }
  }
  /** Takes over what stateDict() returned of the same sequence of schedules. */
  loadStateDict({ lastEpoch, milestones, schedulers }: SchedulerState): void {
    if (typeof lastEpoch !== 'number' || !isNumbers(milestones) || !Array.isArray(schedulers) || schedulers.length !== this.#schedulers.length)
      throw new StateDictError('SequentialLR.loadStateDict', 'it is no state of such a sequence of schedules', 'load what stateDict() of the same sequence returned')
    this.#schedulers.forEach((scheduler, i) => scheduler.loadStateDict(schedulers[i]))
    this.lastEpoch = lastEpoch
    this.#milestones = milestones
  }
}
