/** CompactTransformer beside the same model written in PyTorch by compact-transformer.golden.py. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { arange, manualSeed, nn, optim, randn, ShapeError, ValueError, vit, type Tensor } from 'vitgrad'

interface Case {
  readonly options: {
    readonly image_size: number
    readonly classes: number
    readonly dim: number
    readonly depth: number
    readonly heads: number
    readonly mlp_ratio: number
    readonly conv_layers: number
    readonly kernel: number
    readonly positions: 'learnable' | 'sine' | 'none'
    readonly channels: number
    readonly conv_channels?: readonly number[]
    readonly conv_norm?: boolean
  }
  readonly parameters: Readonly<Record<string, number>>
  readonly logits: readonly number[]
  readonly loss: number
  readonly grads: Readonly<Record<string, number>>
  readonly losses: readonly number[]
}

const cases: Readonly<Record<string, Case>> = JSON.parse(readFileSync(new URL('compact-transformer.golden.json', import.meta.url), 'utf8'))

function build({ image_size, mlp_ratio, conv_layers, conv_channels, conv_norm, kernel, ...rest }: Case['options'], { dropPath = 0 } = {}) {
  return new vit.CompactTransformer({ ...rest, imageSize: image_size, mlpRatio: mlp_ratio, convLayers: conv_layers, convChannels: conv_channels, convNorm: conv_norm, kernelSize: kernel, attentionDropout: 0, dropPath })
}

/** The sum of all numbers, each with a weight of its own. */
const weighted = ({ data }: Tensor) => data.reduce((sum, value, i) => sum + value * (((i * 7919) % 101) / 50 - 1), 0)

function assertNear(actual: number, expected: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= 1e-5 * Math.max(1, Math.abs(expected)), `${what}: ${actual} is not ${expected}`)
}

test.before.each(() => void manualSeed(0))

for (const [name, { options, parameters, logits, loss, grads, losses }] of Object.entries(cases)) {
  test(`${name}: initial weights, logits, gradients and losses of PyTorch`, () => {
    manualSeed(0)
    const model = build(options)
    const named = [...model.namedParameters()]
    assert.equal(named.map(([key]) => key).sort(), Object.keys(parameters).sort())
    for (const [key, parameter] of named) assertNear(weighted(parameter), parameters[key], `weights of ${key}`)

    const images = randn([4, options.channels, options.image_size, options.image_size])
    const labels = arange(4).data.map((i) => i % options.classes)
    const output = model(images)
    output.data.forEach((value, i) => assertNear(value, logits[i], `logit ${i}`))
    const first = nn.functional.crossEntropy(output, labels)
    first.backward()
    assertNear(first.item(), loss, 'loss')
    for (const [key, { grad, requiresGrad }] of named) {
      assert.is(requiresGrad, key in grads)
      if (grad) assertNear(weighted(grad), grads[key], `gradient of ${key}`)
    }

    const optimizer = new optim.SGD(named.flatMap(([, parameter]) => (parameter.requiresGrad ? [parameter] : [])), { lr: 0.1 })
    for (const expected of losses) {
      optimizer.zeroGrad()
      const step = nn.functional.crossEntropy(model(images), labels)
      step.backward()
      optimizer.step()
      assertNear(step.item(), expected, 'loss of a step')
    }
  })
}

const { options } = cases['learned positions, two convolutions']

test('stochastic depth leaves out the last block most often, and none in evaluation', () => {
  const model = build({ ...options, depth: 3 }, { dropPath: 0.4 })
  assert.equal([...model.classifier.blocks].map(({ drop_path }) => drop_path.p), [0, 0.2, 0.4])
  const images = randn([8, 3, 12, 12])
  manualSeed(1)
  const trained = model(images).data.slice()
  assert.not.equal(model(images).data, trained)
  model.eval()
  assert.equal(model(images).data, model(images).data)
})

test('pictures of another size, heads that do not divide, and channels that do not fit the convolutions are refused', () => {
  const model = build(options)
  assert.throws(() => model(randn([1, 3, 16, 16])), (error: unknown) => error instanceof ShapeError && /16 tokens, the model was built for 9/.test(error.message))
  assert.throws(() => build({ ...options, heads: 3 }), (error: unknown) => error instanceof ValueError && /3 heads do not divide a dim of 16/.test(error.message))
  assert.throws(() => build({ ...options, conv_channels: [8, 16] }), (error: unknown) => error instanceof ValueError && /2 numbers of channels between 2 convolutions/.test(error.message))
})

test.run()
