/** The training program from outside: what a run leaves, and what happens to what cannot be meant. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PNG } from 'pngjs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { data, io, zeros } from 'vitgrad'
import { command, linesIn, newFolder, root, shortRun, type Command, type Outcome } from './train-command.ts'

let finished: Promise<string> | undefined

/** The folder of a run that has ended well. */
function aRun(): Promise<string> {
  return (finished ??= (async () => {
    const folder = newFolder()
    const { code, err } = await command('train', [...shortRun, '--out', folder])
    assert.is(code, 0, err)
    return folder
  })())
}

/** The same run in a folder of its own, to be spoilt. */
async function aCopy(): Promise<string> {
  const folder = newFolder()
  cpSync(await aRun(), folder, { recursive: true })
  return folder
}

function assertRefused({ code, err }: Outcome, expected: number, message: RegExp): void {
  assert.is(code, expected, err)
  assert.match(err, message)
  assert.ok(err.trim().split('\n').length <= 3, err)
}

/** Runs a command where no file may grow beyond 16 KiB, which is what a full disk looks like to it. */
function withFullDisk(name: Command, args: readonly string[]): Outcome {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', 'ulimit -f 16; exec "$0" --import tsx "$@"', process.execPath, `examples/${name}.ts`, ...args], { cwd: root, encoding: 'utf8' })
  return { code: status, out: stdout, err: stderr }
}

/** A folder with a few pictures in a folder for each class. */
function pictureFolder(): string {
  const folder = newFolder()
  const pictures = data.synthetic({ count: 40 })
  for (let i = 0; i < 40; i++) {
    const [image, label] = pictures.get(i)
    const file = join(folder, data.syntheticClasses[label.item()].replace(' ', '-'), `${i}.png`)
    mkdirSync(dirname(file), { recursive: true })
    const png = new PNG({ width: 32, height: 32 })
    for (let p = 0; p < 1024; p++) png.data.set([...[0, 1, 2].map((c) => 255 * (image.data[1024 * c + p] / 4 + 0.5)), 255], 4 * p)
    writeFileSync(file, PNG.sync.write(png))
  }
  return folder
}

test('a run leaves model, checkpoint, metrics, pictures and a page that holds them together', async () => {
  const folder = await aRun()
  for (const name of ['curves.svg', 'confusion.svg', 'samples.png', 'attention.png']) assert.match(readFileSync(join(folder, 'report.md'), 'utf8'), `](${name})`)
  for (const name of ['samples.png', 'attention.png']) assert.ok(PNG.sync.read(readFileSync(join(folder, name))).width > 400)
  const shown = new Set(Array.from({ length: 20 }, (_, i) => data.synthetic({ train: false, count: 20 }).get(i)[1].item())).size
  assert.is(PNG.sync.read(readFileSync(join(folder, 'attention.png'))).height, 34 + Math.ceil(shown / 5) * 308, 'attention is shown for each class')
  for (const name of ['curves.svg', 'confusion.svg']) assert.match(readFileSync(join(folder, name), 'utf8'), /^<svg xmlns[^]*<\/svg>\n$/)
  const rows = readFileSync(join(folder, 'metrics.csv'), 'utf8').trimEnd().split('\n')
  assert.is(rows[0], 'step,epoch,loss,accuracy,lr,grad_norm,test_loss,test_accuracy')
  assert.equal(rows.slice(1).map((row) => Number(row.split(',')[0])), Array.from({ length: 12 }, (_, i) => i + 1))
  const { architecture, classes, normalization } = JSON.parse(io.safetensorsMetadata(join(folder, 'model.safetensors')).vitgrad)
  assert.equal([architecture.name, architecture.options.dim, classes.length, normalization.std[0]], ['VisionTransformer', 16, 10, 0.25])
})

test('a run is not overwritten, and goes on only as it began', async () => {
  const folder = await aRun()
  const before = readFileSync(join(folder, 'checkpoint.safetensors'))
  assertRefused(await command('train', ['--out', folder]), 1, /holds a run already: go on with it \(--resume\)/)
  assertRefused(await command('train', ['--out', folder, '--resume', '--lr', '0.5']), 1, /cannot go on with other settings: --lr 0\.5 \(the run has 0\.003\)/)
  assert.ok(readFileSync(join(folder, 'checkpoint.safetensors')).equals(before))
})

test('a folder of something else is left alone', async () => {
  const folder = newFolder()
  mkdirSync(folder)
  writeFileSync(join(folder, 'thesis.txt'), 'do not touch')
  assertRefused(await command('train', [...shortRun, '--out', folder, '--overwrite']), 1, /holds other files/)
  assert.equal(readdirSync(folder), ['thesis.txt'])
})

