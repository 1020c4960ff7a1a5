/** Optimizers in WebAssembly: all parameters in one job, each number read and written once. */
import type { NDArray } from '../../ndarray.ts'
import type { AdamRule, AdamStep, LerpStep, RMSpropRule, RMSpropStep, SGDRule, SGDStep } from '../kernels.ts'
import { copy, denseAt } from './copy.ts'
import type { Runtime } from './runtime.ts'
import { madd, type Target } from './target.ts'
import { eachVector, storeFirst, type Vector } from './vectors.ts'
import { f32x4, i32, v128, type FunctionBuilder, type Local, type WasmModule } from './wasm.ts'

// ---- kernels

/**
 * What a job works on is a table in memory. A row is a slice of one parameter, in 32-bit cells: how many numbers, the addresses of the
 * parameter, its gradient and up to three buffers, and up to two numbers of its own. A unit of work is one row.
 */
const CELLS = 8
const OWN = 6

/** Running means decay for ever where gradients stay 0; below this they end, before they become denormal and slow. */
const FAINT = 2 ** -100
const SMALLEST_NORMAL = 2 ** -126

interface Names<Buffer extends string, Shared extends string, Own extends string> {
  readonly buffers: readonly Buffer[]
  /** Numbers that are the same for all parameters, in the order in which the kernel takes them. */
  readonly shared: readonly Shared[]
  readonly own: readonly Own[]
}

const record = <K extends string, V>(keys: readonly K[], value: (key: K, i: number) => V) => Object.fromEntries(keys.map((key, i) => [key, value(key, i)])) as Record<K, V>

/** Emits a kernel that replaces the parameter w and its buffers by what `rule` makes of them and of the gradient g. */
function emitRule<Buffer extends string, Shared extends string, Own extends string>(
  module: WasmModule, name: string, { buffers, shared, own }: Names<Buffer, Shared, Own>,
  rule: (f: FunctionBuilder, at: Record<Buffer | 'w' | 'g', Local<'v128'>>, numbers: Record<Shared | Own, Local<'v128'>>) => Record<Buffer | 'w', Vector>,
): void {
  const written: readonly (Buffer | 'w')[] = ['w', ...buffers]
  const arrays: readonly (Buffer | 'w' | 'g')[] = ['w', 'g', ...buffers]
  const parameters: Record<Shared, 'f32'> & Record<'table' | 'begin' | 'end' | 'thread', 'i32'> = { ...record(['table'], () => 'i32'), ...record(shared, () => 'f32'), ...record(['begin', 'end', 'thread'], () => 'i32') }
  module.function(name, parameters, [], (f, given) => {
    const { table, begin, end } = given
    const pointers = record(arrays, () => f.local('i32'))
    const numbers = { ...record(shared, (key) => f.let(f32x4.splat(given[key]))), ...record(own, () => f.local('v128')) }
    f.for(end, { from: begin }, (unit) => {
      const row = f.let(i32.add(table, i32.mul(unit, 4 * CELLS)))
      arrays.forEach((key, i) => f.set(pointers[key], i32.load(row, 4 + 4 * i)))
      own.forEach((key, i) => f.set(numbers[key], v128.loadSplat(row, 4 * (OWN + i))))
      const next = (offset: number) => {
        const values = rule(f, record(arrays, (key) => f.let(v128.load(pointers[key], offset))), numbers)
        return record(written, (key) => f.let(values[key]))
      }
      const all = arrays.map((key) => pointers[key])
      eachVector(f, i32.load(row), all, 2, (offset) => {
        const values = next(offset)
        for (const key of written) f.do(v128.store(pointers[key], values[key], offset))
      }, (rest) => {
        const values = next(0)
        for (const key of written) storeFirst(f, pointers[key], values[key], rest)
      })
    })
  })
}

/** x, or 0 where it is smaller than `least`. */
function unlessBelow(f: FunctionBuilder, least: Vector, x: Vector): Vector {
  const given = f.let(x)
  return v128.andNot(given, f32x4.lt(f32x4.abs(given), least))
}

