/** The schedule of one cycle. */
import { ValueError } from '../../tensor/errors.ts'
import { argumentsOf, checkSize, checkWord, required, type Arguments } from '../../tensor/options.ts'
import { checkOptimizer, checkShare, forEachGroup, LRScheduler, type Scheduled } from './schedule.ts'

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

const defaults = {
  maxLr: required, totalSteps: null, epochs: null, stepsPerEpoch: null, pctStart: 0.3, annealStrategy: 'cos', cycleMomentum: true,
  baseMomentum: 0.85, maxMomentum: 0.95, divFactor: 25, finalDivFactor: 1e4, threePhase: false,
} as const

type Places = [totalSteps: number | null, epochs: number | null, stepsPerEpoch: number | null, pctStart: number, annealStrategy: 'cos' | 'linear']

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
  constructor(optimizer: Scheduled, ...given: Arguments<[maxLr: number | readonly number[]], Places, OneCycleArguments>) {
    const chosen = argumentsOf('OneCycleLR', given, defaults)
    const { maxLr, pctStart, annealStrategy, cycleMomentum, baseMomentum, maxMomentum, divFactor, finalDivFactor, threePhase } = chosen
    checkOptimizer('OneCycleLR', optimizer)
    checkShare('OneCycleLR', 'pctStart', pctStart, { zero: true })
    checkWord('OneCycleLR', 'annealStrategy', annealStrategy, ['cos', 'linear'])
    if (cycleMomentum && !('momentum' in optimizer.defaults) && !('betas' in optimizer.defaults))
      throw new ValueError('OneCycleLR', 'the optimizer has no momentum to cycle', 'pass { cycleMomentum: false }')
    const maxLrs = forEachGroup('OneCycleLR', 'maxLr', optimizer, maxLr)
    const initialLrs = maxLrs.map((rate) => rate / divFactor)
    const cycle: OneCycleOptions = {
      totalSteps: stepsOf(chosen),
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
  if (totalSteps !== undefined && totalSteps !== null) return checkSize('OneCycleLR', 'totalSteps', totalSteps)
  return checkSize('OneCycleLR', 'epochs', epochs ?? undefined) * checkSize('OneCycleLR', 'stepsPerEpoch', stepsPerEpoch ?? undefined)
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
