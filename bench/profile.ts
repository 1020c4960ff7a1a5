/**
 * Where a training step's time goes: `tsx bench/profile.ts [A B C] [--steps 20]` prints tables by phase, by kernel, by matrix product
 * and by operation. Every kernel of the engine is wrapped with a clock that waits for its end, so a step takes longer than without. What
 * is left is the time outside of kernels.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { nn, optim } from 'vitgrad'
import { kernels } from '../lib/tensor/kernels/active.ts'
import { NDArray } from '../lib/tensor/ndarray.ts'
import { synchronize } from '../lib/tensor/storage.ts'
import { positive, readArguments } from './arguments.ts'
import { configOf, describe, LEARNING_RATE, MOMENTUM, stepFlops, type Config } from './configs.ts'
import { engineSetting } from './engine.ts'
import { watchLoad } from './load.ts'
import { build } from './model.ts'
import { digits, percent, table } from './table.ts'

type Phase = 'forward' | 'backward' | 'optimizer'
const PHASES: readonly Phase[] = ['forward', 'backward', 'optimizer']

/** One call of a kernel in a step. Every step makes the same calls in the same order. */
interface Call {
  /** 'unary gelu' */
  readonly kernel: string
  readonly phase: Phase
  /** Of a matrix product: '4160·48·96 NT'. */
  readonly product: string | null
  readonly flops: number
  /** Size of its largest array. */
  readonly numel: number
  /** What asked for it: 'gelu', where places were recorded. */
  readonly op: string
  ms: number
}

let phase: Phase = 'forward'
let calls: Call[] = []
let depth = 0
/** Looking up who called takes longer than many kernels, so it is done in a step of its own. */
let recordsOps = false

function wrapKernels(): void {
  const engine = kernels()
  for (const name of Object.keys(engine)) {
    const kernel: unknown = Reflect.get(engine, name)
    if (typeof kernel !== 'function') continue
    const timed = (...args: unknown[]): void => {
      if (depth > 0) return void Reflect.apply(kernel, engine, args)
      const op = recordsOps ? callingOp() : ''
      depth++
      const start = performance.now()
      Reflect.apply(kernel, engine, args)
      // Kernels may be late, and the next one would be charged for them.
      synchronize()
      const ms = performance.now() - start
      depth--
      calls.push({ ...describeCall(name, args), phase, op, ms })
    }
    if (!Reflect.set(engine, name, timed)) throw new Error(`the kernel ${name} cannot be wrapped`)
  }
}

function describeCall(name: string, args: readonly unknown[]): Pick<Call, 'kernel' | 'product' | 'flops' | 'numel'> {
  const kernel = typeof args[0] === 'string' ? `${name} ${args[0]}` : name
  const arrays = args.filter((arg) => arg instanceof NDArray)
  if (Array.isArray(args[0])) return { kernel, product: null, flops: 0, numel: args[0].reduce((sum: number, step: { readonly param: NDArray }) => sum + step.param.numel, 0) }
  const numel = Math.max(0, ...arrays.map((array) => array.numel))
  if (name === 'matmul') return { kernel, numel, ...describeProduct(arrays[0], arrays[1], arrays[2]) }
  return { kernel, product: null, flops: 0, numel }
}

function describeProduct(out: NDArray, a: NDArray, b: NDArray): Pick<Call, 'product' | 'flops'> {
  const K = a.shape[a.ndim - 1]
  const [M, N] = out.shape.slice(-2)
  const batch = out.numel / (M * N)
  // A matrix whose rows lie densely is N, one whose columns do is T; anything else is read with strides.
  const layout = (x: NDArray) => (x.strides[x.ndim - 1] === 1 ? 'N' : x.strides[x.ndim - 2] === 1 ? 'T' : 'S')
  return { product: `${batch === 1 ? '' : `${batch} x `}${M}·${K}·${N} ${layout(a)}${layout(b)}`, flops: 2 * batch * M * N * K }
}

// ---- which operation asked for a kernel

const sources = new Map<string, string[]>()

/** The outermost operation on the stack: in the backward pass, the one whose gradient is being computed. */
function callingOp(): string {
  const frames = (new Error().stack ?? '').split('\n').map((line) => /((?:file:\/\/)?\/[^():]*\/lib\/([^():]*)):(\d+):\d+\)?$/.exec(line)).filter((match) => match !== null)
  const inOps = frames.findLast(([, , file]) => file.startsWith('autograd/ops/'))
  if (inOps) return opAt(inOps[1], Number(inOps[3]))
  const above = frames.find(([, , file]) => !file.startsWith('tensor/'))
  return above ? above[2] : 'elsewhere'
}

/** The name of the operation defined around that line: the last `defineOp('name'` before it. */
function opAt(file: string, line: number): string {
  const path = file.startsWith('file:') ? fileURLToPath(file) : file
  let lines = sources.get(path)
  if (!lines) sources.set(path, (lines = readFileSync(path, 'utf8').split('\n')))
  for (let i = line - 1; i >= 0; i--) {
    const name = /defineOp\('(\w+)'/.exec(lines[i])?.[1]
    if (name) return name
    if (/^}|^\)/.test(lines[i]) && i < line - 1) break
  }
  return /([^/]+)\.ts$/.exec(path)?.[1] ?? path
}

// ---- steps

interface Profile {
  readonly steps: number
  /** Calls of one step, each with its mean time. */
  readonly calls: readonly Call[]
  readonly phases: Readonly<Record<Phase, number>>
}

