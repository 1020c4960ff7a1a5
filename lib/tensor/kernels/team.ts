/**
 * How threads share the work of kernels: what they tell each other through shared memory, and what each of them does.
 *
 * A job is a kernel, its arguments and a number of chunks. Main describes jobs in memory that all threads share, in a ring of lines,
 * and need not wait for them. Jobs are done strictly one after the other: a chunk may be taken only of the job `CURRENT`, and
 * `CURRENT` moves on when no chunk of its job is left and nobody works on one. So a job sees what all jobs before it have written,
 * and memory that is given back can be lent to a later job at once. Main takes chunks too: when it is too far ahead of the workers,
 * and when it waits for all of them, after which it may look at the numbers itself.
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
import type { WasmKernel } from './simd/runtime.ts'

/**
 * Where things are in the shared memory, in int32 cells. What different threads write lies two cache lines apart, as processors
 * fetch lines in pairs.
 */
const LINE = 32
const RING = 64
export const LAYOUT = {
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

export interface Team {
  readonly layout: typeof LAYOUT
  readonly cells: Int32Array
  /** The arguments of the jobs in the ring, `mostArguments` for each. */
  readonly numbers: Float64Array
  readonly mostArguments: number
  readonly kernels: readonly WasmKernel[]
  readonly threads: number
  readonly thread: number
}

export interface Member {
  /** Where the description of a job begins. */
  lineOf(job: number): number
  /** Whether a thread has noted that it works on the job. */
  holds(thread: number, job: number): boolean
  /** Does a chunk of the current job. Returns false when there is none to be had at present. */
  step(): boolean
  /** Does the chunk that `thread` took with the ticket. */
  work(job: number, ticket: number, thread: number): void
  /** Moves on from the job if all of it has been done. */
  leave(job: number): void
}

/** A thread's part in the work. Workers get it as text, so it refers to nothing outside of itself. */
export function joinTeam({ layout, cells, numbers, mostArguments, kernels, threads, thread }: Team): Member {
  const { CURRENT, NEXT, SLEEPERS, JOBS, RING, JOB, KERNEL, COUNT, GRAIN, ARGUMENTS, TAKEN, LINE, CHUNK_BITS, LEFT, TAG_SHIFT, TAGS } = layout
  const own = TAKEN + thread * LINE
  const lineOf = (job: number): number => JOBS + (job & (RING - 1)) * JOB
  const holds = (other: number, job: number): boolean => {
    const taken = Math.abs(Atomics.load(cells, TAKEN + other * LINE))
    return taken !== 0 && taken >> TAG_SHIFT === (job & TAGS)
  }

  const takesFront = (taker: number): boolean => taker % 2 === 0
  const taking = takesFront(thread) ? (1 << CHUNK_BITS) - 1 : -1

  let known = -1
  /**
   * What the kernel of the job `known` is called with. As the list has held something else than numbers, V8 keeps whole numbers in it
   * as they are; of a list with nothing but numbers, some of them fractions, it would box every one at each call.
   */
  const given: unknown[] = [null]

  function learn(job: number, count: number): void {
    const first = (job & (RING - 1)) * mostArguments
    for (let i = 0; i < count; i++) {
      const whole = numbers[first + i] | 0
      given[i] = Object.is(whole, numbers[first + i]) ? whole : numbers[first + i]
    }
    given.length = count + 3
    given[count + 2] = thread
    known = job
  }

  function work(job: number, ticket: number, taker: number): void {
    const line = lineOf(job)
    const count = cells[line + ARGUMENTS]
    if (job !== known) learn(job, count)
    const fromFront = (ticket >> CHUNK_BITS) & LEFT
    const begin = (takesFront(taker) ? fromFront : fromFront + (ticket & LEFT) - 1) * cells[line + GRAIN]
    given[count] = begin
    given[count + 1] = Math.min(begin + cells[line + GRAIN], cells[line + COUNT])
    Reflect.apply(kernels[cells[line + KERNEL]], undefined, given)
  }

  function leave(job: number): void {
    if ((Atomics.load(cells, lineOf(job)) & LEFT) !== 0) return
    for (let other = 0; other < threads; other++) if (holds(other, job)) return
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

  return { lineOf, holds, step, work, leave }
}

export interface WorkerData extends Omit<Team, 'kernels'> {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  readonly spins: number
}

/** What a worker does, for ever: take chunks, or look for one a while, then sleep. */
function workFor({ module, memory, spins, ...team }: WorkerData, join: typeof joinTeam): void {
  const { cells, layout: { CURRENT, NEXT, SLEEPERS, LEFT } } = team
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
      else if ((Atomics.load(cells, member.lineOf(job)) & LEFT) === 0) Atomics.wait(cells, CURRENT, job)
      Atomics.sub(cells, SLEEPERS, 1)
    }
  } catch {
    // Main finds the ticket and does the chunk itself.
  }
}

/** Compilers that keep the names of functions call `__name`, which a worker does not have. */
export const WORKER = `(data) => {
  const __name = (value) => value
  ;(${workFor})(data, ${joinTeam})
}`
