/** The worker pool: threads that share the work of kernels, while the main thread goes on. How they do is told in team.ts. */
import { messageOf, ThreadError } from '../errors.ts'
import type { Heap } from '../heap.ts'
import type { WasmKernel } from './simd/runtime.ts'
import { joinTeam, LAYOUT, WORKER, type Member, type Team, type WorkerData } from './team.ts'
import { maySleep, startThread, type Thread } from './workers.ts'

export interface Pool {
  /** One more than the highest number that a kernel may be given as `thread`: how many threads share the work, the main one included. */
  readonly threads: number
  /**
   * Has `kernel(...args, begin, end, thread)` done over units 0 ... count − 1 in chunks of `grain` (or more, where there would be too
   * many) on all threads, after everything asked for before. May return before it is done; an error of a kernel is thrown by a later call.
   */
  run(kernel: string, args: readonly number[], count: number, grain: number, options?: JobOptions): void
  /** Returns when everything asked for has been done. */
  finish(): void
  /** Finishes and ends the threads. Main can still run kernels alone. */
  close(): void
}

export interface JobOptions {
  /** Whether the kernel changes what it reads. If a thread ends in the middle of such a job, this call or a later one throws a ThreadError. */
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

const { CURRENT, NEXT, SLEEPERS, RING, KERNEL, COUNT, GRAIN, ARGUMENTS, IN_PLACE, TAKEN, LINE, LEFT, TAG_SHIFT, TAGS } = LAYOUT

/** How often a thread looks for a change before it sleeps: some 45 µs. */
const SPINS = 5000
/** How long main sleeps before it looks whether the workers it waits for are still alive, in ms. */
const PATIENCE = 10
/** How many jobs main may ask for in advance before it takes part itself. */
const AHEAD = 8

interface NumberedThread extends Thread {
  readonly number: number
}

class WorkerPool implements Pool {
  #threads: number
  readonly #heap: Heap
  readonly #module: WebAssembly.Module
  readonly #kernels: readonly WasmKernel[]
  readonly #numberOf = new Map<string, number>()
  readonly #team: Team
  readonly #member: Member
  readonly #maySleep = maySleep()
  #workers: readonly NumberedThread[] = []
  #started = false
  #warned = false
  /** The kernel of a job in place of which a chunk may have been done twice. */
  #doubtful: string | null = null

  constructor({ heap, module, threads }: PoolOptions) {
    this.#threads = threads
    this.#heap = heap
    this.#module = module
    const instance = new WebAssembly.Instance(module, { env: { memory: heap.memory } })
    this.#kernels = WebAssembly.Module.exports(module).map(({ name }, number) => {
      this.#numberOf.set(name, number)
      return instance.exports[name] as WasmKernel
    })
    const mostArguments = Math.max(0, ...this.#kernels.map((kernel) => kernel.length))
    // Not on the heap: a thread that is being stopped may still write here when the pool is gone.
    const count = TAKEN + threads * LINE
    const control = new SharedArrayBuffer(4 * count + 8 * mostArguments * RING)
    const cells = new Int32Array(control, 0, count)
    this.#team = { layout: LAYOUT, cells, numbers: new Float64Array(control, 4 * count), mostArguments, kernels: this.#kernels, threads, thread: 0 }
    this.#member = joinTeam(this.#team)
  }

  get threads(): number {
    return this.#threads
  }

  run(name: string, args: readonly number[], count: number, grain: number, { inPlace = false }: JobOptions = {}): void {
    const number = this.#numberOf.get(name)
    if (number === undefined) throw new Error(`there is no kernel ${name}`)
    const size = Math.max(grain, Math.ceil(count / LEFT))
    const chunks = Math.ceil(count / size)
    if (chunks === 0) return
    if (!this.#started && chunks > 1) this.#start()
    if (this.#isIdle && (chunks === 1 || this.#workers.length === 0))
      for (let begin = 0; begin < count; begin += size) this.#kernels[number](...args, begin, Math.min(begin + size, count), 0)
    else this.#ask(number, args, count, size, chunks, inPlace)
  }

  finish(): void {
    this.#workUntil(0)
  }

  close(): void {
    this.finish()
    this.#started = true
    for (const worker of this.#workers) worker.stop()
    this.#setWorkers([])
  }

  get #isIdle(): boolean {
    const { cells } = this.#team
    return Atomics.load(cells, CURRENT) === cells[NEXT]
  }

  /** Puts a job into the ring. Only main writes `NEXT`. */
  #ask(kernel: number, args: readonly number[], count: number, grain: number, chunks: number, inPlace: boolean): void {
    const { cells, numbers, mostArguments } = this.#team
    const job = cells[NEXT]
    if ((job & TAGS) === 0) this.#settle()
    const line = this.#member.lineOf(job)
    numbers.set(args, (job & (RING - 1)) * mostArguments)
    cells[line + KERNEL] = kernel
    cells[line + COUNT] = count
    cells[line + GRAIN] = grain
    cells[line + ARGUMENTS] = args.length
    cells[line + IN_PLACE] = Number(inPlace)
    Atomics.store(cells, line, ((job & TAGS) << TAG_SHIFT) | chunks)
    Atomics.store(cells, NEXT, (job + 1) | 0)
    if (Atomics.load(cells, SLEEPERS) > 0) Atomics.notify(cells, NEXT)
    this.#workUntil(AHEAD)
  }

  /** Takes part until at most so many jobs are not done. */
  #workUntil(most: number): void {
    const { cells } = this.#team
    while (((cells[NEXT] - Atomics.load(cells, CURRENT)) | 0) > most) {
      try {
        if (!this.#member.step()) this.#await()
      } catch (error) {
        this.#abandon()
        throw error
      }
    }
    this.#reportDoubt()
  }

  #reportDoubt(): void {
    const kernel = this.#doubtful
    if (!kernel) return
    this.#doubtful = null
    throw new ThreadError(kernel, 'a thread ended while it changed numbers in place, so some of them may have been changed twice', 'load the last checkpoint, and take the step again')
  }

