/** Shapes, strides and broadcasting: pure functions over lists of numbers. */
import { IndexError, ShapeError } from './errors.ts'

export type Shape = readonly number[]

/** (2, 3, 4): a shape as PyTorch and Python write it, (3,) when it has one dimension. */
export function showShape(shape: Shape): string {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`
}

/** How many numbers a tensor of this shape holds: 1 for a scalar, shape (). */
export function numelOf(shape: Shape): number {
  let numel = 1
  for (let d = 0; d < shape.length; d++) numel *= shape[d]
  return numel
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let d = 0; d < a.length; d++) if (a[d] !== b[d]) return false
  return true
}

/** Strides of a dense row-major tensor, in numbers: (2, 3, 4) -> (12, 4, 1). */
export function rowMajorStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = stride
    stride *= Math.max(shape[d], 1)
  }
  return strides
}

/** Throws unless every size is a whole number of at least 0 and the numbers can be stored. */
export function checkShape(operation: string, shape: Shape): void {
  if (!Array.isArray(shape)) throw new ShapeError(operation, `${String(shape)} is no shape`, 'give a list of whole sizes')
  for (const size of shape)
    if (!Number.isInteger(size) || size < 0)
      throw new ShapeError(operation, `${showShape(shape)} is no shape: ${size} is not a whole number of at least 0`, 'give whole sizes')
  if (numelOf(shape) > 2 ** 32) throw new ShapeError(operation, `${showShape(shape)} holds more than 2^32 numbers`, 'give smaller sizes')
}

/** `dim` counted from the front: -1 is the last of `ndim` dimensions. A scalar has dimension 0 and -1, as in torch. */
export function normalizeDim(operation: string, dim: number, ndim: number): number {
  const range = Math.max(ndim, 1)
  if (!Number.isInteger(dim) || dim < -range || dim >= range)
    throw new IndexError(operation, `dimension ${dim} is out of range for a tensor of ${ndim} dimensions`, `use a whole number from ${-range} to ${range - 1}`)
  return dim < 0 ? dim + range : dim
}

/** Dimensions counted from the front, in ascending order; none given means all. Throws on a repeated one. */
export function normalizeDims(operation: string, dims: number | readonly number[] | null | undefined, ndim: number): number[] {
  if (dims === null || dims === undefined || (typeof dims !== 'number' && dims.length === 0)) return Array.from({ length: ndim }, (_, d) => d)
  if (typeof dims !== 'number' && !Array.isArray(dims)) throw new IndexError(operation, `${String(dims)} is no dimension`, 'give a whole number or a list of them')
  const list = (typeof dims === 'number' ? [dims] : [...dims]).map((dim) => normalizeDim(operation, dim, ndim))
  if (new Set(list).size !== list.length)
    throw new IndexError(operation, `dimensions [${typeof dims === 'number' ? dims : dims.join(', ')}] name one dimension twice`, 'name each dimension once')
  return ndim === 0 ? [] : list.sort((a, b) => a - b)
}

/** The order that undoes `order`: a permutation's inverse. */
export function inverseOrder(order: readonly number[]): number[] {
  return order.map((_, d) => order.indexOf(d))
}

/** The shape that both broadcast to: sizes are matched from the last, and 1 stretches. */
export function broadcastShapes(operation: string, a: Shape, b: Shape): number[] {
  const ndim = Math.max(a.length, b.length)
  const shape = new Array<number>(ndim)
  for (let i = 1; i <= ndim; i++) {
    const p = i <= a.length ? a[a.length - i] : 1
    const q = i <= b.length ? b[b.length - i] : 1
    if (p !== q && p !== 1 && q !== 1)
      throw new ShapeError(operation, `${showShape(a)} and ${showShape(b)} cannot be broadcast together: sizes ${p} and ${q} differ in dimension ${ndim - i}`, 'sizes must be equal or 1, matched from the last dimension; reshape or unsqueeze one of them')
    shape[ndim - i] = p === 1 ? q : p
  }
  return shape
}

/** `shape` with its one -1 replaced by what makes it hold `numel` numbers. */
export function inferShape(operation: string, shape: Shape, from: Shape): Shape {
  const numel = numelOf(from)
  let known = 1
  let unknown = 0
  for (let d = 0; d < shape.length; d++) {
    const size = shape[d]
    if (!Number.isInteger(size) || size < -1) throw cannotBecome(operation, shape, from, 'sizes must be whole numbers of at least 0')
    if (size === -1) unknown++
    else known *= size
  }
  if (unknown > 1) throw cannotBecome(operation, shape, from, 'only one size can be left to be inferred')
  if (unknown === 1) {
    if (known === 0 && numel === 0) throw cannotBecome(operation, shape, from, 'with a size of 0 the unknown size could be anything')
    if (known === 0 || numel % known !== 0) throw cannotBecome(operation, shape, from, `${numel} numbers do not divide into ${known}`)
    return shape.map((size) => (size === -1 ? numel / known : size))
  }
  if (known !== numel) throw cannotBecome(operation, shape, from, `that is ${known} numbers, not ${numel}`)
  return shape.slice()
}

function cannotBecome(operation: string, shape: Shape, from: Shape, problem: string): ShapeError {
  return new ShapeError(operation, `${showShape(from)} cannot become ${showShape(shape)}: ${problem}`, 'the product of the sizes must stay the same; one of them may be -1')
}

/** The strides with which `shape` reads the same numbers in the same order, or null if a copy is needed. */
export function viewStrides(oldShape: Shape, oldStrides: Shape, shape: Shape): number[] | null {
  if (numelOf(oldShape) === 0) return rowMajorStrides(shape)
  const kept = oldShape.map((_, d) => d).filter((d) => oldShape[d] !== 1)
  const sizes = kept.map((d) => oldShape[d])
  const steps = kept.map((d) => oldStrides[d])
  const strides = new Array<number>(shape.length).fill(1)
  let next = shape.length - 1
  // Each run of old dimensions that lie densely one inside the other must be cut up by whole new dimensions.
  for (let last = sizes.length - 1; last >= 0; ) {
    let first = last
    let run = sizes[last]
    while (first > 0 && steps[first - 1] === sizes[first] * steps[first]) run *= sizes[--first]
    let covered = 1
    for (; next >= 0 && (covered < run || shape[next] === 1); next--) {
      strides[next] = steps[last] * covered
      covered *= shape[next]
      if (run % covered !== 0) return null
    }
    last = first - 1
  }
  return strides
}
