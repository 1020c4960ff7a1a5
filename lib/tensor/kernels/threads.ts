/**
 * The worker pool: threads that share the work of kernels, while the main thread goes on.
 *
 * A job is a kernel, its arguments and a number of chunks. Main describes jobs in memory that all threads share, in a ring of lines,
 * and need not wait for them. Jobs are done strictly one after the other: a chunk may be taken only of the job `CURRENT`, and
 * `CURRENT` moves on when no chunk of its job is left and nobody works on one. So a job sees what all jobs before it have written,
 * and memory that is given back can be lent to a later job at once. Main takes chunks too: when it is too far ahead of the workers,
 * and in `finish()`, after which it may look at the numbers itself.
 *
 * To take a chunk a thread reads the job's ticket (the job's number, how many chunks were taken from the front, and how many are left),
 * notes it in its own cell, makes sure that the job is still the current one, and tries to change the ticket to one chunk fewer. It clears
 * its cell when the chunk is done. Half of the threads take from the front and half from the back: the next job mostly reads what
 * stands at the same place, so that a thread finds in its cache what it has written itself.
 *
 * - A cell that bears the number of a job holds that job: `CURRENT` stays, and with it the job's description. Who clears the last such
 *   cell moves `CURRENT` on, or main does that later.
 * - A late thread finds that `CURRENT` has moved, or a ticket with another number. Numbers on tickets begin anew after `TAGS` jobs; main
 *   waits then until all cells are clear, so that no two jobs can be taken for one another.
 * - What a worker did that ended at whatever point is in its cell. Main does that chunk again. So a chunk must be repeatable: it
 *   computes its outputs from inputs that it does not change. A job that works in place says so: it is done to its end too, but then an
 *   error says that some numbers may be off.
 * - What a chunk computes depends on its number alone, so results do not depend on who did it.
 */
import { ThreadError } from '../errors.ts'
import type { Heap } from '../heap.ts'
import type { WasmKernel } from './simd/runtime.ts'
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

/**
 * Where things are in the shared memory, in int32 cells. What different threads write lies two cache lines apart, as processors
 * fetch lines in pairs.
 */
const LINE = 32
const RING = 64
const LAYOUT = {
  /** Number of the job that is being done. All before it are done. Threads sleep here that wait for its end. */
  CURRENT: 0,
  /** Number of the job that will be asked for next. Workers sleep here that have nothing to do. */
  NEXT: LINE,
  /** How many threads sleep, are about to, or were stopped in their sleep. */
  SLEEPERS: 2 * LINE,
  /** Two lines for each job in the ring: its ticket, and what does not change while it is done. */
  JOBS: 3 * LINE,
  RING,
  JOB: 2 * LINE,
  KERNEL: LINE,
  COUNT: LINE + 1,
  GRAIN: LINE + 2,
  ARGUMENTS: LINE + 3,
  /** 1 if the job must not be done twice. */
  IN_PLACE: LINE + 4,
  /** A line for each thread, with the ticket of the chunk it works on; 0 for none; negative when it could not do it. */
  TAKEN: 3 * LINE + RING * 2 * LINE,
  LINE,
  /** A ticket is the last 11 bits of the job's number, then 10 bits for the chunks taken from the front, and 10 for those that are left. */
  CHUNK_BITS: 10,
  LEFT: 2 ** 10 - 1,
  TAG_SHIFT: 20,
  TAGS: 2 ** 11 - 1,
} as const

const { CURRENT, NEXT, SLEEPERS, JOBS, JOB, KERNEL, COUNT, GRAIN, ARGUMENTS, IN_PLACE, TAKEN, LEFT, TAG_SHIFT, TAGS } = LAYOUT

/** How often a thread looks for a change before it sleeps: some 45 µs. */
const SPINS = 5000
/** How long main sleeps before it looks whether the workers it waits for are still alive, in ms. */
const PATIENCE = 10
/** How many jobs main may ask for in advance before it takes part itself. */
const AHEAD = 8

interface Team {
  readonly layout: typeof LAYOUT
  readonly cells: Int32Array
  /** The arguments of the jobs in the ring, `mostArguments` for each. */
  readonly numbers: Float64Array
  readonly mostArguments: number
  readonly kernels: readonly WasmKernel[]
  readonly threads: number
  readonly thread: number
}

interface Member {
  /** Does a chunk of the current job. Returns false when there is none to be had at present. */
  step(): boolean
  /** Does the chunk that `thread` took with the ticket. */
  work(job: number, ticket: number, thread: number): void
  /** Moves on from the job if all of it has been done. */
  leave(job: number): void
}

