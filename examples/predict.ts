/** What a trained model sees in pictures: `npm run predict -- runs/first picture.png`. */
import { readFileSync } from 'node:fs'
import { data, stack, type Tensor } from 'vitgrad'
import { asking } from './training/inference.ts'
import { RunError, runProgram, UsageError } from './training/mistakes.ts'
import { loadModel, type ModelCard } from './training/model-file.ts'
import { describe, number, readFlags } from './training/options.ts'
import { readPicture } from './training/read-picture.ts'

const group = 'options'

const options = {
  top: number('N', { group, least: 1, help: 'how many classes to name for each picture', otherwise: '5' }),
}

const help = `Tells what a trained model sees in pictures, PNG or JPEG files of any size.

  npm run predict -- RUN|MODEL picture.png ...

${describe(options)}
  --help                    this text`

await runProgram('npm run predict --', () => {
  const { given, help: isHelp, positionals } = readFlags(options, process.argv.slice(2), { positionals: true })
  if (isHelp) return console.log(help)
  const [path, ...files] = positionals
  if (files.length === 0) throw new UsageError(path === undefined ? 'name a run or a model file, and pictures' : 'name the pictures to look at')
  const { model, card } = loadModel(path)
  const { top = 5 } = given
  const problems: string[] = []
  for (const file of files) {
    const picture = readOr(file, card, (problem) => problems.push(problem))
    if (!picture) continue
    const [probabilities] = asking(model, () => model(stack([picture])).softmax(1)).unbind(0)
    console.log(file)
    for (const { name, probability } of best(probabilities, card.classes).slice(0, top)) console.log(`  ${(100 * probability).toFixed(1).padStart(5)} %  ${name}`)
  }
  if (problems.length > 0) throw new RunError(problems.join('\n'))
})

/** The picture as the model takes it, or undefined where the file is none; that is noted, and the others go on. */
function readOr(file: string, card: ModelCard, note: (problem: string) => void): Tensor | undefined {
  try {
    return prepared(file, card)
  } catch (error) {
    note(`${file} cannot be read: ${error instanceof Error ? error.message : error}`)
    return undefined
  }
}

/** The middle of the picture, as large as the model wants it. (C, H, W) */
function prepared(file: string, { shape: [channels, size], normalization: { mean, std } }: ModelCard): Tensor {
  const { CenterCrop, Compose, Grayscale, Normalize, Resize, ToTensor } = data.transforms
  const pixels = new ToTensor()(readPicture(readFileSync(file)))
  const colours = pixels.narrow(0, 0, pixels.shape[0] < 3 ? 1 : 3)
  const fitting = channels === 3 ? colours.expand([3, -1, -1]) : new Grayscale()(colours)
  return new Compose([new Resize(size), new CenterCrop(size), new Normalize(mean, std)])(fitting)
}

/** Classes by their probabilities, the most probable first. */
function best(probabilities: Tensor, classes: readonly string[]): { readonly name: string; readonly probability: number }[] {
  return classes.map((name, label) => ({ name, probability: probabilities.data[label] })).sort((a, b) => b.probability - a.probability)
}
