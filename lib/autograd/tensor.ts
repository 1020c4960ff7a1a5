/** Tensor: an array of numbers that remembers how it was computed. Its methods only delegate to operations. */
import { cast, checkHoldsFractions } from '../tensor/dtype.ts'
import { GraphError, IndexError, ShapeError, ValueError } from '../tensor/errors.ts'
import { formatTensor } from '../tensor/format.ts'
import { NDArray, type DType } from '../tensor/ndarray.ts'
import { numberOf, optionsOf, withFirst, type FirstOr, type Named } from '../tensor/options.ts'
import { defaultGenerator, type Generator } from '../tensor/random.ts'
import { broadcastShapes, normalizeDim, normalizeDims, showShape, type Shape } from '../tensor/shape.ts'
import { allocatingIn, evict, lend, Region, takeBack, type Storage } from '../tensor/storage.ts'
import * as engine from './engine.ts'
import { enableGrad, isGradEnabled } from './grad-mode.ts'
import type { Hook, Node } from './graph.ts'
import { changeInPlace, overwritten } from './in-place.ts'
import { at, trueIndices, type Index } from './index-expression.ts'
import { checkTensors, constant, named, own, scalar, setTensorFactory } from './op.ts'
import { clamp, gelu, relu, sigmoid, tanh, type GeluOptions } from './ops/activations.ts'
import { add, compare, div, isNaN, maximum, minimum, mul, pow, powTensor, sub } from './ops/arithmetic.ts'
import { checkedIndex, gather, scatterAdd, take } from './ops/indexing.ts'
import { cat, flip } from './ops/joining.ts'
import { matmulAny } from './ops/matmul.ts'
import { norm } from './ops/norm.ts'
import * as pointwise from './ops/pointwise.ts'
import { amax, amin, argExtremum, cumsum, logsumexp, prod, std } from './ops/reduce.ts'
import { logSoftmax, softmax } from './ops/softmax.ts'
import { sort, sortedIndices, topk } from './ops/sort.ts'
import { sum } from './ops/sum.ts'
import { triangle } from './ops/triangle.ts'
import { expand, permute, reshape, select, slice, split, squeeze, transpose, unbind, unsqueeze, view } from './ops/views.ts'
import { beside, choosing } from './ops/where.ts'

export type Operand = Tensor | number

/** Dimensions to reduce: one, several, or all when left out. */
export type Dims = number | readonly number[] | null

export interface ReduceOptions {
  readonly dim?: Dims
  readonly keepdim?: boolean
}

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
}

export interface FlattenOptions {
  readonly startDim?: number
  readonly endDim?: number
}

