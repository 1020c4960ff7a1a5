/** Programs to be read run as they stand: README's first one prints what stands beside it, and the notebook and the loop by hand learn. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { io } from 'vitgrad'
import { root } from './train-command.ts'

/** What a program prints, run in a new folder with the fastest engine and the usual heap: they are about what is learnt, not about engines. */
function run(program: string, folder = mkdtempSync(join(tmpdir(), 'vitgrad-'))): { readonly out: string; readonly folder: string } {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', tsx, program], { cwd: folder, encoding: 'utf8', env: { ...process.env, VITGRAD_ENGINE: 'simd', VITGRAD_HEAP_MB: '' } })
  assert.equal([status, stderr], [0, ''])
  return { out: stdout, folder }
}

test("README's first program prints what it says", () => {
  const [, program] = /```ts\n([^]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? []
  const file = join(mkdtempSync(join(tmpdir(), 'vitgrad-')), 'program.ts')
  writeFileSync(file, program.replace("'vitgrad'", `'${pathToFileURL(join(root, 'lib', 'index.ts')).href}'`))
  const said = program.split('\n').filter((line) => line.startsWith('// ')).map((line) => line.slice(3))
  assert.is(said.length, 8)
  assert.is(run(file).out, `${said.join('\n')}\n`)
})

test('the notebook runs to its end, agrees with PyTorch and with the library, and learns', () => {
  const { out } = run(join(root, 'examples', 'vit-notebook.ts'))
  const lines = out.split('\n')
  assert.equal(lines.filter((line) => /^\d\. /.test(line)), ['1. Linear projection of flattened patches', '2. Position embedding and class token', '3. Transformer block', '4. Net', '5. Training', '6. What it predicts', '7. What it looks at'])
  assert.is(lines.filter((line) => line.endsWith('as in PyTorch: true')).length, 4)
  assert.is(lines.filter((line) => line.endsWith('same names true, same scores true')).length, 2)
  assert.ok(Number(/accuracy on new pictures: +(\d+) %/.exec(out)?.[1]) > 75, out)
})

test('the loop by hand learns, and leaves a checkpoint to go on from', () => {
  const { out, folder } = run(join(root, 'examples', 'train-in-40-lines.ts'))
  assert.ok(Number(/^epoch 2: .* accuracy ([\d.]+) %$/m.exec(out)?.[1]) > 90, out)
  assert.equal(Object.keys(io.loadCheckpoint(join(folder, 'runs', 'by-hand', 'checkpoint.safetensors'))), ['epoch', 'model', 'optimizer', 'schedule', 'average'])
})

test.run()
