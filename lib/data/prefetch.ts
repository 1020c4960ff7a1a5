/**
 * Batches that threads prepare beforehand, while the main thread computes.
 *
 * Each batch of the epoch has a cell in memory that all threads share: it is free, or taken by a thread, or prepared. A worker takes the
 * next free batch within the limit, prepares it, hands it over through its port, and then marks it. Main moves the limit on with each
 * batch that it asks for.
 *
 * - A batch that is still free when main needs it, main takes and prepares itself. So workers that start late, or have ended, delay
 *   nothing.
 * - While main waits for a batch it looks now and then whether the worker that has taken it is still alive, and else prepares it itself.
 * - Main needs no event loop for this: it sleeps in Atomics.wait, and takes messages from the port directly. Their memory is handed over,
 *   not copied, and is ordinary memory.
 * - A sample's random numbers depend on its place in the epoch alone, so it does not matter who prepares it.
 */
import type { MessagePort } from 'node:worker_threads'
import { startThread, type Thread } from '../tensor/kernels/workers.ts'
import { builtin } from '../tensor/node.ts'
import type { PreparedBatch } from './image-source.ts'
import type { PlainSource } from './portable.ts'

/** The epoch, as workers are told of it. */
interface Epoch {
  readonly source: PlainSource
  /** Which picture of the source each sample is, in the epoch's order, in shared memory. */
  readonly order: Int32Array
  readonly batchSize: number
  /** The first batch that is wanted, and the number of batches. */
  readonly first: number
  readonly batches: number
  /** Sample n of the epoch draws from a generator with the seed `seed` + n. */
  readonly seed: bigint
}

export interface PrefetchData extends Epoch {
  readonly cells: Int32Array
  readonly port: MessagePort
  /** The mark of this worker's batches. */
  readonly taker: number
}

/** What a worker hands over. */
export interface Delivery extends PreparedBatch {
  readonly batch: number
}

/**
 * The shared cells: how many batches may be begun, negative when all is over; then one for each batch, which holds a positive number while
 * that thread prepares it.
 */
export const LIMIT = 0
export const STATES = 1
export const FREE = 0
export const DELIVERED = -1
/** The worker could not: main finds out why. */
export const FAILED = -2

/** What main marks its own batches with; workers are 1, 2, ... */
const MAIN = 2 ** 30

/** How many batches each worker is ahead, as in torch. */
const AHEAD = 2

/** How long main sleeps before it looks whether the worker that it waits for is still alive, in ms. */
const PATIENCE = 10

interface Worker extends Thread {
  readonly port: MessagePort
}

export class Prefetcher {
  readonly #cells: Int32Array
  readonly #workers: Worker[] = []
  readonly #deliveries = new Map<number, Delivery>()
  readonly #receive: typeof import('node:worker_threads').receiveMessageOnPort
  /** Whether there is no more to say about a worker's end. Not the prefetcher itself: nothing that lives as long as a thread may hold it. */
  readonly #life = { isOver: false }

  /** Starts the workers. Throws where there are no threads to be had. */
  constructor(epoch: Epoch, workers: number) {
    const threads = builtin('node:worker_threads')
    if (!threads) throw new Error('this runtime has no worker_threads')
    this.#receive = threads.receiveMessageOnPort
    this.#cells = new Int32Array(new SharedArrayBuffer(4 * (STATES + epoch.batches)))
    this.#cells[LIMIT] = epoch.first + AHEAD * workers
    const life = this.#life
    const ended = (reason: string) => {
      if (!life.isOver) console.warn(`vitgrad: a worker of a DataLoader has ended (${reason}). Batches are prepared without it; they stay the same.`)
      life.isOver = true
    }
    const modules = workerModules()
    try {
      for (let taker = 1; taker <= workers; taker++) {
        const { port1: port, port2 } = new threads.MessageChannel()
        port.unref()
        const data = { modules, job: { ...epoch, cells: this.#cells, port: port2, taker } }
        this.#workers.push({ port, ...startThread({ source: START, data, transfer: [port2], ended }) })
      }
    } catch (error) {
      this.close()
      throw error
    }
    abandoned.register(this, { life, workers: this.#workers }, this)
  }

  /** The batch, or null where the caller has to prepare it. Batches are asked for in order. */
  take(batch: number): PreparedBatch | null {
    const cells = this.#cells
    const place = STATES + batch
    Atomics.store(cells, LIMIT, batch + 1 + AHEAD * this.#workers.length)
    Atomics.notify(cells, LIMIT)
    if (Atomics.compareExchange(cells, place, FREE, MAIN) === FREE) return null
    for (let state = Atomics.load(cells, place); state > 0; state = Atomics.load(cells, place))
      if (Atomics.wait(cells, place, state, PATIENCE) === 'timed-out' && !this.#workers[state - 1].isAlive() && Atomics.load(cells, place) === state) return null
    return Atomics.load(cells, place) === DELIVERED ? this.#delivery(batch) : null
  }

  /** Ends the workers. */
  close(): void {
    abandoned.unregister(this)
    Atomics.store(this.#cells, LIMIT, -1)
    end({ life: this.#life, workers: this.#workers })
  }

  #delivery(batch: number): PreparedBatch | null {
    for (const { port } of this.#workers)
      for (let received = this.#receive(port); received; received = this.#receive(port)) {
        const delivery: Delivery = received.message
        this.#deliveries.set(delivery.batch, delivery)
      }
    const delivery = this.#deliveries.get(batch) ?? null
    this.#deliveries.delete(batch)
    return delivery
  }
}

interface Crew {
  readonly life: { isOver: boolean }
  readonly workers: readonly Worker[]
}

function end({ life, workers }: Crew): void {
  life.isOver = true
  for (const { stop, port } of workers) {
    stop()
    port.close()
  }
}

/** Ends the workers of loops that were left without a word, as by an iterator that nobody goes on with. */
const abandoned = new FinalizationRegistry<Crew>(end)

/**
 * What a worker loads: the module beside this one, as source or as built. Its thread has none of the loaders of this process, so where Node
 * cannot read TypeScript itself, it needs tsx.
 */
function workerModules(): { readonly worker: string; readonly tsx: string | null } {
  const extension = import.meta.url.slice(-3)
  const worker = new URL(`./prefetch-worker${extension}`, import.meta.url)
  const isReadable = extension === '.js' || ('typescript' in process.features && process.features.typescript && !worker.pathname.includes('/node_modules/'))
  if (isReadable) return { worker: worker.href, tsx: null }
  const { createRequire } = builtin('node:module')
  return { worker: builtin('node:url').fileURLToPath(worker), tsx: createRequire(import.meta.url).resolve('tsx/cjs/api') }
}

const START = `async ({ modules, job }) => {
  if (modules.tsx) require(modules.tsx).register()
  const { prepareBatches } = modules.tsx ? require(modules.worker) : await import(modules.worker)
  prepareBatches(job)
}`
