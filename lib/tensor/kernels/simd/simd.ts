/** The SIMD engine: all kernels in one WebAssembly module, on the heap's memory, on every core. */
import type { Heap } from '../../heap.ts'
import type { Kernels } from '../kernels.ts'
import { reference } from '../reference/reference.ts'
import { createPool, type Pool } from '../threads.ts'
import * as attention from './attention.ts'
import * as copy from './copy.ts'
import * as elementwise from './elementwise.ts'
import { emitDoubleGemm } from './double-gemm.ts'
import { emitGemm } from './gemm.ts'
import * as indexing from './indexing.ts'
import * as layerNorm from './layer-norm.ts'
import * as optimizer from './optimizer.ts'
import * as random from './random.ts'
import * as reduce from './reduce.ts'
import { createRuntime } from './runtime.ts'
import * as small from './small.ts'
import * as softmax from './softmax.ts'
import { staged } from './staging.ts'
import type { Target } from './target.ts'
import { WasmModule } from './wasm.ts'
import * as windows from './windows.ts'

export interface SimdEngine {
  readonly kernels: Kernels
  readonly heap: Heap
  readonly threads: number
  setThreads(threads: number): void
}

/** Compiles the kernels for `target` and joins them with the heap and `threads` threads. */
export function createSimdEngine(heap: Heap, target: Target, threads: number): SimdEngine {
  const module = new WasmModule()
  copy.emitCopy(module)
  elementwise.emitElementwise(module, target)
  reduce.emitReduce(module)
  softmax.emitSoftmax(module, target)
  emitGemm(module, target)
  emitDoubleGemm(module)
  layerNorm.emitLayerNorm(module, target)
  attention.emitAttention(module, target)
  windows.emitWindows(module)
  indexing.emitIndexing(module)
  optimizer.emitOptimizer(module, target)
  random.emitRandom(module)
  const compiled = new WebAssembly.Module(module.encode({ initial: 1, maximum: heap.maximumPages, shared: heap.shared }))
  const instance = new WebAssembly.Instance(compiled, { env: { memory: heap.memory } })
  const runtime = createRuntime(heap, instance, null)
  const startPool = (wanted: number): Pool | null => createPool({ heap, module: compiled, threads: wanted })
  runtime.pool = startPool(threads)
  heap.finish = () => runtime.finish()

  /** Binds a kernel of a family to the runtime. */
  const on = <A extends readonly unknown[]>(kernel: (...args: [typeof runtime, ...A]) => void) => (...args: A): void => kernel(runtime, ...args)
  const kernels: Kernels = {
    fill: on(copy.fill), copy: on(copy.copy),
    unary: on(elementwise.unary), binary: on(elementwise.binary), where: on(elementwise.where),
    reduce: on(reduce.reduce), argReduce: on(reduce.argReduce), cumsum: on(reduce.cumsum),
    softmax: on(softmax.softmax), logSoftmax: on(softmax.logSoftmax), softmaxBackward: on(softmax.softmaxBackward), logSoftmaxBackward: on(softmax.logSoftmaxBackward),
    matmul: on(small.matmul),
    layerNorm: on(small.layerNorm), layerNormBackward: on(small.layerNormBackward),
    attention: on(small.attention), attentionBackward: on(small.attentionBackward),
    unfold: on(windows.unfold), fold: on(windows.fold), maxPool: on(windows.maxPool), maxPoolBackward: on(windows.maxPoolBackward),
    take: on(indexing.take), putAdd: on(indexing.putAdd), gather: on(indexing.gather), scatterAdd: on(indexing.scatterAdd),
    bernoulli: on(random.bernoulli),
    sgd: on(optimizer.sgd), adam: on(optimizer.adam), rmsprop: on(optimizer.rmsprop), lerp: on(optimizer.lerp),
  }
  return {
    kernels: staged(kernels, reference, heap),
    heap,
    get threads() {
      return runtime.threads
    },
    setThreads(wanted) {
      runtime.pool?.close()
      runtime.pool = startPool(wanted)
    },
  }
}
