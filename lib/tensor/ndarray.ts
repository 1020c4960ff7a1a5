/** NDArray: numbers with a shape. A storage, seen through a shape, strides and an offset; views never copy. */
import { IndexError, ShapeError } from './errors.ts'
import { kernels } from './kernels/active.ts'
import { checkWord } from './options.ts'
import { inferShape, normalizeDim, normalizeDims, numelOf, rowMajorStrides, sameShape, showShape, viewStrides, type Shape } from './shape.ts'
import { allocate, Storage } from './storage.ts'

/** What the numbers mean. They are stored as float32 whatever the label; it decides how they print and index. */
export type DType = 'float32' | 'int64' | 'bool'

/** One dimension of a slice: `size` elements from `start`, every `step`-th. */
export interface Range {
  readonly start: number
  readonly size: number
  readonly step: number
}

export class NDArray {
  readonly storage: Storage
  readonly shape: Shape
  readonly strides: Shape
  readonly offset: number
  readonly dtype: DType
  readonly numel: number
  /** The strides that PyTorch's tensor would have, where these numbers lie in another order: pictures out of a convolution have their channels last. */
  readonly seenAs: Shape | null

  constructor(storage: Storage, shape: Shape, strides: Shape = rowMajorStrides(shape), offset = 0, dtype: DType = 'float32', seenAs: Shape | null = null) {
    if (dtype !== 'float32') checkWord('tensor', 'dtype', dtype, ['float32', 'int64', 'bool'])
    this.seenAs = seenAs
    this.storage = storage
    this.shape = shape
    this.strides = strides
    this.offset = offset
    this.dtype = dtype
    this.numel = numelOf(shape)
  }

  /** A dense array over `data`, which is shared, not copied. */
  static from(data: Float32Array, shape: Shape, dtype: DType = 'float32'): NDArray {
    return new NDArray(new Storage(data), shape, undefined, 0, dtype)
  }

  /** A new dense array of zeros, under the garbage collector. */
  static zeros(shape: Shape, dtype: DType = 'float32'): NDArray {
    return NDArray.from(new Float32Array(numelOf(shape)), shape, dtype)
  }

  /** A new dense array for a kernel to write: its numbers are whatever was there before. */
  static empty(shape: Shape, dtype: DType = 'float32'): NDArray {
    return new NDArray(allocate(numelOf(shape)), shape, undefined, 0, dtype)
  }

  /** A new dense array that holds `value` everywhere. */
  static full(shape: Shape, value: number, dtype: DType = 'float32'): NDArray {
    const out = NDArray.empty(shape, dtype)
    kernels().fill(out, value)
    return out
  }

  get ndim(): number {
    return this.shape.length
  }

  /** Address of the first number on the heap, in bytes; 0 when the numbers are elsewhere. */
  get pointer(): number {
    return this.storage.address === 0 ? 0 : this.storage.address + 4 * this.offset
  }

  /** Whether the numbers lie densely in row-major order. */
  get isContiguous(): boolean {
    return isRowMajor(this.shape, this.strides)
  }
  /** The strides that PyTorch's tensor has. */
  get seenStrides(): Shape {
    return this.seenAs ?? this.strides
  }
  /** Whether PyTorch's numbers lie densely in row-major order. */
  get isSeenContiguous(): boolean {
    return isRowMajor(this.shape, this.seenStrides)
  }
  /** The same numbers, shown with other strides than they have. */
  shownAs(strides: Shape): NDArray {
    return new NDArray(this.storage, this.shape, this.strides, this.offset, this.dtype, sameShape(strides, this.strides) ? null : strides)
  }

  /** This array if it is dense in row-major order, else a copy that is. */
  contiguous(): NDArray {
    return this.isContiguous ? this : this.copy()
  }

  /** A dense copy in a storage of its own. */
  copy(): NDArray {
    const out = NDArray.empty(this.shape, this.dtype)
    kernels().copy(out, this)
    return out
  }

  /** The numbers in row-major order: a window on the storage where they are dense, else a copy. */
  values(): Float32Array {
    const { storage, offset, numel } = this.contiguous()
    return offset === 0 && storage.data.length === numel ? storage.data : storage.data.subarray(offset, offset + numel)
  }

  /** The same numbers seen with another shape and offset, and with other strides, or those that a function makes of the ones that there are. */
  restride(shape: Shape, strides: Shape | ((strides: Shape) => Shape), offset = this.offset): NDArray {
    if (typeof strides !== 'function') return new NDArray(this.storage, shape, strides, offset, this.dtype)
    return new NDArray(this.storage, shape, strides(this.strides), offset, this.dtype, this.seenAs && strides(this.seenAs))
  }

  labelled(dtype: DType): NDArray {
    return new NDArray(this.storage, this.shape, this.strides, this.offset, dtype, this.seenAs)
  }

  permute(dims: readonly number[]): NDArray {
    if (dims.length !== this.ndim)
      throw new ShapeError('permute', `[${dims.join(', ')}] lists ${dims.length} dimensions, the tensor of shape ${showShape(this.shape)} has ${this.ndim}`, 'list each dimension once')
    normalizeDims('permute', dims, this.ndim)
    const order = dims.map((dim) => normalizeDim('permute', dim, this.ndim))
    return this.restride(order.map((d) => this.shape[d]), (strides) => order.map((d) => strides[d]))
  }

  transpose(dim0: number, dim1: number): NDArray {
    const a = normalizeDim('transpose', dim0, this.ndim)
    const b = normalizeDim('transpose', dim1, this.ndim)
    const exchanged = (sizes: Shape) => (this.ndim === 0 ? sizes : sizes.with(a, sizes[b]).with(b, sizes[a]))
    return this.restride(exchanged(this.shape), exchanged)
  }

