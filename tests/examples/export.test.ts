/** What a model is exported to: a folder that is there as a whole or not at all. What its program computes is compared in tests/vit. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { io, manualSeed, nn, randint, randn } from 'vitgrad'
import { buildModel, counterpart, type Architecture } from '../../examples/training/architecture.ts'
import { exportModel, type ExportOptions } from '../../examples/training/export.ts'
import { RunError } from '../../examples/training/mistakes.ts'

const architectures: readonly Architecture[] = [
  { name: 'VisionTransformer', options: { imageSize: 8, patchSize: 4, classes: 3, dim: 8, depth: 1, heads: 2, dropout: 0.5, weightInit: 'skip' } },
  { name: 'CompactTransformer', options: { imageSize: 8, classes: 3, dim: 8, depth: 1, heads: 2, convLayers: 2, convChannels: [4], convNorm: true } },
  { name: 'Vit', options: { imageSize: 8, patchSize: 4, numBlocks: 1, heads: 4, dropout: 0.1, classes: 3 } },
]
const normalization = { mean: [0.5, 0.4, 0.3], std: [0.1, 0.2, 0.3] }

let folder = ''

test.before.each(() => {
  manualSeed(0)
  folder = mkdtempSync(join(tmpdir(), 'vitgrad-export-'))
})
test.after.each(() => rmSync(folder, { recursive: true }))

/** Exports a new model to `out`; returns the model with what the export says of itself. */
function exportNew(out: string, architecture: Architecture = architectures[0], further: Partial<ExportOptions> = {}) {
  const model = buildModel(architecture)
  const sample = { pictures: randn([5, 3, 8, 8]), labels: randint(0, 3, [5]) }
  return { model, ...exportModel(out, model, { architecture, normalization, sample, ...further }) }
}

for (const architecture of architectures)
  test(`${architecture.name}: programs, weights and sample are written, and say all that PyTorch needs`, () => {
    const out = join(folder, 'for', 'pytorch')
    const { model, files, loss } = exportNew(out, architecture, { metadata: { note: 'mine' } })
    const { module } = counterpart(architecture)
    assert.equal(files, ['train.py', `${module}.py`, 'model.safetensors', 'sample.safetensors'])
    assert.equal(readdirSync(out).sort(), [...files].sort())
    assert.equal(readdirSync(join(folder, 'for')), ['pytorch'])
    assert.ok(model.training)

    const { note, pytorch } = io.safetensorsMetadata(join(out, files[2]))
    assert.equal([note, JSON.parse(pytorch)], ['mine', { ...counterpart(architecture), normalization }])
    const again = buildModel(architecture)
    again.loadStateDict(io.loadSafetensors(join(out, files[2])))
    again.eval()
    const { pictures, labels } = io.loadSafetensors(join(out, files[3]))
    assert.is(nn.functional.crossEntropy(again(pictures), labels).item(), loss)
    assert.is(io.safetensorsMetadata(join(out, files[3])).loss, String(loss))

    const program = (name: string) => readFileSync(new URL(`../../examples/training/pytorch/${name}`, import.meta.url), 'utf8')
    for (const name of files.slice(0, 2)) assert.is(readFileSync(join(out, name), 'utf8'), program(name))
    assert.match(program(files[1]), `class ${architecture.name}(nn.Module):`)
  })

test("options bear PyTorch's names", () => {
  assert.equal(counterpart(architectures[1]), {
    module: 'compact_transformer',
    class: 'CompactTransformer',
    options: { image_size: 8, classes: 3, dim: 8, depth: 1, heads: 2, conv_layers: 2, conv_channels: [4], conv_norm: true },
  })
})

test('an export is replaced as a whole, if that is wanted; what else is there is refused', () => {
  const out = join(folder, 'pytorch')
  const replace = () => exportNew(out, architectures[0], { overwrite: true })
  const assertRefused = (action: () => void, message: RegExp) => assert.throws(action, (error: unknown) => error instanceof RunError && message.test(error.message))
  exportNew(out)
  assertRefused(() => exportNew(out), /pytorch would be overwritten: choose another --out, or say --overwrite/)
  const before = readFileSync(join(out, 'model.safetensors'))
  mkdirSync(join(out, '__pycache__')) // Python makes it
  replace()
  assert.not.ok(readFileSync(join(out, 'model.safetensors')).equals(before))
  assert.equal([readdirSync(folder), readdirSync(out).length], [['pytorch'], 4])

  writeFileSync(join(out, 'trained.safetensors'), 'days of work')
  assertRefused(replace, /pytorch holds other files, such as trained\.safetensors: choose another --out/)
  rmSync(out, { recursive: true })
  writeFileSync(out, 'a file')
  assertRefused(replace, /pytorch is there already, and no folder/)
  assert.is(readFileSync(out, 'utf8'), 'a file')
})

