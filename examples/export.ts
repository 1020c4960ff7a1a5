/** Takes a trained model to PyTorch: `npm run export -- runs/first`. */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { data, vit } from 'vitgrad'
import { openTestPictures } from './training/datasets.ts'
import { exportModel } from './training/export.ts'
import { RunError, runProgram, UsageError } from './training/mistakes.ts'
import { loadModel } from './training/model-file.ts'
import { describe, number, readFlags, text, toggle } from './training/options.ts'
import { makeFolder } from './training/run-folder.ts'

const group = 'options'

const options = {
  out: text('PATH', { group, help: 'what the names of the files begin with', otherwise: "the model's, and -pytorch" }),
  folder: text('PATH', { group, help: 'where the files of the data set lie that the model has learnt from', otherwise: 'data/NAME' }),
  sampleSize: number('N', { group, least: 1, help: 'test pictures that are written beside it, whose loss both sides compute', otherwise: '64' }),
  overwrite: toggle({ group, help: 'replace files that are there already' }),
}

const help = `Writes a model's weights under timm's names, and a program that loads them in PyTorch and goes on training.

  npm run export -- RUN|MODEL [options]

${describe(options)}
  --help                    this text`

await runProgram('npm run export --', () => {
  const { given, help: isHelp, positionals } = readFlags(options, process.argv.slice(2), { positionals: true })
  if (isHelp) return console.log(help)
  if (positionals.length !== 1) throw new UsageError(positionals.length === 0 ? 'name a run or a model file' : `${positionals[1]}: one model at a time`)
  const { file, model, card } = loadModel(positionals[0])
  if (!(model instanceof vit.VisionTransformer) || card.architecture.name !== 'VisionTransformer')
    throw new RunError(`${file} holds a ${card.architecture.name}; the program for PyTorch knows the VisionTransformer only. Its weights can be read with safetensors as they are.`)

  const out = given.out ?? `${file.replace(/\.safetensors$/, '')}-pytorch`
  const present = ['.safetensors', '.py', '-sample.safetensors'].map((ending) => out + ending).filter((path) => existsSync(path))
  if (present.length > 0 && !given.overwrite) throw new RunError(`${present.join(', ')} would be overwritten: choose another --out, or say --overwrite`)

  const { test } = openTestPictures({ data: card.data, folder: given.folder ?? `data/${card.data}`, testSize: given.sampleSize ?? 64, imageSize: card.shape[1], badPictures: 'error' })
  const [[pictures, labels]] = new data.DataLoader(test, { batchSize: test.length })
  makeFolder(dirname(out))
  const { files, loss, command } = exportModel(out, model, { options: card.architecture.options, normalization: card.normalization, sample: { pictures, labels }, metadata: { vitgrad: JSON.stringify(card) } })
  console.log(`wrote ${files.join(', ')}`)
  console.log(`The loss of ${test.length} test pictures is ${loss.toFixed(6)}. To go on in PyTorch: ${command}; torchrun starts ${files[1]} on several machines.`)
})
