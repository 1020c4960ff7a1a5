/** How progress is shown. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { duration, startProgress } from '../../examples/training/progress.ts'

/** What a piece of progress writes to standard error, were that a terminal of this kind, or none. */
function shownOn(terminal: string | undefined): string {
  const { stderr, env } = process
  const before = { isTTY: stderr.isTTY, write: stderr.write, TERM: env.TERM }
  let shown = ''
  Object.assign(stderr, { isTTY: terminal !== undefined, write: (text: string) => Boolean((shown += text)) })
  env.TERM = terminal
  try {
    const progress = startProgress('epoch 1/3', 10)
    progress.show(5, 'loss 2.3')
    progress.finish()
  } finally {
    Object.assign(stderr, { isTTY: before.isTTY, write: before.write })
    if (before.TERM === undefined) delete env.TERM
    else env.TERM = before.TERM
  }
  return shown
}

test('a bar is drawn on a terminal that can move its cursor, and nowhere else', () => {
  assert.match(shownOn('xterm'), /epoch 1\/3/)
  for (const terminal of ['dumb', undefined]) assert.is(shownOn(terminal), '')
})

test('durations are told in the two largest units', () => {
  assert.equal([400, 59_400, 75_000, 3_599_000, 5_400_000].map(duration), ['0 s', '59 s', '1 min 15 s', '59 min 59 s', '1 h 30 min'])
})

test.run()
