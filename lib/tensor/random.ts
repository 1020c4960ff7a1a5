/**
 * Random numbers: PyTorch's CPU generator, bit for bit. From the same seed, the same calls give the same numbers.
 *
 * What is drawn from the Mersenne Twister follows PyTorch's kernels
 * for AVX2 and AVX512: a * b + c is one fused multiply-add, written Math.fround(a * b + c), and every other float32 operation is
 * rounded by itself. A double holds the product of two float32 exactly, so the sum is all that is rounded before fround.
 */
import { boxMuller } from './box-muller.ts'
import { ShapeError, ValueError } from './errors.ts'
import { fround } from './float32.ts'
import { kernels } from './kernels/active.ts'
import { isUsedUp, placeAfter, temper, twist, WORDS } from './mersenne-twister.ts'
import { NDArray } from './ndarray.ts'
import { checkProbability } from './options.ts'
import { pin } from './storage.ts'

const STATE_BYTES = 5056

const TWO_32 = 2 ** 32
const EPSILON_24 = 2 ** -24
const EPSILON_53 = 2 ** -53
const MAX_FLOAT32 = 2 ** 128 - 2 ** 104
const MIN_NORMAL_32 = 2 ** -126
const BELOW_1_32 = 1 - 2 ** -24

/** The seed of a generator that was given none, as in torch.Generator(). */
const DEFAULT_SEED = 67280421310721n

/** A source of random numbers. Same as torch.Generator('cpu'); the fills write a dense tensor's numbers in memory order. */
export class Generator {
  /** The words of the twister, as the bits of numbers, so that kernels can draw from them; the second array is where they put the next ones. */
  #state = NDArray.zeros([WORDS])
  #spare = NDArray.zeros([WORDS])
  /** The same words, to be drawn from here; null when they have moved, or a kernel that may not have ended changes them. */
  #seen: Uint32Array | null = null
  #next = 0
  #seed = 0n
  /** The second number of the last Box-Muller pair made in double precision, until it is asked for. */
  #cachedNormal: number | undefined

  constructor(seed: number | bigint = DEFAULT_SEED) {
    this.manualSeed(seed)
  }

