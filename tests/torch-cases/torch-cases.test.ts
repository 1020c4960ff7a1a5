/** The small set of cases drawn from PyTorch by `python3 generate.py --archive cases.json.gz`. */
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readArchive } from './cases.ts'
import { replay } from './replay.ts'

/** What the library may still lack; a case that needs any other part must run. */
const NOT_YET = new Set([
  'F.avgPool2d',
  'F.adaptiveAvgPool2d',
  'F.batchNorm',
  'F.binaryCrossEntropyWithLogits',
  'F.embedding',
  'F.klDiv',
  'F.l1Loss',
  'F.nllLoss',
  'F.scaledDotProductAttention',
  'nn.AdaptiveAvgPool2d',
  'nn.BatchNorm1d',
  'nn.BatchNorm2d',
  'nn.Embedding',
  'nn.MultiheadAttention',
  'nn.Sigmoid',
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

test.run()
