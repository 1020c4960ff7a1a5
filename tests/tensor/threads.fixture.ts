/** Kernels and a pool to try threads on; run by itself, a program that uses a pool: `threads.fixture.ts end` ends, `threads.fixture.ts stay` does not. */
import { Heap } from '../../lib/tensor/heap.ts'
import { i32, WasmModule, type Arg } from '../../lib/tensor/kernels/simd/wasm.ts'
import { createPool, type Pool } from '../../lib/tensor/kernels/threads.ts'

const units = { begin: 'i32', end: 'i32', thread: 'i32' } as const
const at = (base: Arg<'i32'>, index: Arg<'i32'>) => i32.add(base, i32.shl(index, 2))

function testKernels(): WasmModule {
  const module = new WasmModule()
  /** y[i] += i · a + b: shows a unit that was done twice or not at all, and one done with another job's arguments. */
  module.function('add', { y: 'i32', a: 'i32', b: 'i32', ...units }, [], (f, { y, a, b, begin, end }) => {
    f.for(end, { from: begin }, (unit) => f.do(i32.store(at(y, unit), i32.add(i32.load(at(y, unit)), i32.add(i32.mul(unit, a), b)))))
  })
  /** y[i] += 3 − i, with its one argument; does nothing else. */
  module.function('countDown', { y: 'i32', ...units }, [], (f, { y, begin, end }) => {
    f.for(end, { from: begin }, (unit) => f.do(i32.store(at(y, unit), i32.add(i32.load(at(y, unit)), i32.sub(3, unit)))))
  })
  /** y[i] = thread + 1, after `turns` turns of a loop. */
  module.function('sign', { y: 'i32', turns: 'i32', ...units }, [], (f, { y, turns, begin, end, thread }) => {
    f.for(end, { from: begin }, (unit) => {
      f.for(turns, {}, () => f.do(i32.atomicStore(at(y, unit), 0)))
      f.do(i32.store(at(y, unit), i32.add(thread, 1)))
    })
  })
  /** Workers say in `flag` that they are here and write beyond the memory. Main waits for that, then y[i] = i. */
  module.function('trapInWorker', { y: 'i32', flag: 'i32', ...units }, [], (f, { y, flag, begin, end, thread }) => {
    f.if(thread, () => f.do(i32.atomicStore(flag, 1), i32.store(-4, 0)))
    f.doWhile(() => undefined, () => i32.eqz(i32.atomicLoad(flag)))
    f.for(end, { from: begin }, (unit) => f.do(i32.store(at(y, unit), unit)))
  })
  /** The same, but workers never come to an end. */
  module.function('hangInWorker', { y: 'i32', flag: 'i32', ...units }, [], (f, { y, flag, begin, end, thread }) => {
    f.if(thread, () => f.do(i32.atomicStore(flag, 1)))
    f.doWhile(() => undefined, () => i32.or(i32.eqz(i32.atomicLoad(flag)), thread))
    f.for(end, { from: begin }, (unit) => f.do(i32.store(at(y, unit), unit)))
  })
  module.function('trap', units, [], (f) => f.do(i32.store(-4, 0)))
  return module
}

export interface Bench {
  readonly heap: Heap
  readonly pool: Pool
  /** 64 Ki whole numbers on the heap. */
  readonly y: { readonly address: number; readonly numbers: Int32Array }
  /** One whole number, 0 at first. */
  readonly flag: number
}

/** A pool with the test kernels on a heap of its own. */
export function createBench(threads: number): Bench {
  const heap = new Heap({ shared: true, limit: 2 ** 24 })
  const bytes = testKernels().encode({ initial: 2, maximum: heap.maximumPages, shared: true })
  const pool = createPool({ heap, module: new WebAssembly.Module(bytes), threads })
  if (!pool) throw new Error('there is no pool')
  const [address, flag] = [heap.allocate(2 ** 18), heap.allocate(4)]
  return { heap, pool, y: { address, numbers: new Int32Array(heap.memory.buffer, address, 2 ** 16) }, flag }
}

/** Runs jobs until every thread has had a part in one of them. */
export function untilAllWork({ pool, y: { address, numbers } }: Bench): void {
  const seen = new Set<number>()
  while (seen.size < pool.threads) {
    pool.run('sign', [address, 5000], 64, 1)
    pool.finish()
    for (const by of numbers.subarray(0, 64)) seen.add(by)
  }
}

if (process.argv[1] === import.meta.filename) {
  const bench = createBench(3)
  untilAllWork(bench)
  console.log('at work')
  if (process.argv[2] === 'stay') for (;;) bench.pool.run('sign', [bench.y.address, 5000], 64, 1)
}