  /** Restarts the sequence from `seed`, a whole number in [-2^63, 2^64). Its low 32 bits alone choose the sequence. */
  manualSeed(seed: number | bigint): this {
    this.#seed = checkSeed(seed)
    const words = this.#words
    words[0] = Number(this.#seed & 0xffffffffn)
    for (let i = 1; i < WORDS; i++) words[i] = Math.imul(1812433253, words[i - 1] ^ (words[i - 1] >>> 30)) + i
    this.#next = 0
    this.#cachedNormal = undefined
    return this
  }

  /** The seed last set. As in torch, a negative one reads as 2^64 + seed; a bigint where a number would lose digits. */
  initialSeed(): number | bigint {
    const seed = Number(this.#seed)
    return Number.isSafeInteger(seed) ? seed : this.#seed
  }

  /** Sets a seed of 53 bits from the system's entropy, and returns it. */
  seed(): number {
    const [high, low] = crypto.getRandomValues(new Uint32Array(2))
    const seed = (high & 0x1fffff) * TWO_32 + low
    this.manualSeed(seed)
    return seed
  }

  /**
   * A copy of everything that decides the coming numbers, in the layout of torch.get_rng_state() (5056 bytes, little-endian):
   * u64 seed, i32 draws left, i32 seeded, u64 next, u64 words[624], f64 normal x, y, rho, i32 normal is valid, then zeros.
   * PyTorch can continue from it, and the other way round. Only the cached normal (y) may differ, by one ulp of double.
   */
  getState(): Uint8Array {
    const state = new Uint8Array(STATE_BYTES)
    const view = new DataView(state.buffer)
    view.setBigUint64(0, this.#seed, true)
    view.setInt32(8, drawsLeft(this.#next), true)
    view.setInt32(12, 1, true)
    view.setUint32(16, this.#next, true)
    for (let i = 0; i < WORDS; i++) view.setUint32(24 + 8 * i, this.#words[i], true)
    if (this.#cachedNormal !== undefined) {
      view.setFloat64(5024, this.#cachedNormal, true)
      view.setInt32(5040, 1, true)
    }
    return state
  }

  /** Continues from a state of getState or torch.get_rng_state(). Throws on any other bytes, and then changes nothing. */
  setState(state: Uint8Array): void {
    if (!(state instanceof Uint8Array)) throw new ValueError('setState', 'what it was given is no list of bytes', 'pass what getState returned')
    if (state.length !== STATE_BYTES)
      throw new ValueError('setState', `a state has ${STATE_BYTES} bytes, not ${state.length}`, 'pass what getState returned')
    const view = new DataView(state.buffer, state.byteOffset, STATE_BYTES)
    const next = view.getUint32(16, true)
    const isCached = view.getInt32(5040, true)
    const cached = view.getFloat64(5024, true)
    const words = new Uint32Array(WORDS)
    let overflow = view.getUint32(20, true)
    for (let i = 0; i < WORDS; i++) {
      words[i] = view.getUint32(24 + 8 * i, true)
      overflow |= view.getUint32(28 + 8 * i, true)
    }
    const isEngine = view.getInt32(12, true) === 1 && next <= WORDS && view.getInt32(8, true) === drawsLeft(next) && overflow === 0
    if (!isEngine || (isCached !== 0 && isCached !== 1) || !Number.isFinite(cached))
      throw new ValueError('setState', 'these bytes are no state of a generator', 'pass what getState returned, unchanged')
    this.#seed = view.getBigUint64(0, true)
    this.#words.set(words)
    this.#next = next
    this.#cachedNormal = isCached === 1 ? cached : undefined
  }

  /** The next 32 bits: a whole number in [0, 2^32). */
  random(): number {
    const words = this.#words
    if (isUsedUp(this.#next)) {
      twist(words)
      this.#next = 0
    }
    return temper(words[this.#next++]) >>> 0
  }

  get #words(): Uint32Array {
    if (this.#seen) return this.#seen
    const { data } = this.#state.storage
    return (this.#seen = new Uint32Array(data.buffer, data.byteOffset, WORDS))
  }

  /** The next 64 bits, the first draw above the second. */
  random64(): bigint {
    const high = this.random()
    return (BigInt(high) << 32n) | BigInt(this.random())
  }

  /** Uniform in [low, high). One draw each. Same as Tensor.uniform_. */
  uniform(out: Float32Array, low = 0, high = 1): void {
    checkUniform(low, high)
    const start = fround(low)
    const range = fround(fround(high) - start)
    for (let i = 0; i < out.length; i++) out[i] = this.#uniform24() * range + start
  }

  /** Normal. Same as Tensor.normal_ on a contiguous tensor: from 16 numbers on, in blocks of 16 in float32. */
  normal(out: Float32Array, mean = 0, std = 1): void {
    if (out.length < 16) return this.normalScalar(out, mean, std)
    checkNormal(std)
    for (let i = 0; i < out.length; i++) out[i] = this.#uniform24()
    const whole = out.length - (out.length % 16)
    for (let start = 0; start < whole; start += 16) boxMuller(out, start, fround(mean), fround(std))
    if (whole === out.length) return
    // The last 16 are drawn anew, over some that the whole blocks have made.
    const tail = out.length - 16
    for (let i = tail; i < out.length; i++) out[i] = this.#uniform24()
    boxMuller(out, tail, fround(mean), fround(std))
  }

  /** Normal, one by one in double. Same as Tensor.normal_ on fewer than 16 numbers, or on a tensor of any size that is not contiguous. */
  normalScalar(out: Float32Array, mean = 0, std = 1): void {
    checkNormal(std)
    for (let i = 0; i < out.length; i++) out[i] = this.#standardNormal() * std + mean
  }

  /** `one` with probability p, else 0, into a dense array. Two draws each. Same as Tensor.bernoulli_(p) of a build without MKL. */
  bernoulli(out: NDArray, p: number, one = 1): void {
    checkProbability('bernoulli', p)
    if (out.numel === 0) return
    const engine = kernels()
    this.#seen = null
    for (const { storage } of [this.#state, this.#spare]) pin(storage)
    engine.bernoulli(out, this.#spare, this.#state, this.#next, p, one)
    ;[this.#state, this.#spare] = [this.#spare, this.#state]
    this.#next = placeAfter(this.#next, 2 * out.numel)
  }

  /** out[i] is 1 with probability probabilities[i], else 0. One draw each. Same as torch.bernoulli(probabilities). */
  bernoulliEach(out: Float32Array, probabilities: Float32Array): void {
    if (out.length !== probabilities.length)
      throw new ShapeError('bernoulli', `${probabilities.length} probabilities for ${out.length} numbers`, 'give one probability for each number')
    for (const p of probabilities) checkProbability('bernoulli', p)
    for (let i = 0; i < out.length; i++) out[i] = this.#uniform24() < probabilities[i] ? 1 : 0
  }

  /** Whole numbers in [low, high), rounded to float32, which holds those up to 2^24 exactly. Same as torch.randint(low, high).float(). */
  randint(out: Float32Array, low: number, high: number): void {
    if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high))
      throw new ValueError('randint', `the bounds ${low} and ${high} are not both whole numbers within 2^53`, 'round them')
    if (low >= high) throw new ValueError('randint', `low = ${low} is not less than high = ${high}`, 'the numbers are in [low, high): give low < high')
    const range = high - low
    if (range < TWO_32) for (let i = 0; i < out.length; i++) out[i] = (this.random() % range) + low
    else {
      const wideRange = BigInt(high) - BigInt(low)
      for (let i = 0; i < out.length; i++) out[i] = Number((this.random64() % wideRange) + BigInt(low))
    }
  }

  /** The numbers 0 to n - 1 in random order (Fisher and Yates), n - 1 draws. Same as torch.randperm(n). */
  permutation(n: number): Uint32Array {
    if (!Number.isInteger(n) || n < 0 || n >= TWO_32)
      throw new ValueError('randperm', `n = ${n} is not a whole number of at least 0 and less than 2^32`, 'give the number of elements')
    const order = new Uint32Array(n)
    for (let i = 0; i < n; i++) order[i] = i
    for (let i = 0; i < n - 1; i++) {
      const j = i + (this.random() % (n - i))
      const chosen = order[j]
      order[j] = order[i]
      order[i] = chosen
    }
    return order
  }

  /** Exponential with rate lambda: -log(1 - u) / lambda. Two draws each. Same as Tensor.exponential_. */
  exponential(out: Float32Array, lambda = 1): void {
    if (!(lambda >= 0)) throw new ValueError('exponential', `lambda = ${lambda} is not at least 0`, 'give a rate of at least 0')
    for (let i = 0; i < out.length; i++) out[i] = (-1 / lambda) * Math.log(1 - this.#uniform53())
  }

  /** Indices drawn with probabilities that are proportional to `weights`, again and again. Two draws each. Same as torch.multinomial with replacement. */
  categories(out: Float32Array, weights: Float32Array): void {
    const cumulative = new Float32Array(weights.length)
    let sum = 0
    for (let i = 0; i < weights.length; i++) cumulative[i] = sum = fround(sum + weights[i])
    for (let i = 0; i < weights.length; i++) cumulative[i] /= sum
    cumulative[weights.length - 1] = 1
    for (let k = 0; k < out.length; k++) {
      const chosen = this.#uniform53()
      let [left, right] = [0, weights.length]
      while (left < right) {
        const middle = (left + right) >> 1
        if (cumulative[middle] < chosen) left = middle + 1
        else right = middle
      }
      out[k] = left
    }
  }

  /**
   * One number of the Beta distribution, from two of Gamma distributions (Marsaglia and Tsang 2000), rounded to float32 within (0, 1).
   * Same draws as torch.distributions.Beta(a, b).sample() of one number.
   */
  beta(a: number, b: number): number {
    if (!(a > 0 && b > 0)) throw new ValueError('beta', `the parameters ${a} and ${b} are not both above 0`, 'give positive numbers')
    const [first, second] = [this.#gamma(fround(a)), this.#gamma(fround(b))]
    return Math.min(Math.max(fround(first / (first + second)), MIN_NORMAL_32), BELOW_1_32)
  }

  /** Gamma of scale 1 in double. Its constants are float32, as PyTorch writes them. */
  #gamma(shape: number): number {
    let scale = 1
    if (shape < 1) scale = (1 - this.#uniform53()) ** (1 / shape++)
    const d = shape - fround(1 / 3)
    const c = 1 / Math.sqrt(9 * d)
    for (;;) {
      let x: number
      let y: number
      do y = 1 + c * (x = this.#standardNormal())
      while (y <= 0)
      const v = y * y * y
      const u = 1 - this.#uniform53()
      if (u < 1 - fround(0.0331) * x * x * x * x || Math.log(u) < 0.5 * x * x + d * (1 - v + Math.log(v))) return Math.max(2 ** -1022, scale * d * v)
    }
  }

  /** Uniform in [0, 1): the low 24 bits of a draw, exact in float32. */
  #uniform24(): number {
    return (this.random() & 0xffffff) * EPSILON_24
  }

  /** Uniform in [0, 1): the low 53 bits of 64, of which the first draw is the high half. */
  #uniform53(): number {
    const high = this.random() & 0x1fffff
    return (high * TWO_32 + this.random()) * EPSILON_53
  }

  /** Box-Muller in double: one call makes two numbers, and the next call takes the second. */
  #standardNormal(): number {
    const cached = this.#cachedNormal
    if (cached !== undefined) {
      this.#cachedNormal = undefined
      return cached
    }
    const angle = 2 * Math.PI * this.#uniform53()
    const radius = Math.sqrt(-2 * Math.log1p(-this.#uniform53()))
    this.#cachedNormal = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }
}

/** The generator behind every draw that names no other. */
export const defaultGenerator = new Generator()

/** Seeds the default generator. Same as torch.manual_seed. */
export function manualSeed(seed: number | bigint): Generator {
  return defaultGenerator.manualSeed(seed)
}

/** The default generator's seed. Same as torch.initial_seed. */
export function initialSeed(): number | bigint {
  return defaultGenerator.initialSeed()
}

/** The default generator's state. Same as torch.get_rng_state. */
export function getRngState(): Uint8Array {
  return defaultGenerator.getState()
}

/** Sets the default generator's state. Same as torch.set_rng_state. */
export function setRngState(state: Uint8Array): void {
  defaultGenerator.setState(state)
}

/** PyTorch's own count of the draws before the next twist: 1 for a fresh seed, where the first draw twists. */
function drawsLeft(next: number): number {
  return next === 0 ? 1 : WORDS + 1 - next
}

function checkSeed(seed: number | bigint): bigint {
  if (typeof seed !== 'bigint' && !Number.isSafeInteger(seed))
    throw new ValueError('manualSeed', `${typeof seed === 'object' && seed !== null ? 'an object' : String(seed)} is not a whole number within 2^53`, 'give a whole number, or a bigint if it is larger')
  const whole = BigInt(seed)
  if (whole < -(2n ** 63n) || whole >= 2n ** 64n) throw new ValueError('manualSeed', `${seed} is not in [-2^63, 2^64)`, 'give a seed of at most 64 bits')
  return BigInt.asUintN(64, whole)
}

function checkUniform(low: number, high: number): void {
  if (!(Math.abs(low) <= MAX_FLOAT32 && Math.abs(high) <= MAX_FLOAT32))
    throw new ValueError('uniform', `the bounds ${low} and ${high} are not both finite in float32`, 'give finite bounds')
  if (low > high) throw new ValueError('uniform', `low = ${low} is greater than high = ${high}`, 'give low <= high')
  if (high - low > MAX_FLOAT32) throw new ValueError('uniform', `the range from ${low} to ${high} is not finite in float32`, 'give closer bounds')
}

function checkNormal(std: number): void {
  if (!(std >= 0)) throw new ValueError('normal', `std = ${std} is not at least 0`, 'give a standard deviation of at least 0')
}
