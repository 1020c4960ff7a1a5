import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { createPool } from '../../lib/tensor/kernels/threads.ts'
import { defaultThreads } from '../../lib/tensor/kernels/workers.ts'
import { Heap } from '../../lib/tensor/heap.ts'
import { createBench, untilAllWork, type Bench } from './threads.fixture.ts'

// CommonJS exports can be replaced, so a test can see the workers that a pool starts, or keep it from starting any.
const threadsOfNode = process.getBuiltinModule('node:worker_threads')
const RealWorker = threadsOfNode.Worker
const { warn } = console
const { compareExchange, wait } = Atomics
let warnings: string[] = []
let workers: Worker[] = []
let open: Bench[] = []

test.before.each(() => {
  warnings = []
  workers = []
  console.warn = (text: string) => warnings.push(text)
  threadsOfNode.Worker = class extends RealWorker {
    constructor(...args: ConstructorParameters<typeof RealWorker>) {
      super(...args)
      workers.push(this)
    }
  }
})

test.after.each(() => {
  console.warn = warn
  threadsOfNode.Worker = RealWorker
  Object.assign(Atomics, { compareExchange, wait })
  for (const { pool } of open.splice(0)) pool.close()
})

function start(threads: number): Bench {
  const bench = createBench(threads)
  open.push(bench)
  return bench
}

/** Whole numbers from 0 to below `limit`, always the same ones (Lehmer 1951). */
function draws(): (limit: number) => number {
  let state = 1
  return (limit) => (state = (state * 48271) % 2147483647) % limit
}

const range = (n: number) => Int32Array.from({ length: n }, (_, i) => i)

for (const threads of [2, 3, 4])
  test(`${threads} threads do every unit of 100,000 jobs once, each with its own kernel and arguments`, () => {
    const { pool, y } = start(threads)
    const draw = draws()
    const expected = new Int32Array(64)
    for (let job = 0; job < 100_000; job++) {
      const [count, grain, a, b] = [1 + draw(64), 1 + draw(9), draw(1000), draw(1000)]
      if (draw(3) === 0) {
        pool.run('countDown', [y.address], count, grain)
        for (let i = 0; i < count; i++) expected[i] += 3 - i
      } else {
        pool.run('add', [y.address, a, b], count, grain)
        for (let i = 0; i < count; i++) expected[i] += i * a + b
      }
      // The numbers are looked at as soon as all jobs are said to be done.
      if (job % 100 > 0) continue
      pool.finish()
      assert.equal(y.numbers.subarray(0, 64), expected, `job ${job}`)
    }
    pool.finish()
    assert.equal(y.numbers.subarray(0, 64), expected)
    assert.equal(y.numbers[64], 0)
    assert.equal(pool.threads, threads)
    assert.equal(warnings, [])
  })

test('all threads take part in a job that is long enough', () => {
  const bench = start(4)
  untilAllWork(bench)
  assert.ok(workers.length === 3 && bench.pool.threads === 4)
})

test('a job that follows another is done right by threads that were asleep, awake, or in between', () => {
  const bench = start(3)
  untilAllWork(bench)
  const { pool, y } = bench
  y.numbers.fill(0)
  const expected = new Int32Array(32)
  for (let job = 0; job < 3000; job++) {
    // Pauses of 0 to 20 µs, about as long as a thread looks for work before it sleeps.
    for (const end = performance.now() + (job % 21) / 1000; performance.now() < end; );
    pool.run('add', [y.address, job, 1], 32, 1)
    pool.finish()
    for (let i = 0; i < 32; i++) expected[i] += i * job + 1
    assert.equal(y.numbers.subarray(0, 32), expected, `job ${job}`)
  }
})

test('kernels reach memory that was added after the threads had started', () => {
  const bench = start(2)
  untilAllWork(bench)
  const { heap, pool } = bench
  const address = heap.allocate(2 ** 22)
  const numbers = new Int32Array(heap.memory.buffer, address, 2 ** 20)
  pool.run('add', [address, 1, 0], 2 ** 20, 2 ** 12)
  pool.finish()
  assert.equal(numbers, range(2 ** 20))
})

test('threads start with the first job of more than one chunk', () => {
  const { pool, y } = start(2)
  pool.run('add', [y.address, 1, 0], 8, 8)
  assert.is(workers.length, 0)
  pool.run('add', [y.address, 1, 0], 8, 4)
  assert.is(workers.length, 1)
  pool.finish()
  assert.equal(y.numbers.subarray(0, 9), Int32Array.of(0, 2, 4, 6, 8, 10, 12, 14, 0))
})

