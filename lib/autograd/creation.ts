/** Making tensors: from numbers, filled, or at random. */
import { cast, castNumber, checkHoldsFractions } from '../tensor/dtype.ts'
import { ShapeError, ValueError } from '../tensor/errors.ts'
import { orderOf } from '../tensor/layout.ts'
import { NDArray, type DType } from '../tensor/ndarray.ts'
import { argumentsOf, optionsOf, required, type Arguments, type Given } from '../tensor/options.ts'
import { defaultGenerator, type Generator } from '../tensor/random.ts'
import { arangeNumber, linspaceNumbers } from '../tensor/sequence.ts'
import { checkShape, inverseOrder, numelOf, showShape, type Shape } from '../tensor/shape.ts'
import { overwritten } from './in-place.ts'
import { checkTensors, constant, named } from './op.ts'
import { checkProbabilities, Tensor } from './tensor.ts'

export interface TensorOptions {
  readonly requiresGrad?: boolean
  /** A label for how the numbers print and index; they are stored as float32 whatever it is, cut off to what it can hold. */
  readonly dtype?: DType
}

export interface RandomOptions extends TensorOptions {
  /** Where the random numbers come from. Default: the one that manualSeed() seeds. */
  readonly generator?: Generator
}

export type NestedData = number | boolean | ArrayLike<number> | readonly NestedData[]

/** A shape as one list or number by number, then options: zeros([2, 3]), zeros(2, 3), zeros([2, 3], { requiresGrad: true }). */
type ShapeAnd<O> = [shape: Shape | number, options?: O] | [...sizes: number[]]

const defaults = { requiresGrad: false, dtype: 'float32' } as const
const randomDefaults = { ...defaults, generator: defaultGenerator } as const

function isList(level: NestedData | undefined): level is ArrayLike<number> | readonly NestedData[] {
  return typeof level === 'object' && level !== null
}

/** Numbers under a label, cut off where it cannot hold them. */
const held = (operation: string, array: NDArray, dtype: DType) => (dtype === array.dtype ? array : cast(operation, array, dtype))

function finish(array: NDArray, { requiresGrad }: { readonly requiresGrad: boolean }): Tensor {
  return new Tensor(array).requiresGrad_(requiresGrad)
}

function parseShape<O extends object>(operation: string, args: ShapeAnd<O>): { shape: number[]; given: Partial<O> } {
  const sizes: number[] = []
  let given: Partial<O> = {}
  for (const arg of args) {
    if (typeof arg === 'number') sizes.push(arg)
    else if (Array.isArray(arg)) sizes.push(...arg)
    else if (typeof arg === 'object' && arg !== null) given = arg as O
    else if (arg !== undefined) throw new ShapeError(operation, `${String(arg)} is no size`, 'give whole numbers of at least 0')
  }
  checkShape(operation, sizes)
  return { shape: sizes, given }
}

/**
 * A tensor of the given numbers: a number, nested lists of one length per level, or a typed array with its shape.
 * The numbers are copied and rounded to float32; lists of nothing but booleans become a mask. Same as torch.tensor.
 */
