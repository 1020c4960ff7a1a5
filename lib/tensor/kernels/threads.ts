/**
 * The worker pool: threads that share the work of kernels.
 *
 * A job is a kernel, its arguments and a number of chunks. Main describes it in memory that all threads share and sets `REMAINING`
 * to the number of chunks. A worker that finds r > 0 there notes r in its own cell, then tries to change REMAINING from r to r − 1;
 * if that succeeds, the r-th chunk from the end is its own. It clears its cell when the chunk is done. Main takes chunks too; when
 * none remain it waits until every worker's cell is clear, and returns.
 *
 * - A worker whose cell is clear works on nothing, and cannot begin to, since nothing remains: the job is over.
 * - A late worker either fails to change REMAINING, or has truly taken a chunk of the job at hand, which cannot end, nor its
 *   description change, before this chunk is done. So the description is read after the chunk was taken, each time.
 * - What a worker did that ended at whatever point is in its cell. Main does that chunk again. So a chunk must be repeatable: it
 *   computes its outputs from inputs that it does not change. A job that works in place says so. It is done to its end, but an error
 *   then says that some numbers may be off.
 * - What a chunk computes depends on its number alone, so results do not depend on who did it.
 */
import { ThreadError } from '../errors.ts'
import type { Heap } from '../heap.ts'
import type { WasmKernel } from './simd/runtime.ts'
import { maySleep, startThread, type Thread } from './workers.ts'

export interface Pool {
  /** One more than the highest number that a kernel may be given as `thread`: how many threads share the work, the main one included. */
  readonly threads: number
  /** Runs `kernel(...args, begin, end, thread)` over units 0 ... count − 1 in chunks of `grain` on all threads; returns when all are done. */
  run(kernel: string, args: readonly number[], count: number, grain: number, options?: JobOptions): void
  /** Ends the threads. Main can still run kernels alone. */
  close(): void
}

export interface JobOptions {
  /** Whether the kernel changes what it reads. If a thread ends in the middle of such a job, a ThreadError says so when the job is done. */
  readonly inPlace?: boolean
}

export interface PoolOptions {
  /** Its memory is what kernels work on. */
  readonly heap: Heap
  /** Exports the kernels and imports the memory as `env.memory`. */
  readonly module: WebAssembly.Module
  /** How many threads are to share the work, the main one included. */
  readonly threads: number
}

/** A pool whose threads start with the first job; null, with a warning, where memory cannot be shared, and for a single thread. */
export function createPool(options: PoolOptions): Pool | null {
  if (options.threads < 2) return null
  if (typeof SharedArrayBuffer === 'function' && options.heap.memory.buffer instanceof SharedArrayBuffer) return new WorkerPool(options)
  console.warn('vitgrad: kernels run on one thread, because memory cannot be shared. In a browser the page must be cross-origin isolated.')
  return null
}

/**
 * Where things are in the shared memory, in int32 cells. What different threads write lies two cache lines apart, as processors
 * fetch lines in pairs.
 */
const LINE = 32
const LAYOUT = {
  /** Chunks that nobody has taken, where positive. Workers that sleep wait here. */
  REMAINING: 0,
  /** How many workers sleep, are about to, or were stopped in their sleep. */
  SLEEPERS: LINE,
  /** 1 while main sleeps, or is about to. */
  MAIN_SLEEPS: 2 * LINE,
  /** The description of the job, up to the number of arguments; they follow behind the workers' lines as float64. */
  KERNEL: 3 * LINE,
  COUNT: 3 * LINE + 1,
  GRAIN: 3 * LINE + 2,
  CHUNKS: 3 * LINE + 3,
  ARGUMENTS: 3 * LINE + 4,
  /** From here on a line for each thread, with the chunk it works on, counted from the end; 0 for none; negative when it could not do it. */
  TAKEN: 4 * LINE,
  LINE,
  /** How often a worker looks for work, or main for its end, before it sleeps: some 45 µs, the distance at which the kernels of a training step follow one another. */
  SPINS: 5000,
} as const

const { REMAINING, SLEEPERS, MAIN_SLEEPS, KERNEL, COUNT, GRAIN, CHUNKS, ARGUMENTS, TAKEN, SPINS } = LAYOUT

