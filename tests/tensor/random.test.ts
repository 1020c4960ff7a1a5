/** The generator beside what PyTorch 1.13 draws, number for number: random.golden.json is made by random-golden.py. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ShapeError, ValueError } from '../../lib/tensor/errors.ts'
import { erfinv } from '../../lib/tensor/erfinv.ts'
import { NDArray } from '../../lib/tensor/ndarray.ts'
import { defaultGenerator, Generator, getRngState, initialSeed, manualSeed, setRngState } from '../../lib/tensor/random.ts'
import { isError } from '../is-error.ts'

interface Golden {
  draws: Record<string, Record<string, number[]>>
  sequence: string[]
  sequenceDigests: Record<string, string>
  states: Record<string, [string, string, number]>
  erfinv: Record<string, number | 'Infinity'>
  erfinvGridDigest: string
}

const golden: Golden = JSON.parse(readFileSync(new URL('random.golden.json', import.meta.url), 'utf8'))
const seeds = Object.keys(golden.states).map(BigInt)

type Draw = (generator: Generator) => Float32Array

/** A draw that fills n numbers. */
function filled(n: number, fill: (generator: Generator, out: Float32Array) => void): Draw {
  return (generator) => {
    const out = new Float32Array(n)
    fill(generator, out)
    return out
  }
}

const dense = (out: Float32Array) => NDArray.from(out, [out.length])

const rand = (n: number) => uniform(n, 0, 1)
const randn = (n: number, mean = 0, std = 1) => filled(n, (generator, out) => generator.normal(out, mean, std))
const uniform = (n: number, low: number, high: number) => filled(n, (generator, out) => generator.uniform(out, low, high))
const randint = (n: number, low: number, high: number) => filled(n, (generator, out) => generator.randint(out, low, high))
const bernoulliEach = (probabilities: number[]) =>
  filled(probabilities.length, (generator, out) => generator.bernoulliEach(out, Float32Array.from(probabilities)))
const randperm = (n: number): Draw => (generator) => Float32Array.from(generator.permutation(n))
const inTurn = (...draws: Draw[]): Draw => (generator) => Float32Array.from(draws.flatMap((draw) => [...draw(generator)]))

/** A kaiming uniform weight with a = √5, then its bias: what nn.Linear and nn.Conv2d draw. */
const affine = (outputs: number, fanIn: number): Draw => {
  const weightBound = Math.sqrt(3) * (Math.sqrt(2 / (1 + Math.sqrt(5) ** 2)) / Math.sqrt(fanIn))
  const biasBound = 1 / Math.sqrt(fanIn)
  return inTurn(uniform(outputs * fanIn, -weightBound, weightBound), uniform(outputs, -biasBound, biasBound))
}

const attention: Draw = (generator) => {
  const outProjection = affine(4, 4)(generator).subarray(0, 16)
  const bound = Math.sqrt(3) * Math.sqrt(2 / (4 + 12))
  return Float32Array.from([...outProjection, ...uniform(48, -bound, bound)(generator)])
}

/** nn.Dropout(0.3) of 16 ones: what is kept, scaled. */
const dropout: Draw = (generator) => filled(16, (_, out) => generator.bernoulli(dense(out), 1 - 0.3))(generator).map((kept) => kept / Math.fround(1 - 0.3))

/** One epoch of a shuffled DataLoader: a seed that is thrown away, then the seed of the order. */
const loaderOrder: Draw = (generator) => {
  generator.random64()
  return randperm(10)(new Generator(generator.random64() & (2n ** 63n - 1n)))
}

/** nn.init.trunc_normal_: low and high are 2Φ - 1 of the bounds [a, b]. */
const truncated = (n: number, mean: number, std: number, a: number, b: number, low: number, high: number): Draw =>
  (generator) => uniform(n, low, high)(generator).map((y) => Math.min(Math.max(Math.fround(erfinv(y) * Math.fround(std * Math.SQRT2)) + mean, a), b))

