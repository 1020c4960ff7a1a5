/** A run from its first step, or from where it was interrupted, to its last. */
import { Generator } from 'vitgrad'
import { chooseArchitecture } from './architecture.ts'
import { loadCheckpoint, saveCheckpoint } from './checkpoint.ts'
import { openPictures, type Pictures } from './datasets.ts'
import { evaluate, type Evaluation } from './evaluation.ts'
import { exitCode, Interruption } from './interruption.ts'
import { Metrics } from './metrics.ts'
import { RunError } from './mistakes.ts'
import { saveModel, type ModelCard } from './model-file.ts'
import { asWord } from './options.ts'
import { duration, startProgress } from './progress.ts'
import { writeReport } from './report.ts'
import { RunFolder } from './run-folder.ts'
import { complete, differences, type GivenSettings, type Settings } from './settings.ts'
import { Training } from './training.ts'

/** Trains as asked, and tells on standard output how it went. Returns the exit code. */
export async function train(given: GivenSettings): Promise<number> {
  const { settings, folder, goesOn } = begin(given)
  if (goesOn) folder?.lock()
  const pictures = openPictures(settings)
  const architecture = chooseArchitecture(settings, pictures)
  const training = new Training(settings, architecture, pictures)
  if (folder && !goesOn) folder.create(settings)
  const kept = folder && goesOn ? loadCheckpoint(folder, training, pictures) : undefined
  const run = new Run(training, pictures, { architecture, normalization: pictures.normalization, shape: pictures.shape, classes: pictures.classes, data: settings.data }, folder && { folder, metrics: new Metrics(folder.path, kept) })
  return run.train()
}

/** Settings and folder of the run that is meant, and whether it goes on from a checkpoint. */
function begin(given: GivenSettings): { settings: Settings; folder: RunFolder | undefined; goesOn: boolean } {
  const folder = given.out === undefined ? undefined : new RunFolder(given.out)
  const kept = given.resume ? folder?.settings() : undefined
  if (!folder || !kept) {
    const settings = complete(given)
    if (settings.resume) console.log(`there is no run in ${settings.out} to go on with: it begins now`)
    return { settings, folder, goesOn: false }
  }
  const { config, ...asked } = given
  const other = differences(asked, kept)
  if (other.length > 0) throw new RunError(`${folder.path} cannot go on with other settings: ${other.join(', ')}.\nLeave them out to go on with the run as it is, or choose another --out for a new one.`)
  const { folder: data = kept.folder, workers = kept.workers, saveEvery = kept.saveEvery } = given
  const settings = { ...kept, folder: data, workers, saveEvery, out: given.out, config, resume: true }
  return { settings, folder, goesOn: folder.has('checkpoint.safetensors') }
}

/** Where a run is kept. */
interface Kept {
  readonly folder: RunFolder
  readonly metrics: Metrics
}

class Run {
  readonly #training: Training
  readonly #pictures: Pictures
  readonly #card: ModelCard
  readonly #kept: Kept | undefined
  readonly #interruption = new Interruption()
  readonly #began = performance.now()
  readonly #firstStep: number
  #saved = performance.now()
  /** How long the latest step took. */
  #stepSeconds = 0

  constructor(training: Training, pictures: Pictures, card: ModelCard, kept: Kept | undefined) {
    this.#training = training
    this.#pictures = pictures
    this.#card = card
    this.#kept = kept
    this.#firstStep = training.position.step
  }

  async train(): Promise<number> {
    this.#introduce()
    try {
      if (this.#training.isOver) return await this.#describeAgain()
      if (this.#training.position.step === 0) this.#save()
      while (!this.#training.isOver) {
        const speed = await this.#trainEpoch()
        const evaluation = speed === undefined ? undefined : await this.#test()
        if (speed === undefined || evaluation === undefined) return this.#stop()
        await this.#endEpoch(evaluation, speed)
      }
      console.log(`done in ${duration(performance.now() - this.#began)}`)
      return 0
    } finally {
      this.#interruption.end()
      this.#kept?.metrics.close()
    }
  }

  #introduce(): void {
    const { model, settings, position, steps } = this.#training
    const { train, test } = this.#pictures
    const parameters = [...model.parameters()].reduce((sum, parameter) => sum + parameter.numel(), 0)
    console.log(`${model.constructor.name} with ${parameters.toLocaleString('en')} parameters on ${train.length} pictures (${settings.data}), tested on ${test.length}`)
    if (position.step > 0) console.log(`going on after step ${position.step} of ${steps}`)
  }

  /** Of a run that is complete the pictures may be missing, if it was ended while they were drawn. */
  async #describeAgain(): Promise<number> {
    const evaluation = await this.#test()
    if (!evaluation) return this.#stop()
    await this.#report(evaluation)
    console.log(`the run was complete: test accuracy ${(100 * evaluation.accuracy).toFixed(1)} %`)
    return 0
  }