export function tensor(data: NestedData, given: TensorOptions & { readonly shape?: Shape } = {}): Tensor {
  const options = optionsOf('tensor', given, { requiresGrad: false, dtype: undefined, shape: undefined })
  const shape: number[] = []
  for (let level: NestedData | undefined = data; isList(level); level = level[0]) shape.push(level.length)
  const numbers = new Float32Array(numelOf(shape))
  let next = 0
  let isMask = numbers.length > 0
  const collect = (level: NestedData, depth: number): void => {
    if (isList(level)) {
      if (depth >= shape.length || level.length !== shape[depth])
        throw new ShapeError('tensor', `the list at depth ${depth} has ${level.length} entries where ${shape[depth] ?? 'a number'} was expected`, 'lists at the same depth must have the same length')
      for (let i = 0; i < level.length; i++) collect(level[i], depth + 1)
    } else {
      if (depth !== shape.length) throw new ShapeError('tensor', `a number was found at depth ${depth} where lists were expected`, 'nest all numbers equally deep')
      if (typeof level !== 'number' && typeof level !== 'boolean') throw new ValueError('tensor', `${String(level)} is no number`, 'give numbers, booleans, nested lists of them or a typed array')
      isMask &&= typeof level === 'boolean'
      numbers[next++] = Number(level)
    }
  }
  collect(data, 0)
  const wanted = options.shape ?? shape
  checkShape('tensor', wanted)
  if (numelOf(wanted) !== numbers.length) throw new ShapeError('tensor', `${numbers.length} numbers do not fill the shape ${showShape(wanted)}`, `it holds ${numelOf(wanted)}`)
  return finish(held('tensor', NDArray.from(numbers, [...wanted]), options.dtype ?? (isMask ? 'bool' : 'float32')), options)
}

function filled(operation: string, args: ShapeAnd<TensorOptions>, value: number): Tensor {
  const { shape, given } = parseShape<TensorOptions>(operation, args)
  const options = optionsOf(operation, given, defaults)
  return finish(value === 0 ? NDArray.zeros(shape, options.dtype) : NDArray.full(shape, value, options.dtype), options)
}

export const zeros = (...args: ShapeAnd<TensorOptions>): Tensor => filled('zeros', args, 0)
export const ones = (...args: ShapeAnd<TensorOptions>): Tensor => filled('ones', args, 1)
/** A tensor whose numbers are still to be filled in. They are 0. */
export const empty = (...args: ShapeAnd<TensorOptions>): Tensor => filled('empty', args, 0)

/** The same everywhere: full([2, 3], 0.5); of true or false it is a mask. */
export function full(...given: Arguments<[size: Shape | number, fillValue: number | boolean], [], TensorOptions & { readonly size: Shape | number; readonly fillValue: number | boolean }>): Tensor {
  const { size, fillValue, ...options } = argumentsOf('full', given, { size: required, fillValue: required, requiresGrad: false, dtype: undefined }, 2)
  const { shape } = parseShape('full', [size])
  const dtype = options.dtype ?? (typeof fillValue === 'boolean' ? 'bool' : 'float32')
  return finish(NDArray.full(shape, castNumber('full', Number(fillValue), dtype), dtype), options)
}

interface ArangeOptions extends TensorOptions {
  readonly start?: number
  readonly end: number
  readonly step?: number
}

/** From `start` (0) up to, not including, `end` in steps: arange(3), arange(1, 4), arange(0, 1, 0.25), arange(4, { dtype: 'int64' }). */
export function arange(...given: Arguments<[end: number], [], ArangeOptions> | Arguments<[start: number, end: number | undefined], [step: number], ArangeOptions>): Tensor {
  const [start, second, ...rest] = given
  const isEndAlone = typeof start === 'number' && typeof second !== 'number' && second?.end === undefined
  const placed = (isEndAlone ? [0, start, ...(second ? [second] : []), ...rest] : given) as Arguments<[start: number, end: number], [step: number], ArangeOptions>
  const { start: first, end: last, step, ...options } = argumentsOf('arange', placed, { start: 0, end: required, step: 1, ...defaults }, 3)
  if (step === 0 || !((last - first) / step >= 0)) throw new ValueError('arange', `steps of ${step} do not lead from ${first} to ${last}`, 'give a step other than 0 in the direction of the end')
  const count = Math.ceil((last - first) / step)
  checkShape('arange', [count])
  return finish(held('arange', NDArray.from(Float32Array.from({ length: count }, (_, i) => arangeNumber(first, step, i, count)), [count]), options.dtype), options)
}

interface LinspaceOptions extends TensorOptions {
  readonly start: number
  readonly end: number
  readonly steps: number
}

