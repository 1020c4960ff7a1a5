/** A training between two steps: everything that the next step depends on, and the step itself. */
import { data, getRngState, Generator, manualSeed, nn, optim, randint, setRngState, type Tensor } from 'vitgrad'
import { buildModel, type Architecture, type Model } from './architecture.ts'
import { explainBadStep } from './bad-step.ts'
import type { Pictures } from './datasets.ts'
import type { StepRecord } from './metrics.ts'
import { RunError } from './mistakes.ts'
import { chooseOptimizer, chooseSchedule, type Schedule } from './optimization.ts'
import type { Settings } from './settings.ts'

/** How far a training is. */
export interface Position {
  /** Epochs that are over. */
  readonly epoch: number
  /** Batches of the present epoch, and steps of all, that are done. */
  readonly batch: number
  readonly step: number
  /** Pictures of the present epoch that were seen, and the sum of its batches' losses. */
  readonly seen: number
  readonly loss: number
  /** The best test accuracy so far, −1 before the first. */
  readonly best: number
  /** The latest step, which is written down with the test's results if it is the last of its epoch. */
  readonly last: StepRecord | null
}

const START: Position = { epoch: 0, batch: 0, step: 0, seen: 0, loss: 0, best: -1, last: null }

/** What a checkpoint keeps of a training. */
export interface TrainingState {
  readonly position: Position
  readonly model: nn.StateDict
  readonly optimizer: optim.OptimizerState<object>
  readonly schedule: optim.lrScheduler.SchedulerState
  /** The running mean of the weights, if there is one. */
  readonly average: nn.StateDict | null
  /** Where random draws go on, and the order of the present epoch began. */
  readonly draws: Uint8Array
  readonly order: Uint8Array
}

export class Training {
  readonly settings: Settings
  readonly model: Model
  readonly #optimizer: optim.SGD | optim.AdamW
  readonly #schedule: Schedule
  readonly #average: optim.swaUtils.AveragedModel | null
  readonly #loader: data.DataLoader
  /** Where each epoch's order is drawn from. */
  readonly #generator: Generator
  #order: Uint8Array
  readonly #mixes: readonly (data.transforms.MixUp | data.transforms.CutMix)[]
  position = START

  /** Everything is drawn from the settings' seed. */
  constructor(settings: Settings, architecture: Architecture, { train, classes: { length: numClasses } }: Pictures) {
    this.settings = settings
    manualSeed(settings.seed)
    this.model = buildModel(architecture)
    this.#average = settings.ema > 0 ? new optim.swaUtils.AveragedModel(this.model, { decay: settings.ema }) : null
    this.#optimizer = chooseOptimizer(this.model, settings)
    this.#generator = new Generator(settings.seed)
    this.#order = this.#generator.getState()
    this.#loader = new data.DataLoader(train, { batchSize: settings.batch, shuffle: true, generator: this.#generator, numWorkers: settings.workers })
    const { MixUp, CutMix } = data.transforms
    const { mixup, cutmix } = settings
    this.#mixes = [...(mixup > 0 ? [new MixUp({ alpha: mixup, numClasses })] : []), ...(cutmix > 0 ? [new CutMix({ alpha: cutmix, numClasses })] : [])]
    this.#schedule = chooseSchedule(this.#optimizer, settings, this.#loader.length)
  }
  get isOver(): boolean {
    return this.position.epoch === this.settings.epochs
  }
  /** Steps of an epoch, and of all. */
  get stepsPerEpoch(): number {
    return this.#loader.length
  }
  get steps(): number {
    return this.settings.epochs * this.stepsPerEpoch
  }
  /** The model that is tested and kept. */
  get result(): nn.Module {
    return this.#average?.module ?? this.model
  }