  /** The steps of the present epoch that are left. Returns pictures per second, 0 where no step was left, or undefined when it was interrupted. */
  async #trainEpoch(): Promise<number | undefined> {
    const training = this.#training
    const { position: { epoch, batch, seen: before }, settings, stepsPerEpoch } = training
    const progress = startProgress(`epoch ${epoch + 1}/${settings.epochs}`, stepsPerEpoch, batch)
    const began = performance.now()
    let speed = 0
    try {
      for (const [images, labels] of training.batches()) {
        const stepBegan = performance.now()
        const record = training.step(images, labels)
        const now = performance.now()
        const { batch: done, seen } = training.position
        this.#stepSeconds = (now - stepBegan) / 1000
        if (done < stepsPerEpoch) this.#kept?.metrics.append(record, this.#stepSeconds)
        speed = ((seen - before) / (now - began)) * 1000
        progress.show(done, `${duration(this.#left())} left  loss ${record.loss.toFixed(4)}  accuracy ${(100 * record.accuracy).toFixed(1)} %  ${speed.toFixed(0)} images/s`)
        if (await this.#interruption.came()) return undefined
        if (now - this.#saved >= settings.saveEvery * 60_000) this.#save()
      }
    } finally {
      progress.finish()
    }
    return speed
  }
  #left(): number {
    const { position, steps } = this.#training
    return ((performance.now() - this.#began) / (position.step - this.#firstStep)) * (steps - position.step)
  }

  async #test(): Promise<Evaluation | undefined> {
    const { test, classes } = this.#pictures
    const progress = startProgress('test', test.length)
    try {
      return await evaluate(this.#training.result, test, {
        batchSize: 100,
        classes: classes.length,
        generator: new Generator(0),
        stopping: (done) => {
          progress.show(done, '')
          return this.#interruption.came()
        },
      })
    } finally {
      progress.finish()
    }
  }

  async #endEpoch(evaluation: Evaluation, speed: number): Promise<void> {
    const training = this.#training
    const { epoch, batch, loss, last, best } = training.position
    const { accuracy } = evaluation
    if (last) this.#kept?.metrics.append({ ...last, testLoss: evaluation.loss, testAccuracy: accuracy }, this.#stepSeconds)
    training.endEpoch(accuracy)
    console.log(`epoch ${epoch + 1}/${training.settings.epochs}: loss ${(loss / batch).toFixed(4)}, test accuracy ${(100 * accuracy).toFixed(1)} %${speed > 0 ? `, ${speed.toFixed(0)} images/s` : ''}`)
    if (!this.#kept) return
    const { folder } = this.#kept
    if (accuracy > best) saveModel(folder.file('best.safetensors'), training.result, this.#card)
    saveModel(folder.file('model.safetensors'), training.result, this.#card)
    this.#save()
    await this.#report(evaluation)
  }
  async #report(evaluation: Evaluation): Promise<void> {
    if (!this.#kept) return
    const { settings, result: model } = this.#training
    await writeReport(this.#kept.folder, { settings, model, pictures: this.#pictures, evaluation, records: this.#kept.metrics.read() })
  }

  #save(): void {
    if (this.#kept) saveCheckpoint(this.#kept.folder, this.#training, this.#pictures, this.#kept.metrics)
    this.#saved = performance.now()
  }

  /** Keeps what was done when a signal came, and says how to go on. */
  #stop(): number {
    this.#save()
    const { position, steps } = this.#training
    const signal = this.#interruption.signal ?? 'SIGINT'
    const folder = this.#kept?.folder
    if (folder) console.log(`stopped after step ${position.step} of ${steps}. To go on: npm run train -- --out ${asWord(folder.path)} --resume`)
    else console.log(`stopped after step ${position.step} of ${steps}; nothing was kept, for want of --out`)
    return exitCode(signal)
  }
}
