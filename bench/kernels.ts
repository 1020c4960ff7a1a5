/** Measures the kernels by themselves: `tsx bench/kernels.ts [SECONDS]` spends that long on each figure (0.1 by default). */
import { kernels } from '../lib/tensor/kernels/active.ts'
import { WORDS } from '../lib/tensor/mersenne-twister.ts'
import { NDArray } from '../lib/tensor/ndarray.ts'
import { numelOf, type Shape } from '../lib/tensor/shape.ts'
import { pin, synchronize } from '../lib/tensor/storage.ts'
import { oneNumber, readArguments } from './arguments.ts'
import { CONFIGS, tokensOf, type Config } from './configs.ts'
import { engineSetting, threadsWanted } from './engine.ts'
import { watchLoad } from './load.ts'
import { describePeak, measurePeak, type Peak } from './peak.ts'
import { digits, percent, table } from './table.ts'

const seconds = readArguments('npx tsx bench/kernels.ts [SECONDS]', (args) => oneNumber(args, 0.1))

/** Numbers between −1 and 1 on the heap, where kernels work on them in place. */
function numbers(...shape: number[]): NDArray {
  const array = NDArray.zeros(shape)
  kernels()
  pin(array.storage)
  const { data } = array.storage
  for (let i = 0; i < data.length; i++) data[i] = Math.sin(1 + i * 0.7)
  return array
}

/** Milliseconds of one call, the best of those that fit in the time. Short calls are timed in groups of at least 1 ms. */
function bestMs(call: () => void): number {
  const timed = (calls: number) => {
    const start = performance.now()
    for (let i = 0; i < calls; i++) call()
    synchronize()
    return (performance.now() - start) / calls
  }
  const first = timed(1)
  if (first > 1000 * seconds) return Math.min(first, timed(1))
  // V8 compiles a function anew when it has been called often: half of the time goes by before it counts.
  const warm = performance.now() + 500 * seconds
  let ms = first
  while (performance.now() < warm) ms = timed(Math.max(1, Math.round(0.2 / ms)))
  const group = Math.max(1, Math.round(1 / ms))
  const end = performance.now() + 1000 * seconds
  let best = Infinity
  do best = Math.min(best, timed(group))
  while (performance.now() < end)
  return best
}

// ---- matrix products

interface Product {
  readonly batch: number
  readonly M: number
  readonly K: number
  readonly N: number
}

const PRODUCTS: readonly Product[] = [
  { batch: 1, M: 64, K: 64, N: 64 },
  { batch: 1, M: 256, K: 256, N: 256 },
  { batch: 1, M: 1024, K: 1024, N: 1024 },
  { batch: 1, M: 2080, K: 192, N: 768 },
  { batch: 1, M: 4160, K: 48, N: 96 },
  { batch: 1, M: 394, K: 768, N: 1536 },
  { batch: 256, M: 65, K: 12, N: 65 },
  { batch: 96, M: 65, K: 64, N: 65 },
  { batch: 256, M: 65, K: 65, N: 12 },
  { batch: 96, M: 65, K: 65, N: 64 },
]

/** GFLOP/s and the share of the peak that it is. */
function speed(flops: number, ms: number, peak: Peak): string {
  const gflops = flops / ms / 1e6
  return `${digits(gflops)} (${percent(gflops / peak.allThreads)})`
}

/** N: as it lies; T: stored the other way round. */
function product({ batch, M, K, N }: Product, layout: 'NN' | 'NT' | 'TN', peak: Peak): string {
  const lead = batch === 1 ? [] : [batch]
  const a = layout === 'TN' ? numbers(...lead, K, M).transpose(-1, -2) : numbers(...lead, M, K)
  const b = layout === 'NT' ? numbers(...lead, N, K).transpose(-1, -2) : numbers(...lead, K, N)
  const out = numbers(...lead, M, N)
  return speed(2 * batch * M * K * N, bestMs(() => kernels().matmul(out, a, b, null)), peak)
}

function products(peak: Peak): string {
  const rows = PRODUCTS.map((one) => [`${one.batch === 1 ? '' : `${one.batch} x `}${one.M}·${one.K}·${one.N}`, ...(['NN', 'NT', 'TN'] as const).map((layout) => product(one, layout, peak))])
  return table(['matmul M·K·N, GFLOP/s (share of peak)', 'NN', 'NT', 'TN'], rows)
}

// ---- attention

/** Attention on heads that lie side by side in each token, as linear layers leave them. */
function attentionRow(config: Config, peak: Peak): string[] {
  const { batch, heads, dim } = config
  const tokens = tokensOf(config)
  const split = () => numbers(batch, tokens, heads, dim / heads).transpose(1, 2)
  const [q, k, v, out, dq, dk, dv, grad] = Array.from({ length: 8 }, split)
  const weights = numbers(batch, heads, tokens, tokens)
  const flops = 4 * batch * tokens ** 2 * dim
  const scale = 1 / Math.sqrt(dim / heads)
  const forward = bestMs(() => kernels().attention(out, weights, q, k, v, null, scale))
  const backward = bestMs(() => kernels().attentionBackward(dq, dk, dv, grad, null, weights, q, k, v, null, scale))
  return [`${config.key}: ${batch} x ${heads} heads, ${tokens} tokens of ${dim / heads}`, speed(flops, forward, peak), speed(2 * flops, backward, peak)]
}