test('a job without units does nothing, an unknown kernel is an error', () => {
  const { pool, y } = start(2)
  pool.run('add', [y.address, 1, 1], 0, 4)
  assert.is(y.numbers[0], 0)
  assert.throws(() => pool.run('frobnicate', [], 8, 1), /no kernel frobnicate/)
})

test('a chunk in which a kernel fails on a worker is done again by main, and the pool goes on with a thread less', () => {
  const bench = start(2)
  untilAllWork(bench)
  const { pool, y, flag } = bench
  pool.run('trapInWorker', [y.address, flag], 1000, 100)
  pool.finish()
  assert.equal(y.numbers.subarray(0, 1000), range(1000))
  assert.is(pool.threads, 1)
  assert.is(warnings.length, 1)
  assert.match(warnings[0], 'a thread has ended (in the middle of a kernel)')
  y.numbers.fill(0)
  pool.run('add', [y.address, 1, 0], 1000, 10)
  pool.finish()
  assert.equal(y.numbers.subarray(0, 1000), range(1000))
})

test('a chunk of a worker that was terminated in the middle of it is done again by main', () => {
  const bench = start(3)
  untilAllWork(bench)
  const { pool, y, flag } = bench
  // Main is blocked in the job: the only chance to end the workers is when it begins to wait for them.
  let waits = 0
  Atomics.wait = new Proxy(wait, {
    apply(target, self, args) {
      if (waits++ === 0) for (const worker of workers) void worker.terminate()
      return Reflect.apply(target, self, args)
    },
  })
  pool.run('hangInWorker', [y.address, flag], 1000, 100)
  pool.finish()
  assert.ok(waits > 0)
  assert.equal(y.numbers.subarray(0, 1000), range(1000))
  y.numbers.fill(0)
  pool.run('add', [y.address, 1, 0], 1000, 10)
  pool.finish()
  assert.equal(y.numbers.subarray(0, 1000), range(1000))
  assert.is(warnings.length, 1)
})

test('a job in place in which a worker ends is done to its end, and an error says that numbers may be off', () => {
  const bench = start(2)
  untilAllWork(bench)
  const { pool, y, flag } = bench
  const job = () => {
    pool.run('trapInWorker', [y.address, flag], 1000, 100, { inPlace: true })
    pool.finish()
  }
  assert.throws(job, /trapInWorker: a thread ended .* changed twice.\n {2}help: load the last checkpoint/)
  assert.equal(y.numbers.subarray(0, 1000), range(1000))
  pool.run('add', [y.address, 1, 0], 1000, 10, { inPlace: true })
  pool.finish()
  assert.is(pool.threads, 1)
})

test('of three threads two go on when one has been terminated while it slept', async () => {
  const bench = start(3)
  untilAllWork(bench)
  await new Promise((resolve) => setTimeout(resolve, 20))
  await workers[1].terminate()
  assert.is(bench.pool.threads, 2)
  assert.match(warnings.join(), 'a thread has ended (exit code 1)')
  untilAllWork(bench)
})

test('jobs are right when workers are terminated at any moment', () => {
  const draw = draws()
  const count = 10_000
  for (let round = 0; round < 20; round++) {
    workers = []
    const bench = start(3)
    untilAllWork(bench)
    const { pool, y } = bench
    // Main takes its chunks by Atomics.compareExchange, so there it can be made to do something else in the middle of a job.
    let countdown = draw(1000)
    Atomics.compareExchange = new Proxy(compareExchange, {
      apply(target, self, args) {
        if (--countdown === 0) for (const worker of workers) void worker.terminate()
        return Reflect.apply(target, self, args)
      },
    })
    for (let job = 0; job < 6; job++) {
      y.numbers.fill(0)
      pool.run('sign', [y.address, draw(7) * 20], count, [1, 10, 100][round % 3])
      pool.finish()
      assert.ok(y.numbers.subarray(0, count).every((by) => by > 0))
    }
    Atomics.compareExchange = compareExchange
    pool.close()
  }
})

test('an error of the kernel is thrown to the caller, whoever met it, and the next job is right', () => {
  const bench = start(2)
  untilAllWork(bench)
  const { pool, y } = bench
  const fail = () => {
    pool.run('trap', [], 100, 1)
    pool.finish()
  }
  assert.throws(fail, (error: unknown) => error instanceof WebAssembly.RuntimeError)
  for (let job = 0; job < 100; job++) {
    y.numbers.fill(0)
    pool.run('add', [y.address, 1, 0], 1000, 10)
    pool.finish()
    assert.equal(y.numbers.subarray(0, 1000), range(1000))
  }
})

