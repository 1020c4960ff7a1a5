/** The built package in a project of its own: a program checks against its declarations, and plain Node runs it. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'vitgrad-build-'))
test.after(() => rmSync(folder, { recursive: true }))

/** Whatever needs a file or a thread beside the main one: kernels on two threads, a loader's worker, files. */
const PROGRAM = `
import { data, io, manualSeed, nn, optim, setNumThreads, type Tensor } from 'vitgrad'

setNumThreads(2)
manualSeed(3)
const count = 96
const images = Uint8Array.from({ length: count * 3 * 16 * 16 }, (_, i) => (i * i) % 251)
const labels = Uint8Array.from({ length: count }, (_, i) => i % 10)
const transform = new data.transforms.RandomCrop(16, { padding: 2 })
const pictures = new data.ImageDataset({ images, labels }, { shape: [3, 16, 16], classes: [...'abcdefghij'], transform })
const loader = new data.DataLoader(pictures, { batchSize: 32, shuffle: true, numWorkers: 1 })
const model = new nn.Sequential(new nn.Conv2d(3, 64, 4, { stride: 4 }), new nn.Flatten(), new nn.ReLU(), new nn.Linear(1024, 10))
const optimizer = new optim.AdamW(model.parameters(), { lr: 0.01 })
for (const [x, y] of loader) {
  optimizer.zeroGrad()
  const loss: Tensor = nn.functional.crossEntropy(model(x), y)
  loss.backward()
  optimizer.step()
  console.log(loss.item())
}
io.saveSafetensors('model.safetensors', model.stateDict())
console.log(String(model), Object.keys(io.loadSafetensors('model.safetensors')))
`

function node(cwd: string, ...args: readonly string[]): string {
  return execFileSync(process.execPath, args, { cwd, encoding: 'utf8', env: { ...process.env, FORCE_COLOR: '0' } })
}

/** A project with vitgrad in its node_modules and the program in TypeScript. */
function project(name: string): string {
  const path = join(folder, name)
  mkdirSync(join(path, 'node_modules'), { recursive: true })
  writeFileSync(join(path, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(path, 'program.ts'), PROGRAM)
  return path
}

test('the built package computes what the source does, without a loader', () => {
  const built = project('built')
  node(root, '--import', 'tsx', 'tools/build.ts', '--out', join(built, 'node_modules/vitgrad'))
  node(built, join(root, 'node_modules/typescript/bin/tsc'), '--ignoreConfig', '--module', 'nodenext', '--target', 'es2022', '--strict', '--types', 'node', '--typeRoots', join(root, 'node_modules/@types'), 'program.ts')
  const source = project('source')
  symlinkSync(root, join(source, 'node_modules/vitgrad'))
  const expected = node(source, '--import', join(root, 'node_modules/tsx/dist/loader.mjs'), 'program.ts')
  assert.match(expected, /^(\d+\.\d+\n){3}Sequential\(/)
  assert.is(node(built, 'program.js'), expected)
})

test.run()
