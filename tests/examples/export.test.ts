/** What a model is exported to: files that stand beside each other. What the program computes is compared in tests/vit. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { io, manualSeed, nn, randint, randn, vit } from 'vitgrad'
import { exportModel } from '../../examples/training/export.ts'

test('weights, program and sample are written, and say all that the program needs', () => {
  manualSeed(0)
  const folder = mkdtempSync(join(tmpdir(), 'vitgrad-export-'))
  try {
    const options = { imageSize: 8, patchSize: 4, classes: 3, dim: 8, depth: 1, heads: 2, dropout: 0.5 }
    const normalization = { mean: [0.5, 0.4, 0.3], std: [0.1, 0.2, 0.3] }
    const model = new vit.VisionTransformer({ ...options, weightInit: 'skip' })
    const sample = { pictures: randn([5, 3, 8, 8]), labels: randint(0, 3, [5]) }
    const { files, loss, command } = exportModel(join(folder, 'small'), model, { options: { ...options, weightInit: 'skip' }, normalization, sample, metadata: { note: 'mine' } })
    assert.equal(files, ['small.safetensors', 'small.py', 'small-sample.safetensors'].map((name) => join(folder, name)))
    assert.equal(readdirSync(folder).sort(), ['small-sample.safetensors', 'small.py', 'small.safetensors'])
    assert.is(command, `python3 ${files[1]} --processes 2`)
    assert.ok(model.training)

    const { note, pytorch } = io.safetensorsMetadata(files[0])
    assert.equal([note, JSON.parse(pytorch)], ['mine', { options, normalization }])
    const again = new vit.VisionTransformer(options)
    again.loadStateDict(io.loadSafetensors(files[0]))
    const { pictures, labels } = io.loadSafetensors(files[2])
    assert.is(nn.functional.crossEntropy(again.eval()(pictures), labels).item(), loss)
    assert.is(io.safetensorsMetadata(files[2]).loss, String(loss))
    assert.is(readFileSync(files[1], 'utf8'), readFileSync(new URL('../../examples/training/continue.py', import.meta.url), 'utf8'))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.run()
