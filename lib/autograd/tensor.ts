/** Tensor: an array of numbers that remembers how it was computed. Its methods read their arguments and delegate to operations, or are made of a few of them. */
import { cast, castNumber, checkHoldsFractions, checkIsFloat, checkIsNoMask } from '../tensor/dtype.ts'
import { GraphError, IndexError, ShapeError, ValueError } from '../tensor/errors.ts'
import { formatTensor } from '../tensor/format.ts'
import { orderOf } from '../tensor/layout.ts'
import { NDArray, type DType } from '../tensor/ndarray.ts'
import { argumentsOf, checkWord, isOptions, optionsOf, required, type Arguments, type Given } from '../tensor/options.ts'
import { defaultGenerator, type Generator } from '../tensor/random.ts'
import { broadcastShapes, checkShape, inferShape, inverseOrder, normalizeDim, normalizeDims, numelOf, sameShape, showShape, type Shape } from '../tensor/shape.ts'
import { allocatingIn, evict, lend, Region, takeBack, type Storage } from '../tensor/storage.ts'
import * as engine from './engine.ts'
import { enableGrad, isGradEnabled } from './grad-mode.ts'
import { removable, type Hook, type Node } from './graph.ts'
import { changeInPlace, overwritten } from './in-place.ts'
import { at, checkFits, nonzero, partAt, replaceAt, trueIndices, type Index } from './index-expression.ts'
import { checkTensors, constant, indexVector, named, own, scalar, setTensorFactory } from './op.ts'
import { gelu, relu, sigmoid, tanh, type GeluOptions } from './ops/activations.ts'
import { add, compare, div, divRounded, isNaN, lerp, maximum, minimum, mul, pow, powTensor, remainder, sub } from './ops/arithmetic.ts'
import { clamp, type Bound } from './ops/clamp.ts'
import { checkedIndex, gather, scatter, scatterAdd, take } from './ops/indexing.ts'
import { cat, flip, stack } from './ops/joining.ts'
import { matmulAny } from './ops/matmul.ts'
import { norm } from './ops/norm.ts'
import * as pointwise from './ops/pointwise.ts'
import { amax, amin, argExtremum, cumsum, logsumexp, prod, std } from './ops/reduce.ts'
import { logSoftmax, softmax } from './ops/softmax.ts'
import { median, medianOfAll, sort, sortedIndices, topk, uniques } from './ops/sort.ts'
import { diag, diagonal, unfold } from './ops/strided.ts'
import { sum } from './ops/sum.ts'
import { triangle } from './ops/triangle.ts'
import { expand, permute, reshape, select, slice, split, squeeze, transpose, unbind, unsqueeze, view } from './ops/views.ts'
import { beside, choosing } from './ops/where.ts'

export type Operand = Tensor | number | boolean

/** Dimensions to reduce: one, several, or all when left out. */
export type Dims = number | readonly number[] | null

export interface ReduceOptions {
  readonly dim?: Dims
  readonly keepdim?: boolean
}

interface ReduceOneOptions {
  readonly dim: number
  readonly keepdim?: boolean
}

type Varying = Given<[dim: Dims, unbiased: boolean, keepdim: boolean], VarOptions>
type Reducing = Given<[dim: Dims, keepdim: boolean], ReduceOptions>
type ReducingOne = Given<[dim: number | null, keepdim: boolean], { readonly dim?: number | null; readonly keepdim?: boolean }>
type OfDim = Arguments<[dim: number], [], { readonly dim: number }>

interface RollOptions {
  readonly shifts: number | readonly number[]
  readonly dims?: number | readonly number[]
}

interface ValueOptions {
  /** What the product or quotient is multiplied by. */
  readonly value?: number
}

/** What the other operand is multiplied by. */
export interface Scaled {
  readonly alpha?: number
}

interface MovedimOptions {
  readonly source: number | readonly number[]
  readonly destination: number | readonly number[]
}

interface UnfoldOptions {
  readonly dimension: number
  readonly size: number
  readonly step: number
}

interface DiagonalOptions {
  readonly offset?: number
  readonly dim1?: number
  readonly dim2?: number
}

type Scattering = Arguments<[dim: number, index: Tensor], [src: Operand], { readonly dim: number; readonly index: Tensor; readonly src?: Operand; readonly value?: number }>

type Bounds = Given<[min: Bound, max: Bound], { readonly min?: Bound; readonly max?: Bound }>

type Filling = Arguments<[mask: Tensor, value: Operand], [], { readonly mask: Tensor; readonly value: Operand }>

type NormOrder = number | 'fro' | null

export interface VarOptions extends ReduceOptions {
  /** Divide by n − 1 (default) or by n. */
  readonly unbiased?: boolean
  /** Divide by n − correction; overrules `unbiased`. */
  readonly correction?: number
}

export interface SortOptions {
  readonly dim?: number
  /** From the largest on. */
  readonly descending?: boolean
  /** Equal numbers keep their order in any case. */
  readonly stable?: boolean
}

export interface FlattenOptions {
  readonly startDim?: number
  readonly endDim?: number
}

export interface TopkOptions {
  readonly dim?: number
  /** The largest (default) or the smallest. */
  readonly largest?: boolean
  /** They are sorted in any case. */
  readonly sorted?: boolean
}

/** What max(dim), min(dim), sort and topk return: `const [values, indices] = x.max(1)`. */
export class ValuesAndIndices {
  readonly values: Tensor
  readonly indices: Tensor
  readonly #operation: string

  constructor(operation: string, values: Tensor, indices: Tensor) {
    this.#operation = operation
    this.values = values
    this.indices = indices
  }