/** How long main sleeps before it looks whether the worker it waits for is still alive, in ms. */
const PATIENCE = 10

interface WorkerData {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  readonly control: SharedArrayBuffer
  readonly argumentsAt: number
  readonly thread: number
}

/** What a worker does, for ever: take a chunk and do it, or look for one a while, then sleep. */
const WORKER = `({ module, memory, control, argumentsAt, thread }) => {
  const { ${Object.keys(LAYOUT).join(', ')} } = ${JSON.stringify(LAYOUT)}
  const instance = new WebAssembly.Instance(module, { env: { memory } })
  const kernels = WebAssembly.Module.exports(module).map(({ name }) => instance.exports[name])
  const cells = new Int32Array(control)
  const numbers = new Float64Array(control, argumentsAt)
  const taken = TAKEN + thread * LINE

  const work = (left) => {
    const grain = cells[GRAIN], count = cells[COUNT]
    const begin = (cells[CHUNKS] - left) * grain
    const args = Array.from(numbers.subarray(0, cells[ARGUMENTS]))
    kernels[cells[KERNEL]](...args, begin, Math.min(begin + grain, count), thread)
  }

  for (let spins = 0; ; spins++) {
    const left = Atomics.load(cells, REMAINING)
    if (left > 0) {
      spins = 0
      let failed = false
      Atomics.store(cells, taken, left)
      try {
        if (Atomics.compareExchange(cells, REMAINING, left, left - 1) === left) work(left)
      } catch {
        failed = true
      }
      Atomics.store(cells, taken, failed ? -left : 0)
      if (Atomics.load(cells, MAIN_SLEEPS)) Atomics.notify(cells, taken)
      if (failed) return
    } else if (spins >= SPINS) {
      spins = 0
      Atomics.add(cells, SLEEPERS, 1)
      Atomics.wait(cells, REMAINING, left)
      Atomics.sub(cells, SLEEPERS, 1)
    }
  }
}`

interface NumberedThread extends Thread {
  readonly number: number
}

interface Job {
  readonly name: string
  readonly kernel: WasmKernel
  readonly args: readonly number[]
  readonly count: number
  readonly grain: number
  readonly inPlace: boolean
}

class WorkerPool implements Pool {
  #threads: number
  readonly #heap: Heap
  readonly #module: WebAssembly.Module
  readonly #kernels = new Map<string, { readonly number: number; readonly kernel: WasmKernel }>()
  /** Not on the heap: a thread that is being stopped may still write here when the pool is gone. */
  readonly #control: SharedArrayBuffer
  readonly #cells: Int32Array
  readonly #numbers: Float64Array
  readonly #maySleep = maySleep()
  #workers: NumberedThread[] = []
  #started = false
  #warned = false

