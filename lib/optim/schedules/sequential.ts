/** Schedules that take turns. */
import { StateDictError, ValueError } from '../../tensor/errors.ts'
import { argumentsOf, type Arguments } from '../../tensor/options.ts'
import { checkOptimizer, isNumbers, LRScheduler, type Scheduled, type SchedulerState } from './schedule.ts'

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

  constructor(optimizer: Scheduled, ...given: Arguments<[schedulers: readonly LRScheduler[]], [milestones: readonly number[]], SequentialOptions>) {
    const { schedulers, milestones } = argumentsOf('SequentialLR', given, { schedulers: [], milestones: [] })
    checkOptimizer('SequentialLR', optimizer)
    if (!Array.isArray(schedulers) || !schedulers.every((scheduler) => scheduler instanceof LRScheduler)) throw new ValueError('SequentialLR', 'its second argument is no list of schedules', 'give the schedules in the order in which they take turns')
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