  *[Symbol.iterator](): Iterator<Tensor> {
    yield this.values
    yield this.indices
  }
  /** As print() shows it in PyTorch. */
  toString(): string {
    return `torch.return_types.${this.#operation}(\nvalues=${this.values},\nindices=${this.indices})`
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

interface View {
  readonly base: Tensor
  readonly remake: (base: Tensor) => Tensor
  /** Whether gradients were recorded when it was taken. */
  readonly recorded: boolean
  /** The base's history count when this view was last derived from it. */
  derived: number
}

/** Numbers given one by one, as a list or by name: reshape(2, 3), reshape([2, 3]) or reshape({ shape: [2, 3] }). */
type Listed<Name extends string> = readonly (number | Shape)[] | readonly [byName: { readonly [N in Name]: Shape }]

function listOf<Name extends string>(operation: string, name: Name, given: Listed<Name>): number[] {
  const [first] = given
  if (!isOptions(first)) return (given as readonly (number | Shape)[]).flat()
  return [...optionsOf<Record<string, Shape>, Record<string, typeof required>>(operation, first as Record<string, Shape>, { [name]: required })[name]]
}

export class Tensor {
  readonly array: NDArray
  /** The gradient that backward() has accumulated, or null. */
  grad: Tensor | null = null
  #leafHooks: Hook[] | null = null
  #requiresGrad = false
  #node: Node | null = null
  #output = 0
  #view: View | null = null
  /** Where the last gradient lies that backward() has made for this leaf. */
  #gradStorage: Storage | null = null
  /** How often an in-place operation has given this tensor another history: its views follow. */
  #history = 0

  constructor(array: NDArray) {
    this.array = array
  }

  // ---- what it is

  get shape(): Shape {
    return this.array.shape
  }
  get ndim(): number {
    return this.array.ndim
  }
  get dtype(): DType {
    return this.array.dtype
  }
  /** Number of elements. */
  numel(): number {
    return this.array.numel
  }
  /** The sizes, or the size of one dimension. */
  size(): Shape
  size(dim: number): number
  size(dim?: number): Shape | number {
    return dim === undefined ? this.shape : this.shape[normalizeDim('size', dim, this.ndim)]
  }
  dim(): number {
    return this.ndim
  }
  /** How far apart, in numbers, neighbours along each dimension are stored. */
  stride(): Shape {
    return this.array.seenStrides
  }
  isContiguous(): boolean {
    return this.array.isSeenContiguous
  }
  /** The numbers in row-major order: the storage itself where they are dense in it, else a copy. */
  get data(): Float32Array {
    const { storage } = this.array
    evict(storage)
    const numbers = this.array.values()
    lend(numbers, storage)
    return numbers
  }

  // ---- reading

  /** The number of a tensor that has only one. Throws on any other. */
  item(): number {
    if (this.numel() !== 1) throw new ValueError('item', `a tensor of shape ${showShape(this.shape)} holds ${this.numel()} numbers`, 'use tolist() or data, or choose one element')
    return this.array.values()[0]
  }
  /** The numbers as nested arrays; a scalar as a number. */
  tolist(): NestedNumbers {
    const { data } = this
    let next = 0
    const nest = (d: number): NestedNumbers => (d === this.ndim ? data[next++] : Array.from({ length: this.shape[d] }, () => nest(d + 1)))
    return nest(0)
  }
  /** As print() shows it in PyTorch. */
  toString(): string {
    const suffixes = this.gradFn ? [`grad_fn=<${this.gradFn.name}>`] : this.requiresGrad ? ['requires_grad=True'] : []
    return formatTensor(this.array.values(), this.shape, { dtype: this.dtype, suffixes })
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }

  // ---- autograd

  get requiresGrad(): boolean {
    this.#followBase()
    return this.#requiresGrad
  }
  set requiresGrad(value: boolean) {
    if (!this.isLeaf) throw new GraphError('requiresGrad', 'the tensor is the result of a recorded operation, and only a leaf can change whether it requires a gradient', 'use detach() for one that does not')
    this.requiresGrad_(value)
  }
  get isLeaf(): boolean {
    return this.gradFn === null
  }
  /** The graph node that computed this tensor, null for a leaf. */
  get gradFn(): Node | null {
    this.#followBase()
    return this.#node
  }
  /** Which of its node's outputs this tensor is. */
  get outputIndex(): number {
    this.#followBase()
    return this.#output
  }
  /** Asks for gradients with respect to this tensor, or no longer. Only a leaf can change its mind. */
  requiresGrad_(...given: Given<[requiresGrad: boolean], { readonly requiresGrad?: boolean }>): this {
    const { requiresGrad: value } = argumentsOf('requiresGrad_', given, { requiresGrad: true })
    if (!value && !this.isLeaf) throw new GraphError('requiresGrad_', 'the tensor is the result of a recorded operation and cannot stop to require a gradient', 'use detach()')
    if (value && this.dtype !== 'float32') throw new GraphError('requiresGrad_', `a tensor of ${this.dtype} has no gradient`, 'only float32 tensors can require one')
    this.#requiresGrad = value || !this.isLeaf
    return this
  }
  /**
   * Adds the gradients of this tensor to `grad` of every leaf that it was computed from. A tensor that is no scalar needs
   * `gradient`, of its shape. Releases the graph unless `retainGraph`. Same as torch.Tensor.backward.
   */
  backward(...given: Given<[gradient: Tensor | null, retainGraph: boolean | null, createGraph: boolean], engine.BackwardOptions & { readonly gradient?: Tensor | null }>): void {
    const { gradient, retainGraph, createGraph } = argumentsOf('backward', given, { gradient: null, retainGraph: null, createGraph: false })
    engine.backward(this, gradient, { retainGraph: retainGraph ?? createGraph, createGraph })
  }
  /** The same numbers without history, for as long as they are used. The storage is shared. */
  detach(): Tensor {
    evict(this.array.storage)
    return new Tensor(this.array.restride(this.shape, (strides) => strides))
  }
  /** A copy in a storage of its own, with this tensor as its history. */
  clone(): Tensor {
    return pointwise.clone([this])
  }
  /** Keeps the gradient of a tensor that is no leaf. */
  retainGrad(): this {
    if (!this.requiresGrad) throw new GraphError('retainGrad', 'the tensor does not require a gradient', 'set requiresGrad on a tensor that it is computed from')
    if (this.gradFn && !this.gradFn.retained.some(({ tensor }) => tensor === this)) this.gradFn.retained.push({ output: this.outputIndex, tensor: this })
    return this
  }
  /** Calls `hook` with the gradient of this tensor whenever one is computed; what it returns replaces it. Returns what takes the hook away. */
  registerHook(hook: Hook): { remove(): void } {
    if (!this.requiresGrad) throw new GraphError('registerHook', 'the tensor does not require a gradient', 'set requiresGrad on a tensor that it is computed from')
    const { gradFn } = this
    if (!gradFn) return removable(this.leafHooks, hook)
    return removable(gradFn.hooks, { output: this.outputIndex, hook })
  }

  /** Hooks of a leaf; those of other tensors are kept by their node. */
  get leafHooks(): Hook[] {
    return (this.#leafHooks ??= [])
  }
  /** A new gradient with the numbers of `array`, in the same memory where nobody else has it. The memory of the last one, which zeroGrad() has given up, is free. */
  newGrad(array: NDArray, isAlone: boolean): Tensor {
    if (this.#gradStorage) takeBack([this.#gradStorage])
    const grad = isAlone ? array : allocatingIn(new Region('grad'), () => array.copy())
    this.#gradStorage = grad.storage
    return new Tensor(grad)
  }
  /** Gives the tensor a history. For operations only. */
  attach(node: Node | null, output: number): void {
    this.#node = node
    this.#output = output
    this.#requiresGrad = node !== null
  }
  /** Remembers that this tensor is a view of `input`. For operations only. */
  linkView(input: Tensor, remake: (from: Tensor) => Tensor): void {
    const outer = input.#view
    const base = outer?.base ?? input
    const recorded = isGradEnabled() && (outer?.recorded ?? true)
    this.#view = { base, remake: outer ? (from) => remake(outer.remake(from)) : remake, recorded, derived: base.#history }
  }
  /** Forgets what this tensor is a view of, where nobody else has that. For operations only. */
  unlinkView(): void {
    this.#view = null
  }
  /** The tensor that this one is a view of, or null. */
  get viewBase(): Tensor | null {
    return this.#view?.base ?? null
  }
  /** The view of `from` that this tensor is of its base. */
  viewOf(from: Tensor): Tensor {
    return this.#view ? this.#view.remake(from) : from
  }
  /** Whether a change of this tensor is one of its base: not for a view that was taken inside noGrad. */
  get followsBase(): boolean {
    return this.#view?.recorded ?? true
  }
  /** This tensor as it is now: a copy of its numbers, with its history. */
  snapshot(): Tensor {
    const copy = new Tensor(this.array.copy())
    copy.attach(this.gradFn, this.outputIndex)
    return copy
  }
  /** Takes over the history of `result` after an in-place change. A gradient that is kept is from now on that of the result. */
  replaceHistory(result: Tensor): this {
    const retained = this.#node?.retained ?? []
    const kept = retained.findIndex(({ tensor }) => tensor === this)
    if (kept >= 0) retained.splice(kept, 1)
    this.attach(result.gradFn, result.outputIndex)
    this.#history++
    return kept >= 0 ? this.retainGrad() : this
  }
  /** A view whose base was changed in place has the history of the same view taken anew. */
  #followBase(): void {
    if (!this.#view || this.#view.derived === this.#view.base.#history) return
    const { base, remake } = this.#view
    this.#view.derived = base.#history
    const fresh = named('AsStridedBackward0', enableGrad(() => remake(base)))
    this.attach(fresh.#node, fresh.#output)
  }

  // ---- arithmetic and comparison, with broadcasting

  /** x + other, or x + alpha · other with { alpha }. */
  add(other: Operand, given: Scaled = {}): Tensor {
    return add([this, scaled(toTensor('add', other, this), optionsOf('add', given, { alpha: 1 }).alpha)])
  }
  sub(other: Operand, given: Scaled = {}): Tensor {
    return sub([this, scaled(toTensor('sub', other, this), optionsOf('sub', given, { alpha: 1 }).alpha)])
  }
  mul(other: Operand): Tensor {
    return mul([this, toTensor('mul', other, this)])
  }
  /** x / other; with { roundingMode } the quotient rounded down ('floor') or towards 0 ('trunc'). */
  div(other: Operand, given: { readonly roundingMode?: 'floor' | 'trunc' | null } = {}): Tensor {
    const { roundingMode } = optionsOf('div', given, { roundingMode: null })
    const divisor = toTensor('div', other, this)
    if (roundingMode === null) return div([this, divisor])
    return named('DivBackward2', divRounded([this, divisor], checkWord('div', 'roundingMode', roundingMode, ['floor', 'trunc'])))
  }
  /** x / other, rounded down. As in PyTorch no gradient passes through it: that is refused. */
  floorDivide(other: Operand): Tensor {
    const quotient = named('NotImplemented', this.div(other, { roundingMode: 'floor' }))
    if (quotient.requiresGrad)
      quotient.registerHook(() => {
        throw new GraphError('floorDivide', 'it has no gradient', "use div(other, { roundingMode: 'floor' }), whose gradient is 0, or detach() the tensor before")
      })
    return quotient
  }
  /** What is left of x after division by other, with the sign of other: Python's %. */
  remainder(other: Operand): Tensor {
    return named(typeof other === 'object' ? 'RemainderBackward1' : 'RemainderBackward0', remainder([this, toTensor('remainder', other, this)]))
  }
  pow(exponent: Operand): Tensor {
    if (typeof exponent === 'number') return pow([this], exponent)
    return named('PowBackward1', powTensor([this, toTensor('pow', exponent, this)]))
  }
  maximum(other: Operand): Tensor {
    return maximum([this, toTensor('maximum', other, this)])
  }
  minimum(other: Operand): Tensor {
    return minimum([this, toTensor('minimum', other, this)])
  }
  /** this + weight · (end − this). */
  lerp(end: Tensor, weight: Operand): Tensor {
    checkTensors('lerp', [end])
    return named(`LerpBackward${typeof weight === 'number' ? 0 : 1}`, lerp([this, end, toTensor('lerp', weight)]))
  }
  /** this + value · a · b. */
  addcmul(a: Tensor, b: Tensor, given: ValueOptions = {}): Tensor {
    checkTensors('addcmul', [a, b])
    return named('AddcmulBackward0', this.add(scaled(a, optionsOf('addcmul', given, { value: 1 }).value).mul(b)))
  }
  /** this + value · a / b. */
  addcdiv(a: Tensor, b: Tensor, given: ValueOptions = {}): Tensor {
    checkTensors('addcdiv', [a, b])
    return named('AddcdivBackward0', this.add(scaled(a, optionsOf('addcdiv', given, { value: 1 }).value).div(b)))
  }
  neg(): Tensor {
    return pointwise.neg([this])
  }
  gt(other: Operand): Tensor {
    return compare('gt', this, toTensor('gt', other, this))
  }
  ge(other: Operand): Tensor {
    return compare('ge', this, toTensor('ge', other, this))
  }
  lt(other: Operand): Tensor {
    return compare('lt', this, toTensor('lt', other, this))
  }
  le(other: Operand): Tensor {
    return compare('le', this, toTensor('le', other, this))
  }
  eq(other: Operand): Tensor {
    return compare('eq', this, toTensor('eq', other, this))
  }
  ne(other: Operand): Tensor {
    return compare('ne', this, toTensor('ne', other, this))
  }
  /** A mask turned around. */
  logicalNot(): Tensor {
    return this.eq(0)
  }
  /** Where both are not 0. */
  logicalAnd(other: Tensor): Tensor {
    return this.ne(0).mul(toTensor('logicalAnd', other).ne(0))
  }
  /** Where one of them is not 0, or both. */
  logicalOr(other: Tensor): Tensor {
    return this.ne(0).add(toTensor('logicalOr', other).ne(0))
  }
  /** Where just one of them is not 0. */
  logicalXor(other: Tensor): Tensor {
    return this.ne(0).ne(toTensor('logicalXor', other).ne(0))
  }
  /** 1 where an element is NaN. */
  isnan(): Tensor {
    return isNaN(this)
  }
  isinf(): Tensor {
    return this.float().abs().eq(Infinity)
  }
  isfinite(): Tensor {
    return this.float().abs().lt(Infinity)
  }
  /** Whether shapes and all numbers are the same. Same as torch.equal. */
  equal(other: Tensor): boolean {
    checkTensors('equal', [other])
    return sameShape(this.shape, other.shape) && this.ne(other).array.values().every((differs) => differs === 0)
  }

  // ---- labels

  /** As float32: this tensor where it is, else a copy. */
  float(): Tensor {
    return this.#labelled('float', 'float32')
  }
  /** As whole numbers, cut off towards 0: this tensor where it is of int64, else a copy without history. */
  long(): Tensor {
    return this.#labelled('long', 'int64')
  }
  /** As a mask, true where a number is not 0: this tensor where it is one, else a copy without history. */
  bool(): Tensor {
    return this.#labelled('bool', 'bool')
  }
  /** With another label, or that of another tensor; the only device is 'cpu'. */
  to(...given: readonly [target: DType | 'cpu' | Tensor] | readonly [options: { readonly dtype?: DType; readonly device?: 'cpu' }]): Tensor {
    const [target] = given
    if (target instanceof Tensor) return this.#labelled('to', target.dtype)
    const { dtype, device } = typeof target === 'object' ? optionsOf('to', target, { dtype: undefined, device: 'cpu' }) : target === 'float32' || target === 'int64' || target === 'bool' ? { dtype: target, device: 'cpu' } : { dtype: undefined, device: target }
    if (device !== 'cpu') throw new ValueError('to', `'${String(device)}' is no device here and no label`, "give 'cpu', 'float32', 'int64', 'bool' or a tensor")
    return dtype === undefined ? this : this.#labelled('to', dtype)
  }
  cpu(): this {
    return this
  }
  typeAs(other: Tensor): Tensor {
    checkTensors('typeAs', [other])
    return this.#labelled('typeAs', other.dtype)
  }
  isFloatingPoint(): boolean {
    return this.dtype === 'float32'
  }
  /** New tensors of this one's label. */
  newZeros(...size: Listed<'size'>): Tensor {
    return this.#filled('newZeros', listOf('newZeros', 'size', size), 0)
  }
  newOnes(...size: Listed<'size'>): Tensor {
    return this.#filled('newOnes', listOf('newOnes', 'size', size), 1)
  }
  newFull(size: Shape, fillValue: number): Tensor {
    return this.#filled('newFull', size, fillValue)
  }
  #filled(operation: string, size: Shape, value: number): Tensor {
    checkShape(operation, size)
    return constant(NDArray.full(size, castNumber(operation, value, this.dtype), this.dtype))
  }
  #labelled(operation: string, dtype: DType): Tensor {
    return this.dtype === dtype ? this : constant(cast(operation, this.array, dtype))
  }

  // ---- functions of each element

  exp(): Tensor {
    return pointwise.exp([this])
  }
  log(): Tensor {
    return pointwise.log([this])
  }
  sqrt(): Tensor {
    return pointwise.sqrt([this])
  }
  log2(): Tensor {
    return pointwise.log2([this])
  }
  log10(): Tensor {
    return pointwise.log10([this])
  }
  /** log(1 + x), exact also near 0. */
  log1p(): Tensor {
    return named('Log1PBackward0', pointwise.log1p([this]))
  }
  /** exp(x) − 1, exact also near 0. */
  expm1(): Tensor {
    return pointwise.expm1([this])
  }
  rsqrt(): Tensor {
    return named('RsqrtBackward0', this.sqrt().reciprocal())
  }
  square(): Tensor {
    return this.pow(2)
  }
  reciprocal(): Tensor {
    return pointwise.reciprocal([this])
  }
  abs(): Tensor {
    return pointwise.abs([this])
  }
  sign(): Tensor {
    return pointwise.sign([this])
  }
  floor(): Tensor {
    return pointwise.floor([this])
  }
  ceil(): Tensor {
    return pointwise.ceil([this])
  }
  /** Cut off to a whole number. */
  trunc(): Tensor {
    return this.dtype === 'float32' ? named('TruncBackward0', choosing(this.lt(0), this.ceil(), this.floor())) : this.clone()
  }
  /** To the nearest whole number, halves to the even one; `{ decimals: 2 }` to the nearest hundredth, `{ decimals: -2 }` to hundreds. */
  round(given: { readonly decimals?: number } = {}): Tensor {
    const { decimals } = optionsOf('round', given, { decimals: undefined })
    if (decimals === undefined) return pointwise.round([this])
    if (!Number.isInteger(decimals)) throw new ValueError('round', `decimals = ${decimals} is not a whole number`, 'give the number of decimals to keep')
    const unit = 10 ** Math.abs(decimals)
    return named('RoundBackward1', decimals > 0 ? this.mul(unit).round().div(unit) : this.div(unit).round().mul(unit))
  }
  sin(): Tensor {
    return pointwise.sin([this])
  }
  cos(): Tensor {
    return pointwise.cos([this])
  }
  tanh(): Tensor {
    return tanh([this])
  }
  sigmoid(): Tensor {
    return sigmoid([this])
  }
  erf(): Tensor {
    return pointwise.erf([this])
  }
  relu(): Tensor {
    return relu([this])
  }
  /** Gaussian error linear unit; `{ approximate: 'tanh' }` for its approximation. */
  gelu(given: Partial<GeluOptions> = {}): Tensor {
    const { approximate } = optionsOf('gelu', given, { approximate: 'none' })
    return gelu([this], { approximate: checkWord('gelu', 'approximate', approximate, ['none', 'tanh']) })
  }
  /** x · sigmoid(x) */
  silu(): Tensor {
    return named('SiluBackward0', this.mul(this.sigmoid()))
  }
  /** Limited to [min, max], numbers or tensors; either may be left out. clamp(0, 1) or clamp({ min: 0 }). */
  clamp(...given: Bounds): Tensor {
    const { min, max } = argumentsOf('clamp', given, { min: null, max: null })
    return clamp(this, min, max)
  }
  clip(...given: Bounds): Tensor {
    return this.clamp(...given)
  }
  clampMin(...given: Arguments<[min: number], [], { readonly min: number }>): Tensor {
    return named('ClampMinBackward0', this.clamp({ min: argumentsOf('clampMin', given, { min: required }).min }))
  }
  clampMax(...given: Arguments<[max: number], [], { readonly max: number }>): Tensor {
    return named('ClampMaxBackward0', this.clamp({ max: argumentsOf('clampMax', given, { max: required }).max }))
  }

  // ---- reductions: over all dimensions, one, or several

  sum(...given: Reducing): Tensor {
    const { reduction, all } = this.#reduction('sum', given)
    return named(all ? 'SumBackward0' : 'SumBackward1', sum([this], reduction))
  }
  mean(...given: Reducing): Tensor {
    const { reduction, all, count } = this.#reduction('mean', given)
    checkIsFloat('mean', this.dtype)
    return named(all ? 'MeanBackward0' : 'MeanBackward1', sum([this], reduction).div(count))
  }
  /** Variance around the mean, computed in two passes; of n − 1 degrees of freedom unless told otherwise. */
  var(...given: Given<[unbiased: boolean], VarOptions> | Varying): Tensor {
    // As in PyTorch var(false) is of all numbers.
    const [first, ...rest] = given
    const placed = typeof first === 'boolean' ? [null, first, ...rest] : given
    const { unbiased, correction, dim, keepdim } = argumentsOf('var', placed as Varying, { dim: null, unbiased: true, keepdim: false, correction: undefined }, 3)
    const { reduction, count } = this.#reduction('var', [dim, keepdim])
    checkIsFloat('var', this.dtype)
    const centred = this.sub(this.mean([...reduction.dims], true))
    const squares = reduction.dims.length === 0 ? centred.mul(centred) : sum([centred.mul(centred)], reduction)
    return named('VarBackward0', squares.div(Math.max(0, count - (correction ?? (unbiased ? 1 : 0)))))
  }
  std(...given: Given<[unbiased: boolean], VarOptions> | Varying): Tensor {
    return std([this.var(...given)])
  }
  /** Largest elements; equal ones share the gradient. */
  amax(...given: Reducing): Tensor {
    return amax([this], this.#reduction('amax', given).reduction)
  }
  amin(...given: Reducing): Tensor {
    return amin([this], this.#reduction('amin', given).reduction)
  }
  /** The largest element, or `[values, indices]` along a dimension, where the first of equal ones counts, or maximum(other). */
  max(other?: Tensor): Tensor
  max(...given: Arguments<[dim: number], [keepdim: boolean], ReduceOneOptions>): ValuesAndIndices
  max(...given: readonly [other?: Tensor] | ReducingOne): Tensor | ValuesAndIndices {
    return given[0] instanceof Tensor ? this.maximum(given[0]) : this.#extremum('max', given as ReducingOne)
  }
  min(other?: Tensor): Tensor
  min(...given: Arguments<[dim: number], [keepdim: boolean], ReduceOneOptions>): ValuesAndIndices
  min(...given: readonly [other?: Tensor] | ReducingOne): Tensor | ValuesAndIndices {
    return given[0] instanceof Tensor ? this.minimum(given[0]) : this.#extremum('min', given as ReducingOne)
  }
  /** Index of the first largest element, of all in row-major order or along a dimension. */
  argmax(...given: ReducingOne): Tensor {
    const { reduction, all } = this.#singleReduction('argmax', given)
    checkIsNoMask('argmax', this.dtype)
    return argExtremum('max', this, all ? undefined : reduction.dims[0] ?? 0, reduction.keepdim)
  }
  argmin(...given: ReducingOne): Tensor {
    const { reduction, all } = this.#singleReduction('argmin', given)
    checkIsNoMask('argmin', this.dtype)
    return argExtremum('min', this, all ? undefined : reduction.dims[0] ?? 0, reduction.keepdim)
  }
  /** Product of all elements, or along one dimension. */
  prod(...given: ReducingOne): Tensor {
    const { reduction, all } = this.#singleReduction('prod', given)
    if (all) return own('ProdBackward0', prod([this.reshape([-1])], 0).reshape(reduction.keepdim ? this.shape.map(() => 1) : []))
    const product = prod([this], reduction.dims[0] ?? 0)
    return own('ProdBackward1', reduction.keepdim && this.ndim > 0 ? product.unsqueeze(reduction.dims[0]) : product)
  }
  /** Running sums along a dimension. */
  cumsum(...given: OfDim): Tensor {
    return cumsum([this], argumentsOf('cumsum', given, { dim: required }).dim)
  }
  /** log Σ exp(x), without overflow. */
  logsumexp(...given: Arguments<[dim: Dims], [keepdim: boolean], { readonly dim: Dims; readonly keepdim?: boolean }>): Tensor {
    return logsumexp([this.float()], this.#reduction('logsumexp', given as Reducing).reduction)
  }
  /**
   * (Σ |x|ᵖ)^(1/p) over all numbers or along dimensions; for p = ±Infinity the largest or smallest |x|, for 0 how many are not 0; 'fro' is
   * 2. Same as torch.Tensor.norm.
   */
  norm(...given: Given<[p: NormOrder, dim: Dims, keepdim: boolean], ReduceOptions & { readonly p?: NormOrder }>): Tensor {
    const { p, dim, keepdim } = argumentsOf('norm', given, { p: 'fro', dim: null, keepdim: false })
    const { reduction, all } = this.#reduction('norm', [dim, keepdim])
    return norm('norm', this, p ?? 'fro', reduction, !all && reduction.dims.length === 2)
  }
  /** Sorted along a dimension: `const [values, indices] = x.sort()`. Equal numbers keep their order; NaN counts as the largest. */
  sort(...given: Given<[dim: number, descending: boolean], SortOptions>): ValuesAndIndices {
    const chosen = this.#sorting('sort', given)
    return new ValuesAndIndices('sort', ...sort(this, chosen.dim, chosen.descending))
  }
  /** Where along a dimension the smallest number stands, the second smallest, and so on. */
  argsort(...given: Given<[dim: number, descending: boolean], SortOptions>): Tensor {
    const chosen = this.#sorting('argsort', given)
    return sortedIndices(this, chosen.dim, chosen.descending)
  }
  #sorting(operation: string, given: Given<[dim: number, descending: boolean], SortOptions>) {
    const chosen = argumentsOf(operation, given, { dim: -1, descending: false, stable: false }, 2)
    return { ...chosen, dim: normalizeDim(operation, chosen.dim, this.ndim) }
  }
  /** The k largest numbers along a dimension, from the largest on, or the smallest: `const [values, indices] = x.topk(5)`. */
  topk(...given: Arguments<[k: number], [dim: number, largest: boolean, sorted: boolean], TopkOptions & { readonly k: number }>): ValuesAndIndices {
    const { k, dim, largest } = argumentsOf('topk', given, { k: required, dim: -1, largest: true, sorted: true })
    return new ValuesAndIndices('topk', ...topk(this, k, normalizeDim('topk', dim, this.ndim), largest))
  }
  softmax(...given: OfDim): Tensor {
    return softmax([this], normalizeDim('softmax', argumentsOf('softmax', given, { dim: required }).dim, this.ndim))
  }
  logSoftmax(...given: OfDim): Tensor {
    return logSoftmax([this], normalizeDim('logSoftmax', argumentsOf('logSoftmax', given, { dim: required }).dim, this.ndim))
  }
  /** Whether any element is not 0; along dimensions, a mask. */
  any(): boolean
  any(...given: Arguments<[dim: Dims], [keepdim: boolean], ReduceOptions>): Tensor
  any(...given: Reducing): boolean | Tensor {
    if (given.length === 0) return this.array.values().some((value) => value !== 0)
    return this.ne(0).long().sum(...given).gt(0)
  }
  /** Whether all elements are not 0; along dimensions, a mask. */
  all(): boolean
  all(...given: Arguments<[dim: Dims], [keepdim: boolean], ReduceOptions>): Tensor
  all(...given: Reducing): boolean | Tensor {
    if (given.length === 0) return !this.array.values().includes(0)
    return this.eq(0).long().sum(...given).eq(0)
  }
  /** How many elements are not 0. */
  countNonzero(...given: Given<[dim: Dims], { readonly dim?: Dims }>): Tensor {
    return this.ne(0).long().sum(argumentsOf('countNonzero', given, { dim: null }).dim)
  }
  /** The middle number of all, of two the smaller, or `[values, indices]` along a dimension; NaN where there is any. */
  median(): Tensor
  median(...given: Arguments<[dim: number], [keepdim: boolean], ReduceOneOptions>): ValuesAndIndices
  median(...given: ReducingOne): Tensor | ValuesAndIndices {
    const { reduction, all } = this.#singleReduction('median', given)
    if (all) return medianOfAll([this])
    const [d = 0] = reduction.dims
    const [values, indices] = median(this, d)
    if (reduction.keepdim || this.ndim === 0) return new ValuesAndIndices('median', own('MedianBackward1', values), indices)
    return new ValuesAndIndices('median', own('MedianBackward1', values.squeeze(d)), indices.squeeze(d))
  }
  /** Running products along a dimension. */
  cumprod(...given: OfDim): Tensor {
    const d = normalizeDim('cumprod', argumentsOf('cumprod', given, { dim: required }).dim, this.ndim)
    if (this.ndim === 0 || this.shape[d] === 0) return named('CumprodBackward0', this.mul(1))
    const products: Tensor[] = []
    for (const factor of this.unbind(d)) products.push(products.length > 0 ? products[products.length - 1].mul(factor) : factor.mul(1))
    return named('CumprodBackward0', stack(products, d))
  }
  /** The numbers that occur, from the smallest on; with options a list: those, where among them each number stands, how often each occurs. */
  unique(given?: { readonly sorted?: boolean; readonly returnInverse?: false; readonly returnCounts?: false }): Tensor
  unique(given: { readonly sorted?: boolean; readonly returnInverse?: boolean; readonly returnCounts?: boolean }): Tensor[]
  unique(given: { readonly sorted?: boolean; readonly returnInverse?: boolean; readonly returnCounts?: boolean } = {}): Tensor | Tensor[] {
    const { returnInverse, returnCounts } = optionsOf('unique', given, { sorted: true, returnInverse: false, returnCounts: false })
    const { values, inverse, counts } = uniques(this)
    return returnInverse || returnCounts ? [values, ...(returnInverse ? [inverse] : []), ...(returnCounts ? [counts] : [])] : values
  }
  /** How often each of 0, 1, 2, ... occurs in a vector of whole numbers, or the sums of their weights. */
  bincount(...given: Given<[weights: Tensor | null, minlength: number], { readonly weights?: Tensor | null; readonly minlength?: number }>): Tensor {
    const { weights, minlength } = argumentsOf('bincount', given, { weights: null, minlength: 0 })
    const length = this.data.reduce((most, value) => Math.max(most, value + 1), minlength)
    if (this.ndim !== 1 || !Number.isInteger(length) || !Number.isInteger(minlength) || minlength < 0) throw new ValueError('bincount', `a tensor of shape ${showShape(this.shape)} is no vector of whole numbers of at least 0`, 'flatten it, and give whole numbers')
    const counted = weights ?? constant(NDArray.full(this.shape, 1, 'int64'))
    return constant(NDArray.zeros([length], counted.dtype)).scatterAdd(0, this, counted.detach())
  }

  #reduction(operation: string, given: Reducing) {
    const { dim, keepdim } = argumentsOf(operation, given, { dim: null, keepdim: false })
    const dims = normalizeDims(operation, dim, this.ndim)
    const count = dims.reduce((product, d) => product * this.shape[d], 1)
    return { all: dim === null, count, reduction: { dims, keepdim } }
  }
  /** A reduction over all dimensions or a single one. */
  #singleReduction(operation: string, given: ReducingOne) {
    const { reduction, all } = this.#reduction(operation, given)
    if (!all && reduction.dims.length > 1) throw new IndexError(operation, `dimensions [${reduction.dims.join(', ')}] are more than one`, 'give a single dimension, or none for all')
    return { reduction, all }
  }
  #extremum(op: 'max' | 'min', given: ReducingOne): Tensor | ValuesAndIndices {
    const { reduction, all } = this.#singleReduction(op, given)
    const name = op === 'max' ? 'MaxBackward' : 'MinBackward'
    if (all) return named(`${name}1`, (op === 'max' ? amax : amin)([this], reduction))
    const [d = 0] = reduction.dims
    const indices = argExtremum(op, this, d, true)
    const values = gather([this, indices], d)
    if (reduction.keepdim || this.ndim === 0) return new ValuesAndIndices(op, named(`${name}0`, values), indices)
    return new ValuesAndIndices(op, own(`${name}0`, values.squeeze(d)), indices.squeeze(d))
  }

  // ---- products

  /** Matrix product of vectors, matrices or batches of matrices, whose leading dimensions broadcast. Same as torch.matmul. */
  matmul(other: Tensor): Tensor {
    return matmulAny('matmul', this, other)
  }
  mm(other: Tensor): Tensor {
    return matmulAny('mm', this, other)
  }
  /** The sum of the products of two vectors. */
  dot(other: Tensor): Tensor {
    return matmulAny('dot', this, other)
  }
  /** A matrix times a vector. */
  mv(vec: Tensor): Tensor {
    return matmulAny('mv', this, vec)
  }
  /** The products of each number of a vector with each of another. */
  outer(vec2: Tensor): Tensor {
    checkTensors('outer', [vec2])
    if (this.ndim !== 1 || vec2.ndim !== 1) throw new ShapeError('outer', `${showShape(this.shape)} and ${showShape(vec2.shape)} are not both vectors`, 'flatten them')
    return this.unsqueeze(1).mul(vec2)
  }
  /** (B, M, K) · (B, K, N) -> (B, M, N), without broadcasting. */
  bmm(other: Tensor): Tensor {
    return matmulAny('bmm', this, other)
  }

  // ---- shape

  /** The same numbers under another shape; one size may be -1. A view where the layout allows it, else a copy. */
  reshape(...shape: Listed<'shape'>): Tensor {
    const sizes = listOf('reshape', 'shape', shape)
    return named(this.array.canBeSeenAs(sizes) ? 'ReshapeAliasBackward0' : 'UnsafeViewBackward0', reshape([this], sizes))
  }
  /** As reshape, but throws where a copy would be needed. */
  view(...shape: Listed<'size'>): Tensor {
    return view([this], listOf('view', 'size', shape))
  }
  /** Merges the dimensions from `startDim` to `endDim` into one. */
  flatten(...given: Given<[startDim: number, endDim: number], FlattenOptions>): Tensor {
    const { startDim, endDim } = argumentsOf('flatten', given, { startDim: 0, endDim: -1 })
    if (this.ndim === 0) return this.reshape([1])
    const first = normalizeDim('flatten', startDim, this.ndim)
    const last = normalizeDim('flatten', endDim, this.ndim)
    if (first > last) throw new ValueError('flatten', `startDim ${startDim} comes after endDim ${endDim}`, 'exchange them')
    if (first === last) return this
    const merged = numelOf(this.shape.slice(first, last + 1))
    return this.reshape(this.shape.toSpliced(first, last + 1 - first, merged))
  }
  transpose(...given: Arguments<[dim0: number, dim1: number], [], { readonly dim0: number; readonly dim1: number }>): Tensor {
    const { dim0, dim1 } = argumentsOf('transpose', given, { dim0: required, dim1: required })
    return transpose([this], [dim0, dim1])
  }
  /** The transpose of a matrix; a vector or a scalar as it is. */
  t(): Tensor {
    if (this.ndim > 2) throw new ValueError('t', `a tensor of shape ${showShape(this.shape)} is no matrix`, 'use transpose(dim0, dim1)')
    return named('TBackward0', permute([this], this.shape.map((_, d) => this.ndim - 1 - d)))
  }
  /** All dimensions in reverse. */
  get T(): Tensor {
    return permute([this], this.shape.map((_, d) => this.ndim - 1 - d))
  }
  /** The last two dimensions exchanged. */
  get mT(): Tensor {
    if (this.ndim < 2) throw new ShapeError('mT', `a tensor of shape ${showShape(this.shape)} is no matrix`, 'give one of at least two dimensions')
    return this.transpose(-2, -1)
  }
  /** Dimensions moved to other places; the rest keep their order. */
  movedim(...given: Arguments<[source: number | readonly number[], destination: number | readonly number[]], [], MovedimOptions>): Tensor {
    const { source, destination } = argumentsOf('movedim', given, { source: required, destination: required })
    const [from, to] = [source, destination].map((dims) => [dims].flat().map((dim) => normalizeDim('movedim', dim, this.ndim)))
    if (from.length !== to.length || [from, to].some((dims) => new Set(dims).size !== dims.length))
      throw new ValueError('movedim', `[${from.join(', ')}] cannot be moved to [${to.join(', ')}]`, 'give as many places as dimensions, each once')
    if (this.ndim === 0) return named('AliasBackward0', this.view([]))
    const order = this.shape.map((_, d) => d).filter((d) => !from.includes(d))
    for (const place of [...to].sort((a, b) => a - b)) order.splice(place, 0, from[to.indexOf(place)])
    return this.permute(order)
  }
  /** One dimension taken apart into several, of which one size may be -1. */
  unflatten(...given: Arguments<[dim: number, sizes: Shape], [], { readonly dim: number; readonly sizes: Shape }>): Tensor {
    const { dim, sizes } = argumentsOf('unflatten', given, { dim: required, sizes: required })
    const d = normalizeDim('unflatten', dim, this.ndim)
    return this.view(this.shape.toSpliced(d, 1, ...inferShape('unflatten', sizes, [this.shape[d]])))
  }
  viewAs(other: Tensor): Tensor {
    checkTensors('viewAs', [other])
    return this.view(other.shape)
  }
  /** Windows along a dimension, every `step`-th, their elements in a new last dimension: a view. */
  unfold(...given: Arguments<[dimension: number, size: number, step: number], [], UnfoldOptions>): Tensor {
    const { dimension, size, step } = argumentsOf('unfold', given, { dimension: required, size: required, step: required })
    return unfold(this, dimension, size, step)
  }
  /** A diagonal in two dimensions, which becomes the last one in their place: a view. */
  diagonal(...given: Given<[offset: number, dim1: number, dim2: number], DiagonalOptions>): Tensor {
    const { offset, dim1, dim2 } = argumentsOf('diagonal', given, { offset: 0, dim1: 0, dim2: 1 })
    const dims = [normalizeDim('diagonal', dim1, this.ndim), normalizeDim('diagonal', dim2, this.ndim)] as const
    if (!Number.isInteger(offset) || dims[0] === dims[1]) throw new ValueError('diagonal', `there is no diagonal ${offset} in the dimensions ${dims.join(' and ')}`, 'give a whole number and two dimensions')
    return diagonal([this], { offset, dims })
  }
  /** A vector as the diagonal of a matrix, or the diagonal of a matrix as a vector. */
  diag(...given: Given<[diagonal: number], { readonly diagonal?: number }>): Tensor {
    return diag(this, argumentsOf('diag', given, { diagonal: 0 }).diagonal)
  }
  /** The sum of the diagonal of a matrix. */
  trace(): Tensor {
    if (this.ndim !== 2) throw new ShapeError('trace', `a tensor of shape ${showShape(this.shape)} is no matrix`, 'give one of two dimensions')
    return named('TraceBackward0', this.diagonal().sum())
  }
  /** Dimensions in another order. */
  permute(...dims: Listed<'dims'>): Tensor {
    return permute([this], listOf('permute', 'dims', dims))
  }
  /** Repeats along dimensions of size 1 and new leading ones without copying; -1 keeps a size. */
  expand(...shape: Listed<'size'>): Tensor {
    return expand([this], listOf('expand', 'size', shape))
  }
  broadcastTo(...shape: Listed<'size'>): Tensor {
    return this.expand(...shape)
  }
  expandAs(other: Tensor): Tensor {
    checkTensors('expandAs', [other])
    return this.expand(other.shape)
  }
  /** Without dimensions of size 1: all of them, or the given ones. */
  squeeze(...given: Given<[dim: number | readonly number[]], { readonly dim?: number | readonly number[] }>): Tensor {
    const { dim } = argumentsOf('squeeze', given, { dim: undefined })
    if (dim === undefined) return squeeze([this], undefined)
    return named('SqueezeBackward1', squeeze([this], normalizeDims('squeeze', dim, this.ndim)))
  }
  unsqueeze(...given: OfDim): Tensor {
    return unsqueeze([this], argumentsOf('unsqueeze', given, { dim: required }).dim)
  }
  /** Element `index` along `dim`, without that dimension. */
  select(...given: Arguments<[dim: number, index: number], [], { readonly dim: number; readonly index: number }>): Tensor {
    const { dim, index } = argumentsOf('select', given, { dim: required, index: required })
    return select([this], [dim, index])
  }
  /** `length` elements from `start` along `dim`. */
  narrow(...given: Arguments<[dim: number, start: number, length: number], [], { readonly dim: number; readonly start: number; readonly length: number }>): Tensor {
    const { dim, start, length } = argumentsOf('narrow', given, { dim: required, start: required, length: required })
    const narrowed = this.array.narrow(dim, start, length)
    const d = normalizeDim('narrow', dim, this.ndim)
    const first = start < 0 ? start + this.shape[d] : start
    return slice([this], narrowed.shape.map((size, i) => ({ start: i === d ? first : 0, size, step: 1 })))
  }
  /** Parts of `size` along `dim` (the last may be smaller), or of the listed sizes. */
  split(...given: Arguments<[splitSize: number | readonly number[]], [dim: number], { readonly splitSize: number | readonly number[]; readonly dim?: number }>): Tensor[] {
    const { splitSize: size, dim } = argumentsOf('split', given, { splitSize: required, dim: 0 })
    const d = normalizeDim('split', dim, this.ndim)
    const total = this.shape[d] ?? 0
    if (typeof size === 'number') {
      if (!Number.isInteger(size) || size < 0 || (size === 0 && total > 0)) throw new ValueError('split', `${size} is no size for the parts of dimension ${d} of size ${total}`, 'give a whole number of at least 1')
      const parts = total === 0 ? [0] : Array.from({ length: Math.ceil(total / size) }, (_, i) => Math.min(size, total - i * size))
      return this.split(parts, d).map((part) => named('SplitBackward0', part))
    }
    if (!Array.isArray(size) || size.some((part) => !Number.isInteger(part) || part < 0) || size.reduce((sum, part) => sum + part, 0) !== total)
      throw new ValueError('split', `parts of sizes [${[size].flat().join(', ')}] do not add up to dimension ${d} of size ${total}`, 'give whole sizes whose sum is the size of the dimension')
    return split([this], { sizes: size, dim: d }).map((part) => named('SplitWithSizesBackward0', part))
  }
  /** At most `chunks` parts of equal size along `dim`; the last may be smaller. */
  chunk(...given: Arguments<[chunks: number], [dim: number], { readonly chunks: number; readonly dim?: number }>): Tensor[] {
    const { chunks, dim } = argumentsOf('chunk', given, { chunks: required, dim: 0 })
    if (!Number.isInteger(chunks) || chunks < 1) throw new ValueError('chunk', `${chunks} is no number of parts`, 'give a whole number of at least 1')
    const d = normalizeDim('chunk', dim, this.ndim)
    const total = this.shape[d] ?? 0
    if (total === 0) return this.split(Array.from({ length: chunks }, () => 0), d)
    return this.split(Math.ceil(total / chunks), d)
  }
  /** All elements along `dim`, without that dimension. */
  unbind(...given: Given<[dim: number], { readonly dim?: number }>): Tensor[] {
    const d = normalizeDim('unbind', argumentsOf('unbind', given, { dim: 0 }).dim, this.ndim)
    if (this.ndim === 0) throw new ValueError('unbind', 'a scalar has no dimension to take apart', 'unsqueeze it first')
    return unbind([this], d)
  }
  /** The tensor `repeats` times along each dimension, with copies; new dimensions come first. */
  repeat(...repeats: Listed<'repeats'>): Tensor {
    const times = listOf('repeat', 'repeats', repeats)
    const lead = times.length - this.ndim
    if (lead < 0 || times.some((n) => !Number.isInteger(n) || n < 0))
      throw new ValueError('repeat', `[${times.join(', ')}] does not say how often each dimension of ${showShape(this.shape)} is repeated`, 'give a whole number of at least 0 for each dimension')
    const sizes = times.map((_, d) => (d < lead ? 1 : this.shape[d - lead]))
    const blocks = this.reshape(sizes.flatMap((size) => [1, size])).expand(times.flatMap((n, d) => [n, sizes[d]]))
    return own('RepeatBackward0', pointwise.contiguous([blocks]).reshape(times.map((n, d) => n * sizes[d])))
  }
  /** As repeat, but dimensions that are not named stay as they are. */
  tile(...dims: Listed<'dims'>): Tensor {
    const times = listOf('tile', 'dims', dims)
    return this.repeat([...new Array<number>(Math.max(0, this.ndim - times.length)).fill(1), ...times])
  }
  /** Each element `repeats` times in a row along `dim`, or of all elements in row-major order. */
  repeatInterleave(...given: Arguments<[repeats: number | Tensor], [dim: number | null], { readonly repeats: number | Tensor; readonly dim?: number | null }>): Tensor {
    const { repeats, dim } = argumentsOf('repeatInterleave', given, { repeats: required, dim: null })
    if (dim === null || this.ndim === 0) return this.reshape([-1]).repeatInterleave(repeats, dim ?? 0)
    const d = normalizeDim('repeatInterleave', dim, this.ndim)
    const times = typeof repeats === 'number' ? new Array<number>(this.shape[d]).fill(repeats) : [...toTensor('repeatInterleave', repeats).data]
    if (times.length !== this.shape[d] || !times.every((n) => Number.isInteger(n) && n >= 0))
      throw new ValueError('repeatInterleave', `${String(repeats)} does not say how often each of ${this.shape[d]} elements is repeated`, 'give a whole number of at least 0, or one for each')
    return this.indexSelect(d, times.flatMap((n, i) => new Array<number>(n).fill(i)))
  }
  /** The order of elements reversed along the given dimensions. */
  flip(...dims: Listed<'dims'>): Tensor {
    return flip([this], listOf('flip', 'dims', dims))
  }
  /** Elements moved on by `shifts` along `dims`, those that fall off coming back in front. Without dims: in row-major order. */
  roll(...given: Arguments<[shifts: number | readonly number[]], [dims: number | readonly number[]], RollOptions>): Tensor {
    const { shifts, dims } = argumentsOf('roll', given, { shifts: required, dims: undefined })
    if (dims === undefined) return own('RollBackward0', this.reshape([-1]).roll(shifts, 0).reshape(this.shape))
    const along = [dims].flat()
    const by = typeof shifts === 'number' ? [shifts] : shifts
    if (!Array.isArray(by) || !by.every(Number.isInteger)) throw new ValueError('roll', `${String(by)} does not say how far to move`, 'give a whole number, or one for each dimension')
    if (along.length !== by.length || along.length === 0) throw new ValueError('roll', `${by.length} shifts were given for ${along.length} dimensions`, 'give one for each')
    return along.reduce<Tensor>((x, dim, i) => {
      const size = x.shape[normalizeDim('roll', dim, x.ndim)]
      const shift = size > 0 ? ((by[i] % size) + size) % size : 0
      return named('RollBackward0', cat([x.narrow(dim, size - shift, shift), x.narrow(dim, 0, size - shift)], dim))
    }, this)
  }
  /** Below and on the diagonal of the last two dimensions as it is, 0 above. */
  tril(...given: Given<[diagonal: number], { readonly diagonal?: number }>): Tensor {
    return named('TrilBackward0', choosing(triangle('tril', this.shape, argumentsOf('tril', given, { diagonal: 0 }).diagonal), this.contiguous(), scalar(0, this.dtype)))
  }
  /** On and above the diagonal of the last two dimensions as it is, 0 below. */
  triu(...given: Given<[diagonal: number], { readonly diagonal?: number }>): Tensor {
    return named('TriuBackward0', choosing(triangle('triu', this.shape, argumentsOf('triu', given, { diagonal: 0 }).diagonal), this.contiguous(), scalar(0, this.dtype)))
  }
  /** This tensor where it is dense in row-major order, else a copy that is. */
  contiguous(): Tensor {
    return this.isContiguous() ? this : named('CloneBackward0', pointwise.contiguous([this]))
  }

  // ---- indexing

  /** Python's index expression: x[:, 0, 1::2] is x.at(':', 0, '1::2'); null adds a dimension, arrays, tensors and masks choose elements. */
  at(...expression: Index[]): Tensor {
    return at(this, expression)
  }
  /** out[i][j] = x[i][index[i][j]] for dim 1. Same as torch.gather. */
  gather(...given: Arguments<[dim: number, index: Tensor], [], { readonly dim: number; readonly index: Tensor }>): Tensor {
    const { dim, index } = argumentsOf('gather', given, { dim: required, index: required })
    checkTensors('gather', [index])
    return gather([this, index], dim)
  }
  /** A copy with `source` added at the places that gather would read. Same as torch.scatter_add. */
  scatterAdd(...given: Arguments<[dim: number, index: Tensor, src: Tensor], [], { readonly dim: number; readonly index: Tensor; readonly src: Tensor }>): Tensor {
    const { dim, index, src: source } = argumentsOf('scatterAdd', given, { dim: required, index: required, src: required })
    checkTensors('scatterAdd', [index, source])
    checkOneLabel('scatterAdd', source, this)
    return named('ScatterAddBackward0', scatterAdd([source, index], { dim, shape: this.shape }).add(this))
  }
  /** A copy with other numbers at the places that gather would read: those of `src`, or a number. Same as torch.scatter. */
  scatter(...given: Scattering): Tensor {
    const { dim, index, src, value } = argumentsOf('scatter', given, { dim: required, index: required, src: undefined, value: undefined }, 3)
    const written = src ?? value
    if (written === undefined) throw new ValueError('scatter', 'neither src nor value was given', 'say what is to be written')
    checkTensors('scatter', [index])
    const source = written instanceof Tensor ? written : constant(NDArray.full(index.shape, castNumber('scatter', Number(written), this.dtype), this.dtype))
    const d = normalizeDim('scatter', dim, this.ndim)
    checkOneLabel('scatter', source, this)
    return named(written instanceof Tensor ? 'ScatterBackward0' : 'ScatterBackward1', scatter([this, index, source], d))
  }
  /** Where elements are not 0: a row of indices for each, or with { asTuple: true } a vector for each dimension. */
  nonzero(given?: { readonly asTuple?: false }): Tensor
  nonzero(given: { readonly asTuple: boolean }): Tensor[]
  nonzero(given: { readonly asTuple?: boolean } = {}): Tensor | Tensor[] {
    const { asTuple } = optionsOf('nonzero', given, { asTuple: false })
    if (asTuple) return nonzero(this.ndim === 0 ? this.reshape([1]) : this)
    return this.ndim === 0 ? constant(NDArray.zeros([this.item() === 0 ? 0 : 1, 0], 'int64')) : stack(nonzero(this), 0).t()
  }
  /** This where the condition is not 0, else `other`. */
  where(condition: Tensor, other: Operand): Tensor {
    checkTensors('where', [condition])
    return choosing(condition, this, toTensor('where', other, this))
  }
  /** The elements at `index` along `dim`. */
  indexSelect(...given: Arguments<[dim: number, index: Tensor | readonly number[]], [], { readonly dim: number; readonly index: Tensor | readonly number[] }>): Tensor {
    const { dim, index } = argumentsOf('indexSelect', given, { dim: required, index: required })
    if (typeof index !== 'object' || index === null) throw new ValueError('indexSelect', `${String(index)} is no index`, 'give a vector or a list of whole numbers')
    const positions = index instanceof Tensor ? index : indexVector(index)
    const d = normalizeDim('indexSelect', dim, this.ndim)
    if (this.ndim === 0) throw new IndexError('indexSelect', 'a scalar has no elements to choose from', 'unsqueeze it first')
    const checked = checkedIndex('indexSelect', positions, this.shape[d], false)
    if (positions.ndim > 1) throw new ValueError('indexSelect', `an index of shape ${showShape(positions.shape)} is no list`, 'give a vector of whole numbers')
    return own('IndexSelectBackward0', take([this.transpose(0, d), checked.reshape([-1])]).transpose(0, d).contiguous())
  }
  /** `value` where the mask is not 0, else this tensor. */
  maskedFill(...given: Filling): Tensor {
    const { mask, value } = argumentsOf('maskedFill', given, { mask: required, value: required })
    const filling = this.dtype === 'float32' ? value : constant(cast('maskedFill', toTensor('maskedFill', value).array, this.dtype))
    return named('MaskedFillBackward0', choosing(mask, filling, this).contiguous())
  }
  /** The elements where the mask is not 0, in row-major order, with broadcasting. */
  maskedSelect(...given: Arguments<[mask: Tensor], [], { readonly mask: Tensor }>): Tensor {
    const { mask } = argumentsOf('maskedSelect', given, { mask: required })
    checkTensors('maskedSelect', [mask])
    const shape = broadcastShapes('maskedSelect', this.shape, mask.shape)
    return own('MaskedSelectBackward0', this.expand(shape).reshape([-1]).at(trueIndices(mask.expand(shape))))
  }

  // ---- in place

  add_(other: Operand, given: Scaled = {}): this {
    return this.#inPlace('add_', (old) => old.add(other, given))
  }
  sub_(other: Operand, given: Scaled = {}): this {
    return this.#inPlace('sub_', (old) => old.sub(other, given))
  }
  mul_(other: Operand): this {
    return this.#inPlace('mul_', (old) => old.mul(other))
  }
  div_(other: Operand): this {
    return this.#inPlace('div_', (old) => old.div(other))
  }
  pow_(exponent: Operand): this {
    return this.#inPlace('pow_', (old) => old.pow(exponent))
  }
  neg_(): this {
    return this.#inPlace('neg_', (old) => old.neg())
  }
  abs_(): this {
    return this.#inPlace('abs_', (old) => old.abs())
  }
  exp_(): this {
    return this.#inPlace('exp_', (old) => old.exp())
  }
  lerp_(end: Tensor, weight: Operand): this {
    return this.#inPlace('lerp_', (old) => old.lerp(end, weight))
  }
  addcmul_(a: Tensor, b: Tensor, given?: ValueOptions): this {
    return this.#inPlace('addcmul_', (old) => old.addcmul(a, b, given))
  }
  addcdiv_(a: Tensor, b: Tensor, given?: ValueOptions): this {
    return this.#inPlace('addcdiv_', (old) => old.addcdiv(a, b, given))
  }
  sqrt_(): this {
    return this.#inPlace('sqrt_', (old) => old.sqrt())
  }
  sigmoid_(): this {
    return this.#inPlace('sigmoid_', (old) => old.sigmoid())
  }
  tanh_(): this {
    return this.#inPlace('tanh_', (old) => old.tanh())
  }
  scatter_(...given: Scattering): this {
    return this.#inPlace('scatter_', (old) => old.scatter(...given))
  }
  clamp_(...given: Bounds): this {
    return this.#inPlace('clamp_', (old) => old.clamp(...given))
  }
  /** max(x, 0) in place. */
  relu_(): this {
    return this.#inPlace('relu_', (old) => old.relu())
  }
  /** Takes over the numbers of `source`, stretched to this shape. */
  copy_(source: Tensor): this {
    return this.#inPlace('copy_', (old) => named('CopyBackwards', overwritten([old, source])))
  }
  fill_(value: Operand): this {
    if (value instanceof Tensor && value.ndim > 0) throw new ShapeError('fill_', `a value of shape ${showShape(value.shape)} is no single number`, 'use copy_() to take over a tensor')
    return this.#inPlace('fill_', (old) => named(typeof value === 'number' ? 'FillBackward2' : 'FillBackward3', overwritten([old, toTensor('fill_', value)])))
  }
  zero_(): this {
    return this.#inPlace('zero_', (old) => named('ZeroBackward0', overwritten([old, scalar(0)])))
  }
  /** Puts values, or one value, in place of what at(...expression) reads, or adds them to it: indexPut_([':', [0, 2]], 1) is Python's x[:, [0, 2]] = 1. */
  indexPut_(expression: readonly Index[], values: Operand, ...given: Given<[accumulate: boolean], { readonly accumulate?: boolean }>): this {
    const { accumulate } = argumentsOf('indexPut_', given, { accumulate: false })
    const written = toTensor('indexPut_', values, this)
    const { part, rest } = partAt(this, expression)
    if (rest) part.#inPlace('indexPut_', (old) => named('IndexPutBackward0', replaceAt(old, rest, written, accumulate)))
    else {
      checkFits(written, part.shape)
      if (accumulate) part.add_(written)
      else if (written.ndim === 0 && part.ndim > 0) part.fill_(written)
      else part.copy_(written)
    }
    return this
  }
  /** `value` where the mask is not 0. */
  maskedFill_(...given: Filling): this {
    return this.#inPlace('maskedFill_', (old) => old.maskedFill(...given))
  }
  /** Numbers drawn evenly from [low, high). */
  uniform_(...given: Given<[from: number, to: number], { readonly from?: number; readonly to?: number; readonly generator?: Generator }>): this {
    const { from: low, to: high, generator } = argumentsOf('uniform_', given, { from: 0, to: 1, generator: defaultGenerator }, 2)
    return this.#draw('uniform_', 'UniformBackward0', (out) => generator.uniform(out, low, high))
  }
  /** Numbers drawn from the normal distribution. */
  normal_(...given: Given<[mean: number, std: number], { readonly mean?: number; readonly std?: number; readonly generator?: Generator }>): this {
    const { mean, std, generator } = argumentsOf('normal_', given, { mean: 0, std: 1, generator: defaultGenerator }, 2)
    return this.#draw('normal_', 'NormalBackward0', (out) => (this.isContiguous() ? generator.normal(out, mean, std) : generator.normalScalar(out, mean, std)))
  }
  /** 1 with probability p, one for all or one for each, else 0. */
  bernoulli_(...given: Given<[p: number | Tensor], { readonly p?: number | Tensor; readonly generator?: Generator }>): this {
    const { p, generator } = argumentsOf('bernoulli_', given, { p: 0.5, generator: defaultGenerator }, 1)
    if (typeof p === 'number') return this.#draw('bernoulli_', 'BernoulliBackward2', (out) => generator.bernoulli(NDArray.from(out, [out.length]), p))
    const probabilities = checkProbabilities('bernoulli_', p).array.expand(this.shape, 'bernoulli_')
    return this.#draw('bernoulli_', 'BernoulliBackward1', (out, order) => generator.bernoulliEach(out, probabilities.permute(order).values()))
  }

  #inPlace(name: string, compute: (old: Tensor) => Tensor): this {
    changeInPlace(name, this, compute)
    return this
  }
  /** Random numbers are drawn in the order in which this tensor's elements lie in memory, as in PyTorch. */
  #draw(name: string, node: string, fill: (out: Float32Array, order: readonly number[]) => void): this {
    if (name !== 'bernoulli_') checkHoldsFractions(name, this.dtype)
    return this.#inPlace(name, (old) => {
      const order = orderOf(this.shape, [this.stride()]) ?? this.shape.map((_, d) => d)
      const drawn = NDArray.zeros(order.map((d) => this.shape[d]))
      fill(drawn.storage.data, order)
      return named(node, overwritten([old, constant(drawn.permute(inverseOrder(order)))]))
    })
  }
}

const scaled = (x: Tensor, factor: number): Tensor => (factor === 1 ? x : x.mul(factor))

/** Throws unless what is scattered bears the label of the tensor that it goes into. */
function checkOneLabel(operation: string, source: Tensor, into: Tensor): void {
  if (source.dtype !== into.dtype) throw new ValueError(operation, `a source of ${source.dtype} does not fit into a tensor of ${into.dtype}`, 'call float() or long() on it')
}

/** The probabilities, if they are a tensor of floats. */
export function checkProbabilities(operation: string, probabilities: Tensor): Tensor {
  checkTensors(operation, [probabilities])
  checkHoldsFractions(operation, probabilities.dtype)
  return probabilities
}

/** Nested lists of numbers, as deep as the tensor has dimensions. */
export type NestedNumbers = number | NestedNumbers[]

setTensorFactory((array) => new Tensor(array))

/** A number as a scalar tensor, which broadcasts. Beside another operand it bears a label that goes with that one's. */
export function toTensor(operation: string, value: Operand, other: Operand = 0): Tensor {
  if (typeof value !== 'number' && typeof value !== 'boolean') checkTensors(operation, [value])
  return beside(value, other)
}
