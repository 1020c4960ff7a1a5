/** The models beside the same models in PyTorch, which golden.py has run. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { arange, manualSeed, nn, noGrad, optim, randn, type Tensor } from 'vitgrad'
import { buildModel, counterpart, type Architecture } from '../../examples/training/architecture.ts'

interface Case {
  readonly model: Architecture['name']
  readonly options: { readonly image_size: number; readonly classes: number; readonly channels?: number }
  readonly parameters: Readonly<Record<string, number>>
  readonly logits: readonly number[]
  readonly loss: number
  readonly grads: Readonly<Record<string, number>>
  readonly losses: readonly number[]
  readonly asked: readonly number[]
}

const cases: Readonly<Record<string, Case>> = JSON.parse(readFileSync(new URL('golden.json', import.meta.url), 'utf8'))

function architectureOf({ model: name, options }: Case): Architecture {
  const camelCase = (option: string) => option.replace(/_[a-z]/g, (letter) => letter[1].toUpperCase())
  return { name, options: Object.fromEntries(Object.entries(options).map(([option, value]) => [camelCase(option), value])) } as unknown as Architecture
}

/** The sum of all numbers, each with a weight of its own. */
const weighted = ({ data }: Tensor) => data.reduce((sum, value, i) => sum + value * (((i * 7919) % 101) / 50 - 1), 0)

function assertNear(actual: number, expected: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= 1e-5 * Math.max(1, Math.abs(expected)), `${what}: ${actual} is not ${expected}`)
}

for (const [title, golden] of Object.entries(cases)) {
  const { options, parameters, logits, loss, grads, losses, asked } = golden
  test(`${title}: initial weights, logits, gradients and losses of PyTorch`, () => {
    manualSeed(0)
    const architecture = architectureOf(golden)
    assert.equal(counterpart(architecture).options, options)
    const model = buildModel(architecture)
    const named = [...model.namedParameters()]
    assert.equal(named.map(([key]) => key).sort(), Object.keys(parameters).sort())
    for (const [key, parameter] of named) assertNear(weighted(parameter), parameters[key], `weights of ${key}`)

    const images = randn([4, options.channels ?? 3, options.image_size, options.image_size])
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
    noGrad(() => model.eval()(images)).data.forEach((value, i) => assertNear(value, asked[i], `logit ${i} in evaluation`))
  })
}

test.run()
