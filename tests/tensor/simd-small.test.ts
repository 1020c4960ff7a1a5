/** Small inputs on the SIMD engine: the reference's numbers to the bit, whatever the layout. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { getEngine, manualSeed, nn, noGrad, randn, setEngine, type Tensor } from 'vitgrad'

const engine = getEngine()
test.before.each(() => void manualSeed(0))
test.after.each(() => setEngine(engine))

/** What `compute` gives on an engine, as numbers of an ordinary array. */
function on(name: 'simd' | 'reference', compute: () => Tensor): number[] {
  setEngine(name)
  return [...noGrad(compute).clone().data]
}
const sameBits = (compute: () => Tensor) => assert.equal(on('simd', compute), on('reference', compute))

/** The same numbers, stored column by column. */
const byColumns = (x: Tensor) => x.transpose(-1, -2).contiguous().transpose(-1, -2)

test('a small product in any layout', () => {
  for (const [m, k, n] of [[1, 1, 1], [20, 48, 96], [3, 5, 7], [2, 9, 4], [5, 1, 3], [4, 0, 3], [1, 300, 6]]) {
    const [a, b] = [randn([m, k]), randn([k, n])]
    for (const left of [a, byColumns(a), randn([m, 2 * k]).at(':', '::2')]) for (const right of [b, byColumns(b)]) sameBits(() => left.matmul(right))
  }
})

test('small products of a batch, broadcast or not', () => {
  const [a, b, c] = [randn([2, 3, 4, 5]), randn([3, 5, 6]), randn([2, 4, 3, 5])]
  sameBits(() => a.matmul(b))
  sameBits(() => byColumns(a).matmul(b.at(0)))
  sameBits(() => c.transpose(1, 2).matmul(b))
})

test('a small product with a bias', () => {
  const [x, weight, bias] = [randn([7, 9]), randn([10, 9]), randn([10])]
  sameBits(() => nn.functional.linear(x, weight, bias))
})

test('NaN and infinity reach the numbers that they belong to and no others', () => {
  const [a, b] = [randn([5, 6]), randn([6, 5])]
  a.data.set([NaN], 7)
  b.data.set([Infinity], 29)
  sameBits(() => a.matmul(b))
})

test('small layer norms and heads', () => {
  const x = randn([6, 30])
  sameBits(() => nn.functional.layerNorm(x, [30]))
  const [q, k, v] = [randn([2, 2, 5, 4]), randn([2, 2, 6, 4]), randn([2, 2, 6, 3])]
  sameBits(() => nn.functional.scaledDotProductAttention(q, k, v))
})

test.run()
