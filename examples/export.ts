/** Takes a trained model to PyTorch: `npm run export -- runs/first`. */
import { join } from 'node:path'
import { data } from 'vitgrad'
import { openTestPictures } from './training/datasets.ts'
import { exportModel } from './training/export.ts'
import { runProgram, UsageError } from './training/mistakes.ts'
import { loadModel } from './training/model-file.ts'
import { asWord, describe, number, readFlags, text, toggle } from './training/options.ts'
import { refuseStray } from './training/settings.ts'

const group = 'options'

const options = {
  out: text('FOLDER', { group, help: 'where the files go', otherwise: "the model's name, and -pytorch" }),
  folder: text('PATH', { group, help: 'where the files of the data set lie that the model has learnt from', otherwise: 'data/NAME' }),
  sampleSize: number('N', { group, least: 1, help: 'test pictures that are written beside it, whose loss both sides compute', otherwise: '64' }),
  overwrite: toggle({ group, help: 'replace an export that is there already' }),
}

const help = `Writes a folder with a model's weights, the same model in PyTorch, and a program that goes on training it there.

  npm run export -- RUN|MODEL [options]        the best model of a run's folder, or a model file

${describe(options)}
  --help                    this text`

await runProgram('npm run export --', () => {
  const { given, help: isHelp, positionals } = readFlags(options, process.argv.slice(2), { positionals: true })
  if (isHelp) return console.log(help)
  if (positionals.length !== 1) throw new UsageError(positionals.length === 0 ? 'name a run or a model file' : `${positionals[1]}: one model at a time`)
  const { file, model, card } = loadModel(positionals[0])
  refuseStray(given, card)
  const { out = `${file.replace(/\.safetensors$/, '')}-pytorch`, folder = `data/${card.data}`, sampleSize = 64, overwrite = false } = given
  const { architecture, normalization } = card
  const { test } = openTestPictures({ data: card.data, folder, testSize: undefined, imageSize: card.shape[1], badPictures: 'error' })
  const [[pictures, labels]] = new data.DataLoader(test, { batchSize: sampleSize })
  const { files, loss } = exportModel(out, model, { architecture, normalization, sample: { pictures, labels }, metadata: { vitgrad: JSON.stringify(card) }, overwrite })
  const program = asWord(join(out, files[0]))
  console.log(`wrote ${files.join(', ')} to ${out}`)
  console.log(`The loss of ${labels.numel()} test pictures is ${loss.toFixed(6)}. To go on in PyTorch: python3 ${program} --processes 2; torchrun starts ${files[0]} on several machines.`)
})