  /** The batches of the present epoch that are left. Also where none is, the epoch's draws are made, behind which the next epoch begins. */
  *batches(): Iterable<readonly [images: Tensor, labels: Tensor]> {
    this.#generator.setState(this.#order)
    for (const [images, labels] of this.#loader.iterate({ skip: this.position.batch })) yield this.#mixed(images, labels)
  }

  /** The batch after Mixup or CutMix; where both are wanted, one of them alike. */
  #mixed(images: Tensor, labels: Tensor): readonly [Tensor, Tensor] {
    if (this.#mixes.length === 0) return [images, labels]
    const chosen = this.#mixes[this.#mixes.length === 1 ? 0 : randint(0, this.#mixes.length, [1]).item()]
    return chosen(images, labels)
  }

  /** Forward, backward, update. Throws a RunError that says where it went wrong when loss or gradients are not finite; then nothing is updated. */
  step(images: Tensor, labels: Tensor): StepRecord {
    const { clip, labelSmoothing } = this.settings
    const draws = getRngState()
    const lr = this.#optimizer.paramGroups[0].lr
    this.#optimizer.zeroGrad()
    const logits = this.model(images)
    const loss = nn.functional.crossEntropy(logits, labels, { labelSmoothing })
    const value = loss.item()
    const refuse = (what: string) => {
      const cause = explainBadStep(this.model, () => nn.functional.crossEntropy(this.model(images), labels, { labelSmoothing }), draws)
      return new RunError(`step ${this.position.step + 1} of ${this.steps}: ${what}; ${cause}.\nTry a smaller --lr, a longer --warmup, or a smaller --clip.`)
    }
    if (!Number.isFinite(value)) throw refuse(`the loss became ${value}`)
    loss.backward()
    const gradNorm = nn.utils.clipGradNorm_(this.model.parameters(), clip === 0 ? Infinity : clip).item()
    if (!Number.isFinite(gradNorm)) throw refuse(`the norm of the gradients became ${gradNorm}`)
    this.#optimizer.step()
    this.#schedule.step()
    this.#average?.updateParameters(this.model)
    return this.#advance(images.shape[0], { loss: value, accuracy: accuracy(logits, labels), lr, gradNorm })
  }
  #advance(count: number, result: Pick<StepRecord, 'loss' | 'accuracy' | 'lr' | 'gradNorm'>): StepRecord {
    const { position } = this
    const [step, batch] = [position.step + 1, position.batch + 1]
    const last: StepRecord = { step, epoch: position.epoch + batch / this.#loader.length, ...result, testLoss: null, testAccuracy: null }
    this.position = { ...position, step, batch, seen: position.seen + count, loss: position.loss + result.loss, last }
    return last
  }

  /** Goes on to the next epoch, after a test with this accuracy. */
  endEpoch(testAccuracy: number): void {
    this.#order = this.#generator.getState()
    const { epoch, step, best } = this.position
    this.position = { ...START, epoch: epoch + 1, step, best: Math.max(best, testAccuracy) }
  }

  state(): TrainingState {
    return {
      position: this.position,
      model: this.model.stateDict(),
      optimizer: this.#optimizer.stateDict(),
      schedule: this.#schedule.stateDict(),
      average: this.#average?.stateDict() ?? null,
      draws: getRngState(),
      order: this.#order,
    }
  }
  /** Goes on from a state of a training with the same settings. */
  load({ position, model, optimizer, schedule, average, draws, order }: TrainingState): void {
    this.model.loadStateDict(model)
    this.#optimizer.loadStateDict(optimizer as ReturnType<optim.SGD['stateDict']> & ReturnType<optim.AdamW['stateDict']>)
    this.#schedule.loadStateDict(schedule)
    if (average) this.#average?.loadStateDict(average)
    this.position = position
    this.#order = order
    setRngState(draws)
  }
}

/** Share of the rows whose highest score is their label's, or their most probable label's. */
function accuracy(logits: Tensor, labels: Tensor): number {
  const right = labels.ndim === 1 ? labels : labels.argmax(1)
  return logits.detach().argmax(1).eq(right).sum().item() / logits.shape[0]
}