  constructor({ heap, module, threads }: PoolOptions) {
    this.#threads = threads
    this.#heap = heap
    this.#module = module
    const instance = new WebAssembly.Instance(module, { env: { memory: heap.memory } })
    for (const [number, { name }] of WebAssembly.Module.exports(module).entries()) {
      const kernel = instance.exports[name]
      if (typeof kernel === 'function') this.#kernels.set(name, { number, kernel: kernel as WasmKernel })
    }
    const cells = TAKEN + threads * LINE
    const mostArguments = Math.max(0, ...[...this.#kernels.values()].map(({ kernel }) => kernel.length))
    this.#control = new SharedArrayBuffer(4 * cells + 8 * mostArguments)
    this.#cells = new Int32Array(this.#control, 0, cells)
    this.#numbers = new Float64Array(this.#control, 4 * cells, mostArguments)
  }

  get threads(): number {
    return this.#threads
  }

  run(name: string, args: readonly number[], count: number, grain: number, options?: JobOptions): void {
    const entry = this.#kernels.get(name)
    if (!entry) throw new Error(`there is no kernel ${name}`)
    const chunks = Math.ceil(count / grain)
    const job = { name, kernel: entry.kernel, args, count, grain, inPlace: options?.inPlace ?? false }
    if (!this.#started && chunks > 1) this.#start()
    if (chunks > 1 && this.#workers.length > 0) this.#share(entry.number, job, chunks)
    else for (let chunk = 0; chunk < chunks; chunk++) runChunk(job, chunk)
  }

  close(): void {
    this.#started = true
    for (const worker of this.#workers) worker.stop()
    this.#setWorkers([])
  }

  /** Main does not wait for the threads: they join when they are ready, and until then it takes all chunks itself. */
  #start(): void {
    this.#started = true
    const data = { module: this.#module, memory: this.#heap.memory, control: this.#control, argumentsAt: this.#numbers.byteOffset }
    const workers: NumberedThread[] = []
    try {
      for (let number = 1; number < this.#threads; number++) workers.push(this.#startWorker({ ...data, thread: number }))
    } catch (error) {
      this.#warn(`a thread cannot be started (${error instanceof Error ? error.message : error})`)
    }
    this.#setWorkers(workers)
  }

  #startWorker(data: WorkerData): NumberedThread {
    const worker: NumberedThread = { ...startThread({ source: WORKER, data, ended: (reason) => this.#drop([worker], reason) }), number: data.thread }
    return worker
  }

  #share(kernel: number, job: Job, chunks: number): void {
    const cells = this.#cells
    this.#numbers.set(job.args)
    cells[KERNEL] = kernel
    cells[COUNT] = job.count
    cells[GRAIN] = job.grain
    cells[CHUNKS] = chunks
    cells[ARGUMENTS] = job.args.length
    Atomics.store(cells, REMAINING, chunks)
    if (Atomics.load(cells, SLEEPERS) > 0) Atomics.notify(cells, REMAINING, chunks - 1)
    let lost: number[] = []
    try {
      for (let left = Atomics.sub(cells, REMAINING, 1); left > 0; left = Atomics.sub(cells, REMAINING, 1)) runChunk(job, chunks - left)
    } finally {
      // After an error of the kernel nobody is to begin another chunk.
      Atomics.store(cells, REMAINING, 0)
      lost = this.#awaitWorkers()
    }
    // If the kernel is to blame rather than the thread, it throws here. What a worker noted last may also stem from an earlier job.
    const again = lost.filter((left) => left <= chunks)
    for (const left of again) runChunk(job, chunks - left)
    if (job.inPlace && again.length > 0)
      throw new ThreadError(job.name, 'a thread ended while it changed parameters, so some of them may have been changed twice', 'load the last checkpoint, and take the step again')
  }

  /** Returns when no worker touches what belongs to the job any more, with the chunks that workers could not do. */
  #awaitWorkers(): number[] {
    const unable: NumberedThread[] = []
    const lost: number[] = []
    for (const worker of this.#workers) {
      const left = this.#await(worker)
      if (left === 0) continue
      unable.push(worker)
      lost.push(left)
    }
    this.#drop(unable, 'in the middle of a kernel')
    return lost
  }

  /** Waits until the worker has done its chunk, and returns 0, or the chunk if that will never be. */
  #await({ number, isAlive }: NumberedThread): number {
    const cells = this.#cells
    const taken = TAKEN + number * LINE
    let dead = false
    for (let spins = 0; ; spins++) {
      const left = Atomics.load(cells, taken)
      if (left <= 0 || dead) return Math.abs(left)
      if (spins < SPINS || !this.#maySleep) continue
      Atomics.store(cells, MAIN_SLEEPS, 1)
      if (Atomics.wait(cells, taken, left, PATIENCE) === 'timed-out') dead = !isAlive()
      Atomics.store(cells, MAIN_SLEEPS, 0)
    }
  }

  /** Goes on without some of the workers. */
  #drop(workers: readonly NumberedThread[], reason: string): void {
    const rest = this.#workers.filter((worker) => !workers.includes(worker))
    if (rest.length === this.#workers.length) return
    for (const worker of workers) worker.stop()
    this.#setWorkers(rest)
    this.#warn(`a thread has ended (${reason})`)
  }

  #setWorkers(workers: NumberedThread[]): void {
    this.#workers = workers
    this.#threads = 1 + Math.max(0, ...workers.map(({ number }) => number))
  }

  #warn(problem: string): void {
    if (!this.#warned) console.warn(`vitgrad: ${problem}. Kernels go on with fewer threads; results stay the same.`)
    this.#warned = true
  }
}

function runChunk({ kernel, args, count, grain }: Job, chunk: number): void {
  kernel(...args, chunk * grain, Math.min((chunk + 1) * grain, count), 0)
}
