/** Lets one test feed a SIMD kernel and its reference twin. */
import v8 from 'node:v8'
import { Heap } from '../../lib/tensor/heap.ts'
import { useKernels } from '../../lib/tensor/kernels/active.ts'
import { reference } from '../../lib/tensor/kernels/reference/reference.ts'
import { createRuntime, type Runtime } from '../../lib/tensor/kernels/simd/runtime.ts'
import type { Target } from '../../lib/tensor/kernels/simd/target.ts'
import { WasmModule } from '../../lib/tensor/kernels/simd/wasm.ts'
import { NDArray } from '../../lib/tensor/ndarray.ts'
import { numelOf, type Shape } from '../../lib/tensor/shape.ts'
import { Storage } from '../../lib/tensor/storage.ts'

/** A module of nothing but a relaxed multiply-add. */
const probe = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10, 19, 1, 17, 0, 0x41, 0, 0xfd, 15, 0x41, 0, 0xfd, 15, 0x41, 0, 0xfd, 15, 0xfd, 0x85, 2, 0x0b)

/** The reference twins move numbers with the kernels in use, which must not be those of another heap. */
export const useReference = (): void => useKernels(reference)
export const useDefault = (): void => useKernels(null)

export interface Engine {
  readonly name: string
  readonly runtime: Runtime
  /** An array on the heap that starts `offset` numbers into its block. The numbers around it are NaN. */
  array(values: ArrayLike<number>, shape: Shape, offset?: number): NDArray
  /** Numbers of a bell curve. */
  random(shape: Shape, offset?: number): NDArray
}

/** Runtimes with the kernels that `emit` makes, with and without relaxed multiply-add. */
export function engines(emit: (module: WasmModule, target: Target) => void): Engine[] {
  if (!WebAssembly.validate(probe)) v8.setFlagsFromString('--experimental-wasm-relaxed-simd')
  return [true, false].map((relaxedMadd) => {
    const heap = new Heap({ shared: true, limit: 2 ** 30 })
    const module = new WasmModule()
    emit(module, { relaxedMadd, tile: { rows: 4, vectors: 2, unroll: 1 } })
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode({ initial: 2, maximum: heap.maximumPages, shared: true })), { env: { memory: heap.memory } })
    const array = (values: ArrayLike<number>, shape: Shape, offset = 0) => {
      const numel = numelOf(shape)
      const address = heap.allocate(4 * (offset + numel + 4))
      const data = heap.view(address, offset + numel + 4).fill(NaN)
      data.set(Array.from({ length: numel }, (_, i) => values[i]), offset)
      return new NDArray(new Storage(data, address), shape, undefined, offset)
    }
    let seed = 1
    const uniform = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32
    const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
    const random = (shape: Shape, offset = 0) => array(Float32Array.from({ length: numelOf(shape) }, normal), shape, offset)
    return { name: relaxedMadd ? 'relaxed multiply-add' : 'multiply and add', runtime: createRuntime(heap, instance, null), array, random }
  })
}

/** The array's numbers in row-major order, read one by one. */
export function numbers(x: NDArray): number[] {
  const index = x.shape.map(() => 0)
  return Array.from({ length: x.numel }, () => {
    const value = x.storage.data[index.reduce((at, i, d) => at + i * x.strides[d], x.offset)]
    for (let d = x.ndim - 1; d >= 0 && ++index[d] === x.shape[d]; d--) index[d] = 0
    return value
  })
}

/** What lies in the block of a dense array around it; a kernel must leave it NaN. */
export const surroundings = (x: NDArray): number[] => [...x.storage.data.subarray(0, x.offset), ...x.storage.data.subarray(x.offset + x.numel)]

/** Throws unless `actual` is `expected` within `absolute + relative · |expected|`, NaN and infinities included. */
export function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, { relative = 0, absolute = 0 }: { readonly relative?: number; readonly absolute?: number }, what: string): void {
  if (actual.length !== expected.length) throw new Error(`${what}: ${actual.length} numbers instead of ${expected.length}`)
  for (let i = 0; i < expected.length; i++) {
    const same = Object.is(actual[i], expected[i]) || Math.abs(actual[i] - expected[i]) <= absolute + relative * Math.abs(expected[i])
    if (!same) throw new Error(`${what}: number ${i} is ${actual[i]}, expected ${expected[i]}`)
  }
}