/** Each snippet of PyTorch, drawn here. Tensors of whole numbers are compared after rounding to float32. */
const draws: Record<string, Draw> = {
  'torch.rand(8)': rand(8),
  'torch.randn(1)': randn(1),
  'torch.randn(5)': randn(5),
  'torch.randn(16)': randn(16),
  'torch.randn(19)': randn(19),
  'torch.randn(100003)': randn(100003),
  '[torch.randn(n) for n in (3, 2, 17, 1)]': inTurn(randn(3), randn(2), randn(17), randn(1)),
  'torch.empty(6).uniform_(-0.1, 0.3)': uniform(6, -0.1, 0.3),
  'torch.empty(100000).uniform_(-0.1, 0.3)': uniform(100000, -0.1, 0.3),
  'torch.empty(20).normal_(1.5, 0.3)': randn(20, 1.5, 0.3),
  'torch.empty(5, 4).t().normal_(1.5, 0.3).t()': filled(20, (generator, out) => generator.normalScalar(out, 1.5, 0.3)),
  'torch.empty(8).exponential_(2)': filled(8, (generator, out) => generator.exponential(out, 2)),
  'torch.randperm(12)': randperm(12),
  'torch.randperm(5000)': randperm(5000),
  'torch.randint(0, 10, (12,))': randint(12, 0, 10),
  'torch.randint(0, 2**40, (3,))': randint(3, 0, 2 ** 40),
  'torch.empty(8).bernoulli_(0.25)': filled(8, (generator, out) => generator.bernoulli(dense(out), 0.25)),
  'torch.bernoulli(torch.full((8,), 0.25))': bernoulliEach(new Array(8).fill(0.25)),
  'torch.bernoulli(torch.arange(16) / 16)': bernoulliEach(Array.from({ length: 16 }, (_, i) => i / 16)),
  'list(torch.nn.Linear(3, 4).parameters())': affine(4, 3),
  'list(torch.nn.Conv2d(2, 3, (2, 3)).parameters())': affine(3, 12),
  'torch.nn.Embedding(6, 3).weight': randn(18),
  '(lambda m: [m.out_proj.weight, m.in_proj_weight])(torch.nn.MultiheadAttention(4, 2))': attention,
  'torch.nn.Dropout(0.3)(torch.ones(16))': dropout,
  '(lambda loader: [batch for _ in range(2) for batch in loader])(torch.utils.data.DataLoader(range(10), 4, shuffle=True))': inTurn(loaderOrder, loaderOrder),
  'torch.nn.init.trunc_normal_(torch.empty(20), std=0.02)': truncated(20, 0, 0.02, -2, 2, -1, 1),
  'torch.nn.init.trunc_normal_(torch.empty(20000), std=0.02)': truncated(20000, 0, 0.02, -2, 2, -1, 1),
  'torch.nn.init.trunc_normal_(torch.empty(20), 1, 2, 0, 5)': truncated(20, 1, 2, 0, 5, -0.38292492254802624, 0.9544997361036416),
}

function digest(array: Float32Array | Uint8Array): string {
  return createHash('sha256').update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength)).digest('hex')
}

/** Everything that a generator draws next, in ways that touch the engine and the cached normal. */
const mixture = inTurn(randn(1), rand(3), randn(20), randint(2, 0, 9), randn(2))

test('the engine is the Mersenne Twister of the C++ standard: draw 10000 of seed 5489 is 4123659995', () => {
  const generator = new Generator(5489)
  for (let i = 1; i < 10000; i++) generator.random()
  assert.is(generator.random(), 4123659995)
})

test('64 bits are two draws, the first on top', () => {
  const [halves, whole] = [new Generator(3), new Generator(3)]
  const [high, low] = [halves.random(), halves.random()]
  assert.is(whole.random64(), BigInt(high) * 2n ** 32n + BigInt(low))
})

for (const [snippet, draw] of Object.entries(draws)) {
  const expected = Object.entries(golden.draws).filter(([, drawn]) => snippet in drawn)
  if (expected.length === 0) continue
  test(`${snippet} draws PyTorch's numbers`, () => {
    for (const [seed, drawn] of expected) assert.equal([...draw(new Generator(Number(seed)))], drawn[snippet].map(Math.fround), `seed ${seed}`)
  })
}