test('a checkpoint of another run, and one that is broken, are refused', async () => {
  const folder = await aCopy()
  const settings = join(folder, 'settings.json')
  writeFileSync(settings, readFileSync(settings, 'utf8').replace('"dim": 16', '"dim": 32'))
  assertRefused(await command('train', ['--out', folder, '--resume']), 1, /checkpoint\.safetensors belongs to another run: it has --dim 16 \(the run has 32\)/)
  writeFileSync(join(folder, 'checkpoint.safetensors'), 'broken')
  assertRefused(await command('train', ['--out', folder, '--resume']), 1, /checkpoint\.safetensors is no whole safetensors file.*\nPut back a whole one, or begin anew with --overwrite/)
  writeFileSync(settings, 'null')
  assertRefused(await command('train', ['--out', folder, '--resume']), 1, /settings\.json holds no object.*\nPut back the right one, or begin anew with --overwrite/)
})

test('a run that lacks one of its files does not begin anew by itself', async () => {
  for (const name of ['settings.json', 'metrics.jsonl']) {
    const folder = await aCopy()
    rmSync(join(folder, name))
    const before = readdirSync(folder)
    assertRefused(await command('train', ['--out', folder, '--resume']), 1, new RegExp(`${name} is missing.*: put it back, or begin anew with --overwrite`))
    assert.equal(readdirSync(folder), before)
  }
})

test('a command to go on with can be copied, whatever the folder is called', async () => {
  const folder = join(newFolder(), 'my "first" $run')
  const { out } = await command('train', [...shortRun, '--epochs', '100', '--out', folder], async (child, soFar) => {
    while (!soFar().includes('pictures') && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5))
    child.kill('SIGINT')
  })
  const word = /To go on: npm run train -- --out (.*) --resume/.exec(out)?.[1]
  assert.is(spawnSync('bash', ['-c', `printf %s ${word}`], { encoding: 'utf8' }).stdout, folder)
})

test('two processes do not train in one folder', async () => {
  const folder = newFolder()
  const { code } = await command('train', [...shortRun, '--epochs', '100', '--out', folder], async (child) => {
    while (linesIn(folder) < 2 && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5))
    for (const way of ['--resume', '--overwrite']) assertRefused(await command('train', [...shortRun, '--epochs', '100', '--out', folder, way]), 1, new RegExp(`is in use: process ${child.pid} trains there`))
    child.kill('SIGINT')
  })
  assert.is(code, 130)
  assert.not.ok(existsSync(join(folder, 'running.lock')))
})

test('a place where nothing can be kept is named', async () => {
  for (const place of ['README.md', 'README.md/run', '/proc/run']) assertRefused(await command('train', [...shortRun, '--out', place]), 1, /nothing can be kept in .*: choose another --out/)
})

test('a disk that is full ends the run with a message, and the last good checkpoint stays', async () => {
  const folder = newFolder()
  const { code } = await command('train', [...shortRun, '--out', folder], async (child) => {
    while (!existsSync(join(folder, 'checkpoint.safetensors')) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5))
    child.kill('SIGINT')
  })
  assert.is(code, 130)
  const before = readFileSync(join(folder, 'checkpoint.safetensors'))
  const files = readdirSync(folder)
  const full = withFullDisk('train', ['--out', folder, '--resume'])
  assertRefused(full, 1, /safetensors cannot be written \(.*\)[^]*a file that was there before is untouched/)
  assert.ok(readFileSync(join(folder, 'checkpoint.safetensors')).equals(before))
  assert.equal(readdirSync(folder), files)
})

test('numbers that blow up stop the run, which names the step and the first bad operation', async () => {
  const outcome = await command('train', ['--train-size', '96', '--test-size', '20', '--lr', '1e30'])
  assertRefused(outcome, 1, /^step 2 of 6: the loss became NaN; the first bad operation is \w+: made NaN or infinity of finite inputs of shape .*, in blocks\.0/m)
  assert.match(outcome.err, /Try a smaller --lr/)
})

test('what cannot be meant is a usage error', async () => {
  assertRefused(await command('train', ['--epochs', 'none']), 2, /--epochs none: give a whole number of at least 1\nnpm run train -- --help lists the options/)
  assertRefused(await command('train', ['--dim', '10', '--heads', '3']), 2, /3 heads do not divide a dim of 10/)
  assertRefused(await command('train', ['--dim', '10000000000']), 2, /holds more than 2\^32 numbers/)
  assertRefused(await command('train', ['--config', 'README.md']), 2, /README\.md is no JSON/)
  assertRefused(await command('predict', []), 2, /name a run or a model file, and pictures/)
})

if (existsSync('/dev/full'))
  test('an output that cannot be written is no success', () => {
    const { status, stderr } = spawnSync('bash', ['-c', 'exec "$0" --import tsx examples/train.ts --help > /dev/full', process.execPath], { cwd: root, encoding: 'utf8' })
    assert.equal([status, stderr], [1, 'the output cannot be written (ENOSPC: no space left on device, write)\n'])
  })

test('missing data are named, with what to do', async () => {
  assertRefused(await command('train', ['--data', 'cifar10', '--folder', newFolder()]), 1, /data_batch_1\.bin cannot be read[^]*npm run data:cifar10/)
  assertRefused(await command('train', ['--data', 'no/such/place']), 1, /no\/such\/place: there is no such data set and no such folder/)
  assertRefused(await command('evaluate', [newFolder()]), 1, /there is no such model file and no such run/)
})