/** `steps` numbers evenly from `start` to `end`, both included. */
export function linspace(...given: Arguments<[start: number, end: number, steps: number], [], LinspaceOptions> | Arguments<[start: number, end: number], [], LinspaceOptions>): Tensor {
  const { start, end, steps, ...options } = argumentsOf('linspace', given as Arguments<[start: number, end: number, steps: number], [], LinspaceOptions>, { start: required, end: required, steps: required, ...defaults }, 3)
  if (!Number.isInteger(steps) || steps < 0) throw new ValueError('linspace', `${steps} is no number of steps`, 'give a whole number of at least 0')
  return finish(held('linspace', NDArray.from(linspaceNumbers(start, end, steps), [steps]), options.dtype), options)
}

/** The identity matrix of n rows and m (n) columns. */
export function eye(...given: Arguments<[n: number], [m: number], TensorOptions & { readonly n: number; readonly m?: number }>): Tensor {
  const { n, m: columns, ...options } = argumentsOf('eye', given, { n: required, m: undefined, ...defaults }, 2)
  const m = columns ?? n
  checkShape('eye', [n, m])
  const array = NDArray.zeros([n, m], options.dtype)
  for (let i = 0; i < Math.min(n, m); i++) array.storage.data[i * m + i] = 1
  return finish(array, options)
}

function drawn(operation: string, args: ShapeAnd<RandomOptions>, draw: (generator: Generator, out: Float32Array) => void): Tensor {
  const { shape, given } = parseShape<RandomOptions>(operation, args)
  const options = optionsOf(operation, given, randomDefaults)
  checkHoldsFractions(operation, options.dtype)
  const array = NDArray.zeros(shape, options.dtype)
  draw(options.generator, array.storage.data)
  return finish(array, options)
}

/** Numbers drawn evenly from [0, 1). */
export const rand = (...args: ShapeAnd<RandomOptions>): Tensor => drawn('rand', args, (generator, out) => generator.uniform(out))
/** Numbers drawn from the standard normal distribution. */
export const randn = (...args: ShapeAnd<RandomOptions>): Tensor => drawn('randn', args, (generator, out) => generator.normal(out))

interface RandintOptions extends RandomOptions {
  readonly low?: number
  readonly high: number
  readonly size: Shape
}

type HighFirst = Arguments<[high: number, size: Shape], [], RandintOptions> | readonly [high: number, options: RandomOptions & { readonly size: Shape }]
type LowFirst = Arguments<[low: number, high: number, size: Shape], [], RandintOptions> | readonly [low: number, high: number, options: RandomOptions & { readonly size: Shape }]

/** Whole numbers drawn evenly from low to high − 1: randint(low, high, shape) or randint(high, shape). Masks hold 0 and 1 alone. */
export function randint(...given: HighFirst | LowFirst): Tensor {
  const isHighFirst = typeof given[0] === 'number' && typeof given[1] !== 'number'
  const placed = (isHighFirst ? [0, ...given] : given) as Arguments<[low: number, high: number, size: Shape], [], RandintOptions>
  const { low, high, size, ...options } = argumentsOf('randint', placed, { low: 0, high: required, size: required, ...randomDefaults, dtype: 'int64' }, 3)
  if (options.dtype === 'bool' && (low < 0 || high > 2)) throw new ValueError('randint', `a mask cannot hold numbers from ${low} to ${high - 1}`, 'draw from 0 up to 2')
  const { shape } = parseShape('randint', [size])
  const array = NDArray.zeros(shape, options.dtype)
  options.generator.randint(array.storage.data, low, high)
  return finish(array, options)
}

/** The whole numbers from 0 to n − 1 in random order. */
export function randperm(...given: Arguments<[n: number], [], RandomOptions & { readonly n: number }>): Tensor {
  const { n, ...options } = argumentsOf('randperm', given, { n: required, ...randomDefaults, dtype: 'int64' }, 1)
  const order = options.generator.permutation(n)
  return finish(NDArray.from(Float32Array.from(order), [n], options.dtype), options)
}