test('an export that fails leaves nothing, and what was there before untouched', () => {
  const out = join(folder, 'pytorch')
  const sample = { pictures: randn([1, 3, 8, 8]), labels: randint(0, 3, [1]), __metadata__: randn([1]) } // no file can hold that name, and the sample is the last to be written
  const failing = () => exportModel(out, buildModel(architectures[0]), { architecture: architectures[0], normalization, sample, overwrite: true })
  assert.throws(failing, /__metadata__/)
  assert.equal(readdirSync(folder), [])
  exportNew(out)
  const before = readdirSync(out).map((name) => readFileSync(join(out, name)))
  assert.throws(failing)
  assert.equal(readdirSync(folder), ['pytorch'])
  readdirSync(out).forEach((name, i) => assert.ok(readFileSync(join(out, name)).equals(before[i]), name))
  assert.throws(() => exportNew('/proc/pytorch'), (error: unknown) => error instanceof RunError && /nothing can be kept in \/proc/.test(error.message))
  assert.not.ok(existsSync('/proc/pytorch'))
})

test('what a killed export has left is cleared away by the next one: what it had set aside is put back; a running one is left alone', () => {
  const workFolderOf = (pid: number) => join(folder, `.vitgrad-export-${pid}`)
  const { pid: killed } = spawnSync(process.execPath, ['--version'])
  for (const pid of [killed, process.ppid])
    for (const [place, name] of [['new', 'train.py'], [`former/of ${pid}`, 'model.safetensors']]) {
      mkdirSync(join(workFolderOf(pid), place), { recursive: true })
      writeFileSync(join(workFolderOf(pid), place, name), 'weights')
    }
  exportNew(join(folder, 'pytorch'))
  assert.equal(readdirSync(folder).sort(), [`.vitgrad-export-${process.ppid}`, `of ${killed}`, 'pytorch'])
  assert.equal(readdirSync(join(folder, `of ${killed}`)), ['model.safetensors'])
  assert.ok(existsSync(join(workFolderOf(process.ppid), 'former', `of ${process.ppid}`, 'model.safetensors')))
})

test('an export that was killed while it replaced another has lost neither, and is begun again only where that is wanted', () => {
  const out = join(folder, 'pytorch')
  exportNew(out)
  const former = join(folder, `.vitgrad-export-${spawnSync(process.execPath, ['--version']).pid}`, 'former')
  mkdirSync(former, { recursive: true })
  renameSync(out, join(former, 'pytorch'))
  assert.throws(() => exportNew(out), (error: unknown) => error instanceof RunError && /would be overwritten/.test(error.message))
  assert.equal([readdirSync(folder), readdirSync(out).length], [['pytorch'], 4])
})

const python = ['python3', '/usr/bin/python3'].find((command) => spawnSync(command, ['-c', 'import numpy, torch']).status === 0)

/** Where a Python has PyTorch: what the program of an export does in two processes, which are told to end with `signal` once they have trained an epoch. */
async function trainInPython(out: string, args: readonly string[], signal?: 'SIGINT' | 'SIGTERM') {
  const child = spawn(python ?? '', [join(out, 'train.py'), '--processes', '2', ...args], { env: { ...process.env, OMP_NUM_THREADS: '1' }, stdio: ['ignore', 'pipe', 'pipe'] })
  const written = { out: '', err: '' }
  child.stdout.on('data', (text) => {
    written.out += text
    if (signal && written.out.includes('epoch 1/')) child.kill(signal)
  })
  child.stderr.on('data', (text) => (written.err += text))
  const code = await new Promise((resolve) => child.on('close', resolve))
  return { code, ...written }
}

if (python !== undefined) {
  test('the program finds the same loss in PyTorch, trains, and ends without a word when it is told to', async () => {
    const out = join(folder, 'pytorch')
    const { loss } = exportNew(out)
    const trained = await trainInPython(out, [])
    assert.equal([trained.code, trained.err], [0, ''])
    const [, there, here] = /^2 processes, loss of the sample ([\d.]+), in vitgrad ([\d.]+)\nepoch 1\/1: loss /.exec(trained.out) ?? []
    assert.is(here, loss.toFixed(6))
    assert.ok(Math.abs(Number(there) - loss) < 2e-6, there)
    buildModel(architectures[0]).loadStateDict(io.loadSafetensors(join(out, 'trained.safetensors')))

    const goingOn = await trainInPython(out, ['--model', join(out, 'trained.safetensors'), '--epochs', '2000'], 'SIGTERM')
    assert.equal([goingOn.code, goingOn.err], [143, ''])
    assert.match(goingOn.out, /^2 processes, loss of the sample [\d.]+\nepoch 1\//)
    assert.equal((await trainInPython(out, ['--epochs', '2000'], 'SIGINT')).code, 130)
  })

  test('the program says in a line what it cannot use, whatever the number of processes', async () => {
    const out = join(folder, 'pytorch')
    exportNew(out)
    exportNew(join(folder, 'other'), architectures[1])
    writeFileSync(join(folder, 'broken'), 'broken')
    const refused: readonly [args: readonly string[], message: RegExp][] = [
      [['--model', join(folder, 'other', 'model.safetensors')], /^\S+other.model\.safetensors is another kind of model than \S+: go on with it by the train\.py that was exported with it\n$/],
      [['--data', join(folder, 'broken')], /^\S+broken is no whole safetensors file \(.*\)\n$/],
      [['--out', folder], /^--out \S+ cannot be written: give a file in a folder that is there and where you may write\n$/],
    ]
    for (const [args, message] of refused) {
      const { code, err } = await trainInPython(out, args)
      assert.match(err, message)
      assert.is(code, 1)
    }
  })
}

test.run()
