/**
 * Where the numbers of arrays live, and when their memory is taken back.
 *
 * What the framework itself can free lies on the heap: the values of a recorded graph, gradients on their way, parameters and what
 * belongs to them. Whatever a user makes or keeps is an ordinary Float32Array under the garbage collector.
 */
import { GraphError } from './errors.ts'
import type { Heap } from './heap.ts'

/** Values of at most so many numbers outlive their graph, as copies. */
const SMALL = 16384

/** The numbers of one array and all its views: a change through one of them is seen by all. */
export class Storage {
  #data: Float32Array | null
  #address: number
  /** What made the numbers, for the message when they are gone. */
  readonly #maker: string
  /** Counts the changes made in place; a gradient that needs the old values compares it. */
  version = 0

  constructor(data: Float32Array, address = 0, maker = '') {
    this.#data = data
    this.#address = address
    this.#maker = maker
  }

  /** The numbers. Throws when their memory has been taken back. */
  get data(): Float32Array {
    if (!this.#data)
      throw new GraphError(this.#maker, 'the numbers of this result are gone: the graph that it belongs to was released, and its memory is in use again', 'take what you need before the next backward(), or keep a detach() or clone() of it')
    return this.#data
  }

  /** Where the numbers lie on the heap, in bytes; 0 when they are an ordinary array. */
  get address(): number {
    return this.#data ? this.#address : this.data.length
  }

  /** Leaves the heap: the numbers become an ordinary array, or are forgotten. */
  vacate(heap: Heap, keep: boolean): void {
    if (this.#address === 0 || !this.#data) return
    const bytes = 4 * this.#data.length
    finalizers.unregister(this)
    this.#data = keep ? this.#data.slice() : null
    heap.free(this.#address, bytes)
    this.#address = 0
  }
}

/** Where allocations of one purpose are noted, so that they can be freed together. */
export class Region {
  readonly name: string
  readonly storages: Storage[] = []

  constructor(name: string) {
    this.name = name
  }
}

let heap: Heap | null = null
let region: Region | null = null
let retired: Storage[] = []
let warned = false

/** Frees blocks of storages that were dropped without being released: parameters of a model that is gone, graphs without backward(). */
const finalizers = new FinalizationRegistry<{ readonly from: Heap; readonly address: number; readonly bytes: number }>(({ from, address, bytes }) => from.free(address, bytes))

/** The heap that new values go to; null for ordinary arrays only. */
export function setHeap(next: Heap | null): void {
  heap = next
}

/** A new storage. Inside a region its numbers lie on the heap and are whatever was there before; elsewhere they are 0. */
export function allocate(numel: number): Storage {
  return (region && onHeap(numel, region.name, region)) ?? new Storage(new Float32Array(numel))
}

/** A storage that stays on the heap until it is dropped: for parameters, their gradients and an optimizer's state. Its numbers are not set. */
export function allocatePersistent(numel: number): Storage {
  return onHeap(numel, 'parameter', null) ?? new Storage(new Float32Array(numel))
}

function onHeap(numel: number, maker: string, noted: Region | null): Storage | null {
  if (!heap || numel === 0) return null
  const bytes = 4 * numel
  const address = heap.allocate(bytes)
  if (address === 0) {
    if (!warned) console.warn(`vitgrad: the heap of ${Math.round(heap.limit / 2 ** 20)} MiB is full: new values become ordinary arrays, which is slower. Release graphs with backward() or noGrad(), or raise VITGRAD_HEAP_MB.`)
    warned = true
    return null
  }
  const storage = new Storage(heap.view(address, numel), address, maker)
  noted?.storages.push(storage)
  finalizers.register(storage, { from: heap, address, bytes }, storage)
  return storage
}

/** Runs `fn` with its allocations on the heap, noted in `into`; with null, as ordinary arrays. */
export function allocatingIn<T>(into: Region | null, fn: () => T): T {
  const before = region
  region = into
  try {
    return fn()
  } finally {
    region = before
  }
}

/** The memory of these storages is taken back at the next reclaim(). */
export function retire(storages: readonly Storage[]): void {
  for (const storage of storages) retired.push(storage)
}

/** Takes back what was retired. Small values stay readable as ordinary arrays. */
export function reclaim(): void {
  const due = retired
  retired = []
  if (heap) for (const storage of due) storage.vacate(heap, storage.address !== 0 && storage.data.length <= SMALL)
}

/** Takes back at once what nobody can have seen. */
export function discard(storages: Iterable<Storage>): void {
  if (heap) for (const storage of storages) storage.vacate(heap, false)
}

/** Moves values to ordinary arrays, where they stay as long as they are used. */
export function evict(storages: Iterable<Storage>): void {
  if (heap) for (const storage of storages) storage.vacate(heap, true)
}
