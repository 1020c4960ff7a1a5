/** Every command of the project: it has a help, and tells in a line or two what cannot be meant. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { root, type Outcome } from './train-command.ts'

const { scripts }: { readonly scripts: Readonly<Record<string, string>> } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

/** The commands that are programs of this project, by their names; `start` is `train`. */
const programs = Object.entries(scripts).flatMap(([name, line]) => {
  const file = /^(?:node --import tsx|tsx) (\S+\.ts)$/.exec(line)?.[1]
  return file === undefined || name === 'start' ? [] : [{ name, file }]
})

function run(file: string, ...args: readonly string[]): Promise<Outcome> {
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const written = { out: '', err: '' }
  child.stdout.on('data', (text) => (written.out += text))
  child.stderr.on('data', (text) => (written.err += text))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...written })))
}

test('all commands are found', () => {
  assert.equal(programs.map(({ name }) => name), ['train', 'evaluate', 'predict', 'export', 'bench', 'build', 'data:cifar10', 'data:fashion-mnist', 'torch-cases'])
})

test('each has a help', async () => {
  for (const { name, file } of programs) {
    const { code, out, err } = await run(file, '--help')
    assert.equal([code, err], [0, ''], name)
    assert.match(out, `npm run ${name}`)
  }
})

test('a flag that there is not is a usage error, exit code 2', async () => {
  for (const { name, file } of programs) {
    const { code, out, err } = await run(file, '--no-such-flag')
    assert.equal([code, out], [2, ''], name)
    assert.match(err, /^Unknown option '--no-such-flag'\nnpm run \S+ -- --help lists the options\n$/)
  }
})

test('data go nowhere where no folder can be made', async () => {
  for (const { name, file } of programs.filter((program) => program.name.startsWith('data:'))) {
    const { code, err } = await run(file, '--out', '/proc/vitgrad/data')
    assert.is(code, 1, name)
    assert.match(err, /^nothing can be kept in \/proc\/vitgrad \(.*\): choose another --out, where you may write\n$/)
    assert.not.ok(existsSync('/proc/vitgrad'))
  }
})

test('cases are asked for, and found to be none', async () => {
  const file = 'tests/torch-cases/replay.ts'
  const none = await run(file)
  assert.is(none.code, 2)
  assert.match(none.err, /^name one folder with cases\n/)
  const empty = await run(file, 'docs')
  assert.is(empty.code, 1)
  assert.match(empty.err, /^docs holds no cases: draw some with/)
})

test.run()