/** The gradient's direction, with the weight decay that belongs to it. */
function direction(f: FunctionBuilder, target: Target, w: Vector, g: Vector, sign: Vector, decay: Vector | null): Local<'v128'> {
  const d = f32x4.mul(g, sign)
  return f.let(decay ? madd(target, decay, w, d) : d)
}

const BOTH = [false, true]
const MOMENTA = ['none', 'classical', 'nesterov'] as const

/** A kernel for each set of options: what is off costs nothing. */
const kernelName = (rule: string, ...options: (string | false)[]) => [rule, ...options.filter((option) => option !== false)].join(' ')
const sgdKernel = (decay: boolean, momentum: (typeof MOMENTA)[number]) => kernelName('sgd', decay && 'decay', momentum !== 'none' && momentum)
const adamKernel = (decay: boolean, amsgrad: boolean) => kernelName('adam', decay && 'decay', amsgrad && 'amsgrad')
const rmspropKernel = (decay: boolean, centered: boolean, momentum: boolean) => kernelName('rmsprop', decay && 'decay', centered && 'centered', momentum && 'momentum')

const SGD_NUMBERS = ['sign', 'decay', 'rate', 'momentum', 'faint'] as const
const ADAM_NUMBERS = ['sign', 'decay', 'shrink', 'beta1', 'rest1', 'beta2', 'rest2', 'eps', 'faint', 'leastRoot', 'leastSquare'] as const
const RMSPROP_NUMBERS = ['sign', 'decay', 'rate', 'alpha', 'rest', 'eps', 'momentum', 'faint', 'leastRoot', 'leastSquare', 'leastMean'] as const

/** The rate is negative in all of them: w + rate · d. Sums are rounded where PyTorch rounds them, so with multiply-add the bits are its own. */
export function emitOptimizer(module: WasmModule, target: Target): void {
  for (const decay of BOTH) {
    for (const momentum of MOMENTA) emitSgd(module, target, decay, momentum)
    for (const amsgrad of BOTH) emitAdam(module, target, decay, amsgrad)
    for (const centered of BOTH) for (const momentum of BOTH) emitRMSprop(module, target, decay, centered, momentum)
  }
  emitRule(module, 'lerp', { buffers: [], shared: ['weight'], own: [] }, (_, { w, g }, { weight }) => ({ w: madd(target, weight, f32x4.sub(g, w), w) }))
}

/** v = momentum · v + taken · d. A buffer that has not started counts as 0, whatever it holds. */
function emitSgd(module: WasmModule, target: Target, decay: boolean, momentum: (typeof MOMENTA)[number]): void {
  const name = sgdKernel(decay, momentum)
  if (momentum === 'none')
    return emitRule(module, name, { buffers: [], shared: SGD_NUMBERS, own: [] }, (f, { w, g }, c) => ({ w: madd(target, c.rate, direction(f, target, w, g, c.sign, decay ? c.decay : null), w) }))
  emitRule(module, name, { buffers: ['v'], shared: SGD_NUMBERS, own: ['taken', 'started'] }, (f, { w, g, v }, c) => {
    const d = direction(f, target, w, g, c.sign, decay ? c.decay : null)
    const kept = f32x4.mul(c.momentum, unlessBelow(f, c.faint, v128.and(v, f32x4.ne(c.started, 0))))
    const velocity = f.let(madd(target, c.taken, d, kept))
    return { w: madd(target, c.rate, momentum === 'nesterov' ? madd(target, c.momentum, velocity, d) : velocity, w), v: velocity }
  })
}

/** Adds (1 − kept) · d² to kept · v, without denormal numbers on the way: d² counts from the smallest normal number on. */
function meanSquare(f: FunctionBuilder, target: Target, v: Vector, d: Vector, kept: Vector, rest: Vector, leastRoot: Vector, leastSquare: Vector): Local<'v128'> {
  const root = f.let(unlessBelow(f, leastRoot, d))
  return f.let(madd(target, f32x4.mul(rest, root), root, f32x4.mul(kept, unlessBelow(f, leastSquare, v))))
}

