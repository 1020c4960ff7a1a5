/** Gradients of gradients against PyTorch's, which are computed in float64. second-order-golden.py says of what. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { arange, autograd, nn, zerosLike, type Tensor } from 'vitgrad'

interface Case {
  readonly inputs: readonly string[]
  readonly grads: readonly (readonly number[])[]
}

const golden: Record<string, Case> = JSON.parse(readFileSync(new URL('second-order.golden.json', import.meta.url), 'utf8'))
const F = nn.functional
const labels = [1, 0, 3]

const functions: Readonly<Record<string, (...x: Tensor[]) => Tensor>> = {
  'pow(2)': (x) => x.pow(2),
  'pow(0.5)': (x) => x.pow(0.5),
  'pow(-1.5)': (x) => x.pow(-1.5),
  'pow of two': (x, y) => x.pow(y),
  softmax: (x) => x.softmax(1),
  logSoftmax: (x) => x.logSoftmax(0),
  layerNorm: (x, weight, bias) => F.layerNorm(x, [4], { weight, bias }),
  groupNorm: (x, weight, bias) => F.groupNorm(x, 2, { weight, bias }),
  batchNorm: (x, weight, bias) => F.batchNorm(x, null, null, { weight, bias, training: true }),
  gelu: (x) => x.gelu(),
  silu: (x) => x.silu(),
  std: (x) => x.std(1),
  prod: (x) => x.prod(1),
  logsumexp: (x) => x.logsumexp(1),
  normalize: (x) => F.normalize(x),
  conv2d: (x, weight, bias) => F.conv2d(x, weight, bias, { padding: 1, stride: 2, groups: 2 }),
  attention: (q, k, v) => F.scaledDotProductAttention(q, k, v),
  crossEntropy: (x) => F.crossEntropy(x, labels),
  'crossEntropy, smoothed': (x) => F.crossEntropy(x, labels, { labelSmoothing: 0.1 }),
  'crossEntropy of probabilities': (x, target) => F.crossEntropy(x, target),
  binaryCrossEntropyWithLogits: (x, target) => F.binaryCrossEntropyWithLogits(x, target),
  at: (x) => x.at([0, 2, 2]).pow(3),
}

function make(name: string, k: number): Tensor {
  const shape = [...name.slice(1)].map(Number)
  const sines = arange(shape.reduce((product, size) => product * size, 1)).mul(0.7).add(k).sin().reshape(shape)
  return sines.add(name.startsWith('p') ? 1.5 : 0).requiresGrad_()
}

for (const [name, { inputs, grads }] of Object.entries(golden))
  test(`the second derivative of ${name} is torch's`, () => {
    const given = inputs.map(make)
    const y = functions[name](...given)
    const first = autograd.grad(y.mul(arange(y.numel()).cos().reshape(y.shape)).sum(), given, { createGraph: true })
    const squares = first.map((grad) => grad.mul(grad).sum()).reduce((sum, square) => sum.add(square))
    const second = autograd.grad(squares, given, { allowUnused: true })
    grads.forEach((expected, i) => {
      const got = (second[i] ?? zerosLike(given[i])).data
      const scale = Math.max(1, ...expected.map(Math.abs))
      expected.forEach((value, j) => assert.ok(Math.abs(got[j] - value) < 2e-5 * scale, `gradient ${i} at ${j}: ${got[j]}, not ${value}`))
    })
  })

test.run()
