/** What a run looks like after an epoch: pictures, and a page that holds them together. */
import type { data, nn, Tensor } from 'vitgrad'
import type { Pictures } from './datasets.ts'
import type { Evaluation } from './evaluation.ts'
import type { StepRecord } from './metrics.ts'
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
  const title = `The worst mistakes: what it is in green, what the model said in red`
  folder.write('samples.png', drawSamples(title, evaluation.mistakes, pictures.classes, (index) => pictureOf(imageOf(pictures.test, index), pictures)))
  folder.write('report.md', page(results))
}

function imageOf(dataset: data.Dataset, index: number): Tensor {
  const [image] = dataset.get(index)
  if (typeof image === 'number') throw new TypeError('a sample begins with its picture')
  return image
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

function page({ settings, model, pictures, evaluation, records }: Results): string {
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

![attention](attention.png)

## Settings

\`\`\`json
${JSON.stringify(settingsToConfig(settings), null, 2)}
\`\`\`

The same run again: \`npm run train -- --config ${settings.out}/settings.json --out runs/again\`.
`
}

/** The mean over the steps of an epoch, which ends at `end`. */
function meanLoss(records: readonly StepRecord[], end: number): number {
  const losses = records.filter(({ epoch }) => epoch > end - 1 && epoch <= end).map(({ loss }) => loss)
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length
}