function emitAdam(module: WasmModule, target: Target, decay: boolean, amsgrad: boolean): void {
  const buffers = amsgrad ? (['m', 'v', 'max'] as const) : (['m', 'v'] as const)
  emitRule(module, adamKernel(decay, amsgrad), { buffers, shared: ADAM_NUMBERS, own: ['rate', 'correction'] }, (f, { w, g, m, v, max }, c) => {
    const d = direction(f, target, w, g, c.sign, decay ? c.decay : null)
    const mean = f.let(madd(target, c.rest1, d, f32x4.mul(c.beta1, unlessBelow(f, c.faint, m))))
    const square = meanSquare(f, target, v, d, c.beta2, c.rest2, c.leastRoot, c.leastSquare)
    const largest = amsgrad ? f.let(f32x4.max(max, square)) : square
    const denominator = f32x4.add(f32x4.div(f32x4.sqrt(largest), c.correction), c.eps)
    return { w: f32x4.add(f32x4.mul(w, c.shrink), f32x4.div(f32x4.mul(c.rate, mean), denominator)), m: mean, v: square, max: largest }
  })
}

function emitRMSprop(module: WasmModule, target: Target, decay: boolean, centered: boolean, momentum: boolean): void {
  const buffers = [...(centered ? (['mean'] as const) : []), ...(momentum ? (['velocity'] as const) : [])]
  emitRule(module, rmspropKernel(decay, centered, momentum), { buffers: ['v', ...buffers], shared: RMSPROP_NUMBERS, own: [] }, (f, { w, g, v, mean, velocity }, c) => {
    const d = direction(f, target, w, g, c.sign, decay ? c.decay : null)
    const square = meanSquare(f, target, v, d, c.alpha, c.rest, c.leastRoot, c.leastSquare)
    const average = centered ? f.let(madd(target, c.rest, d, f32x4.mul(c.alpha, unlessBelow(f, c.faint, mean)))) : d
    const root = centered ? f.let(unlessBelow(f, c.leastMean, average)) : d
    // Of tiny gradients rounding can make it negative.
    const variance = centered ? f32x4.abs(madd(target, f32x4.neg(root), root, square)) : square
    const denominator = f32x4.add(f32x4.sqrt(variance), c.eps)
    if (!momentum) return { w: f32x4.add(w, f32x4.div(f32x4.mul(c.rate, d), denominator)), v: square, mean: average, velocity }
    const moved = f.let(f32x4.add(f32x4.mul(c.momentum, unlessBelow(f, c.faint, velocity)), f32x4.div(d, denominator)))
    return { w: madd(target, c.rate, moved, w), v: square, mean: average, velocity: moved }
  })
}

// ---- dispatch

/** One parameter, its gradient, its buffers, and the two cells of its own. */
interface Part {
  readonly param: NDArray
  readonly grad: NDArray
  readonly buffers: readonly NDArray[]
  readonly own: readonly [number, number]
}

/** Larger parameters are cut into slices of so many numbers, which threads can share. */
const SLICE = 8192
/** About how many numbers a thread takes at a time. */
const CHUNK = 32768

/** For rules whose parameters have no numbers of their own. */
const NONE = [0, 0] as const

const aligned = (bytes: number) => 64 * Math.ceil(bytes / 64)

/** Runs a kernel over all parameters in one job. The table, and dense copies of gradients with other strides, lie in one block of scratch memory. */
function update(runtime: Runtime, kernel: string, shared: readonly number[], parts: readonly Part[]): void {
  let rows = 0
  let total = 0
  let strided = 0
  for (const { param, grad } of parts) {
    rows += Math.ceil(param.numel / SLICE)
    total += param.numel
    if (!grad.isContiguous) strided += aligned(4 * grad.numel)
  }
  if (rows === 0) return
  const tableBytes = aligned(4 * CELLS * rows)
  runtime.withScratch(tableBytes + strided, (address) => {
    runtime.finish()
    const cells = new Int32Array(runtime.heap.memory.buffer, address, CELLS * rows)
    const numbers = new Float32Array(runtime.heap.memory.buffer, address, CELLS * rows)
    let at = 0
    let room = address + tableBytes
    for (const { param, grad, buffers, own } of parts) {
      const isDense = grad.isContiguous
      const gradient = isDense ? grad.pointer : room
      if (!isDense) {
        copy(runtime, denseAt(room, grad.shape), grad)
        room += aligned(4 * grad.numel)
      }
      const parameter = param.pointer
      for (let begin = 0; begin < param.numel; begin += SLICE, at += CELLS) {
        cells[at] = Math.min(SLICE, param.numel - begin)
        cells[at + 1] = parameter + 4 * begin
        cells[at + 2] = gradient + 4 * begin
        for (let i = 0; i < buffers.length; i++) cells[at + 3 + i] = buffers[i].pointer + 4 * begin
        numbers[at + OWN] = own[0]
        numbers[at + OWN + 1] = own[1]
      }
    }
    runtime.run(kernel, [address, ...shared], rows, Math.ceil((CHUNK * rows) / total), { inPlace: true })
  })
}

