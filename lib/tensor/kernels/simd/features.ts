/** What the machine and its compiler can do. */
import type { Target } from './target.ts'
import { f32x4, WasmModule } from './wasm.ts'

/** Whether the compiler takes a module with SIMD instructions, and with relaxed multiply-add. */
function accepts(relaxed: boolean): boolean {
  const module = new WasmModule()
  module.function('probe', {}, [], (f) => f.let(relaxed ? f32x4.relaxedMadd(1, 2, 3) : f32x4.add(1, 2)))
  return WebAssembly.validate(module.encode({ initial: 1, maximum: 1, shared: false }))
}

export function hasSimd(): boolean {
  return typeof WebAssembly === 'object' && accepts(false)
}

/** Whether memory can be shared between threads. A browser allows it to pages that are isolated from other origins. */
export function hasSharedMemory(): boolean {
  return typeof SharedArrayBuffer === 'function' && globalThis.crossOriginIsolated !== false
}

const nodeMajor = () => Number(globalThis.process?.versions?.node?.split('.')[0] ?? NaN)
const setFlag = (flag: string) => globalThis.process?.getBuiltinModule?.('node:v8')?.setFlagsFromString(flag)

/**
 * The target that kernels are built for. Node before 22 has relaxed instructions behind a flag, which can be set while it runs. The
 * best tile depends on how the compiler allots registers: the wrong one costs two to three times.
 */
export function detectTarget({ relaxed = true, revectorize = false } = {}): Target {
  if (relaxed && !accepts(true) && nodeMajor() < 22) setFlag('--experimental-wasm-relaxed-simd')
  if (revectorize) setFlag('--experimental-wasm-revectorize')
  const tile = nodeMajor() < 24 ? { rows: 4, vectors: 2, unroll: 1 } : { rows: 6, vectors: revectorize ? 4 : 2, unroll: 4 }
  return { relaxedMadd: relaxed && accepts(true), tile }
}

/** Whether the compiler can fuse pairs of vectors into 256 bits when it is asked to. */
export const canRevectorize = (): boolean => nodeMajor() >= 24
