/** The SIMD matrix products beside the reference ones: all layouts, odd sizes, batches, blocks, parts of K. */
import { setFlagsFromString } from 'node:v8'
import { test } from 'uvu'
import { useDefault, useReference } from './simd-engines.ts'
import * as assert from 'uvu/assert'
import { Heap } from '../../lib/tensor/heap.ts'
import { matmul as reference } from '../../lib/tensor/kernels/reference/matmul.ts'
import type { Pool } from '../../lib/tensor/kernels/threads.ts'
import { emitCopy } from '../../lib/tensor/kernels/simd/copy.ts'
import { ACCUMULATE, emitGemm, emitSmallProducts, packedBytes, ZEROS } from '../../lib/tensor/kernels/simd/gemm.ts'
import { matmul } from '../../lib/tensor/kernels/simd/matmul.ts'
import { createRuntime, type Runtime, type WasmKernel } from '../../lib/tensor/kernels/simd/runtime.ts'
import type { Target } from '../../lib/tensor/kernels/simd/target.ts'
import { f32x4, v128, WasmModule } from '../../lib/tensor/kernels/simd/wasm.ts'
import { NDArray } from '../../lib/tensor/ndarray.ts'
import { numelOf, type Shape } from '../../lib/tensor/shape.ts'
import { Storage } from '../../lib/tensor/storage.ts'

test.before.each(useReference)
test.after.each(useDefault)

const heap = new Heap({ shared: true, limit: 2 ** 28 })

/** Node 20 has relaxed multiply-add behind a flag. */
function allowsRelaxedMadd(): boolean {
  const module = new WasmModule()
  module.function('f', { x: 'i32' }, [], (f, { x }) => f.do(v128.store(x, f32x4.relaxedMadd(v128.load(x), v128.load(x), v128.load(x)))))
  const bytes = module.encode({ initial: 1, maximum: 1, shared: true })
  if (!WebAssembly.validate(bytes)) setFlagsFromString('--experimental-wasm-relaxed-simd')
  return WebAssembly.validate(bytes)
}

const targets: Target[] = [
  { relaxedMadd: false, tile: { rows: 4, vectors: 2, unroll: 1 } },
  ...(allowsRelaxedMadd() ? [{ relaxedMadd: true, tile: { rows: 6, vectors: 2, unroll: 4 } }, { relaxedMadd: true, tile: { rows: 6, vectors: 4, unroll: 4 } }] : []),
]

function build(target: Target): WebAssembly.Instance {
  const module = new WasmModule()
  emitCopy(module)
  emitGemm(module, target)
  return new WebAssembly.Instance(new WebAssembly.Module(module.encode({ initial: 2, maximum: heap.maximumPages, shared: true })), { env: { memory: heap.memory } })
}
const instances = targets.map(build)
const runtimes = instances.map((instance) => createRuntime(heap, instance, null))

/** What `act` allocates on the heap through `make` is freed after it. */
function onHeap(act: (make: (shape: Shape, fill?: (i: number) => number) => NDArray) => void): void {
  const blocks: [number, number][] = []
  act((shape, fill = () => NaN) => {
    const n = numelOf(shape)
    // Three numbers before and after the array must stay as they are.
    const address = heap.allocate(4 * (n + 6))
    blocks.push([address, 4 * (n + 6)])
    const data = heap.view(address, n + 6)
    for (let i = 0; i < n + 6; i++) data[i] = fill(i)
    return new NDArray(new Storage(data, address), shape, undefined, 3)
  })
  for (const [address, bytes] of blocks) heap.free(address, bytes)
}

let seed = 1
const noise = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) | 0
  return seed / 2 ** 31
}

/** Compares with the reference product, which sums in float64. */
function check(runtime: Runtime, make: (shape: Shape) => NDArray, a: NDArray, b: NDArray, start: NDArray | 'out' | null, note: string): void {
  const K = a.shape[a.ndim - 1]
  const shape = [...a.shape.slice(0, -1), b.shape[b.ndim - 1]]
  const out = make(shape)
  const expected = NDArray.empty(shape)
  if (start === 'out') for (let i = 0; i < out.numel; i++) out.storage.data[3 + i] = expected.storage.data[i] = noise()
  matmul(runtime, out, a, b, start)
  reference(expected, a, b, start)
  const truth = expected.values()
  const scale = 1e-6 * (1 + Math.sqrt(K))
  for (let i = 0; i < out.numel; i++) {
    const got = out.storage.data[3 + i]
    if (!(Math.abs(got - truth[i]) <= scale * Math.max(1, Math.abs(truth[i])))) assert.unreachable(`${note}: number ${i} is ${got}, not ${truth[i]}`)
  }
  for (const i of [0, 1, 2, out.numel + 3, out.numel + 4, out.numel + 5]) assert.ok(Number.isNaN(out.storage.data[i]), `${note}: writes outside of its output`)
}

