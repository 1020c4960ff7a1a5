/**
 * Kills a run without warning at random moments and lets it go on, then compares its weights and losses with those of a run that nothing
 * happened to: npx tsx tests/examples/kill-and-resume.ts [kills] [seed]
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Generator } from 'vitgrad'
import { command, newFolder, shortRun } from './train-command.ts'

const [kills, seed] = [Number(process.argv[2] ?? 20), Number(process.argv[3] ?? 0)]
const run = [...shortRun, '--train-size', '640', '--epochs', String(Math.ceil(kills / 2) + 1), '--save-every', '0.002']

const whole = newFolder()
const began = performance.now()
const { code, err } = await command('train', [...run, '--out', whole])
if (code !== 0) throw new Error(err)
const ms = performance.now() - began
console.log(`a run takes ${(ms / 1000).toFixed(1)} s`)

const folder = newFolder()
const generator = new Generator(seed)
const args = [...run, '--out', folder, '--resume']
for (let kill = 1; kill <= kills; kill++) {
  const after = 500 + (2000 * generator.random()) / 2 ** 32
  const { out } = await command('train', args, async (child) => {
    await new Promise((resolve) => setTimeout(resolve, after))
    child.kill('SIGKILL')
  })
  const steps = existsSync(join(folder, 'metrics.csv')) ? Math.max(0, readFileSync(join(folder, 'metrics.csv'), 'utf8').split('\n').length - 2) : 0
  console.log(`killed ${kill} times: after ${(after / 1000).toFixed(2)} s, with ${steps} steps written down (${/going on after step \d+/.exec(out)?.[0] ?? 'from the beginning'})`)
}
const last = await command('train', args)
if (last.code !== 0) throw new Error(last.err)
for (const name of ['model.safetensors', 'best.safetensors', 'metrics.csv']) {
  if (!readFileSync(join(whole, name)).equals(readFileSync(join(folder, name)))) throw new Error(`${name} differs`)
  console.log(`${name} is the same to the bit`)
}
