/**
 * Kills a run without warning at random moments and lets it go on, then compares its weights and losses with those of a run that nothing
 * happened to: npx tsx tests/examples/kill-and-resume.ts [kills] [seed]
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Generator } from 'vitgrad'
import { command, linesIn, newFolder, shortRun } from './train-command.ts'

const [kills, seed] = [Number(process.argv[2] ?? 20), Number(process.argv[3] ?? 0)]
const run = [...shortRun, '--train-size', '640', '--epochs', String(Math.ceil(kills / 2) + 1), '--save-every', '0.002']

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const whole = newFolder()
const { code, err } = await command('train', [...run, '--out', whole])
if (code !== 0) throw new Error(err)

const folder = newFolder()
const generator = new Generator(seed)
const args = [...run, '--out', folder, '--resume']
for (let kill = 1; kill <= kills; kill++) {
  // One in five is killed while it starts, the others within a second and a half of the moment when they are ready.
  const isEarly = generator.random() % 5 === 0
  const after = generator.random() % 1500
  const { out } = await command('train', args, async (child, soFar) => {
    while (!isEarly && !soFar().includes('pictures') && child.exitCode === null) await pause(5)
    await pause(after)
    child.kill('SIGKILL')
  })
  console.log(`killed ${kill} times: ${after} ms after ${isEarly ? 'its start' : /going on after step \d+/.exec(out)?.[0] ?? 'its beginning'}, with ${Math.max(0, linesIn(folder) - 1)} steps written down`)
}
const last = await command('train', args)
if (last.code !== 0) throw new Error(last.err)
for (const name of ['model.safetensors', 'best.safetensors', 'metrics.csv']) {
  if (!readFileSync(join(whole, name)).equals(readFileSync(join(folder, name)))) throw new Error(`${name} differs`)
  console.log(`${name} is the same to the bit`)
}
