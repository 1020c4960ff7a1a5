/** The small set of cases drawn from PyTorch by `python3 generate.py --archive cases.json.gz`. */
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { tensor } from 'vitgrad'
import { differences, readArchive } from './cases.ts'
import { replay } from './replay.ts'

/** What the library may still lack; a case that needs any other part must run. */
const NOT_YET = new Set([
  'F.avgPool2d',
  'F.adaptiveAvgPool2d',
  'F.binaryCrossEntropyWithLogits',
  'F.klDiv',
  'F.scaledDotProductAttention',
  'nn.AdaptiveAvgPool2d',
  'nn.Embedding',
  'nn.MultiheadAttention',
  'nn.TransformerEncoderLayer',
  'nn.utils.clipGradNorm_',
  'optim.Adam',
  'optim.AdamW',
  'optim.RMSprop',
  'optim.lrScheduler.CosineAnnealingLR',
  'optim.lrScheduler.ExponentialLR',
  'optim.lrScheduler.LinearLR',
  'optim.lrScheduler.MultiStepLR',
  'optim.lrScheduler.OneCycleLR',
  'optim.lrScheduler.StepLR',
])

const report = replay(readArchive(fileURLToPath(new URL('cases.json.gz', import.meta.url))))

test('outputs, gradients, trajectories and refused calls are those of PyTorch', () => {
  assert.is(report.failed, 0, report.lines.join('\n'))
  assert.ok(report.passed > 500, report.lines.join('\n'))
})

test('no case is skipped for want of a part that the library must have', () => {
  assert.equal(report.missing.filter((part) => !NOT_YET.has(part)), [])
})

test('a difference is one of shape, kind, or more than the tolerance; NaN equals NaN', () => {
  const expected = { dtype: 'float32', shape: [3], data: [1, 'NaN', '-Infinity'], tol: 0.1 } as const
  const differs = (values: number[]) => differences('x', expected, tensor(values)).length > 0
  assert.not(differs([1.05, NaN, -Infinity]))
  assert.ok(differs([1.2, NaN, -Infinity]))
  assert.ok(differs([NaN, NaN, -Infinity]))
  assert.ok(differs([1, 0, -Infinity]))
  assert.ok(differs([1, NaN, Infinity]))
  assert.ok(differs([1, NaN]))
  assert.ok(differences('x', expected, null).length > 0)
  assert.ok(differences('x', { dtype: 'int64', shape: [1], data: [2] }, tensor([2])).length > 0)
})

test.run()