  /** The same numbers repeated along dimensions of size 1 and along new leading ones; -1 keeps a size. */
  expand(shape: Shape, operation = 'expand'): NDArray {
    if (sameShape(shape, this.shape)) return this
    const lead = shape.length - this.ndim
    if (lead < 0) throw this.#cannotExpand(operation, shape, 'it has more dimensions')
    const sizes = shape.map((size, d) => (size === -1 && d >= lead ? this.shape[d - lead] : size))
    sizes.forEach((size, d) => {
      if (!Number.isInteger(size) || size < 0) throw this.#cannotExpand(operation, shape, `${size} is no size for dimension ${d}`)
      const old = d < lead ? 1 : this.shape[d - lead]
      if (size !== old && old !== 1) throw this.#cannotExpand(operation, shape, `size ${old} cannot become ${size}`)
    })
    return this.restride(sizes, (strides) => sizes.map((size, d) => (d >= lead && size === this.shape[d - lead] ? strides[d - lead] : 0)))
  }
  #cannotExpand(operation: string, shape: Shape, problem: string): ShapeError {
    return new ShapeError(operation, `${showShape(this.shape)} cannot be expanded to ${showShape(shape)}: ${problem}`, 'only sizes of 1 and new leading dimensions can grow; -1 keeps a size')
  }

  /**
   * The same numbers under another shape without a copy, or null where PyTorch's layout does not allow it. Where it does, but these numbers lie
   * in another order, they are copied all the same.
   */
  tryView(shape: Shape, operation = 'view'): NDArray | null {
    const sizes = inferShape(operation, shape, this.shape)
    if (sameShape(sizes, this.shape)) return this
    const seen = stridesAs(this.shape, this.seenStrides, sizes)
    if (!seen) return null
    const strides = this.seenAs ? stridesAs(this.shape, this.strides, sizes) : seen
    return strides ? new NDArray(this.storage, sizes, strides, this.offset, this.dtype).shownAs(seen) : this.#copyAs(sizes).shownAs(seen)
  }

  /** Whether PyTorch's layout allows to see the numbers under another shape without a copy. */
  canBeSeenAs(shape: Shape): boolean {
    return stridesAs(this.shape, this.seenStrides, inferShape('reshape', shape, this.shape)) !== null
  }

  reshape(shape: Shape): NDArray {
    return this.tryView(shape, 'reshape') ?? this.#copyAs(inferShape('reshape', shape, this.shape))
  }
  #copyAs(sizes: Shape): NDArray {
    return new NDArray(this.copy().storage, sizes, rowMajorStrides(sizes), 0, this.dtype)
  }

  unsqueeze(dim: number): NDArray {
    const d = normalizeDim('unsqueeze', dim, this.ndim + 1)
    return this.restride(this.shape.toSpliced(d, 0, 1), (strides) => strides.toSpliced(d, 0, d < this.ndim ? this.shape[d] * strides[d] : 1))
  }

  /** Without its dimensions of size 1, or without those of the given ones that are. */
  squeeze(dims?: number | readonly number[]): NDArray {
    const chosen = new Set(normalizeDims('squeeze', dims, this.ndim))
    const kept = this.shape.map((_, d) => d).filter((d) => !(chosen.has(d) && this.shape[d] === 1))
    return this.restride(kept.map((d) => this.shape[d]), (strides) => kept.map((d) => strides[d]))
  }

  /** One range for each dimension; ranges must lie inside the shape. */
  slice(ranges: readonly Range[]): NDArray {
    const offset = ranges.reduce((sum, { start }, d) => sum + start * this.strides[d], this.offset)
    return this.restride(ranges.map(({ size }) => size), (strides) => ranges.map(({ step }, d) => step * strides[d]), offset)
  }

  /** `length` elements from `start` along `dim`. */
  narrow(dim: number, start: number, length: number): NDArray {
    const d = normalizeDim('narrow', dim, this.ndim)
    if (this.ndim === 0) throw new IndexError('narrow', 'a scalar has no elements to choose from', 'unsqueeze it first')
    const size = this.shape[d]
    const first = start < 0 ? start + size : start
    if (!Number.isInteger(first) || !Number.isInteger(length) || first < 0 || length < 0 || first + length > size)
      throw new IndexError('narrow', `${length} elements from ${start} do not lie inside dimension ${d} of size ${size}`, `start and start + length must lie within 0 and ${size}`)
    return this.slice(this.shape.map((all, i) => (i === d ? { start: first, size: length, step: 1 } : { start: 0, size: all, step: 1 })))
  }

  /** Element `index` along `dim`, without that dimension. */
  select(dim: number, index: number): NDArray {
    if (this.ndim === 0) throw new IndexError('select', 'a scalar has no dimension to select from', 'use item()')
    const d = normalizeDim('select', dim, this.ndim)
    const size = this.shape[d]
    if (!Number.isInteger(index) || index < -size || index >= size)
      throw new IndexError('select', `index ${index} is out of range for dimension ${d} of size ${size}`, size === 0 ? 'the dimension is empty' : `use a whole number from ${-size} to ${size - 1}`)
    return this.restride(this.shape.toSpliced(d, 1), (strides) => strides.toSpliced(d, 1), this.offset + (index < 0 ? index + size : index) * this.strides[d])
  }
}

function isRowMajor(shape: Shape, strides: Shape): boolean {
  let stride = 1
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && strides[d] !== stride) return shape.includes(0)
    stride *= shape[d]
  }
  return true
}

/** The strides with which another shape reads the same numbers in the same order, or null where it cannot. */
const stridesAs = (shape: Shape, strides: Shape, sizes: Shape): Shape | null => (isRowMajor(shape, strides) ? rowMajorStrides(sizes) : viewStrides(shape, strides, sizes))
