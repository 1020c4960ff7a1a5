/** Which implementation of the kernels is in use: SIMD on every core, or the reference. */
import { ValueError } from '../errors.ts'
import { Heap } from '../heap.ts'
import { environment } from '../node.ts'
import { setHeap } from '../storage.ts'
import { kernels, startKernelsWith, useKernels } from './active.ts'
import type { Kernels } from './kernels.ts'
import { reference } from './reference/reference.ts'
import { agreesWithReference } from './self-test.ts'
import { canRevectorize, detectTarget, hasSharedMemory, hasSimd } from './simd/features.ts'
import { createSimdEngine, type SimdEngine } from './simd/simd.ts'
import { defaultThreads } from './workers.ts'

export type EngineName = 'reference' | 'simd'

let name: EngineName | null = null
let simd: SimdEngine | null = null
let threads: number | null = null

startKernelsWith(() => start(environment('VITGRAD_ENGINE') ?? 'simd'))

/**
 * Chooses the engine: 'simd' (default), or 'reference', plain TypeScript that is easy to read and needs nothing. The environment
 * variable VITGRAD_ENGINE does the same. Tensors made under one engine are good under the other.
 */
export function setEngine(wanted: EngineName): void {
  useKernels(start(wanted))
}

export function getEngine(): EngineName {
  kernels()
  return name ?? 'reference'
}

/** How many threads share the work of kernels; by default as many as there are cores, or VITGRAD_THREADS. Results do not depend on it. */
export function setNumThreads(count: number): void {
  if (!Number.isInteger(count) || count < 1) throw new ValueError('setNumThreads', `${count} is no number of threads`, 'give a whole number of at least 1')
  threads = count
  simd?.setThreads(count)
}

export function getNumThreads(): number {
  return getEngine() === 'simd' && simd ? simd.threads : 1
}

function start(wanted: string): Kernels {
  if (wanted !== 'reference' && wanted !== 'simd') throw new ValueError('setEngine', `'${wanted}' is no engine`, "give 'simd' or 'reference'")
  if (wanted === 'simd') simd ??= startSimd()
  name = wanted === 'simd' && simd ? 'simd' : 'reference'
  setHeap(name === 'simd' && simd ? simd.heap : null)
  return name === 'simd' && simd ? simd.kernels : reference
}

/** The SIMD engine, or null with a warning where it cannot run. */
function startSimd(): SimdEngine | null {
  const refuse = (reason: string) => {
    console.warn(`vitgrad: ${reason}, so plain TypeScript does the work, many times slower`)
    return null
  }
  if (!hasSimd()) return refuse('WebAssembly SIMD is not to be had here')
  const megabytes = Number(environment('VITGRAD_HEAP_MB') ?? 3072)
  if (!(megabytes > 0)) throw new ValueError('VITGRAD_HEAP_MB', `«${environment('VITGRAD_HEAP_MB')}» is no size`, 'set it to a number of MiB, or unset it')
  const heap = new Heap({ shared: hasSharedMemory(), limit: megabytes * 2 ** 20, scribble: environment('VITGRAD_HEAP_SCRIBBLE') === '1' })
  const relaxed = environment('VITGRAD_RELAXED') !== '0'
  const revectorize = environment('VITGRAD_REVECTORIZE') === '1'
  if (!revectorize) return createSimdEngine(heap, detectTarget({ relaxed }), threads ?? defaultThreads())
  if (!canRevectorize()) {
    console.warn('vitgrad: VITGRAD_REVECTORIZE needs Node 24 or later, and is ignored')
    return createSimdEngine(heap, detectTarget({ relaxed }), threads ?? defaultThreads())
  }
  const engine = createSimdEngine(heap, detectTarget({ relaxed, revectorize }), threads ?? defaultThreads())
  useKernels(reference)
  const wrong = agreesWithReference(engine.kernels)
  return wrong ? refuse(`the compiler's 256-bit mode computes a wrong ${wrong}`) : engine
}
