/** metrics.csv and metrics.jsonl. */
import { appendFileSync, mkdtempSync, readFileSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Metrics, type StepRecord } from '../../examples/training/metrics.ts'
import { RunError } from '../../examples/training/mistakes.ts'

const record = (step: number): StepRecord => ({ step, epoch: step / 4, loss: 1 / step, accuracy: 0.5, lr: 1e-3, gradNorm: 2, testLoss: step % 4 === 0 ? 1.5 : null, testAccuracy: step % 4 === 0 ? 0.25 : null })

const newFolder = () => mkdtempSync(join(tmpdir(), 'vitgrad-'))

test('a row for each step, and its numbers come back as they were', () => {
  const metrics = new Metrics(newFolder())
  const records = [1, 2, 3, 4].map(record)
  for (const one of records) metrics.append(one, 0.25)
  assert.equal(metrics.read(), records)
  metrics.close()
})

test('both files call a column by the same name', () => {
  const folder = newFolder()
  const metrics = new Metrics(folder)
  metrics.append(record(4), 0.25)
  metrics.close()
  const [header] = readFileSync(join(folder, 'metrics.csv'), 'utf8').split('\n')
  assert.equal(Object.keys(JSON.parse(readFileSync(join(folder, 'metrics.jsonl'), 'utf8'))), [...header.split(','), 'seconds'])
})

test('what was written after a checkpoint is forgotten, torn lines included', () => {
  const folder = newFolder()
  const before = new Metrics(folder)
  for (const step of [1, 2, 3]) before.append(record(step), 0)
  const { position } = before
  before.append(record(4), 0)
  before.close()
  for (const name of ['metrics.csv', 'metrics.jsonl']) appendFileSync(join(folder, name), '5,1.2')

  const after = new Metrics(folder, position)
  for (const step of [4, 5]) after.append(record(step), 0)
  assert.equal(after.read().map(({ step }) => step), [1, 2, 3, 4, 5])
  after.close()
  assert.equal(readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line).step), [1, 2, 3, 4, 5])
})

test('a file that lost what a checkpoint counts on is refused', () => {
  const folder = newFolder()
  const before = new Metrics(folder)
  for (const step of [1, 2]) before.append(record(step), 0)
  const { position } = before
  before.close()
  truncateSync(join(folder, 'metrics.csv'), 70)
  assert.throws(() => new Metrics(folder, position), (error: unknown) => error instanceof RunError && /metrics\.csv has 70 bytes/.test(error.message))
})

test.run()
