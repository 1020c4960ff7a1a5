/** Measures, in a process of its own, how fast this machine multiplies and adds: `tsx bench/peak-child.ts 2` prints one line of JSON. */
import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { f32x4, v128, WasmModule, type Local } from '../lib/tensor/kernels/simd/wasm.ts'
import type { Peak } from './peak.ts'

const MEMORY = { initial: 1, maximum: 1, shared: false }
const TURNS = 1_000_000
/** Seconds over which the best turn is looked for. */
const DURATION = 0.4

/** `turns` times: every accumulator = accumulator · factor + 1, on `vectors` accumulators that lie in registers. */
function loop(vectors: number, relaxed: boolean): Uint8Array<ArrayBuffer> {
  const module = new WasmModule()
  module.function('run', { turns: 'i32' }, [], (f, { turns }) => {
    const registers = Array.from({ length: vectors }, (_, i) => f.let(v128.load(0, 16 * i)))
    // Neighbours load neighbouring factors, so that a compiler that can fuses them to one operation of twice the width.
    const factors = [f.let(v128.load(1024)), f.let(v128.load(1024, 16))]
    const next = (register: Local<'v128'>, factor: Local<'v128'>) => (relaxed ? f32x4.relaxedMadd(register, factor, factor) : f32x4.add(f32x4.mul(register, factor), factor))
    f.for(turns, {}, () => registers.forEach((register, i) => f.set(register, next(register, factors[i % 2]))))
    f.do(...registers.map((register, i) => v128.store(0, register, 16 * i)))
  })
  return module.encode(MEMORY)
}

/** Runs on each thread: the best GFLOP/s of many short turns. Written as text because it is also a worker's source. */
const TIMER = `(module, vectors) => {
  const memory = new WebAssembly.Memory(${JSON.stringify(MEMORY)})
  new Float32Array(memory.buffer).fill(0.5)
  const { run } = new WebAssembly.Instance(module, { env: { memory } }).exports
  const warm = performance.now() + 200
  while (performance.now() < warm) run(${TURNS / 100})
  let best = Infinity
  const end = performance.now() + ${1000 * DURATION}
  do {
    const start = performance.now()
    run(${TURNS})
    best = Math.min(best, performance.now() - start)
  } while (performance.now() < end)
  return (${2 * 4 * TURNS} * vectors) / best / 1e6
}`

function onWorker(module: WebAssembly.Module, vectors: number): Promise<number> {
  const source = `const { parentPort, workerData } = require('node:worker_threads'); parentPort.postMessage((${TIMER})(workerData.module, workerData.vectors))`
  return new Promise((resolve, reject) => {
    const worker = new Worker(source, { eval: true, execArgv: [], workerData: { module, vectors } })
    worker.once('message', (gflops: number) => resolve(gflops)).once('error', reject)
  })
}

/** The peak with as many accumulators as this machine likes best. */
async function measurePeak(threads: number, revectorize: boolean): Promise<Peak> {
  const major = Number(process.versions.node.split('.')[0])
  if (revectorize && major >= 24) setFlagsFromString('--experimental-wasm-revectorize')
  if (!WebAssembly.validate(loop(1, true)) && major < 22) setFlagsFromString('--experimental-wasm-relaxed-simd')
  const relaxed = WebAssembly.validate(loop(1, true))
  let best = { vectors: 0, gflops: 0 }
  for (const vectors of [8, 10, 12, 20, 24]) {
    const gflops = await onWorker(new WebAssembly.Module(loop(vectors, relaxed)), vectors)
    if (gflops > best.gflops) best = { vectors, gflops }
  }
  const module = new WebAssembly.Module(loop(best.vectors, relaxed))
  const together = await Promise.all(Array.from({ length: threads }, () => onWorker(module, best.vectors)))
  return {
    oneThread: best.gflops,
    allThreads: Math.max(best.gflops, together.reduce((sum, gflops) => sum + gflops, 0)),
    threads,
    instruction: relaxed ? 'relaxed_madd' : 'mul and add',
    revectorized: revectorize && major >= 24,
  }
}

console.log(JSON.stringify(await measurePeak(Number(process.argv[2] ?? 1), process.env.VITGRAD_REVECTORIZE === '1')))