function profile(config: Config, steps: number): Profile {
  const { model, pictures, labels } = build(config)
  const optimizer = new optim.SGD(model.parameters(), { lr: LEARNING_RATE, momentum: MOMENTUM })
  const spent = { forward: 0, backward: 0, optimizer: 0 }
  const during = <T>(name: Phase, work: () => T): T => {
    phase = name
    const start = performance.now()
    const result = work()
    spent[name] += performance.now() - start
    return result
  }
  const step = (): Call[] => {
    calls = []
    optimizer.zeroGrad()
    const loss = during('forward', () => nn.functional.crossEntropy(model(pictures), labels))
    during('backward', () => loss.backward())
    during('optimizer', () => optimizer.step())
    loss.item()
    return calls
  }

  step()
  recordsOps = true
  const named = step()
  recordsOps = false
  // Compiled code is quickest after some calls, but slow engines are not waited for.
  const warm = performance.now() + 3000
  for (let i = 0; i < 10 && performance.now() < warm; i++) step()

  for (const name of PHASES) spent[name] = 0
  const mean = named.map((call) => ({ ...call, ms: 0 }))
  for (let i = 0; i < steps; i++) {
    const found = step()
    if (found.length !== mean.length) throw new Error(`a step made ${found.length} calls, another ${mean.length}`)
    found.forEach(({ ms }, n) => (mean[n].ms += ms / steps))
  }
  return { steps, calls: mean, phases: { forward: spent.forward / steps, backward: spent.backward / steps, optimizer: spent.optimizer / steps } }
}

// ---- tables

interface Group {
  readonly name: string
  readonly count: number
  readonly ms: number
  readonly flops: number
  readonly numel: number
}

/** Calls with the same key together, those that take longest first. */
function groupBy(calls: readonly Call[], key: (call: Call) => string): Group[] {
  const groups = new Map<string, Call[]>()
  for (const call of calls) groups.set(key(call), [...(groups.get(key(call)) ?? []), call])
  const total = (list: readonly Call[], of: (call: Call) => number) => list.reduce((sum, call) => sum + of(call), 0)
  return [...groups]
    .map(([name, list]) => ({ name, count: list.length, ms: total(list, (call) => call.ms), flops: total(list, (call) => call.flops), numel: total(list, (call) => call.numel) }))
    .sort((a, b) => b.ms - a.ms)
}

/** Groups that take less than a thousandth of `whole` become one. */
function joinSmall(groups: readonly Group[], whole: number): Group[] {
  const small = groups.filter(({ ms }) => ms < whole / 1000)
  if (small.length < 2) return [...groups]
  const total = (of: (group: Group) => number) => small.reduce((sum, group) => sum + of(group), 0)
  const rest = { name: `${small.length} others`, count: total((group) => group.count), ms: total((group) => group.ms), flops: total((group) => group.flops), numel: total((group) => group.numel) }
  return [...groups.filter(({ ms }) => ms >= whole / 1000), rest]
}

function show(config: Config, { calls, phases, steps }: Profile): string {
  const whole = phases.forward + phases.backward + phases.optimizer
  const inKernels = calls.reduce((sum, { ms }) => sum + ms, 0)
  const share = (ms: number) => percent(ms / whole)
  const line = (name: string, { count, ms }: Pick<Group, 'count' | 'ms'>) => [name, String(count), digits(ms), share(ms)]
  const outside = ['outside of kernels', '', digits(whole - inKernels), share(whole - inKernels)]
  const phaseRows = PHASES.map((name) => {
    const ms = calls.filter((call) => call.phase === name).reduce((sum, call) => sum + call.ms, 0)
    return [name, digits(phases[name]), share(phases[name]), digits(ms), digits(phases[name] - ms)]
  })
  const byKernel = joinSmall(groupBy(calls, ({ kernel }) => kernel), whole)
  const products = joinSmall(groupBy(calls.filter(({ product }) => product !== null), ({ product }) => product ?? ''), whole)
  const byOp = joinSmall(groupBy(calls, ({ phase, op }) => `${op}${phase === 'backward' ? ', backward' : ''}`), whole)
  return [
    `## ${config.key}: ${describe(config)}`,
    `${digits(whole)} ms a step, ${digits(stepFlops(config) / whole / 1e6)} GFLOP/s; mean of ${steps} steps; ${calls.length} kernel calls`,
    table(['phase', 'ms', 'share', 'in kernels', 'outside'], phaseRows),
    table(['kernel', 'calls', 'ms', 'share', 'ns per number'], [...byKernel.map((group) => [...line(group.name, group), digits((1e6 * group.ms) / group.numel)]), [...outside, '']]),
    table(['matrix product M·K·N', 'calls', 'ms', 'share', 'GFLOP/s'], products.map((group) => [...line(group.name, group), digits(group.flops / group.ms / 1e6)])),
    table(['operation', 'kernel calls', 'ms', 'share'], [...byOp.map((group) => line(group.name, group)), outside]),
  ].join('\n\n')
}

const { steps, configs } = readArguments('npx tsx bench/profile.ts [A B C] [--steps N]', (args) => {
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: { steps: { type: 'string', default: '20' } } })
  return { steps: positive(values.steps), configs: (positionals.length > 0 ? positionals : ['A', 'B']).map(configOf) }
})
Error.stackTraceLimit = 100
wrapKernels()
console.log(`A training step by its parts: ${engineSetting()}, Node ${process.versions.node}.`)
for (const config of configs) {
  const load = watchLoad()
  const text = show(config, profile(config, steps))
  const { others } = load()
  console.log(`\n${text}\n\nLoad of others meanwhile: ${others === null ? 'unknown' : `${others.toFixed(2)} cores`}.`)
}
process.exit(0)