test('every golden snippet is drawn', () => {
  for (const snippet of [...Object.values(golden.draws).flatMap(Object.keys), ...golden.sequence]) assert.ok(draws[snippet], snippet)
})

test('draws of many kinds and sizes in one sequence are PyTorch\'s, for seeds over the whole range', () => {
  for (const seed of seeds) {
    const numbers = inTurn(...golden.sequence.map((snippet) => draws[snippet]))(new Generator(seed))
    assert.is(digest(numbers), golden.sequenceDigests[String(seed)], `seed ${seed}`)
  }
})

test('the state is torch.get_rng_state(), byte for byte', () => {
  for (const seed of seeds) {
    const generator = new Generator(seed)
    const [fresh, used, cachedNormal] = golden.states[String(seed)]
    assert.is(digest(generator.getState()), fresh)
    rand(700)(generator)
    assert.is(digest(generator.getState()), used)
    randn(1)(generator)
    const view = new DataView(generator.getState().buffer)
    assert.is(Math.fround(view.getFloat64(5024, true)), Math.fround(cachedNormal))
    assert.is(view.getInt32(5040, true), 1)
  }
})

test('a generator continues from a state as the one that gave it, wherever the sequence stood', () => {
  for (const skipped of [0, 1, 15, 311, 623, 624, 625, 2000]) {
    const generator = new Generator(-7)
    rand(skipped)(generator)
    if (skipped % 2 === 1) randn(1)(generator)
    const state = generator.getState()
    const expected = mixture(generator)
    const other = new Generator(99)
    randn(3)(other)
    other.setState(state)
    assert.is(other.initialSeed(), 2n ** 64n - 7n)
    assert.equal(mixture(other), expected, `after ${skipped}`)
  }
})

test('a state is a copy: neither draws nor writes reach it', () => {
  const generator = new Generator(5)
  const state = generator.getState()
  const copy = state.slice()
  const expected = mixture(generator)
  assert.equal(state, copy)
  generator.setState(state)
  state.fill(0)
  assert.equal(mixture(generator), expected)
})

test('a state may lie inside a larger buffer', () => {
  const state = new Generator(5).getState()
  const buffer = new Uint8Array(state.length + 10)
  buffer.set(state, 3)
  const generator = new Generator(6)
  generator.setState(buffer.subarray(3, 3 + state.length))
  assert.equal(mixture(generator), mixture(new Generator(5)))
})

test('bytes that are no state are refused, and change nothing', () => {
  const state = new Generator(5).getState()
  const altered = (offset: number, ...bytes: number[]) => {
    const copy = state.slice()
    copy.set(bytes, offset)
    return copy
  }
  const malformed = {
    empty: new Uint8Array(0),
    truncated: state.subarray(1),
    'too long': Uint8Array.of(...state, 0),
    zeros: new Uint8Array(state.length),
    'draws left': altered(8, 2),
    'not seeded': altered(12, 0),
    'next beyond the words': altered(16, 113, 2),
    'high half of next': altered(20, 1),
    'high half of a word': altered(28 + 8 * 100, 1),
    'cached normal neither there nor not': altered(5040, 2),
    'cached normal infinite': altered(5024, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f),
  }
  const generator = new Generator(8)
  randn(1)(generator)
  const before = generator.getState()
  for (const [name, bytes] of Object.entries(malformed)) {
    assert.throws(() => generator.setState(bytes), (error: unknown) => error instanceof ValueError && error.message.startsWith('setState'), name)
    assert.equal(generator.getState(), before, name)
  }
})

