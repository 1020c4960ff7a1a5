/** What schedules of learning rates share: they change `lr` of an optimizer's groups when they are made and at every step(). */
import { StateDictError, ValueError } from '../../tensor/errors.ts'
import { Optimizer, type ParamGroup, type Rates } from '../optimizer.ts'

/** Any optimizer: its groups have a learning rate. */
export type Scheduled = Optimizer

/** What stateDict() returns: plain values by name. */
export type SchedulerState = Readonly<Record<string, unknown>>

export function checkNumber(scheduler: string, name: string, value: number | undefined): number {
  if (typeof value !== 'number' || Number.isNaN(value)) throw new ValueError(scheduler, `${name} = ${value} is not a number`, `give ${name} as a number`)
  return value
}

/** A factor of 0 is refused where later rates are derived from it. */
export function checkShare(scheduler: string, name: string, value: number, { zero = false }: { readonly zero?: boolean } = {}): number {
  if (!(value >= 0 && value <= 1) || (value === 0 && !zero)) throw new ValueError(scheduler, `${name} = ${value} is not a number ${zero ? 'from' : 'above'} 0 up to 1`, `give ${name} in that range`)
  return value
}

/** One value for each group: a list of as many, or the same for all. */
export function forEachGroup<T>(scheduler: string, name: string, optimizer: Scheduled, value: T | readonly T[]): readonly T[] {
  checkOptimizer(scheduler, optimizer)
  const { length } = optimizer.paramGroups
  if (!Array.isArray(value)) return Array.from({ length }, () => value as T)
  if (value.length !== length) throw new ValueError(scheduler, `${name} has ${value.length} entries for ${length} parameter groups`, 'give one value, or one for each group')
  return value as readonly T[]
}

/** Throws unless a schedule was given an optimizer. */
export function checkOptimizer(scheduler: string, optimizer: unknown): void {
  if (!(optimizer instanceof Optimizer)) throw new ValueError(scheduler, 'its first argument is no optimizer', 'give the optimizer whose rate it is to change')
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
    checkOptimizer(this.constructor.name, optimizer)
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
    if (typeof state !== 'object' || state === null) throw refuse(`${String(state)} is no state dict`)
    if (names(state) !== names(own)) throw refuse(`it holds ${names(state)}; ${names(own)} were expected`)
    const { lastEpoch, baseLrs, lastLr, ...options } = structuredClone(state)
    if (typeof lastEpoch !== 'number' || !isNumbers(baseLrs) || !isNumbers(lastLr)) throw refuse('lastEpoch is no number, or baseLrs or lastLr are no lists of numbers')
    this.options = { ...this.options, ...options }
    this.lastEpoch = lastEpoch
    this.baseLrs = baseLrs
    this.lastLr = lastLr
  }
}

export const isNumbers = (value: unknown): value is readonly number[] => Array.isArray(value) && value.every((entry) => typeof entry === 'number')
