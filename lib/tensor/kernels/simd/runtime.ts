/** What SIMD kernels run on: the heap, the compiled module, and the threads that share the work. */
import type { Heap } from '../../heap.ts'
import type { JobOptions, Pool } from '../threads.ts'

/**
 * A kernel is a function of the module with its own arguments (addresses in bytes, sizes, numbers), followed by
 * `(begin, end, thread)`: it does units begin ... end − 1 of its work, and may use scratch memory that belongs to `thread`.
 */
export type WasmKernel = (...args: number[]) => void

export interface Runtime {
  readonly heap: Heap
  /** The threads that help; null for none. */
  pool: Pool | null
  /** How many threads share the work, the main one included. */
  readonly threads: number
  /**
   * Has the kernel done over units 0 ... count − 1, cut into chunks of `grain` units that the threads take one after the other, after
   * everything asked for before. The cut depends on the sizes alone, never on the number of threads. It may return before it is done:
   * what looks at the heap otherwise than by kernels calls `finish` first.
   */
  run(kernel: string, args: readonly number[], count: number, grain: number, options?: JobOptions): void
  /** Returns when everything asked for has been done. */
  finish(): void
  /** Lends `bytes` of memory to the kernels that `use` asks for. */
  withScratch<T>(bytes: number, use: (address: number) => T): T
}

/** Kernels compiled into one instance on the heap's memory, run by the pool. */
export function createRuntime(heap: Heap, instance: WebAssembly.Instance, pool: Pool | null): Runtime {
  const kernel = (name: string): WasmKernel => {
    const found = instance.exports[name]
    if (typeof found !== 'function') throw new Error(`there is no kernel ${name}`)
    return found as WasmKernel
  }
  const cache = new Map<string, WasmKernel>()
  return {
    heap,
    pool,
    get threads() {
      return this.pool?.threads ?? 1
    },
    run(name, args, count, grain, options) {
      if (this.pool) return this.pool.run(name, args, count, grain, options)
      let fn = cache.get(name)
      if (!fn) cache.set(name, (fn = kernel(name)))
      for (let begin = 0; begin < count; begin += grain) fn(...args, begin, Math.min(begin + grain, count), 0)
    },
    finish() {
      this.pool?.finish()
    },
    withScratch(bytes, use) {
      if (bytes === 0) return use(0)
      const address = heap.allocate(bytes, { beyondLimit: true })
      if (address === 0) throw new RangeError(`the heap has no ${bytes} bytes left for scratch memory`)
      try {
        return use(address)
      } finally {
        heap.free(address, bytes)
      }
    },
  }
}