test('seeds are whole numbers in [-2^63, 2^64), and initialSeed reads them as torch does', () => {
  // torch.Generator().initial_seed()
  assert.is(new Generator().initialSeed(), 67280421310721)
  assert.is(new Generator(0).initialSeed(), 0)
  assert.is(new Generator(2 ** 53 - 1).initialSeed(), 2 ** 53 - 1)
  assert.is(new Generator(42n).initialSeed(), 42)
  // torch.Generator().manual_seed(-3).initial_seed()
  assert.is(new Generator(-3).initialSeed(), 18446744073709551613n)
  assert.is(new Generator(2n ** 64n - 1n).initialSeed(), 2n ** 64n - 1n)
  const generator = new Generator(1)
  for (const seed of [0.5, NaN, Infinity, 2 ** 53, 2n ** 64n, -(2n ** 63n) - 1n])
    assert.throws(() => generator.manualSeed(seed), isError(ValueError))
  assert.is(generator.initialSeed(), 1)
})

test('only the low 32 bits of a seed choose the sequence', () => {
  assert.equal(mixture(new Generator(7n + 2n ** 40n)), mixture(new Generator(7)))
})

test('manualSeed starts the sequence over, without the cached normal', () => {
  const generator = new Generator(4)
  randn(1)(generator)
  assert.is(generator.manualSeed(4), generator)
  assert.equal(mixture(generator), mixture(new Generator(4)))
})

test('seed() takes a new seed that repeats the sequence', () => {
  const generator = new Generator(4)
  const seed = generator.seed()
  assert.ok(Number.isSafeInteger(seed) && seed >= 0)
  assert.is(generator.initialSeed(), seed)
  assert.equal(mixture(generator), mixture(new Generator(seed)))
  assert.is.not(generator.seed(), seed)
})

test('the default generator is seeded, saved and restored by the free functions', () => {
  assert.is(manualSeed(11), defaultGenerator)
  assert.is(initialSeed(), 11)
  const state = getRngState()
  assert.equal(mixture(defaultGenerator), mixture(new Generator(11)))
  setRngState(state)
  assert.equal(getRngState(), state)
})

test('generators do not disturb each other', () => {
  const [a, b] = [new Generator(1), new Generator(2)]
  const first = randn(1)(a)
  mixture(b)
  assert.equal([...first, ...randn(1)(a)], [...randn(2)(new Generator(1))])
})

test('a fill writes its part of a buffer and no more', () => {
  for (const n of [5, 16, 19]) {
    const buffer = new Float32Array(n + 4).fill(9)
    new Generator(1).normal(buffer.subarray(2, n + 2))
    assert.equal([...buffer], [9, 9, ...randn(n)(new Generator(1)), 9, 9])
  }
})

test('probabilities 0 and 1 are certain, and ranges of one number hold it', () => {
  const generator = new Generator(1)
  const out = new Float32Array(1000)
  generator.bernoulli(dense(out), 0)
  assert.ok(out.every((x) => x === 0))
  generator.bernoulli(dense(out), 1)
  assert.ok(out.every((x) => x === 1))
  generator.randint(out, -4, -3)
  assert.ok(out.every((x) => x === -4))
  generator.uniform(out, 0.5, 0.5)
  assert.ok(out.every((x) => x === 0.5))
  generator.normal(out, 2, 0)
  assert.ok(out.every((x) => x === 2))
})

test('a range of 2^32 and more takes two draws a number', () => {
  // torch.manual_seed(1); torch.randint(-2**52, 2**52 - 1, (2,)).float(), torch.randint(0, 2**32 - 1, (1,)).float()
  const generator = new Generator(1)
  assert.equal([...randint(2, -(2 ** 52), 2 ** 52 - 1)(generator)], [-3953680604725248, -2480992421937152])
  assert.equal([...randint(1, 0, 2 ** 32 - 1)(generator)], [491263])
  // torch.manual_seed(1); torch.randint(-1, 2**32 - 1, (2,)).float()
  assert.equal([...randint(2, -1, 2 ** 32 - 1)(new Generator(1))], [4282876160, 4005303296])
})