function outOfThreads(): never {
  throw new Error('out of threads')
}

test('when no thread can be started main does the work alone, with one warning that says why', () => {
  threadsOfNode.Worker = class extends RealWorker {
    constructor() {
      super('', { resourceLimits: outOfThreads() })
    }
  }
  const { pool, y } = start(4)
  for (let job = 0; job < 3; job++) pool.run('add', [y.address, 1, 0], 100, 10)
  pool.finish()
  assert.equal(y.numbers.subarray(0, 100), range(100).map((i) => 3 * i))
  assert.is(pool.threads, 1)
  assert.equal(warnings, ['vitgrad: a thread cannot be started (out of threads). Kernels go on with fewer threads; results stay the same.'])
})

test('when threads die at their start main does the work alone, with one warning', async () => {
  threadsOfNode.Worker = class extends RealWorker {
    constructor(...[, options]: ConstructorParameters<typeof RealWorker>) {
      super(`throw new Error('no memory left')`, options)
      workers.push(this)
    }
  }
  const { pool, y } = start(3)
  pool.run('add', [y.address, 1, 0], 100, 10)
  for (const worker of workers) worker.ref()
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))))
  pool.run('add', [y.address, 1, 0], 100, 10)
  pool.finish()
  assert.equal(y.numbers.subarray(0, 100), range(100).map((i) => 2 * i))
  assert.is(pool.threads, 1)
  assert.equal(warnings, ['vitgrad: a thread has ended (no memory left). Kernels go on with fewer threads; results stay the same.'])
})

test('there is no pool for one thread, nor, with a warning, for memory that is not shared', () => {
  const module = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))
  assert.is(createPool({ heap: new Heap({ shared: true, limit: 2 ** 20 }), module, threads: 1 }), null)
  assert.is(warnings.length, 0)
  assert.is(createPool({ heap: new Heap({ shared: false, limit: 2 ** 20 }), module, threads: 4 }), null)
  assert.is(warnings.length, 1)
})

test('a closed pool works on main', () => {
  const bench = start(2)
  untilAllWork(bench)
  bench.pool.close()
  bench.y.numbers.fill(0)
  bench.pool.run('sign', [bench.y.address, 1], 100, 1)
  bench.pool.finish()
  assert.ok(bench.y.numbers.subarray(0, 100).every((by) => by === 1))
  assert.equal(warnings, [])
})

test('a pool without work uses no processor time', async () => {
  untilAllWork(start(4))
  await new Promise((resolve) => setTimeout(resolve, 50))
  const before = process.cpuUsage()
  await new Promise((resolve) => setTimeout(resolve, 500))
  const { user, system } = process.cpuUsage(before)
  assert.ok(user + system < 50_000, `${user + system} µs`)
})

const fixture = (mode: string) => spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('threads.fixture.ts', import.meta.url)), mode])

test('a program that has used a pool ends by itself, at once and without a word', async () => {
  const program = fixture('end')
  let complaint = ''
  program.stderr.on('data', (text) => (complaint += text))
  await once(program.stdout, 'data')
  const begin = performance.now()
  assert.equal(await once(program, 'exit'), [0, null])
  assert.ok(performance.now() - begin < 1000)
  assert.is(complaint, '')
})

test('a program that is interrupted in the middle of a job ends at once', async () => {
  const program = fixture('stay')
  await once(program.stdout, 'data')
  const begin = performance.now()
  program.kill('SIGINT')
  assert.equal(await once(program, 'exit'), [null, 'SIGINT'])
  assert.ok(performance.now() - begin < 1000)
})

test('VITGRAD_THREADS says how many threads there are to be', () => {
  const before = process.env.VITGRAD_THREADS
  try {
    delete process.env.VITGRAD_THREADS
    assert.is(defaultThreads(), process.getBuiltinModule('node:os').availableParallelism())
    process.env.VITGRAD_THREADS = '7'
    assert.is(defaultThreads(), 7)
    for (const wrong of ['0', 'two', '1.5', '-1']) {
      process.env.VITGRAD_THREADS = wrong
      assert.throws(defaultThreads, /VITGRAD_THREADS: «.*» is no number of threads/)
    }
  } finally {
    delete process.env.VITGRAD_THREADS
    if (before !== undefined) process.env.VITGRAD_THREADS = before
  }
})

test.run()