const SIZES = [[1, 1, 1], [1, 7, 5], [2, 3, 1], [5, 1, 9], [4, 8, 16], [6, 16, 4], [7, 9, 3], [13, 10, 12], [17, 23, 70], [12, 12, 65], [65, 65, 12], [65, 12, 65], [33, 100, 300], [3, 500, 40]]

for (const [t, target] of targets.entries()) {
  const runtime = runtimes[t]
  const name = `tile ${target.tile.rows}x${4 * target.tile.vectors}${target.relaxedMadd ? ' with relaxed madd' : ''}`

  test(`${name}: products of odd sizes agree with the reference, however the operands lie`, () => {
    for (const [M, N, K] of SIZES)
      for (const form of ['NN', 'NT', 'TN', 'TT'])
        for (const start of ['bias', 'out', null] as const)
          onHeap((make) => {
            const a = form[0] === 'N' ? make([M, K], noise) : make([K, M], noise).transpose(0, 1)
            const b = form[1] === 'N' ? make([K, N], noise) : make([N, K], noise).transpose(0, 1)
            check(runtime, make, a, b, start === 'bias' ? make([N], noise) : start, `${form} ${M}x${N}x${K}`)
          })
  })

  test(`${name}: an empty inner size gives the bias, or zeros`, () => {
    onHeap((make) => {
      check(runtime, make, make([5, 0]), make([0, 9]), make([9], noise), 'bias')
      check(runtime, make, make([5, 0]), make([0, 9]), null, 'zeros')
      check(runtime, make, make([3, 0, 4]).transpose(1, 2), make([3, 9, 0]).transpose(1, 2), make([9], noise), 'batch')
      check(runtime, make, make([5, 0]), make([0, 9]), 'out', 'what is there')
      check(runtime, make, make([0, 3]), make([3, 4]), null, 'no rows')
    })
  })

  test(`${name}: attention heads are multiplied where they lie`, () => {
    for (const [B, T, H, d] of [[2, 65, 4, 12], [1, 17, 3, 64], [3, 5, 1, 7]])
      onHeap((make) => {
        const qkv = make([B, T, 3, H, d], noise)
        const [q, k, v] = [0, 1, 2].map((i) => qkv.select(2, i).transpose(1, 2))
        const p = make([B, H, T, T], noise)
        check(runtime, make, q, k.transpose(-2, -1), null, 'q kᵀ')
        check(runtime, make, p, v, null, 'p v')
        check(runtime, make, p.transpose(-2, -1), v, null, 'pᵀ v')
        check(runtime, make, v.transpose(-2, -1), p.transpose(-2, -1), null, 'vᵀ pᵀ')
      })
  })

  test(`${name}: batches that broadcast, share an operand or lie in three dimensions`, () => {
    onHeap((make) => {
      const w = make([20, 11], noise)
      const bias = make([11], noise)
      check(runtime, make, make([4, 9, 20], noise), w.expand([4, 20, 11]), bias, 'shared B')
      check(runtime, make, make([4, 1, 20], noise), w.expand([4, 20, 11]), bias, 'shared B, one row each')
      check(runtime, make, make([9, 4, 20], noise).transpose(0, 1), w.expand([4, 20, 11]), bias, 'shared B, rows apart')
      check(runtime, make, w.expand([4, 20, 11]), make([4, 11, 6], noise), null, 'shared A')
      check(runtime, make, make([2, 1, 3, 5, 6], noise).expand([2, 4, 3, 5, 6]), make([1, 4, 3, 6, 7], noise).expand([2, 4, 3, 6, 7]), null, 'three dimensions')
      check(runtime, make, make([2, 5, 3, 7, 8], noise).permute([2, 0, 1, 3, 4]), make([2, 3, 5, 8, 3], noise).permute([1, 0, 2, 3, 4]), null, 'permuted')
      check(runtime, make, make([2, 300, 300], noise), make([2, 300, 300], noise), null, 'large matrices')
      check(runtime, make, make([2, 300, 300], noise), make([2, 300, 300], noise), 'out', 'large matrices onto others')
    })
  })

  test(`${name}: operands without a unit stride are copied`, () => {
    onHeap((make) => {
      const a = make([6, 9, 2], noise).select(-1, 1)
      const b = make([9, 7, 3], noise).select(-1, 2)
      check(runtime, make, a, b, make([7, 2], noise).select(-1, 0), 'every second number')
      check(runtime, make, make([1, 1], noise).expand([6, 9]), make([1, 1], noise).expand([9, 7]), make([1], noise).expand([7]), 'one number everywhere')
      check(runtime, make, make([6, 1], noise).expand([6, 9]), make([1, 7], noise).expand([9, 7]), null, 'rows and columns repeated')
    })
  })

  test(`${name}: large products, cut into blocks of rows, blocks of columns and parts of K`, () => {
    for (const [M, N, K] of [[400, 300, 500], [1000, 97, 48], [1, 2000, 600], [10, 3000, 400], [48, 97, 4160], [33, 31, 3000], [500, 32, 1300], [200, 260, 520], [2000, 3, 700]])
      for (const form of ['NN', 'NT', 'TN', 'TT'])
        onHeap((make) => {
          const a = form[0] === 'N' ? make([M, K], noise) : make([K, M], noise).transpose(0, 1)
          const b = form[1] === 'N' ? make([K, N], noise) : make([N, K], noise).transpose(0, 1)
          check(runtime, make, a, b, make([N], noise), `${form} ${M}x${N}x${K}`)
          check(runtime, make, a, b, 'out', `${form} ${M}x${N}x${K} onto what is there`)
        })
  })

  test(`${name}: NaN and infinity reach the numbers that they belong to and no others`, () => {
    onHeap((make) => {
      const a = make([7, 5], () => 1)
      const b = make([5, 9], () => 1)
      const out = make([7, 9])
      a.storage.data[3 + 2 * 5 + 1] = NaN
      b.storage.data[3 + 4 * 9 + 8] = -Infinity
      matmul(runtime, out, a, b, null)
      for (let i = 0; i < 7; i++) for (let j = 0; j < 9; j++) assert.equal(out.storage.data[3 + 9 * i + j], i === 2 ? NaN : j === 8 ? -Infinity : 5)
    })
  })

  test(`${name}: the order in which chunks are done changes nothing, and none writes what another reads`, () => {
    const backwards: Pool = {
      threads: 3,
      close() {},
      finish() {},
      run(kernel, args, count, grain) {
        const chunks = Array.from({ length: Math.ceil(count / grain) }, (_, i) => i).reverse()
        for (const i of chunks) (instances[t].exports[kernel] as WasmKernel)(...args, i * grain, Math.min((i + 1) * grain, count), i % 3)
      },
    }
    const other = createRuntime(heap, instances[t], backwards)
    for (const [M, N, K] of [[400, 300, 500], [48, 97, 4160], [1, 2000, 600]])
      onHeap((make) => {
        const a = make([M, K], noise)
        const b = make([N, K], noise).transpose(0, 1)
        const [first, second] = [make([M, N]), make([M, N])]
        matmul(runtime, first, a, b, null)
        matmul(other, second, a, b, null)
        assert.equal(first.values(), second.values())
      })
    onHeap((make) => {
      const heads = make([64, 65, 3, 64], noise)
      const [q, k] = [heads.select(2, 0), heads.select(2, 1).transpose(1, 2)]
      const [first, second] = [make([64, 65, 65]), make([64, 65, 65])]
      matmul(runtime, first, q, k, null)
      matmul(other, second, q, k, null)
      assert.equal(first.values(), second.values())
    })
  })
}

