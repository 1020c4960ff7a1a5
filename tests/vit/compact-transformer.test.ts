/** CompactTransformer: stochastic depth, and what it refuses. Its numbers are compared with PyTorch's in golden.test.ts. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { manualSeed, randn, ShapeError, ValueError, vit } from 'vitgrad'
import { isError } from '../is-error.ts'

const small = { imageSize: 12, classes: 3, dim: 16, depth: 2, heads: 2, convLayers: 2, attentionDropout: 0, dropPath: 0 }

const build = (options: Partial<vit.CompactTransformerOptions> = {}) => new vit.CompactTransformer({ ...small, ...options })

test.before.each(() => void manualSeed(0))

test('stochastic depth leaves out the last block most often, and none in evaluation', () => {
  const model = build({ depth: 3, dropPath: 0.4 })
  assert.equal([...model.classifier.blocks].map(({ drop_path }) => drop_path.p), [0, 0.2, 0.4])
  const images = randn([8, 3, 12, 12])
  manualSeed(1)
  const trained = model(images).data.slice()
  assert.not.equal(model(images).data, trained)
  model.eval()
  assert.equal(model(images).data, model(images).data)
})

test('pictures of another size, heads that do not divide, and channels that do not fit the convolutions are refused', () => {
  const model = build()
  assert.throws(() => model(randn([1, 3, 16, 16])), isError(ShapeError, /16 tokens, the model was built for 9/))
  assert.throws(() => build({ heads: 3 }), isError(ValueError, /3 heads do not divide a dim of 16/))
  assert.throws(() => build({ convChannels: [8, 16] }), isError(ValueError, /2 numbers of channels between 2 convolutions/))
})

test.run()
