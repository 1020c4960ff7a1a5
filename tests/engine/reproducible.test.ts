/** The same training, to the bit, whatever the machine lends to it; each setting in a process of its own. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const script = fileURLToPath(new URL('losses.ts', import.meta.url))

function lossesWith(settings: Record<string, string>, flags: readonly string[] = []): number[] {
  const env = { ...process.env, VITGRAD_ENGINE: 'simd', VITGRAD_THREADS: '1', VITGRAD_HEAP_MB: '', ...settings }
  return JSON.parse(execFileSync(process.execPath, ['--import', 'tsx', ...flags, script], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
}

const alone = lossesWith({})

for (const threads of ['2', '3', '4'])
  test(`${threads} threads give the bits that one gives`, () => {
    assert.equal(lossesWith({ VITGRAD_THREADS: threads }), alone)
  })

test('a heap of 4 MiB gives the bits that a large one gives', () => {
  assert.equal(lossesWith({ VITGRAD_HEAP_MB: '4' }), alone)
})

test('memory that cannot be shared, as in a page that is not isolated, gives the bits that shared memory gives', () => {
  assert.equal(lossesWith({}, ['--import', 'data:text/javascript,globalThis.crossOriginIsolated = false']), alone)
})

test('the reference engine gives the same numbers up to rounding', () => {
  const reference = lossesWith({ VITGRAD_ENGINE: 'reference' })
  assert.is(reference.length, alone.length)
  reference.forEach((value, i) => assert.ok(Math.abs(value - alone[i]) < 2e-4 * (1 + Math.abs(value)), `${value} and ${alone[i]}`))
})

test.run()
