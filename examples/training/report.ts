/** What a run looks like after an epoch: pictures, and a page that holds them together. */
import { stack, vit, type data, type nn, type Tensor } from 'vitgrad'
import { isModel } from './architecture.ts'
import type { Pictures } from './datasets.ts'
import type { Evaluation } from './evaluation.ts'
import { asking } from './inference.ts'
import type { StepRecord } from './metrics.ts'
import { asWord } from './options.ts'
import { drawAttention, type AttendedPicture } from './pictures/attention.ts'
import type { Picture } from './pictures/canvas.ts'
import { drawSamples } from './pictures/samples.ts'
import type { RunFolder } from './run-folder.ts'
import { settingsToConfig, type Settings } from './settings.ts'

export interface Results {
  readonly settings: Settings
  readonly model: nn.Module
  readonly pictures: Pictures
  readonly evaluation: Evaluation
  readonly records: readonly StepRecord[]
}

/** Draws curves, confusion, mistakes and attention, and writes report.md. The plotting packages are loaded here, when they are first needed. */
export async function writeReport(folder: RunFolder, results: Results): Promise<void> {
  const { pictures, evaluation, records } = results
  const [{ drawCurves }, { drawConfusion }] = await Promise.all([import('./plots/curves.ts'), import('./plots/confusion.ts')])
  folder.write('curves.svg', drawCurves(records))
  folder.write('confusion.svg', drawConfusion(evaluation.confusion, pictures.classes))
  folder.write('samples.png', drawSamples('The worst mistakes: what it is in green, what the model said in red', evaluation.mistakes, pictures.classes, (index) => pictureOf(sampleOf(pictures.test, index)[0], pictures)))
  folder.write('attention.png', drawAttention('Where the model looks, from dark (little) to bright (much): attention rollout', attended(results)))
  folder.write('report.md', page(folder, results))
}

/** Of more classes than these, attention is not shown for each. */
const MOST_ATTENDED = 20

/** A picture of each class with the attention that it gets. */
function attended({ model, pictures }: Results): AttendedPicture[] {
  if (!isModel(model)) return []
  const samples = firstOfEachClass(pictures.test, MOST_ATTENDED)
  const images = stack(samples.map(({ image }) => image))
  const { shape: [, rows, columns], data: shares } = vit.attentionRollout(model, images)
  const predicted = asking(model, () => model(images).argmax(1)).data
  return samples.map(({ image, label }, i) => ({
    picture: pictureOf(image, pictures),
    attention: Array.from({ length: rows }, (_, row) => [...shares.subarray((i * rows + row) * columns, (i * rows + row + 1) * columns)]),
    label: pictures.classes[label],
    predicted: pictures.classes[predicted[i]],
  }))
}

function firstOfEachClass(dataset: data.Dataset, most: number): { readonly image: Tensor; readonly label: number }[] {
  const found = new Map<number, Tensor>()
  for (let index = 0; index < dataset.length && found.size < most; index++) {
    const [image, label] = sampleOf(dataset, index)
    if (!found.has(label)) found.set(label, image)
  }
  return [...found].map(([label, image]) => ({ label, image })).sort((a, b) => a.label - b.label)
}

function sampleOf(dataset: data.Dataset, index: number): [image: Tensor, label: number] {
  const [image, label] = dataset.get(index)
  if (typeof image === 'number') throw new TypeError('a sample begins with its picture')
  return [image, typeof label === 'number' ? label : label.item()]
}

/** A normalised picture (C, H, W) as bytes; one channel becomes grey. */
function pictureOf(image: Tensor, { normalization: { mean, std } }: Pictures): Picture {
  const [channels, height, width] = image.shape
  const values = image.data
  const pixels = new Uint8Array(3 * height * width)
  for (let i = 0; i < height * width; i++)
    for (let c = 0; c < 3; c++) {
      const channel = Math.min(c, channels - 1)
      pixels[3 * i + c] = Math.min(Math.max(Math.round(255 * (values[channel * height * width + i] * std[channel] + mean[channel])), 0), 255)
    }
  return { width, height, pixels }
}

const percent = (share: number) => `${(100 * share).toFixed(2)} %`

function page(folder: RunFolder, { settings, model, pictures, evaluation, records }: Results): string {
  const tested = records.filter(({ testAccuracy }) => testAccuracy !== null)
  const parameters = [...model.parameters()].reduce((sum, parameter) => sum + parameter.numel(), 0)
  const best = Math.max(...tested.map(({ testAccuracy }) => testAccuracy ?? 0))
  const count = (n: number) => n.toLocaleString('en')
  return `# ${model.constructor.name} on ${settings.data}: ${percent(evaluation.accuracy)}

After ${tested.length} of ${settings.epochs} epochs; the best test accuracy so far is ${percent(best)}. The model has ${count(parameters)} parameters. It has learnt
from ${count(pictures.train.length)} pictures and was tested with ${count(pictures.test.length)} others.

![loss, accuracy and learning rate](curves.svg)

| epoch | training loss | test loss | test accuracy |
|---|---|---|---|
${tested.map(({ epoch, testLoss, testAccuracy }) => `| ${epoch} | ${meanLoss(records, epoch).toFixed(4)} | ${testLoss?.toFixed(4)} | ${percent(testAccuracy ?? 0)} |`).join('\n')}

## What is taken for what

![confusion](confusion.svg)

## The worst mistakes

![the worst mistakes](samples.png)

## Where the model looks

${attentionCaption(pictures.classes.length)}

![attention](attention.png)

## Settings

\`\`\`json
${JSON.stringify(settingsToConfig(settings), null, 2)}
\`\`\`

The same run again: \`npm run train -- --config ${asWord(folder.file('settings.json'))} --out runs/again\`.
`
}

const attentionCaption = (classes: number) => `The first test picture of ${classes > MOST_ATTENDED ? `${MOST_ATTENDED} of the ${classes} classes` : 'each class'}; what it is in green, and in red what the model said instead.`

/** The mean over the steps of an epoch, which ends at `end`. */
function meanLoss(records: readonly StepRecord[], end: number): number {
  const losses = records.filter(({ epoch }) => epoch > end - 1 && epoch <= end).map(({ loss }) => loss)
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length
}
