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
  const epochs = records.filter(({ testAccuracy }) => testAccuracy !== null)
  const parameters = [...model.parameters()].reduce((sum, parameter) => sum + parameter.numel(), 0)
  const best = Math.max(...epochs.map(({ testAccuracy }) => testAccuracy ?? 0))
  return `# ${model.constructor.name} on ${settings.data}: ${percent(evaluation.accuracy)}

${epochs.length} of ${settings.epochs} epochs, ${parameters.toLocaleString('en')} parameters, ${pictures.train.length.toLocaleString('en')} pictures to learn from and ${pictures.test.length.toLocaleString('en')} to test with.
Best test accuracy so far: ${percent(best)}.

![loss, accuracy and learning rate](curves.svg)

| epoch | training loss, last step | test loss | test accuracy |
|---|---|---|---|
${epochs.map(({ epoch, loss, testLoss, testAccuracy }) => `| ${epoch} | ${loss.toFixed(4)} | ${testLoss?.toFixed(4)} | ${percent(testAccuracy ?? 0)} |`).join('\n')}

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

\`settings.json\` holds them, too: \`npm run train -- --config ${'settings.json'}\` makes the same run again.
`
}
