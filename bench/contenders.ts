/** Who is measured, and how each is started: vitgrad, and the frameworks it is compared with. */
import { existsSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { nodeArgs, ROOT, run, type Command } from './child.ts'
import { LEARNING_RATE, MOMENTUM, stepFlops, type Config } from './configs.ts'

export interface Contender {
  readonly name: string
  /** Ways to start it; the quickest counts. */
  readonly commands: (config: Config) => readonly Command[]
  /** Why it cannot run here. */
  readonly unavailable?: string
  /** Its batch, where the configuration's would take hours. */
  readonly batch?: (config: Config) => number
}

interface Choices {
  /** Seconds for warming up, and again for measuring. */
  readonly budget: number
  readonly timeout: number
}

/** vitgrad, run by that Node binary with those settings of the environment. */
export function vitgrad(node: string, env: NodeJS.ProcessEnv, { budget, timeout }: Choices): Contender {
  return { name: 'vitgrad', commands: ({ key }) => [{ program: node, args: nodeArgs('step.ts', [key, String(budget)]), env, timeout }] }
}

export async function findPeers(choices: Choices): Promise<Contender[]> {
  return [...(await pytorch(choices)), ...(await javascript(choices))]
}

// ---- PyTorch

/** Settings of threads and memory that a shell may have left, which «as installed» does not know. */
const SETTINGS = /^(OMP|GOMP|KMP|OPENBLAS|MKL|MALLOC)_/

async function pytorch({ budget, timeout }: Choices): Promise<Contender[]> {
  const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => !SETTINGS.test(name)))
  const python = await findPython(bare)
  const cores = availableParallelism()
  const command = (config: Config, threads: number | null, env: Record<string, string>): Command => {
    const numbers = JSON.stringify({ ...config, lr: LEARNING_RATE, momentum: MOMENTUM, flops: stepFlops(config) })
    const args = ['bench/peers/pytorch.py', numbers, String(budget), ...(threads === null ? [] : [String(threads)])]
    return { program: python ?? '', args, env: { ...bare, ...env }, timeout }
  }
  const threadsOnly = (threads: number) => ({ OMP_NUM_THREADS: String(threads), OPENBLAS_NUM_THREADS: String(threads) })
  /** Waiting threads sleep instead of spinning, and freed memory is kept instead of going back to the system. */
  const tuned = (threads: number) => ({
    ...threadsOnly(threads),
    OMP_WAIT_POLICY: 'passive', OPENBLAS_THREAD_TIMEOUT: '4',
    MALLOC_MMAP_THRESHOLD_: '4294967295', MALLOC_TRIM_THRESHOLD_: '4294967295', MALLOC_TOP_PAD_: '268435456',
  })
  const counts = [...new Set([1, cores])]
  const list: Contender[] = [
    { name: 'PyTorch, as installed', commands: (config) => [command(config, null, {})] },
    { name: `PyTorch, ${cores} threads`, commands: (config) => [command(config, cores, threadsOnly(cores))] },
    { name: 'PyTorch, tuned', commands: (config) => counts.map((threads) => command(config, threads, tuned(threads))) },
  ]
  return python === null ? list.map((one) => ({ ...one, unavailable: 'neither /usr/bin/python3 nor python3 can import torch' })) : list
}

async function findPython(env: NodeJS.ProcessEnv): Promise<string | null> {
  for (const program of ['/usr/bin/python3', 'python3']) if ('output' in (await run({ program, args: ['-c', 'import torch'], env, timeout: 120 }))) return program
  return null
}

// ---- JavaScript

const PEERS = `${ROOT}bench/peers`

async function javascript({ budget, timeout }: Choices): Promise<Contender[]> {
  const failure = await install()
  // Peers take their initial weights from vitgrad, whose fast engine would start threads that they do not need.
  const env = { ...process.env, VITGRAD_ENGINE: 'reference' }
  // Node 20 has relaxed SIMD behind a flag; vitgrad sets it by itself.
  const flags = Number(process.versions.node.split('.')[0]) < 22 ? ['--experimental-wasm-relaxed-simd'] : []
  const peer = (name: string, script: string, options: readonly string[] = [], batch?: Contender['batch']): Contender => ({
    name,
    batch,
    unavailable: failure ?? undefined,
    commands: (config) => [{ program: process.execPath, args: nodeArgs(`peers/${script}`, [config.key, String(budget), String(batch?.(config) ?? config.batch), ...options], flags), env, timeout }],
  })
  return [
    peer('TensorFlow.js, wasm', 'tfjs.mjs'),
    peer('TensorFlow.js, wasm, transposing beforehand', 'tfjs.mjs', ['--pretranspose']),
    peer('jax-js, wasm', 'jax.mjs'),
    peer('js-pytorch', 'js-pytorch.mjs', [], ({ key }) => (key === 'A' ? 4 : 1)),
  ]
}

/** Installs the peers if their lock file is newer than what is there. Returns why that failed, or null. */
async function install(): Promise<string | null> {
  const installed = `${PEERS}/node_modules/.package-lock.json`
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(`${PEERS}/package-lock.json`).mtimeMs) return null
  console.error('installing the peers: npm ci --prefix bench/peers')
  // Their install scripts build native parts that nothing here uses.
  const outcome = await run({ program: 'npm', args: ['ci', '--prefix', 'bench/peers', '--ignore-scripts', '--no-audit', '--no-fund'], env: process.env, timeout: 600 })
  return 'failure' in outcome ? `npm ci --prefix bench/peers ${outcome.failure}` : null
}