/** A thread's part in the work. Workers get it as text, so it refers to nothing outside of itself. */
function joinTeam({ layout, cells, numbers, mostArguments, kernels, threads, thread }: Team): Member {
  const { CURRENT, NEXT, SLEEPERS, JOBS, RING, JOB, KERNEL, COUNT, GRAIN, ARGUMENTS, TAKEN, LINE, CHUNK_BITS, LEFT, TAG_SHIFT, TAGS } = layout
  const own = TAKEN + thread * LINE
  const lineOf = (job: number): number => JOBS + (job & (RING - 1)) * JOB

  const takesFront = (taker: number): boolean => taker % 2 === 0
  const taking = takesFront(thread) ? (1 << CHUNK_BITS) - 1 : -1

  let known = -1
  let args: readonly number[] = []

  function work(job: number, ticket: number, taker: number): void {
    const line = lineOf(job)
    if (job !== known) {
      const first = (job & (RING - 1)) * mostArguments
      args = Array.from(numbers.subarray(first, first + cells[line + ARGUMENTS]))
      known = job
    }
    const fromFront = (ticket >> CHUNK_BITS) & LEFT
    const begin = (takesFront(taker) ? fromFront : fromFront + (ticket & LEFT) - 1) * cells[line + GRAIN]
    kernels[cells[line + KERNEL]](...args, begin, Math.min(begin + cells[line + GRAIN], cells[line + COUNT]), thread)
  }

  function leave(job: number): void {
    if ((Atomics.load(cells, lineOf(job)) & LEFT) !== 0) return
    for (let other = 0; other < threads; other++) {
      const taken = Math.abs(Atomics.load(cells, TAKEN + other * LINE))
      if (taken !== 0 && taken >> TAG_SHIFT === (job & TAGS)) return
    }
    if (Atomics.compareExchange(cells, CURRENT, job, (job + 1) | 0) === job && Atomics.load(cells, SLEEPERS) > 0) Atomics.notify(cells, CURRENT)
  }

  function step(): boolean {
    const job = Atomics.load(cells, CURRENT)
    if (job === Atomics.load(cells, NEXT)) return false
    const ticket = Atomics.load(cells, lineOf(job))
    if ((ticket & LEFT) === 0) return false
    Atomics.store(cells, own, ticket)
    try {
      if (Atomics.load(cells, CURRENT) === job && Atomics.compareExchange(cells, lineOf(job), ticket, ticket + taking) === ticket) work(job, ticket, thread)
    } catch (error) {
      Atomics.store(cells, own, -ticket)
      throw error
    }
    Atomics.store(cells, own, 0)
    leave(job)
    return true
  }

  return { step, work, leave }
}

interface WorkerData extends Omit<Team, 'kernels'> {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  readonly spins: number
}

/** What a worker does, for ever: take chunks, or look for one a while, then sleep. */
function workFor({ module, memory, spins, ...team }: WorkerData, join: typeof joinTeam): void {
  const { cells, layout: { CURRENT, NEXT, SLEEPERS, JOBS, RING, JOB, LEFT } } = team
  const instance = new WebAssembly.Instance(module, { env: { memory } })
  const kernels = WebAssembly.Module.exports(module).map(({ name }) => instance.exports[name] as WasmKernel)
  const member = join({ ...team, kernels })
  try {
    for (let looks = 0; ; looks++) {
      if (member.step()) looks = 0
      if (looks < spins) continue
      looks = 0
      Atomics.add(cells, SLEEPERS, 1)
      const job = Atomics.load(cells, CURRENT)
      if (job === Atomics.load(cells, NEXT)) Atomics.wait(cells, NEXT, job)
      else if ((Atomics.load(cells, JOBS + (job & (RING - 1)) * JOB) & LEFT) === 0) Atomics.wait(cells, CURRENT, job)
      Atomics.sub(cells, SLEEPERS, 1)
    }
  } catch {
    // Main finds the ticket and does the chunk itself.
  }
}

/** Compilers that keep the names of functions call `__name`, which a worker does not have. */
const WORKER = `(data) => {
  const __name = (value) => value
  ;(${workFor})(data, ${joinTeam})
}`

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
    const line = JOBS + (job & (RING - 1)) * JOB
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
    for (let job = Atomics.load(cells, CURRENT); job !== cells[NEXT]; job = (job + 1) | 0) Atomics.and(cells, JOBS + (job & (RING - 1)) * JOB, ~LEFT)
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
        if (ticket !== 0 && job !== cells[NEXT] && ticket >> TAG_SHIFT === (job & TAGS)) {
          const line = JOBS + (job & (RING - 1)) * JOB
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
      this.#warn(`a thread cannot be started (${error instanceof Error ? error.message : error})`)
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
