/**
 * Where the numbers of arrays live, and when their memory is taken back.
 *
 * What the framework itself can free lies on the heap: the values of a recorded graph, gradients on their way, parameters and what
 * belongs to them. Whatever a user makes or keeps is an ordinary Float32Array under the garbage collector.
 *
 * backward() releases a graph: its values are retired, and can still be read. Those that modules made on the way to their results
 * are taken back when the next recorded call of a module begins, so that only one graph at a time needs memory; all others when the
 * next backward() begins, or a loader's next batch. A value counts as one of the others when the user has surely seen it: what the
 * outermost call of a module was given and returned, what hooks were given, what modules keep as properties.
 *
 * Small values become ordinary arrays when they are taken back, so that they can be read for ever. Copying them has to wait for the
 * kernels, so it is done for all of them together, where a pass or a recorded call of a module begins and where an unrecorded one ends.
 */
import { GraphError } from './errors.ts'
import type { Heap } from './heap.ts'

/** Values of at most so many numbers outlive their graph, as copies. */
const SMALL = 16384

/** The numbers of one array and all its views: a change through one of them is seen by all. */
export class Storage {
  /** null when the numbers are gone, or when nobody has looked at them yet that lie on the heap, or are still to be written. */
  #data: Float32Array | null
  #address: number
  readonly #length: number
  /** The piece of the heap that goes back when the numbers leave it; null for memory that is only lent. */
  #block: Block | null
  #isUnwritten = false
  /** What made the numbers, for the message when they are gone. */
  readonly #maker: string
  /** Counts the changes made in place; a gradient that needs the old values compares it. */
  version = 0
  /** How many recorded calls, not yet released, need the numbers for their gradient. */
  holders = 0
  /** Made by a module on the way to its result, where nobody is known to have seen it. */
  hidden = false
  /** How many arrays the user holds that show the numbers on the heap: they may be looked at at any time, so kernels must not be late. */
  loans = 0

  /** Over an array; or, with null, over `length` numbers of a block. */
  constructor(data: Float32Array | null, address = 0, block: Block | null = null, maker = '', length = data?.length ?? 0) {
    this.#data = data
    this.#length = length
    this.#address = address
    this.#block = block
    this.#maker = maker
  }

  /** An ordinary array of `length` zeros, made when somebody looks at it or writes into it. */
  static unwritten(length: number): Storage {
    const storage = new Storage(null, 0, null, '', length)
    storage.#isUnwritten = true
    return storage
  }

  /** Whether nobody has looked at the numbers of an ordinary array yet, nor written any. */
  get isUnwritten(): boolean {
    return this.#isUnwritten
  }

  /** Becomes an ordinary array of these numbers. */
  adopt(numbers: Float32Array): void {
    this.#data = numbers
    this.#isUnwritten = false
  }