test('the small products can be called from other kernels, and add to what C holds', () => {
  const module = new WasmModule()
  const target = targets[targets.length - 1]
  const small = emitSmallProducts(module, target)
  assert.is(emitSmallProducts(module, target), small)
  const params = { M: 'i32', N: 'i32', K: 'i32', a: 'i32', b: 'i32', c: 'i32', scratch: 'i32' } as const
  // c = Aᵀ · B, then c += A₂ · B₂ᵀ with A₂ = Aᵀ's and B₂ = B's memory read the other way round.
  module.function('twice', params, [], (f, { M, N, K, a, b, c, scratch }) => {
    f.call(small.TN, M, N, K, a, 4 * 5, b, 4 * 9, c, 4 * 9, scratch, ZEROS)
    f.call(small.NT, M, N, K, a, 4 * 7, b, 4 * 7, c, 4 * 9, scratch, ACCUMULATE)
  })
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode({ initial: 2, maximum: heap.maximumPages, shared: true })), { env: { memory: heap.memory } })
  onHeap((make) => {
    const [M, N, K] = [5, 9, 7]
    const a = make([K * M], noise)
    const b = make([K * N], noise)
    const c = make([M, N])
    const scratch = heap.allocate(packedBytes(N, K))
    ;(instance.exports.twice as WasmKernel)(M, N, K, a.pointer, b.pointer, c.pointer, scratch)
    heap.free(scratch, packedBytes(N, K))
    const [first, second] = [NDArray.empty([M, N]), NDArray.empty([M, N])]
    reference(first, a.restride([M, K], [1, M]), b.restride([K, N], [N, 1]), null)
    reference(second, a.restride([M, K], [K, 1]), b.restride([K, N], [1, K]), null)
    c.values().forEach((value, i) => assert.ok(Math.abs(value - first.values()[i] - second.values()[i]) < 1e-5))
  })
})

test.run()
