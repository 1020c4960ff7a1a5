/**
 * The heap: one WebAssembly memory that kernels read and write in place.
 *
 * Blocks are multiples of 64 bytes, rounded up to size classes of which there are four to an octave; a freed block goes to the
 * list of its class and is handed out again from there, hot in the cache. The memory only grows at its end; where it cannot be shared,
 * growing would detach every array that looks at it, so there all of it is asked for at once: the system gives a page when it is touched.
 */

const PAGE = 65536
/** Vector loads may read, and edge tiles write, a little past the end of a block. */
const SLACK = 64
const MAX_PAGES = 65536
/** The most that is asked for at once. */
const FIXED_PAGES = 16384

interface HeapOptions {
  /** Shared between threads; where that is not allowed, ordinary memory serves one thread. */
  readonly shared: boolean
  /** The most it may take, in bytes. */
  readonly limit: number
  /** For tests: blocks are filled with NaN when they are handed out and when they are freed, so that whoever reads them wrongly is found out. */
  readonly scribble?: boolean
}

export class Heap {
  readonly memory: WebAssembly.Memory
  readonly limit: number
  readonly shared: boolean
  readonly maximumPages = MAX_PAGES
  readonly #free = new Map<number, number[]>()
  /** Returns when kernels have done what they were asked for. Whatever else reads or writes the memory waits for that first. */
  finish: () => void = () => undefined
  /** Everything from here on has never been handed out. Address 0 stands for «not on the heap». */
  #end = PAGE
  #used = 0
  readonly #scribbles: boolean

  constructor({ shared, limit, scribble = false }: HeapOptions) {
    this.shared = shared
    this.#scribbles = scribble
    this.memory = shared ? new WebAssembly.Memory({ initial: 2, maximum: this.maximumPages, shared }) : fixedMemory(FIXED_PAGES)
    // A quarter of what cannot grow is left to kernels.
    this.limit = shared ? limit : Math.min(limit, (3 / 4) * this.memory.buffer.byteLength)
  }

  /** Bytes handed out and not yet freed. */
  get used(): number {
    return this.#used
  }

  /**
   * The address of a block of at least `bytes`, aligned to 64; 0 when the heap is full. What a kernel needs only while it runs may
   * go beyond the limit.
   */
  allocate(bytes: number, { beyondLimit = false }: { readonly beyondLimit?: boolean } = {}): number {
    const size = sizeClass(bytes)
    if (!beyondLimit && this.#used + size > this.limit) return 0
    const address = this.#free.get(size)?.pop() ?? this.#append(size)
    if (address === 0) return 0
    this.#used += size
    if (this.#scribbles) this.#scribble(address, size)
    return address
  }

  /** Gives back a block that `allocate(bytes)` returned. */
  free(address: number, bytes: number): void {
    const size = sizeClass(bytes)
    const list = this.#free.get(size)
    if (list) list.push(address)
    else this.#free.set(size, [address])
    this.#used -= size
    if (this.#scribbles) this.#scribble(address, size)
  }

  /** The numbers of a block, as kernels leave them. */
  view(address: number, numel: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, numel)
  }

  /** A block that has never been handed out; 0 when there is no memory left. */
  #append(size: number): number {
    if (!this.#reach(this.#end + size + SLACK)) return 0
    this.#end += size
    return this.#end - size
  }

  #scribble(address: number, size: number): void {
    this.finish()
    this.view(address, size / 4).fill(NaN)
  }

  /** Grows the memory so that addresses below `end` exist. Growing by an eighth at least keeps it rare. */
  #reach(end: number): boolean {
    const missing = Math.ceil((end - this.memory.buffer.byteLength) / PAGE)
    if (missing <= 0) return true
    if (!this.shared) return false
    const room = this.maximumPages - this.memory.buffer.byteLength / PAGE
    try {
      this.memory.grow(Math.min(room, Math.max(missing, Math.ceil(this.memory.buffer.byteLength / PAGE / 8))))
      return this.memory.buffer.byteLength >= end
    } catch {
      return false
    }
  }
}

/** Memory of so many pages, or of fewer where there are not so many. */
function fixedMemory(pages: number): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: MAX_PAGES })
  } catch (error) {
    if (pages <= 64) throw error
    return fixedMemory(pages / 2)
  }
}

/** The smallest size of a block for `bytes`: 64, 128, 192, 256, 320, 384, 448, 512, 640, 768, ... */
export function sizeClass(bytes: number): number {
  const needed = Math.max(64, Math.ceil(bytes / 64) * 64)
  const step = Math.max(64, 2 ** (Math.floor(Math.log2(needed - 1)) - 2))
  return Math.ceil(needed / step) * step
}