/** The numbers of a rule in the order of their names. */
const inOrder = <K extends string>(names: readonly K[], values: Readonly<Record<K, number>>): number[] => names.map((name) => values[name])

/** The smallest d whose share (1 − kept) · d² in a mean of squares is no denormal number. */
const leastRoot = (kept: number) => Math.sqrt(SMALLEST_NORMAL / (1 - kept))

/** Whether buffers that the rule may or may not have are there: for all parameters, or for none. */
const has = (buffer: NDArray | null | undefined): boolean => buffer !== null && buffer !== undefined
const present = (...buffers: readonly (NDArray | null)[]): NDArray[] => buffers.filter((buffer) => buffer !== null)

export function sgd(runtime: Runtime, steps: readonly SGDStep[], { lr, momentum, dampening, weightDecay, nesterov, maximize }: SGDRule): void {
  const kernel = sgdKernel(weightDecay !== 0, !has(steps[0]?.momentum) ? 'none' : nesterov ? 'nesterov' : 'classical')
  const shared = inOrder(SGD_NUMBERS, { sign: maximize ? -1 : 1, decay: weightDecay, rate: -lr, momentum, faint: FAINT })
  update(runtime, kernel, shared, steps.map(({ param, grad, momentum: buffer, first }) => ({ param, grad, buffers: present(buffer), own: [first ? 1 : 1 - dampening, first ? 0 : 1] })))
}

export function adam(runtime: Runtime, steps: readonly AdamStep[], { lr, betas: [beta1, beta2], eps, weightDecay, decoupled, maximize }: AdamRule): void {
  const kernel = adamKernel(weightDecay !== 0 && !decoupled, has(steps[0]?.maxExpAvgSq))
  const shared = inOrder(ADAM_NUMBERS, {
    sign: maximize ? -1 : 1, decay: weightDecay, shrink: decoupled ? 1 - lr * weightDecay : 1,
    beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2, eps, faint: FAINT, leastRoot: leastRoot(beta2), leastSquare: SMALLEST_NORMAL / beta2,
  })
  update(runtime, kernel, shared, steps.map(({ param, grad, expAvg, expAvgSq, maxExpAvgSq, step }) => ({
    param, grad, buffers: present(expAvg, expAvgSq, maxExpAvgSq), own: [-lr / (1 - beta1 ** step), Math.sqrt(1 - beta2 ** step)],
  })))
}

export function rmsprop(runtime: Runtime, steps: readonly RMSpropStep[], { lr, alpha, eps, weightDecay, momentum, maximize }: RMSpropRule): void {
  const kernel = rmspropKernel(weightDecay !== 0, has(steps[0]?.gradAvg), has(steps[0]?.momentum))
  const shared = inOrder(RMSPROP_NUMBERS, {
    sign: maximize ? -1 : 1, decay: weightDecay, rate: -lr, alpha, rest: 1 - alpha, eps, momentum,
    faint: FAINT, leastRoot: leastRoot(alpha), leastSquare: SMALLEST_NORMAL / alpha, leastMean: Math.sqrt(SMALLEST_NORMAL),
  })
  update(runtime, kernel, shared, steps.map(({ param, grad, squareAvg, gradAvg, momentum: buffer }) => ({ param, grad, buffers: present(squareAvg, gradAvg, buffer), own: NONE })))
}

export function lerp(runtime: Runtime, steps: readonly LerpStep[], weight: number): void {
  update(runtime, 'lerp', [weight], steps.map(({ mean, value }) => ({ param: mean, grad: value, buffers: [], own: NONE })))
}