  /** The numbers. Throws when their memory has been taken back. */
  get data(): Float32Array {
    if (this.#isUnwritten) this.adopt(new Float32Array(this.#length))
    const block = this.#block
    if (block) {
      block.heap.finish()
      return (this.#data ??= block.heap.view(block.address, this.#length))
    }
    if (!this.#data)
      throw new GraphError(this.#maker, 'the numbers of this result are gone: the graph, or the call of a model, that it belongs to was released, and its memory is in use again', 'take what you need before the next backward() or call of a model, or keep a detach() or clone() of it')
    return this.#data
  }

  /** Where the numbers lie on the heap, in bytes; 0 when they are an ordinary array. */
  get address(): number {
    return this.#isThere ? this.#address : this.data.byteOffset
  }

  /** What the numbers occupy, wherever they lie. */
  get bytes(): number {
    return this.#isThere ? 4 * this.#length : 0
  }

  get #isThere(): boolean {
    return this.#block !== null || this.#data !== null || this.#isUnwritten
  }

  /** Whether the numbers can be taken back: a graph's value or a gradient, not a parameter. */
  get isTransient(): boolean {
    return this.#block !== null && !this.#block.pinned
  }

  /** Leaves the heap: the numbers become an ordinary array, or are forgotten. Returns the block, which nobody owns then. */
  vacate(keep: boolean): Block | null {
    const block = this.#block
    if (!block) return null
    this.#data = keep ? this.data.slice() : null
    this.#address = 0
    this.#block = null
    finalizers.unregister(this)
    return block
  }

  /** Moves to a block on the heap, taking the numbers along. */
  settle(block: Block): void {
    const numbers = this.data
    block.heap.finish()
    this.#data = block.heap.view(block.address, numbers.length)
    this.#data.set(numbers)
    this.#address = block.address
    this.#block = block
    finalizers.register(this, block, this)
  }
}

/** A piece of the heap. A pinned one belongs to a parameter or an optimizer's state. */
export interface Block {
  readonly heap: Heap
  readonly address: number
  readonly bytes: number
  readonly pinned: boolean
}

function free({ heap: from, address, bytes, pinned }: Block): void {
  from.free(address, bytes)
  if (!pinned) transientBytes -= bytes
}

/** Where allocations of one purpose are noted, so that they can be freed together. */
export class Region {
  readonly name: string
  readonly storages: Storage[] = []

  constructor(name: string) {
    this.name = name
  }
}

/** undefined until an engine has been started. */
let heap: Heap | null | undefined
/** What is to be pinned as soon as there is a heap: parameters that were made before anything was computed. */
let early: Storage[] = []
let region: Region | null = null
let isHiding = false
let retired: Storage[] = []
let leaving: Storage[] = []
let warned = false
/** What values that can be taken back occupy, and how much they may: twice what one backward() has released at most, and at least this. */
let transientBytes = 0
let budget = 256 * 2 ** 20

/** Frees blocks of storages that were dropped without being released: a model that is gone, a graph without backward(). */
const finalizers = new FinalizationRegistry<Block>(free)

/** The heap that new values go to; null for ordinary arrays only. */
export function setHeap(next: Heap | null): void {
  heap = next
  const due = early
  early = []
  for (const storage of due) pin(storage)
}

/** A new storage. Inside a region its numbers lie on the heap and are whatever was there before; elsewhere they are 0. */
export function allocate(numel: number): Storage {
  const block = region && claim(4 * numel, false)
  if (!region || !block) return Storage.unwritten(numel)
  const storage = new Storage(null, block.address, block, region.name, numel)
  storage.hidden = isHiding
  finalizers.register(storage, block, storage)
  region.storages.push(storage)
  return storage
}

/** Moves numbers that will be used again and again to the heap, for as long as they are used. */
export function pin(storage: Storage): void {
  if (heap === undefined) early.push(storage)
  if (storage.address !== 0 || storage.bytes === 0) return
  const block = claim(storage.bytes, true)
  if (block) storage.settle(block)
}

function claim(bytes: number, pinned: boolean): Block | null {
  if (!heap || bytes === 0) return null
  // Graphs that nobody releases would fill the heap: the garbage collector knows ordinary arrays only.
  if (!pinned && transientBytes + bytes > budget) return null
  const address = heap.allocate(bytes)
  if (address !== 0) {
    if (!pinned) transientBytes += bytes
    return { heap, address, bytes, pinned }
  }
  if (!warned) console.warn(`vitgrad: the heap of ${Math.round(heap.limit / 2 ** 20)} MiB is full, so new values become ordinary arrays, which is slower. Release graphs with backward() or use noGrad(), or raise VITGRAD_HEAP_MB.`)
  warned = true
  return null
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

/** Runs `fn`: whether what it allocates counts as hidden, until it is shown. */
export function hiding<T>(hides: boolean, fn: () => T): T {
  const before = isHiding
  isHiding = hides
  try {
    return fn()
  } finally {
    isHiding = before
  }
}

/** The user has the numbers in hand. */
export function show(storage: Storage): void {
  storage.hidden = false
}

/** The memory of these storages is taken back at the next reclaim(), that of hidden ones already at the next reclaimHidden(). */
export function retire(storages: readonly Storage[]): void {
  for (const storage of storages) retired.push(storage)
}

/** Runs `fn` and takes back at once what it retires and is hidden. */
export function reclaimingHidden<T>(fn: () => T): T {
  const before = retired
  retired = []
  try {
    return fn()
  } finally {
    reclaimHidden()
    retired = [...before, ...retired]
  }
}

/** Takes back these storages, later where another graph needs them. Small values stay readable: they move with the next `copyOutSmall`. */
export function takeBack(storages: readonly Storage[]): void {
  for (const storage of storages) {
    if (storage.holders > 0) retired.push(storage)
    else if (storage.bytes <= 4 * SMALL) leaving.push(storage)
    else discard(storage)
  }
}

/** Makes ordinary arrays of the small values that were taken back: all at once, because kernels have to be waited for. */
export function copyOutSmall(): void {
  const due = leaving
  leaving = []
  for (const storage of due) evict(storage)
}

/** Takes back what was retired. */
export function reclaim(): void {
  copyOutSmall()
  const due = retired
  retired = []
  takeBackReleased(due)
}

/** Takes back what was retired and is hidden. */
export function reclaimHidden(): void {
  const due = retired.filter(({ hidden }) => hidden)
  retired = retired.filter(({ hidden }) => !hidden)
  takeBackReleased(due)
  copyOutSmall()
}

function takeBackReleased(due: readonly Storage[]): void {
  budget = Math.max(budget, 2 * due.reduce((bytes, storage) => bytes + storage.bytes, 0))
  takeBack(due)
}

/** Takes back at once what nobody can have seen. */
export function discard(storage: Storage): void {
  if (storage.isTransient) leave(storage, false)
}

/** Moves transient values to ordinary arrays, where they stay for as long as they are used. */
export function evict(storage: Storage): void {
  if (storage.isTransient) leave(storage, true)
}

function leave(storage: Storage, keep: boolean): void {
  const block = storage.vacate(keep)
  if (block) free(block)
}

/** Numbers that the user has been given, with the storage that they lie in. */
const lent = new WeakSet<Float32Array>()
const returns = new FinalizationRegistry<Storage>((storage) => {
  storage.loans--
})

/** Notes that the user holds `numbers`, which lie in `storage` on the heap. They keep it alive, also when the tensor is gone. */
export function lend(numbers: Float32Array, storage: Storage): void {
  if (storage.address === 0 || lent.has(numbers)) return
  lent.add(numbers)
  returns.register(numbers, storage)
  storage.loans++
}

/** Returns when kernels have done all that they were asked for: for whoever takes their time. */
export const synchronize = (): void => heap?.finish()

/** Bytes of the heap that are in use. */
export const heapInUse = (): number => heap?.used ?? 0
