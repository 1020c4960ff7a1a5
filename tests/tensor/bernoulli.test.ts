/** Generator.bernoulli under both engines: two draws of the twister for each number, as the same generator draws them one by one. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Generator, getEngine, GraphError, setEngine } from 'vitgrad'
import { NDArray } from '../../lib/tensor/ndarray.ts'
import { Storage } from '../../lib/tensor/storage.ts'
import { isError } from '../is-error.ts'

const dense = (out: Float32Array) => NDArray.from(out, [out.length])

const before = getEngine()
test.after(() => setEngine(before))

for (const engine of ['reference', 'simd'] as const) {
  test(`${engine}: bernoulli compares 53 bits of two draws with p, wherever in the state it begins and however near to 0 or 1 p is`, () => {
    setEngine(engine)
    for (const p of [0, 2 ** -50, 2 ** -21, 3 * 2 ** -22, 0.1, 0.5, 1 - 2 ** -53, 1])
      for (const skipped of [0, 1, 311, 623]) {
        const [one, other] = [new Generator(5), new Generator(5)]
        for (let i = 0; i < skipped; i++) one.random()
        for (let i = 0; i < skipped; i++) other.random()
        const numbers = new Float32Array(1500)
        one.bernoulli(dense(numbers), p)
        const expected = numbers.map(() => {
          const upper = other.random() & 0x1fffff
          return Number((upper * 2 ** 32 + other.random()) * 2 ** -53 < p)
        })
        assert.equal([...numbers], [...expected])
        assert.is(one.random(), other.random())
      }
  })

  test(`${engine}: bernoulli looks at the second draw where the first is that of p`, () => {
    setEngine(engine)
    const other = new Generator(3)
    const uniforms = Array.from({ length: 700 }, () => ((other.random() & 0x1fffff) * 2 ** 32 + other.random()) * 2 ** -53)
    for (const i of [0, 1, 2, 3, 100, 311, 312, 623, 697, 699]) {
      for (const [p, expected] of [[uniforms[i], 0], [uniforms[i] + 2 ** -53, 1]]) {
        const out = new Float32Array(700)
        new Generator(3).bernoulli(dense(out), p)
        assert.is(out[i], expected)
      }
    }
  })

  test(`${engine}: draws go on after masks, and masks after draws, without a break`, () => {
    setEngine(engine)
    const [one, other] = [new Generator(8), new Generator(8)]
    const words = (count: number) => Array.from({ length: count }, () => other.random())
    for (const [masks, draws] of [[3, 1], [400, 0], [1, 617], [5000, 2], [312, 1], [311, 625]]) {
      one.bernoulli(dense(new Float32Array(masks)), 0.5)
      words(2 * masks)
      assert.equal(Array.from({ length: draws }, () => one.random()), words(draws))
      assert.equal(one.getState(), other.getState())
    }
    one.setState(other.getState())
    assert.is(one.random(), other.random())
    one.manualSeed(8)
    assert.is(one.random(), new Generator(8).random())
  })

  test(`${engine}: masks that cannot be written take no draws`, () => {
    setEngine(engine)
    const [one, other] = [new Generator(8), new Generator(8)]
    const gone = new NDArray(new Storage(null, 0, null, 'relu', 4), [4])
    assert.throws(() => one.bernoulli(gone, 0.5), isError(GraphError))
    for (let i = 0; i < 700; i++) assert.is(one.random(), other.random())
    const [masks, expected] = [new Float32Array(50), new Float32Array(50)]
    one.bernoulli(dense(masks), 0.5)
    other.bernoulli(dense(expected), 0.5)
    assert.equal(masks, expected)
  })
}

// The state moves to the heap with the first masks, and stays there.
test('draws go on where they were when the engine is changed', () => {
  const [one, other] = [new Generator(8), new Generator(8)]
  for (const [engine, count] of [['simd', 400], ['reference', 311], ['simd', 1], ['simd', 1000], ['reference', 5]] as const) {
    setEngine(engine)
    const masks = new Float32Array(count)
    one.bernoulli(dense(masks), 0.3)
    assert.equal(masks, masks.map(() => Number(((other.random() & 0x1fffff) * 2 ** 32 + other.random()) * 2 ** -53 < 0.3)), engine)
    assert.is(one.random(), other.random())
  }
})

test.run()
