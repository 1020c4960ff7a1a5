/** Tests a trained model: `npm run evaluate -- runs/first`. */
import { Generator } from 'vitgrad'
import { openTestPictures } from './training/datasets.ts'
import { evaluate } from './training/evaluation.ts'
import { RunError, runProgram, UsageError } from './training/mistakes.ts'
import { loadModel } from './training/model-file.ts'
import { choice, describe, number, readFlags, text } from './training/options.ts'
import { startProgress } from './training/progress.ts'
import { refuseStray } from './training/settings.ts'

const group = 'options'

const options = {
  data: text('NAME|FOLDER', { group, help: 'the pictures to test with', otherwise: 'those of the kind that the model has learnt from' }),
  folder: text('PATH', { group, help: 'where the files of a data set lie', otherwise: 'data/NAME' }),
  testSize: number('N', { group, least: 1, help: 'how many of the pictures', otherwise: 'all' }),
  badPictures: choice(['error', 'skip'], { group, help: 'whether a picture of a folder that cannot be decoded ends the program, or is left out', otherwise: 'error' }),
  batch: number('N', { group, least: 1, help: 'pictures in a batch', otherwise: '100' }),
}

const help = `Tests a trained model on pictures that it has not learnt from.

  npm run evaluate -- RUN|MODEL [options]      the best model of a run's folder, or a model file

${describe(options)}
  --help                    this text`

const someOf = (classes: readonly string[]) => [...classes.slice(0, 3), ...(classes.length > 3 ? ['...'] : [])].join(', ')
const percent = (share: number) => `${(100 * share).toFixed(2)} %`

await runProgram('npm run evaluate --', async () => {
  const { given, help: isHelp, positionals } = readFlags(options, process.argv.slice(2), { positionals: true })
  if (isHelp) return console.log(help)
  if (positionals.length !== 1) throw new UsageError(positionals.length === 0 ? 'name a run or a model file' : `${positionals[1]}: one model at a time`)
  const { file, model, card } = loadModel(positionals[0])
  const { data = card.data, folder = `data/${data}`, badPictures = 'error', testSize, batch = 100 } = given
  refuseStray(given, { data })
  const { test, classes, shape } = openTestPictures({ data, folder, testSize, badPictures, imageSize: card.shape[1], testWithAll: data !== card.data })
  if (classes.join() !== card.classes.join()) throw new RunError(`${file} knows ${card.classes.length} classes (${someOf(card.classes)}), ${data} has ${classes.length} others (${someOf(classes)}): give the --data that it is made for`)
  if (shape.join() !== card.shape.join()) throw new RunError(`${file} takes pictures of ${card.shape.join(' x ')}, ${data} has ${shape.join(' x ')}: give the --data that it is made for`)

  const progress = startProgress('test', test.length)
  const result = await evaluate(model, test, { batchSize: batch, classes: classes.length, generator: new Generator(0), stopping: (done) => (progress.show(done, ''), false) })
  progress.finish()
  if (!result) return
  console.log(`${file} on ${test.length} pictures (${data}): accuracy ${percent(result.accuracy)}, loss ${result.loss.toFixed(4)}`)
  const width = Math.max(...classes.map((name) => name.length))
  result.confusion.forEach((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0)
    if (total > 0) console.log(`  ${classes[label].padEnd(width)}  ${percent(row[label] / total).padStart(8)} of ${total}`)
  })
})