test('pictures in folders are learnt from; one that is broken is named, or left out', async () => {
  const pictures = pictureFolder()
  const broken = join(pictures, 'disk', 'broken.png')
  writeFileSync(broken, readFileSync(join(pictures, 'disk', '0.png')).subarray(0, 500))
  const args = ['--data', pictures, '--epochs', '1', '--dim', '16', '--depth', '1', '--heads', '2', '--patch', '8', '--workers', '1']
  assertRefused(await command('train', args), 1, /broken\.png cannot be decoded \(it ends too soon\)[^]*--bad-pictures skip/)
  const { code, out, err } = await command('train', [...args, '--bad-pictures', 'skip'])
  assert.is(code, 0, err)
  assert.match(err, /1 picture cannot be decoded and is left out, 40 remain: .*broken\.png/)
  assert.match(out, /on 36 pictures .*, tested on 4/)
})

test('more pictures than there are is a usage error that names the flag', async () => {
  const pictures = pictureFolder()
  assertRefused(await command('train', ['--data', pictures, '--train-size', '37']), 2, /^--train-size 37: there are 36 pictures to learn from$/m)
  const mnist = newFolder()
  mkdirSync(mnist)
  const idx = (...sizes: readonly number[]) => Buffer.concat([Buffer.from([0, 0, 8, sizes.length]), ...sizes.map((size) => Buffer.from([0, 0, 0, size])), Buffer.alloc(sizes.reduce((a, b) => a * b))])
  for (const part of ['train', 't10k']) for (const [name, file] of [['images-idx3-ubyte', idx(3, 28, 28)], ['labels-idx1-ubyte', idx(3)]] as const) writeFileSync(join(mnist, `${part}-${name}`), file)
  assertRefused(await command('train', ['--data', 'mnist', '--folder', mnist, '--test-size', '4']), 2, /^--test-size 4: there are 3 pictures to test with$/m)
})

test('a kept model is tested and asked', async () => {
  const folder = await aRun()
  const tested = await command('evaluate', [folder, '--test-size', '30'])
  assert.is(tested.code, 0, tested.err)
  assert.match(tested.out, /best\.safetensors on 30 pictures \(synthetic\): accuracy [\d.]+ %, loss/)

  assertRefused(await command('evaluate', [folder, '--folder', 'data']), 2, /--folder means something only with --data cifar10, cifar100, mnist or fashion-mnist/)
  assertRefused(await command('evaluate', [folder, '--bad-pictures', 'skip']), 2, /--bad-pictures means something only with a folder of pictures as --data/)

  const asked = await command('predict', [folder, join(folder, 'samples.png'), join(folder, 'report.md'), '--top', '3'])
  assert.is(asked.code, 1)
  assert.match(asked.err, /report\.md cannot be read: it is neither PNG nor JPEG/)
  const lines = asked.out.trimEnd().split('\n')
  assert.is(lines.length, 4)
  assert.ok(lines.slice(1).every((line) => /^ +[\d.]+ % {2}[a-z ]+$/.test(line)), asked.out)
  assertRefused(await command('predict', [join(folder, 'checkpoint.safetensors'), 'x.png']), 1, /does not say how its model is built/)

  const stranger = newFolder()
  const { vitgrad } = io.safetensorsMetadata(join(folder, 'best.safetensors'))
  io.saveSafetensors(stranger, {}, { vitgrad: vitgrad.replace('VisionTransformer', 'Perceptron') })
  assertRefused(await command('predict', [stranger, 'x.png']), 1, /does not say how its model is built \(it is a Perceptron\)/)
  const weights = io.loadSafetensors(join(folder, 'best.safetensors'))
  io.saveSafetensors(stranger, { ...weights, 'head.bias': zeros([11]) }, { vitgrad })
  assertRefused(await command('predict', [stranger, 'x.png']), 1, /does not hold the weights of the model that it describes \(.*head\.bias has shape \(11,\)/)
  io.saveSafetensors(stranger, { ...weights, 'head.bias': zeros([10]).fill_(NaN) }, { vitgrad })
  assertRefused(await command('predict', [stranger, 'x.png']), 1, /is of no use: the weights of head\.bias are not finite/)
})

test('a model is exported once, and then not overwritten; a full disk leaves nothing', async () => {
  const folder = await aRun()
  const out = join(folder, 'for', 'torch')
  const full = withFullDisk('export', [folder, '--out', out])
  assertRefused(full, 1, /safetensors cannot be written/)
  assert.equal(readdirSync(join(folder, 'for')), [])
  const { code, err, out: told } = await command('export', [folder, '--out', out, '--sample-size', '4'])
  assert.is(code, 0, err)
  assert.equal(readdirSync(out).sort(), ['model.safetensors', 'sample.safetensors', 'train.py', 'vision_transformer.py'])
  assert.match(told, `python3 ${join(out, 'train.py')} --processes 2`)
  assertRefused(await command('export', [folder, '--out', out]), 1, /would be overwritten/)
  assertRefused(await command('export', [folder, '--out', folder, '--overwrite']), 1, /holds other files/)
  assertRefused(await command('export', [folder, '--folder', 'data']), 2, /--folder means something only with/)
})

test.run()
