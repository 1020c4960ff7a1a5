/** A run that is interrupted and goes on is the run that was not interrupted, to the bit. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Generator } from 'vitgrad'
import { chooseArchitecture } from '../../examples/training/architecture.ts'
import { openPictures } from '../../examples/training/datasets.ts'
import { complete } from '../../examples/training/settings.ts'
import { Training } from '../../examples/training/training.ts'
import { command, linesIn, newFolder, shortRun } from './train-command.ts'

/** The files that the settings alone decide. */
const decided = ['model.safetensors', 'best.safetensors', 'metrics.csv']

const contents = (folder: string) => decided.map((name) => readFileSync(join(folder, name)))

let uninterrupted: Promise<Buffer[]> | undefined

/** What the run leaves when nothing happens to it. */
function expected(): Promise<Buffer[]> {
  return (uninterrupted ??= (async () => {
    const folder = newFolder()
    const { code, err } = await command('train', [...shortRun, '--out', folder])
    assert.is(code, 0, err)
    return contents(folder)
  })())
}

async function assertSameRun(folder: string): Promise<void> {
  const now = contents(folder)
  for (const [i, before] of (await expected()).entries()) assert.ok(before.equals(now[i]), `${decided[i]} differs`)
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

test('killed without warning, again and again, at any moment', async () => {
  const folder = newFolder()
  const generator = new Generator(7)
  const args = [...shortRun, '--out', folder, '--save-every', '0', '--resume']
  // As soon as the files are there; when the first epoch of six steps is over and its pictures are drawn; in the second.
  for (const lines of [1, 7, 7, 10])
    await command('train', args, async (child) => {
      while (linesIn(folder) < lines && child.exitCode === null) await pause(5)
      await pause(generator.random() % 100)
      child.kill('SIGKILL')
    })
  const { code, err } = await command('train', args)
  assert.is(code, 0, err)
  await assertSameRun(folder)
})

test('Ctrl-C ends a run after the step at hand with a checkpoint, and says how to go on', async () => {
  const folder = newFolder()
  const stopped = await command('train', [...shortRun, '--out', folder], async (child, out) => {
    while (!out().includes('pictures') && child.exitCode === null) await pause(5)
    await pause(30)
    child.kill('SIGINT')
  })
  assert.is(stopped.code, 130, stopped.err)
  assert.match(stopped.out, new RegExp(`stopped after step \\d+ of 12\\. To go on: npm run train -- --out ${folder} --resume`))
  const { code, out } = await command('train', ['--out', folder, '--resume'])
  assert.is(code, 0)
  assert.match(out, /going on after step \d+ of 12|pictures/)
  await assertSameRun(folder)
})

test('a run that is asked to terminate exits as the system expects', async () => {
  const { code, out } = await command('train', [...shortRun, '--epochs', '1000'], async (child, soFar) => {
    while (!soFar().includes('pictures') && child.exitCode === null) await pause(5)
    child.kill('SIGTERM')
  })
  assert.is(code, 143)
  assert.match(out, /nothing was kept, for want of --out/)
})

test('between the last batch of an epoch and its test, too, a training can be left: the next epoch has its own order', () => {
  const settings = complete({ trainSize: 48, testSize: 10, batch: 16, epochs: 2, dim: 16, depth: 1, heads: 2 })
  const pictures = openPictures(settings)
  const begin = () => new Training(settings, chooseArchitecture(settings, pictures), pictures)
  const labelsOfEpoch = (training: Training) => [...training.batches()].map(([images, labels]) => {
    training.step(images, labels)
    return [...labels.data]
  })
  const left = begin()
  const first = labelsOfEpoch(left)
  const wentOn = begin()
  wentOn.load(left.state())
  assert.equal(labelsOfEpoch(wentOn), [])
  const second = [left, wentOn].map((training) => {
    training.endEpoch(0)
    return labelsOfEpoch(training)
  })
  assert.equal(second[1], second[0])
  assert.not.equal(second[0], first)
})

test('a pipe that nobody reads any more ends a run with a checkpoint', async () => {
  const folder = newFolder()
  const stopped = await command('train', [...shortRun, '--out', folder], (child) => void child.stdout?.destroy())
  assert.is(stopped.code, 141, stopped.err)
  assert.is(stopped.err, '')
  const { code } = await command('train', ['--out', folder, '--resume'])
  assert.is(code, 0)
  await assertSameRun(folder)
})

test.run()
