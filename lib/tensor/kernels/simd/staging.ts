/** Lets kernels that work on the heap take any arrays: those that lie elsewhere are copied in before, and results out after. */
import type { Heap } from '../../heap.ts'
import { NDArray } from '../../ndarray.ts'
import { Storage } from '../../storage.ts'
import type { Kernels } from '../kernels.ts'

/** How many of a kernel's first arrays it writes. */
const OUTPUTS: Partial<Record<keyof Kernels, number>> = { layerNorm: 3, layerNormBackward: 3, attention: 2, attentionBackward: 3, maxPool: 2, bernoulli: 2 }

/** Kernels that only move numbers: for ordinary arrays of long rows, moving them to the heap and back would be all the work. */
const MOVES: ReadonlySet<keyof Kernels> = new Set(['fill', 'copy', 'take', 'gather'])

type AnyKernel = (...args: readonly unknown[]) => void

/** The same kernels for arrays wherever they lie. `elsewhere` does what only moves ordinary arrays. */
export function staged(kernels: Kernels, elsewhere: Kernels, heap: Heap): Kernels {
  const wrap = (name: keyof Kernels): AnyKernel => {
    const kernel = kernels[name] as AnyKernel
    const outputs = OUTPUTS[name] ?? 1
    return (...args) => {
      if (args.every(isReady)) {
        kernel(...args)
        if (args.some(isLent)) heap.finish()
        return
      }
      if (MOVES.has(name) && args.every((arg) => !(arg instanceof NDArray) || (arg.pointer === 0 && hasLongRows(arg)))) return (elsewhere[name] as AnyKernel)(...args)
      const stage = new Stage(heap)
      try {
        let arrays = 0
        kernel(...args.map((arg) => (arg instanceof NDArray ? stage.bring(arg, arrays++ < outputs) : Array.isArray(arg) ? arg.map((step: object) => stage.bringAll(step)) : arg)))
        stage.carryBack()
      } finally {
        stage.leave()
      }
    }
  }
  return Object.fromEntries((Object.keys(kernels) as (keyof Kernels)[]).map((name) => [name, wrap(name)])) as unknown as Kernels
}

const hasLongRows = (x: NDArray) => x.isContiguous || (x.strides[x.ndim - 1] === 1 && x.shape[x.ndim - 1] >= 32)

/** Whether an argument needs no staging. Lists hold the steps of an optimizer, whose parameters may lie anywhere. */
function isReady(arg: unknown): boolean {
  if (arg instanceof NDArray) return arg.pointer !== 0
  return !Array.isArray(arg) || arg.every((step: object) => Object.values(step).every((value) => !(value instanceof NDArray) || value.pointer !== 0))
}

/** Whether the user may look at the numbers of an argument at any time. */
function isLent(arg: unknown): boolean {
  if (arg instanceof NDArray) return arg.storage.loans > 0
  return Array.isArray(arg) && arg.some((step: object) => Object.values(step).some((value) => value instanceof NDArray && value.storage.loans > 0))
}

/** A part of a storage that lies on the heap for one call. */
interface Guest {
  readonly from: Storage
  readonly first: number
  readonly storage: Storage
  readonly bytes: number
  readonly written: boolean
}

/** What is brought to the heap for one call. */
class Stage {
  readonly #heap: Heap
  readonly #guests: Guest[] = []

  constructor(heap: Heap) {
    this.#heap = heap
  }

  /** The array on the heap: itself, or a copy of the part of its storage that it sees. A written one is copied back. */
  bring(array: NDArray, written: boolean): NDArray {
    if (array.pointer !== 0) return array
    const [first, end] = array.numel === 0 ? [0, 0] : array.shape.reduce(([low, high], size, d) => {
      const step = (size - 1) * array.strides[d]
      return [low + Math.min(step, 0), high + Math.max(step, 0)]
    }, [array.offset, array.offset + 1])
    // What a kernel writes as a whole need not be made before.
    if (written && 4 * array.numel < array.storage.bytes) void array.storage.data
    const known = this.#guests.find((guest) => guest.from === array.storage && guest.first === first && guest.bytes === 4 * (end - first))
    const { storage } = known && !written && !known.written ? known : this.#invite(array.storage, first, end, written)
    return new NDArray(storage, array.shape, array.strides, array.offset - first, array.dtype)
  }

  #invite(from: Storage, first: number, end: number, written: boolean): Guest {
    const bytes = 4 * (end - first)
    const address = this.#heap.allocate(bytes, { beyondLimit: true })
    if (address === 0) throw new RangeError(`no memory for ${bytes} bytes that a kernel works on: WebAssembly memory ends at 4 GiB`)
    const data = this.#heap.view(address, end - first)
    this.#heap.finish()
    if (!written || !from.isUnwritten) data.set(from.data.subarray(first, end))
    const guest = { from, first, storage: new Storage(data, address), bytes, written }
    this.#guests.push(guest)
    return guest
  }

  /** An optimizer's step with its arrays on the heap. All of them may be read and written. */
  bringAll(step: object): object {
    return Object.fromEntries(Object.entries(step).map(([name, value]) => [name, value instanceof NDArray ? this.#bringAlong(value) : value]))
  }

  #bringAlong(array: NDArray): NDArray {
    void array.storage.data
    return this.bring(array, true)
  }

  carryBack(): void {
    this.#heap.finish()
    for (const { from, first, storage, written } of this.#guests) {
      if (!written) continue
      if (from.isUnwritten) from.adopt(storage.data.slice())
      else from.data.set(storage.data, first)
    }
  }

  leave(): void {
    for (const { storage, bytes } of this.#guests) this.#heap.free(storage.address, bytes)
  }
}
