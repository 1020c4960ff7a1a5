/** No number is ever read from memory that has been freed: what stress.ts reads is the same, to the bit, when no memory is used twice. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

type Readings = Record<string, (number | 'gone')[]>

const script = fileURLToPath(new URL('stress.ts', import.meta.url))

function readingsWith(settings: Record<string, string>): Readings {
  const env = { ...process.env, VITGRAD_ENGINE: 'simd', VITGRAD_THREADS: '2', VITGRAD_HEAP_MB: '', ...settings }
  return JSON.parse(execFileSync(process.execPath, ['--import', 'tsx', script], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
}

/** On a heap without room every value is an ordinary array, which nobody takes back. */
const withoutReuse = readingsWith({ VITGRAD_HEAP_MB: '0.0001' })

/** Here large values are read after their graph and a later one were released. */
const READS_TOO_LATE = [
  'a loop over one batch; result and loss read after step()',
  'one graph, passed twice',
  'views, before and after their graph is released',
  'gradients that the user keeps',
  'what a module stores',
]

test('without reuse everything can be read', () => {
  assert.ok(Object.keys(withoutReuse).length > 20)
  for (const [deed, read] of Object.entries(withoutReuse)) assert.ok(read.length > 0 && !read.includes('gone'), deed)
})

const HEAPS: Record<string, Record<string, string>> = {
  'an ordinary heap': {},
  'a heap whose free memory is overwritten': { VITGRAD_HEAP_SCRIBBLE: '1' },
  'one of 4 MiB': { VITGRAD_HEAP_SCRIBBLE: '1', VITGRAD_HEAP_MB: '4' },
}

const readings = Object.entries(HEAPS).map(([heap, settings]): [string, Readings] => [heap, readingsWith(settings)])

for (const [heap, deeds] of readings)
  for (const [deed, read] of Object.entries(deeds))
    test(`${deed}: on ${heap}`, () => {
      const expected = withoutReuse[deed]
      assert.is(read.length, expected.length)
      read.forEach((value, i) => assert.ok(value === 'gone' ? READS_TOO_LATE.includes(deed) : value === expected[i], `reading ${i} is ${value}, not ${expected[i]}`))
    })

test('what is gone is what was read too late, and no more', () => {
  const [[, deeds]] = readings
  for (const deed of READS_TOO_LATE) assert.ok(deeds[deed].includes('gone') && deeds[deed].some((value) => value !== 'gone'), deed)
})

test.run()
