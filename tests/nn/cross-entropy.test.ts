/** Cross entropy beside torch's, in all combinations of its options. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { manualSeed, nn, ones, rand, randint, randn, ShapeError, ValueError, where, zeros, type Tensor } from 'vitgrad'
import { isError } from '../is-error.ts'

type Sums = [plain: number | null, weighted: number | null]
type Case = [shape: number[], soft: boolean, weighted: boolean, ignored: number | null, reduction: nn.functional.Reduction, smoothing: number, loss: Sums, gradient: Sums]

const cases: Case[] = JSON.parse(readFileSync(new URL('cross-entropy.json', import.meta.url), 'utf8'))
const { crossEntropy } = nn.functional

const sums = ({ data }: Tensor): [number, number] => [data.reduce((sum, x) => sum + x, 0), data.reduce((sum, x, i) => sum + (i + 1) * x, 0)]

function assertClose(actual: [number, number], expected: Sums, what: string): void {
  const isClose = (value: number, wanted: number | null) => (wanted === null ? Number.isNaN(value) : Math.abs(value - wanted) <= 1e-5 * (1 + Math.abs(wanted)))
  actual.forEach((value, i) => assert.ok(isClose(value, expected[i]), `${what}: ${actual}, expected ${expected}`))
}

for (const soft of [false, true])
  test(`of ${soft ? 'probabilities' : 'class indices'}: losses and gradients are torch's`, () => {
    for (const [shape, isSoft, weighted, ignored, reduction, labelSmoothing, loss, gradient] of cases) {
      if (isSoft !== soft) continue
      manualSeed(0)
      const classes = shape.length === 1 ? 0 : 1
      const places = shape.toSpliced(classes, 1)
      const x = randn(shape, { requiresGrad: true })
      const drawn = soft ? randn(shape).softmax(classes) : randint(0, 5, places)
      const target = ignored === null ? drawn : where(rand(places).lt(0.4), ignored, drawn)
      const y = crossEntropy(x, target, { weight: weighted ? rand(5) : null, reduction, labelSmoothing, ...(ignored === null ? {} : { ignoreIndex: ignored }) })
      y.sum().backward()
      const what = JSON.stringify([shape, soft, weighted, ignored, reduction, labelSmoothing])
      assertClose(sums(y), loss, what)
      assertClose(sums(x.grad ?? zeros(shape)), gradient, `gradient, ${what}`)
    }
  })

test('probabilities get a gradient, too', () => {
  const [x, target] = [randn([2, 3]), ones([2, 3]).div(3).requiresGrad_()]
  crossEntropy(x, target, { reduction: 'sum' }).backward()
  assert.equal(target.grad?.tolist(), x.logSoftmax(1).neg().tolist())
})

test('what does not belong to probabilities, and weights of another length, are refused', () => {
  const soft = ones([2, 3]).div(3)
  assert.throws(() => crossEntropy(ones([2, 3]), soft, { ignoreIndex: 0 }), isError(ValueError, /^crossEntropy: ignoreIndex = 0/))
  for (const target of [soft, [0, 1]])
    assert.throws(() => crossEntropy(ones([2, 3]), target, { weight: ones([2]) }), isError(ShapeError, /^crossEntropy: a weight of shape \(2,\) was given for 3 classes/))
})

test.run()