export interface TopkOptions {
  readonly dim?: number
  /** The largest (default) or the smallest. */
  readonly largest?: boolean
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

export type Sizes = readonly [Shape] | readonly number[]

/** Sizes given one by one or as a list: reshape(2, 3) or reshape([2, 3]). */
function listOf(sizes: readonly (number | Shape)[]): number[] {
  return sizes.flat()
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
    return this.array.strides
  }
  isContiguous(): boolean {
    return this.array.isContiguous
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
  requiresGrad_(value = true): this {
    if (!value && !this.isLeaf) throw new GraphError('requiresGrad_', 'the tensor is the result of a recorded operation and cannot stop to require a gradient', 'use detach()')
    if (value && this.dtype !== 'float32') throw new GraphError('requiresGrad_', `a tensor of ${this.dtype} has no gradient`, 'only float32 tensors can require one')
    this.#requiresGrad = value || !this.isLeaf
    return this
  }
  /**
   * Adds the gradients of this tensor to `grad` of every leaf that it was computed from. A tensor that is no scalar needs
   * `gradient`, of its shape. Releases the graph unless `retainGraph`. Same as torch.Tensor.backward.
   */
  backward(gradient?: Tensor | null | engine.BackwardOptions, options?: engine.BackwardOptions): void {
    if (gradient === null || gradient === undefined || gradient instanceof Tensor) engine.backward(this, gradient, options)
    else engine.backward(this, null, gradient)
  }
  /** The same numbers without history, for as long as they are used. The storage is shared. */
  detach(): Tensor {
    evict(this.array.storage)
    return new Tensor(this.array.restride(this.shape, this.array.strides))
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
  replaceHistory(result: Tensor): void {
    const retained = this.#node?.retained ?? []
    const kept = retained.findIndex(({ tensor }) => tensor === this)
    if (kept >= 0) retained.splice(kept, 1)
    this.attach(result.gradFn, result.outputIndex)
    this.#history++
    if (kept >= 0) this.retainGrad()
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

  add(other: Operand): Tensor {
    return add([this, toTensor('add', other, this)])
  }
  sub(other: Operand): Tensor {
    return sub([this, toTensor('sub', other, this)])
  }
  mul(other: Operand): Tensor {
    return mul([this, toTensor('mul', other, this)])
  }
  div(other: Operand): Tensor {
    return div([this, toTensor('div', other, this)])
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
  /** 1 where an element is NaN. */
  isnan(): Tensor {
    return isNaN(this)
  }
  /** Whether shapes and all numbers are the same. Same as torch.equal. */
  equal(other: Tensor): boolean {
    checkTensors('equal', [other])
    return showShape(this.shape) === showShape(other.shape) && this.ne(other).array.values().every((differs) => differs === 0)
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
  /** To the nearest whole number, halves to the even one. */
  round(): Tensor {
    return pointwise.round([this])
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
    if (approximate !== 'none' && approximate !== 'tanh') throw new ValueError('gelu', `${String(approximate)} is no way to approximate it`, "give 'none' or 'tanh'")
    return gelu([this], { approximate })
  }
  /** x · sigmoid(x) */
  silu(): Tensor {
    return named('SiluBackward0', this.mul(this.sigmoid()))
  }
  /** Limited to [min, max]; either may be left out. clamp(0, 1) or clamp({ min: 0 }). */
  clamp(min?: number | null | { readonly min?: number | null; readonly max?: number | null }, max?: number | null): Tensor {
    const bounds = typeof min === 'object' && min !== null ? min : { min, max }
    if (typeof bounds.min !== 'number' && typeof bounds.max !== 'number') throw new ValueError('clamp', 'neither min nor max was given as a number', 'give at least one of them')
    return named('ClampBackward1', clamp([this], [bounds.min ?? -Infinity, bounds.max ?? Infinity]))
  }

  // ---- reductions: over all dimensions, one, or several

  sum(dim?: Dims | ReduceOptions, keepdim?: boolean | ReduceOptions): Tensor {
    const { reduction, all } = this.#reduction('sum', dim, keepdim)
    return named(all ? 'SumBackward0' : 'SumBackward1', sum([this], reduction))
  }
  mean(dim?: Dims | ReduceOptions, keepdim?: boolean | ReduceOptions): Tensor {
    const { reduction, all, count } = this.#reduction('mean', dim, keepdim)
    return named(all ? 'MeanBackward0' : 'MeanBackward1', sum([this], reduction).div(count))
  }
  /** Variance around the mean, computed in two passes; of n − 1 degrees of freedom unless told otherwise. */
  var(dim?: Dims | VarOptions, options?: boolean | VarOptions): Tensor {
    const { unbiased, correction, ...where } = optionsOf('var', byName<VarOptions>(dim, options), { dim: null, keepdim: false, unbiased: true, correction: undefined })
    const { reduction, count } = this.#reduction('var', where, undefined)
    const centred = this.sub(this.mean([...reduction.dims], true))
    const squares = reduction.dims.length === 0 ? centred.mul(centred) : sum([centred.mul(centred)], reduction)
    return named('VarBackward0', squares.div(Math.max(0, count - (correction ?? (unbiased ? 1 : 0)))))
  }
  std(dim?: Dims | VarOptions, options?: boolean | VarOptions): Tensor {
    return std([this.var(dim, options)])
  }
  /** Largest elements; equal ones share the gradient. */
  amax(dim?: Dims | ReduceOptions, keepdim?: boolean | ReduceOptions): Tensor {
    return amax([this], this.#reduction('amax', dim, keepdim).reduction)
  }
  amin(dim?: Dims | ReduceOptions, keepdim?: boolean | ReduceOptions): Tensor {
    return amin([this], this.#reduction('amin', dim, keepdim).reduction)
  }
  /** The largest element, or `[values, indices]` along a dimension, where the first of equal ones counts, or maximum(other). */
  max(other?: Tensor): Tensor
  max(dim: number | ReduceOptions, keepdim?: boolean | ReduceOptions): ValuesAndIndices
  max(dim?: number | ReduceOptions | Tensor, keepdim?: boolean | ReduceOptions): Tensor | ValuesAndIndices {
    return dim instanceof Tensor ? this.maximum(dim) : this.#extremum('max', dim, keepdim)
  }
  min(other?: Tensor): Tensor
  min(dim: number | ReduceOptions, keepdim?: boolean | ReduceOptions): ValuesAndIndices
  min(dim?: number | ReduceOptions | Tensor, keepdim?: boolean | ReduceOptions): Tensor | ValuesAndIndices {
    return dim instanceof Tensor ? this.minimum(dim) : this.#extremum('min', dim, keepdim)
  }
  /** Index of the first largest element, of all in row-major order or along a dimension. */
  argmax(dim?: number | ReduceOptions | null, keepdim?: boolean | ReduceOptions): Tensor {
    const { reduction, all } = this.#singleReduction('argmax', dim, keepdim)
    return argExtremum('max', this, all ? undefined : reduction.dims[0] ?? 0, reduction.keepdim)
  }
  argmin(dim?: number | ReduceOptions | null, keepdim?: boolean | ReduceOptions): Tensor {
    const { reduction, all } = this.#singleReduction('argmin', dim, keepdim)
    return argExtremum('min', this, all ? undefined : reduction.dims[0] ?? 0, reduction.keepdim)
  }
  /** Product of all elements, or along one dimension. */
  prod(dim?: number | ReduceOptions | null, keepdim?: boolean | ReduceOptions): Tensor {
    const { reduction, all } = this.#singleReduction('prod', dim, keepdim)
    if (all) return own('ProdBackward0', prod([this.reshape([-1])], 0).reshape(reduction.keepdim ? this.shape.map(() => 1) : []))
    const product = prod([this], reduction.dims[0] ?? 0)
    return own('ProdBackward1', reduction.keepdim && this.ndim > 0 ? product.unsqueeze(reduction.dims[0]) : product)
  }
  /** Running sums along a dimension. */
  cumsum(dim: Named<'dim'>): Tensor {
    return cumsum([this], numberOf('cumsum', 'dim', dim))
  }
  /** log Σ exp(x), without overflow. */
  logsumexp(dim: Dims | ReduceOptions, keepdim?: boolean | ReduceOptions): Tensor {
    return logsumexp([this], this.#reduction('logsumexp', dim, keepdim).reduction)
  }
  /** (Σ |x|ᵖ)^(1/p) over all numbers or along dimensions; p = Infinity for the largest |x|. Same as torch.Tensor.norm. */
  norm(p: number | (ReduceOptions & { readonly p?: number }) = 2, dim?: Dims | ReduceOptions, keepdim?: boolean | ReduceOptions): Tensor {
    const { p: order = 2, ...where } = typeof p === 'number' ? { p, ...byName<ReduceOptions>(dim, keepdim) } : p
    return own('NormBackward1', norm('norm', this, order, this.#reduction('norm', where, undefined).reduction))
  }
  /** Sorted along a dimension: `const [values, indices] = x.sort()`. Equal numbers keep their order; NaN counts as the largest. */
  sort(dim: number | SortOptions = -1, options: boolean | SortOptions = {}): ValuesAndIndices {
    const chosen = this.#sorting('sort', dim, options)
    return new ValuesAndIndices('sort', ...sort(this, chosen.dim, chosen.descending))
  }
  /** Where along a dimension the smallest number stands, the second smallest, and so on. */
  argsort(dim: number | SortOptions = -1, options: boolean | SortOptions = {}): Tensor {
    const chosen = this.#sorting('argsort', dim, options)
    return sortedIndices(this, chosen.dim, chosen.descending)
  }
  #sorting(operation: string, dim: number | SortOptions, options: boolean | SortOptions) {
    const given = { ...(typeof dim === 'number' ? { dim } : dim), ...(typeof options === 'boolean' ? { descending: options } : options) }
    const chosen = optionsOf<SortOptions, { dim: number; descending: boolean }>(operation, given, { dim: -1, descending: false })
    return { ...chosen, dim: normalizeDim(operation, chosen.dim, this.ndim) }
  }
  /** The k largest numbers along a dimension, from the largest on, or the smallest: `const [values, indices] = x.topk(5)`. */
  topk(k: number, dim: number | TopkOptions = -1, options: TopkOptions = {}): ValuesAndIndices {
    const { dim: along, largest } = optionsOf<TopkOptions, { dim: number; largest: boolean }>('topk', { ...(typeof dim === 'number' ? { dim } : dim), ...options }, { dim: -1, largest: true })
    return new ValuesAndIndices('topk', ...topk(this, k, normalizeDim('topk', along, this.ndim), largest))
  }
  softmax(dim: Named<'dim'>): Tensor {
    return softmax([this], normalizeDim('softmax', numberOf('softmax', 'dim', dim), this.ndim))
  }
  logSoftmax(dim: Named<'dim'>): Tensor {
    return logSoftmax([this], normalizeDim('logSoftmax', numberOf('logSoftmax', 'dim', dim), this.ndim))
  }
  /** Whether any element (all elements) are not 0. */
  any(): boolean {
    return this.array.values().some((value) => value !== 0)
  }
  all(): boolean {
    return !this.array.values().includes(0)
  }

  #reduction(operation: string, dim: Dims | ReduceOptions | undefined, keepdim: boolean | ReduceOptions | undefined) {
    const { dim: chosen, keepdim: keeps } = optionsOf(operation, byName<ReduceOptions>(dim, keepdim), { dim: null, keepdim: false })
    const dims = normalizeDims(operation, chosen, this.ndim)
    const all = chosen === null || (typeof chosen !== 'number' && chosen.length === 0)
    const count = dims.reduce((product, d) => product * this.shape[d], 1)
    return { all, count, reduction: { dims, keepdim: keeps } }
  }
  /** A reduction over all dimensions or a single one. */
  #singleReduction(operation: string, dim: Dims | ReduceOptions | undefined, keepdim: boolean | ReduceOptions | undefined) {
    const { reduction, all } = this.#reduction(operation, dim, keepdim)
    if (!all && reduction.dims.length > 1) throw new IndexError(operation, `dimensions [${reduction.dims.join(', ')}] are more than one`, 'give a single dimension, or none for all')
    return { reduction, all }
  }
  #extremum(op: 'max' | 'min', dim: number | ReduceOptions | undefined, keepdim: boolean | ReduceOptions | undefined): Tensor | ValuesAndIndices {
    const { reduction, all } = this.#singleReduction(op, dim, keepdim)
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
  /** (B, M, K) · (B, K, N) -> (B, M, N), without broadcasting. */
  bmm(other: Tensor): Tensor {
    return matmulAny('bmm', this, other)
  }

  // ---- shape

  /** The same numbers under another shape; one size may be -1. A view where the layout allows it, else a copy. */
  reshape(...shape: (number | Shape)[]): Tensor {
    const result = reshape([this], listOf(shape))
    return named(result.array.storage === this.array.storage ? 'ReshapeAliasBackward0' : 'UnsafeViewBackward0', result)
  }
  /** As reshape, but throws where a copy would be needed. */
  view(...shape: (number | Shape)[]): Tensor {
    return view([this], listOf(shape))
  }
  /** Merges the dimensions from `startDim` to `endDim` into one. */
  flatten(start: FirstOr<number, FlattenOptions> = 0, end = -1): Tensor {
    const { startDim, endDim } = optionsOf<FlattenOptions, { startDim: number; endDim: number }>('flatten', withFirst('startDim', start, { endDim: end }), { startDim: 0, endDim: -1 })
    if (this.ndim === 0) return this.reshape([1])
    const first = normalizeDim('flatten', startDim, this.ndim)
    const last = normalizeDim('flatten', endDim, this.ndim)
    if (first > last) throw new ValueError('flatten', `startDim ${startDim} comes after endDim ${endDim}`, 'exchange them')
    if (first === last) return this
    const merged = this.shape.slice(first, last + 1).reduce((product, size) => product * size, 1)
    return this.reshape(this.shape.toSpliced(first, last + 1 - first, merged))
  }
  transpose(dim0: number, dim1: number): Tensor {
    return transpose([this], [dim0, dim1])
  }
  /** The transpose of a matrix; a vector or a scalar as it is. */
  t(): Tensor {
    if (this.ndim > 2) throw new ValueError('t', `a tensor of shape ${showShape(this.shape)} is no matrix`, 'use transpose(dim0, dim1)')
    return named('TBackward0', permute([this], this.shape.map((_, d) => this.ndim - 1 - d)))
  }
  /** Dimensions in another order. */
  permute(...dims: (number | Shape)[]): Tensor {
    return permute([this], listOf(dims))
  }
  /** Repeats along dimensions of size 1 and new leading ones without copying; -1 keeps a size. */
  expand(...shape: (number | Shape)[]): Tensor {
    return expand([this], listOf(shape))
  }
  expandAs(other: Tensor): Tensor {
    checkTensors('expandAs', [other])
    return this.expand(other.shape)
  }
  /** Without dimensions of size 1: all of them, or the given ones. */
  squeeze(dim?: number | readonly number[] | { readonly dim: number }): Tensor {
    if (dim === undefined) return squeeze([this], undefined)
    if (isOptions<{ readonly dim: number }>(dim)) return this.squeeze(numberOf('squeeze', 'dim', dim))
    return named('SqueezeBackward1', squeeze([this], normalizeDims('squeeze', dim, this.ndim)))
  }
  unsqueeze(dim: Named<'dim'>): Tensor {
    return unsqueeze([this], numberOf('unsqueeze', 'dim', dim))
  }
  /** Element `index` along `dim`, without that dimension. */
  select(dim: number, index: number): Tensor {
    return select([this], [dim, index])
  }
  /** `length` elements from `start` along `dim`. */
  narrow(dim: number, start: number, length: number): Tensor {
    const narrowed = this.array.narrow(dim, start, length)
    const d = normalizeDim('narrow', dim, this.ndim)
    const first = start < 0 ? start + this.shape[d] : start
    return slice([this], narrowed.shape.map((size, i) => ({ start: i === d ? first : 0, size, step: 1 })))
  }
  /** Parts of `size` along `dim` (the last may be smaller), or of the listed sizes. */
  split(size: number | readonly number[], dim: Named<'dim'> = 0): Tensor[] {
    const d = normalizeDim('split', numberOf('split', 'dim', dim, 0), this.ndim)
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
  chunk(chunks: number, dim: Named<'dim'> = 0): Tensor[] {
    if (!Number.isInteger(chunks) || chunks < 1) throw new ValueError('chunk', `${chunks} is no number of parts`, 'give a whole number of at least 1')
    const d = normalizeDim('chunk', numberOf('chunk', 'dim', dim, 0), this.ndim)
    const total = this.shape[d] ?? 0
    if (total === 0) return this.split(Array.from({ length: chunks }, () => 0), d)
    return this.split(Math.ceil(total / chunks), d)
  }
  /** All elements along `dim`, without that dimension. */
  unbind(dim: Named<'dim'> = 0): Tensor[] {
    const d = normalizeDim('unbind', numberOf('unbind', 'dim', dim, 0), this.ndim)
    if (this.ndim === 0) throw new ValueError('unbind', 'a scalar has no dimension to take apart', 'unsqueeze it first')
    return unbind([this], d)
  }
  /** The tensor `repeats` times along each dimension, with copies; new dimensions come first. */
  repeat(...repeats: (number | Shape)[]): Tensor {
    const times = listOf(repeats)
    const lead = times.length - this.ndim
    if (lead < 0 || times.some((n) => !Number.isInteger(n) || n < 0))
      throw new ValueError('repeat', `[${times.join(', ')}] does not say how often each dimension of ${showShape(this.shape)} is repeated`, 'give a whole number of at least 0 for each dimension')
    const sizes = times.map((_, d) => (d < lead ? 1 : this.shape[d - lead]))
    const blocks = this.reshape(sizes.flatMap((size) => [1, size])).expand(times.flatMap((n, d) => [n, sizes[d]]))
    return own('RepeatBackward0', blocks.clone().reshape(times.map((n, d) => n * sizes[d])))
  }
  /** Each element `repeats` times in a row along `dim`, or of all elements in row-major order. */
  repeatInterleave(repeats: number, dim?: number): Tensor {
    if (dim === undefined || this.ndim === 0) return this.reshape([-1]).repeatInterleave(repeats, dim ?? 0)
    if (!Number.isInteger(repeats) || repeats < 0) throw new ValueError('repeatInterleave', `${repeats} does not say how often each element is repeated`, 'give a whole number of at least 0')
    const d = normalizeDim('repeatInterleave', dim, this.ndim)
    const index = Float32Array.from({ length: this.shape[d] * repeats }, (_, i) => Math.floor(i / repeats))
    return this.indexSelect(d, constant(NDArray.from(index, [index.length], 'int64')))
  }
  /** The order of elements reversed along the given dimensions. */
  flip(...dims: (number | Shape)[]): Tensor {
    return flip([this], listOf(dims))
  }
  /** Elements moved on by `shifts` along `dims`, those that fall off coming back in front. Without dims: in row-major order. */
  roll(shifts: number | readonly number[], dims?: number | readonly number[]): Tensor {
    if (dims === undefined) return own('RollBackward0', this.reshape([-1]).roll(shifts, 0).reshape(this.shape))
    const along = [dims].flat()
    const by = typeof shifts === 'number' ? [shifts] : shifts
    if (!Array.isArray(by) || !by.every(Number.isInteger)) throw new ValueError('roll', `${String(by)} does not say how far to move`, 'give a whole number, or one for each dimension')
    if (along.length !== by.length || along.length === 0) throw new ValueError('roll', `${by.length} shifts were given for ${along.length} dimensions`, 'give one for each')
    return along.reduce<Tensor>((x, dim, i) => {
      const size = x.shape[normalizeDim('roll', dim, x.ndim)]
      const shift = size > 0 ? ((by[i] % size) + size) % size : 0
      return named('RollBackward0', shift === 0 ? x.clone() : cat([x.narrow(dim, size - shift, shift), x.narrow(dim, 0, size - shift)], dim))
    }, this)
  }
  /** Below and on the diagonal of the last two dimensions as it is, 0 above. */
  tril(diagonal: Named<'diagonal'> = 0): Tensor {
    return named('TrilBackward0', choosing(triangle('tril', this.shape, numberOf('tril', 'diagonal', diagonal, 0)), this, scalar(0, this.dtype)))
  }
  /** On and above the diagonal of the last two dimensions as it is, 0 below. */
  triu(diagonal: Named<'diagonal'> = 0): Tensor {
    return named('TriuBackward0', choosing(triangle('triu', this.shape, numberOf('triu', 'diagonal', diagonal, 0)), this, scalar(0, this.dtype)))
  }
  /** This tensor where it is dense in row-major order, else a copy that is. */
  contiguous(): Tensor {
    return this.isContiguous() ? this : this.clone()
  }

  // ---- indexing

  /** Python's index expression: x[:, 0, 1::2] is x.at(':', 0, '1::2'); null adds a dimension, arrays, tensors and masks choose elements. */
  at(...expression: Index[]): Tensor {
    return at(this, expression, (index): index is Tensor => index instanceof Tensor)
  }
  /** out[i][j] = x[i][index[i][j]] for dim 1. Same as torch.gather. */
  gather(dim: number, index: Tensor): Tensor {
    checkTensors('gather', [index])
    return gather([this, index], dim)
  }
  /** A copy with `source` added at the places that gather would read. Same as torch.scatter_add. */
  scatterAdd(dim: number, index: Tensor, source: Tensor): Tensor {
    return named('ScatterAddBackward0', this.add(scatterAdd([source, index], { dim, shape: this.shape })))
  }
  /** The elements at `index` along `dim`. */
  indexSelect(dim: number, index: Tensor | readonly number[]): Tensor {
    if (typeof index !== 'object' || index === null) throw new ValueError('indexSelect', `${String(index)} is no index`, 'give a vector or a list of whole numbers')
    const positions = index instanceof Tensor ? index : constant(NDArray.from(Float32Array.from(index), [index.length], 'int64'))
    const d = normalizeDim('indexSelect', dim, this.ndim)
    if (this.ndim === 0) throw new IndexError('indexSelect', 'a scalar has no elements to choose from', 'unsqueeze it first')
    const checked = checkedIndex('indexSelect', positions, this.shape[d], false)
    if (positions.ndim > 1) throw new ValueError('indexSelect', `an index of shape ${showShape(positions.shape)} is no list`, 'give a vector of whole numbers')
    return own('IndexSelectBackward0', take([this.transpose(0, d), checked.reshape([-1])]).transpose(0, d).contiguous())
  }
  /** `value` where the mask is not 0, else this tensor. */
  maskedFill(mask: Tensor, value: Operand): Tensor {
    const filling = this.dtype === 'float32' ? value : constant(cast('maskedFill', toTensor('maskedFill', value).array, this.dtype))
    return named('MaskedFillBackward0', choosing(mask, filling, this))
  }
  /** The elements where the mask is not 0, in row-major order, with broadcasting. */
  maskedSelect(mask: Tensor): Tensor {
    checkTensors('maskedSelect', [mask])
    const shape = broadcastShapes('maskedSelect', this.shape, mask.shape)
    return own('MaskedSelectBackward0', this.expand(shape).reshape([-1]).at(trueIndices(mask.expand(shape))))
  }

  // ---- in place

  add_(other: Operand): this {
    return this.#inPlace('add_', (old) => old.add(other))
  }
  sub_(other: Operand): this {
    return this.#inPlace('sub_', (old) => old.sub(other))
  }
  mul_(other: Operand): this {
    return this.#inPlace('mul_', (old) => old.mul(other))
  }
  div_(other: Operand): this {
    return this.#inPlace('div_', (old) => old.div(other))
  }
  clamp_(min?: number | null, max?: number | null): this {
    return this.#inPlace('clamp_', (old) => old.clamp(min, max))
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
  /** `value` where the mask is not 0. */
  maskedFill_(mask: Tensor, value: Operand): this {
    return this.#inPlace('maskedFill_', (old) => old.maskedFill(mask, value))
  }
  /** Numbers drawn evenly from [low, high). */
  uniform_(low = 0, high = 1, given: { readonly generator?: Generator } = {}): this {
    const { generator } = optionsOf('uniform_', given, { generator: defaultGenerator })
    return this.#draw('uniform_', (out) => generator.uniform(out, low, high))
  }
  /** Numbers drawn from the normal distribution. */
  normal_(mean = 0, std = 1, given: { readonly generator?: Generator } = {}): this {
    const { generator } = optionsOf('normal_', given, { generator: defaultGenerator })
    return this.#draw('normal_', (out) => (this.isContiguous() ? generator.normal(out, mean, std) : generator.normalScalar(out, mean, std)))
  }
  /** 1 with probability p, else 0. */
  bernoulli_(p = 0.5, given: { readonly generator?: Generator } = {}): this {
    const { generator } = optionsOf('bernoulli_', given, { generator: defaultGenerator })
    return this.#draw('bernoulli_', (out) => generator.bernoulli(NDArray.from(out, [out.length]), p))
  }

  #inPlace(name: string, compute: (old: Tensor) => Tensor): this {
    changeInPlace(name, this, compute)
    return this
  }
  /** Random numbers are drawn in the order in which this tensor's elements lie in memory, as in PyTorch. */
  #draw(name: string, fill: (out: Float32Array) => void): this {
    if (name !== 'bernoulli_') checkHoldsFractions(name, this.dtype)
    return this.#inPlace(name, (old) => {
      const order = this.shape.map((_, d) => d).sort((a, b) => this.array.strides[b] - this.array.strides[a] || a - b)
      const drawn = NDArray.zeros(order.map((d) => this.shape[d]))
      fill(drawn.storage.data)
      const inverse = order.map((_, d) => order.indexOf(d))
      return overwritten([old, constant(drawn.permute(inverse))])
    })
  }
}

/** Nested lists of numbers, as deep as the tensor has dimensions. */
export type NestedNumbers = number | NestedNumbers[]

setTensorFactory((array) => new Tensor(array))

/** A number as a scalar tensor, which broadcasts. Beside another operand it bears a label that goes with that one's. */
export function toTensor(operation: string, value: Operand, other: Operand = 0): Tensor {
  if (typeof value !== 'number') checkTensors(operation, [value])
  return beside(value, other)
}

function isOptions<T extends object>(value: unknown): value is T {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What to reduce by name, of which `dim` and `keepdim` may stand in their places. */
function byName<O extends ReduceOptions>(dim: Dims | O | undefined, last: boolean | O | undefined): O {
  return { ...(isOptions<O>(dim) ? dim : { dim }), ...(typeof last === 'boolean' ? { keepdim: last } : last) } as O
}

/** Appends an entry to a list; `remove` takes it out again. */
function removable<T>(list: T[], entry: T): { remove(): void } {
  list.push(entry)
  let present = true
  return {
    remove: () => {
      if (present) list.splice(list.indexOf(entry), 1)
      present = false
    },
  }
}