test('an empty tensor and permutations of 0 and 1 take no draws', () => {
  const generator = new Generator(1)
  const before = generator.getState()
  const empty = new Float32Array(0)
  generator.uniform(empty)
  generator.normal(empty)
  generator.normalScalar(empty)
  generator.bernoulli(dense(empty), 0.5)
  generator.bernoulliEach(empty, empty)
  generator.randint(empty, 0, 5)
  generator.exponential(empty)
  assert.equal([...generator.permutation(0)], [])
  assert.equal([...generator.permutation(1)], [0])
  assert.equal(generator.getState(), before)
})

test('arguments out of range are refused by name before anything is drawn', () => {
  const generator = new Generator(1)
  const before = generator.getState()
  for (const n of [0, 3, 20]) {
    const out = new Float32Array(n).fill(7)
    const refused: [string, () => void][] = [
      ['uniform', () => generator.uniform(out, 1, 0)],
      ['uniform', () => generator.uniform(out, 0, Infinity)],
      ['uniform', () => generator.uniform(out, NaN, 1)],
      ['uniform', () => generator.uniform(out, 0, 1e39)],
      ['uniform', () => generator.uniform(out, -3e38, 3e38)],
      ['normal', () => generator.normal(out, 0, -1)],
      ['normal', () => generator.normal(out, 0, NaN)],
      ['normal', () => generator.normalScalar(out, 0, -1)],
      ['bernoulli', () => generator.bernoulli(dense(out), 1.1)],
      ['bernoulli', () => generator.bernoulli(dense(out), -0.1)],
      ['bernoulli', () => generator.bernoulli(dense(out), NaN)],
      ['randint', () => generator.randint(out, 3, 3)],
      ['randint', () => generator.randint(out, 4, 3)],
      ['randint', () => generator.randint(out, 0.5, 3)],
      ['randint', () => generator.randint(out, 0, 2 ** 53)],
      ['exponential', () => generator.exponential(out, -1)],
      ['exponential', () => generator.exponential(out, NaN)],
      ['randperm', () => generator.permutation(-1)],
      ['randperm', () => generator.permutation(1.5)],
      ['randperm', () => generator.permutation(2 ** 32)],
    ]
    for (const [operation, call] of refused)
      assert.throws(call, (error: unknown) => error instanceof ValueError && error.message.startsWith(`${operation}: `), String(call))
    assert.ok(out.every((x) => x === 7))
  }
  const bad = Float32Array.of(0.5, 2)
  assert.throws(() => generator.bernoulliEach(new Float32Array(2), bad), isError(ValueError))
  assert.throws(() => generator.bernoulliEach(new Float32Array(3), bad), isError(ShapeError))
  assert.equal(generator.getState(), before)
})

test('erfinv is torch.erfinv in float32, odd, infinite at the ends and NaN beyond', () => {
  for (const [y, x] of Object.entries(golden.erfinv)) {
    assert.is(erfinv(Number(y)), Math.fround(Number(x)), `erfinv(${y})`)
    assert.is(erfinv(-Number(y)), -Math.fround(Number(x)), `erfinv(-${y})`)
  }
  assert.ok(Number.isNaN(erfinv(1.0000001)) && Number.isNaN(erfinv(-2)) && Number.isNaN(erfinv(NaN)))
})

test('erfinv is torch.erfinv at 131072 points over [0, 1) and at the last 16383 numbers below 1 that uniform draws', () => {
  const even = Float32Array.from({ length: 2 ** 17 }, (_, i) => erfinv((i * 2 ** 7 + 1) / 2 ** 24))
  const last = Float32Array.from({ length: 2 ** 14 - 1 }, (_, i) => erfinv((2 ** 24 - 1 - i) / 2 ** 24))
  assert.is(digest(Float32Array.from([...even, ...last])), golden.erfinvGridDigest)
})

test('erfinv of ordinary arguments undoes erf: erf(0.5) = 0.5204998778, erf(1) = 0.8427007929, erf(2) = 0.9953222650', () => {
  for (const [x, y] of [[0.5, 0.5204998778], [1, 0.8427007929], [2, 0.995322265]]) assert.ok(Math.abs(erfinv(y) - x) < 3e-6)
})

test.run()