// ---- everything else

type Rows = (numel: number) => number[]
const flat: Rows = (numel) => [numel]
const rowsOf = (length: number): Rows => (numel) => [Math.round(numel / length), length]

interface Elementwise {
  readonly name: string
  readonly shape: Rows
  /** Makes the arrays and returns the call that is timed. */
  readonly prepare: (shape: Shape) => () => void
}

const array = (shape: Shape) => numbers(...shape)
const unary = (op: 'relu' | 'exp' | 'gelu'): Elementwise => ({
  name: op,
  shape: flat,
  prepare(shape) {
    const [out, x] = [array(shape), array(shape)]
    return () => kernels().unary(op, out, x)
  },
})
const binary = (op: 'add' | 'mul' | 'reluBackward' | 'geluBackward'): Elementwise => ({
  name: op,
  shape: flat,
  prepare(shape) {
    const [out, a, b] = [array(shape), array(shape), array(shape)]
    return () => kernels().binary(op, out, a, b)
  },
})

const ELEMENTWISE: readonly Elementwise[] = [
  unary('relu'), binary('reluBackward'), binary('add'), binary('mul'), unary('exp'), unary('gelu'), binary('geluBackward'),
  {
    name: 'add, a row to each row of 192',
    shape: rowsOf(192),
    prepare(shape) {
      const [out, a, row] = [array(shape), array(shape), numbers(shape[1]).expand(shape)]
      return () => kernels().binary('add', out, a, row)
    },
  },
  {
    name: 'sum of all rows of 192',
    shape: rowsOf(192),
    prepare(shape) {
      const [out, x] = [numbers(shape[1]), array(shape).transpose(0, 1)]
      return () => kernels().reduce('sum', out, x, 1)
    },
  },
  {
    name: 'copy, transposed',
    shape: rowsOf(128),
    prepare(shape) {
      const [out, x] = [array([shape[1], shape[0]]), array(shape).transpose(0, 1)]
      return () => kernels().copy(out, x)
    },
  },
  {
    name: 'softmax, rows of 65',
    shape: rowsOf(65),
    prepare(shape) {
      const [out, x] = [array(shape), array(shape)]
      return () => kernels().softmax(out, x)
    },
  },
  {
    name: 'softmaxBackward, rows of 65',
    shape: rowsOf(65),
    prepare(shape) {
      const [out, grad, y] = [array(shape), array(shape), array(shape)]
      return () => kernels().softmaxBackward(out, grad, y)
    },
  },
  {
    name: 'layerNorm, rows of 192',
    shape: rowsOf(192),
    prepare(shape) {
      const [y, x] = [array(shape), array(shape)]
      const [mean, rstd, weight, bias] = [numbers(shape[0]), numbers(shape[0]), numbers(shape[1]), numbers(shape[1])]
      return () => kernels().layerNorm(y, mean, rstd, x, weight, bias, 1e-5)
    },
  },
  {
    name: 'layerNormBackward, rows of 192',
    shape: rowsOf(192),
    prepare(shape) {
      const [dx, grad, x] = [array(shape), array(shape), array(shape)]
      const [mean, rstd, weight, dweight, dbias] = [numbers(shape[0]), numbers(shape[0]), numbers(shape[1]), numbers(shape[1]), numbers(shape[1])]
      return () => kernels().layerNormBackward(dx, dweight, dbias, grad, x, mean, rstd, weight, 1e-5, false)
    },
  },
  {
    name: 'bernoulli, a mask for dropout',
    shape: flat,
    prepare(shape) {
      const [out, nextState, state] = [array(shape), numbers(WORDS), numbers(WORDS)]
      return () => kernels().bernoulli(out, nextState, state, WORDS, 0.9, 1 / 0.9)
    },
  },
  {
    name: 'sgd with momentum',
    shape: flat,
    prepare(shape) {
      const steps = [{ param: array(shape), grad: array(shape), momentum: array(shape), first: false }]
      const rule = { lr: 1e-4, momentum: 0.9, dampening: 0, weightDecay: 0, nesterov: false, maximize: false }
      return () => kernels().sgd(steps, rule)
    },
  },
]

/** In the cache of one core, and of the size of an activation. */
const SIZES = [16_384, 1_048_576]

function elementwise(): string {
  const rows = ELEMENTWISE.map(({ name, shape, prepare }) => [name, ...SIZES.map((size) => digits((1e6 * bestMs(prepare(shape(size)))) / numelOf(shape(size))))])
  return table(['ns per number', ...SIZES.map((size) => `of ${size.toLocaleString('en')}`)], rows)
}

const threads = threadsWanted()
const peak = await measurePeak(process.execPath, threads, process.env)
const load = watchLoad()
const tables = [products(peak), table(['attention, GFLOP/s (share of peak)', 'forward', 'backward'], CONFIGS.map((config) => attentionRow(config, peak))), elementwise()]
const { others } = load()
console.log(`Kernels by themselves: ${engineSetting()}, Node ${process.versions.node}. Peak: ${describePeak(peak)}.`)
console.log(`Load of others meanwhile: ${others === null ? 'unknown' : `${others.toFixed(2)} cores`}.\n`)
console.log(tables.join('\n\n'))
process.exit(0)