  /** Finishes, and waits until no worker is about to look at a ticket. */
  #settle(): void {
    this.finish()
    const { cells } = this.#team
    for (const worker of this.#workers) while (Atomics.load(cells, TAKEN + worker.number * LINE) !== 0 && worker.isAlive());
  }

  /** After an error of a kernel nothing of what has been asked for is begun any more. */
  #abandon(): void {
    const { cells } = this.#team
    Atomics.store(cells, TAKEN, 0)
    for (let job = Atomics.load(cells, CURRENT); job !== cells[NEXT]; job = (job + 1) | 0) Atomics.and(cells, this.#member.lineOf(job), ~LEFT)
    while (!this.#isIdle) {
      const job = Atomics.load(cells, CURRENT)
      this.#member.leave(job)
      if (Atomics.load(cells, CURRENT) === job) this.#await()
    }
  }

  /** Waits until the workers have done the last chunks of the current job; those of workers that have ended main does itself. */
  #await(): void {
    const { cells } = this.#team
    const job = Atomics.load(cells, CURRENT)
    if (job === cells[NEXT]) return
    for (let looks = 0; looks < SPINS; looks++) if (Atomics.load(cells, CURRENT) !== job) return
    const taken = (worker: NumberedThread) => Atomics.load(cells, TAKEN + worker.number * LINE)
    this.#drop(this.#workers.filter((worker) => taken(worker) < 0 || (taken(worker) > 0 && !worker.isAlive())), 'in the middle of a kernel')
    // Whoever cleared the last cell may have ended before it moved on.
    this.#member.leave(job)
    if (!this.#maySleep || Atomics.load(cells, CURRENT) !== job) return
    Atomics.add(cells, SLEEPERS, 1)
    Atomics.wait(cells, CURRENT, job, PATIENCE)
    Atomics.sub(cells, SLEEPERS, 1)
  }

  /** Goes on without some of the workers, which have ended. What they had begun, main does. */
  #drop(workers: readonly NumberedThread[], reason: string): void {
    const rest = this.#workers.filter((worker) => !workers.includes(worker))
    if (rest.length === this.#workers.length) return
    this.#setWorkers(rest)
    this.#warn(`a thread has ended (${reason})`)
    const { cells } = this.#team
    for (const worker of workers) {
      worker.stop()
      const cell = TAKEN + worker.number * LINE
      const ticket = Math.abs(Atomics.load(cells, cell))
      const job = Atomics.load(cells, CURRENT)
      // What a worker noted last may also stem from an earlier job. If the kernel is to blame rather than the thread, it throws here.
      try {
        if (job !== cells[NEXT] && this.#member.holds(worker.number, job)) {
          const line = this.#member.lineOf(job)
          if (cells[line + IN_PLACE] === 1) this.#doubtful = [...this.#numberOf.keys()][cells[line + KERNEL]]
          this.#member.work(job, ticket, worker.number)
        }
      } finally {
        Atomics.store(cells, cell, 0)
      }
      this.#member.leave(job)
    }
  }

  /** Main does not wait for the threads: they join when they are ready. */
  #start(): void {
    this.#started = true
    const { kernels, ...team } = this.#team
    const data = { ...team, module: this.#module, memory: this.#heap.memory, spins: SPINS }
    const workers: NumberedThread[] = []
    try {
      for (let thread = 1; thread < this.#threads; thread++) workers.push(this.#startWorker({ ...data, thread }))
    } catch (error) {
      this.#warn(`a thread cannot be started (${messageOf(error)})`)
    }
    this.#setWorkers(workers)
  }

  #startWorker(data: WorkerData): NumberedThread {
    const worker: NumberedThread = { ...startThread({ source: WORKER, data, ended: (reason) => this.#drop([worker], reason) }), number: data.thread }
    return worker
  }

  #setWorkers(workers: readonly NumberedThread[]): void {
    this.#workers = workers
    this.#threads = 1 + Math.max(0, ...workers.map(({ number }) => number))
  }

  #warn(problem: string): void {
    if (!this.#warned) console.warn(`vitgrad: ${problem}. Kernels go on with fewer threads; results stay the same.`)
    this.#warned = true
  }
}