/** 1 with the probability that `probabilities` holds at that place, or with probability p everywhere, else 0. Same as torch.bernoulli. */
export function bernoulli(probabilities: Tensor, ...given: Given<[p: number], { readonly p?: number; readonly generator?: Generator }>): Tensor {
  const { p, generator } = argumentsOf('bernoulli', given, { p: undefined, generator: defaultGenerator }, 1)
  if (p !== undefined) return emptyLike(probabilities).bernoulli_(p, { generator })
  const out = new Float32Array(checkProbabilities('bernoulli', probabilities).numel())
  generator.bernoulliEach(out, probabilities.data)
  return named('BernoulliBackward0', overwritten([probabilities, constant(NDArray.from(out, probabilities.shape))]))
}

/** `value` everywhere, the numbers in the order in which x's lie in memory. */
function laidOutLike(x: Tensor, value: number, dtype: DType): NDArray {
  const order = orderOf(x.shape, [x.stride()])
  return order ? NDArray.full(order.map((d) => x.shape[d]), value, dtype).permute(inverseOrder(order)) : NDArray.full(x.shape, value, dtype)
}

function filledLike(operation: string, x: Tensor, value: number, given: TensorOptions): Tensor {
  checkTensors(operation, [x])
  const options = optionsOf(operation, given, { requiresGrad: false, dtype: x.dtype })
  return finish(laidOutLike(x, castNumber(operation, value, options.dtype), options.dtype), options)
}

/** Zeros of the shape and label of x, laid out like it. Same as torch.zeros_like. */
export const zerosLike = (x: Tensor, options: TensorOptions = {}): Tensor => filledLike('zerosLike', x, 0, options)
/** Ones of the shape and label of x, laid out like it. Same as torch.ones_like. */
export const onesLike = (x: Tensor, options: TensorOptions = {}): Tensor => filledLike('onesLike', x, 1, options)
/** A tensor like x whose numbers are still to be filled in. They are 0. Same as torch.empty_like. */
export const emptyLike = (x: Tensor, options: TensorOptions = {}): Tensor => filledLike('emptyLike', x, 0, options)
/** `value` everywhere, of the shape and label of x, laid out like it; cut off to what the label holds. Same as torch.full_like. */
export function fullLike(x: Tensor, ...given: Arguments<[fillValue: number], [], TensorOptions & { readonly fillValue: number }>): Tensor {
  const { fillValue, ...options } = argumentsOf('fullLike', given, { fillValue: required, requiresGrad: false, dtype: undefined }, 1)
  return filledLike('fullLike', x, fillValue, options)
}

function drawnLike(operation: string, x: Tensor, given: RandomOptions, draw: (into: Tensor, from: { readonly generator: Generator }) => Tensor): Tensor {
  checkTensors(operation, [x])
  const options = optionsOf(operation, given, { ...randomDefaults, dtype: x.dtype })
  checkHoldsFractions(operation, options.dtype)
  return draw(new Tensor(laidOutLike(x, 0, options.dtype)), options).requiresGrad_(options.requiresGrad)
}

/** Numbers drawn evenly from [0, 1), in the order in which x's lie in memory. Throws on a label other than float32. Same as torch.rand_like. */
export const randLike = (x: Tensor, options: RandomOptions = {}): Tensor =>
  drawnLike('randLike', x, options, (into, { generator }) => into.uniform_(0, 1, { generator }))
/** Numbers drawn from the standard normal distribution, in the order in which x's lie in memory. Throws on a label other than float32. Same as torch.randn_like. */
export const randnLike = (x: Tensor, options: RandomOptions = {}): Tensor =>
  drawnLike('randnLike', x, options, (into, { generator }) => into.normal_(0, 1, { generator }))
