/** Python's index expressions: x.at(':', 0, '1:', '::2', '...', null, [0, 2], mask). */
import { cast } from '../tensor/dtype.ts'
import { IndexError, ShapeError, ValueError } from '../tensor/errors.ts'
import { orderOf } from '../tensor/layout.ts'
import { broadcastShapes, inverseOrder, numelOf, showShape, type Shape } from '../tensor/shape.ts'
import { constant, indexVector, isTensor, named, own } from './op.ts'
import { checkedIndex, put, putAdd, take } from './ops/indexing.ts'
import { slice } from './ops/views.ts'
import { NDArray, type Range } from '../tensor/ndarray.ts'
import type { Tensor } from './tensor.ts'

/** Nested lists of whole numbers, or of booleans as a mask. */
export type NestedIndex = readonly (number | boolean | NestedIndex)[]

/** One entry of an index expression. Strings are ':', '1:', ':-1', '::2', '...'; null adds a dimension of size 1. */
export type Index = number | string | null | boolean | NestedIndex | Tensor | Int32Array | Uint8Array | Float32Array

/** How many dimensions of the tensor an entry uses up. */
function consumed(index: Index): number {
  if (index === null || index === '...' || typeof index === 'boolean') return 0
  return isTensor(index) && index.dtype === 'bool' ? index.ndim : 1
}

/** '1:8:2' over a dimension of `size` elements, with Python's rules for what is left out or lies outside. */
export function parseSlice(text: string, size: number): { start: number; size: number; step: number } {
  const parts = text.split(':').map((part) => part.trim())
  if (parts.length < 2 || parts.length > 3 || parts.some((part) => !/^(-?\d+)?$/.test(part)))
    throw new ValueError('at', `'${text}' is no index expression`, "write ':', 'start:stop', 'start:stop:step' or '...'")
  const [start, stop, step] = [parts[0], parts[1], parts[2] ?? ''].map((part) => (part === '' ? null : Number(part)))
  const every = step ?? 1
  if (every < 1) throw new ValueError('at', `the step of '${text}' is not positive`, 'use flip() to turn a tensor around')
  const clip = (value: number | null, otherwise: number) => (value === null ? otherwise : Math.min(Math.max(value < 0 ? value + size : value, 0), size))
  const first = clip(start, 0)
  return { start: first, size: Math.max(0, Math.ceil((clip(stop, size) - first) / every)), step: every }
}

/** Whether a slice of all `size` elements is written with its end, as '0:3' or ':3' is for 3. */
const saysItsStop = (text: string, size: number) => /^0?:(\d+)(:1?)?$/.exec(text.replaceAll(' ', ''))?.[1] === String(size)

/** An entry with arrays turned into tensors, which are masks when they hold booleans, else whole numbers. A scalar is a number or a boolean. */
function toEntry(index: Index): Index {
  if (isTensor(index) && index.ndim === 0) return index.dtype === 'bool' ? index.item() !== 0 : index.item()
  if (index === null || typeof index === 'number' || typeof index === 'string' || typeof index === 'boolean' || isTensor(index)) return index
  if (index instanceof Float32Array || index instanceof Int32Array || index instanceof Uint8Array) return indexVector(index)
  if (Array.isArray(index)) return nestedIndex(index)
  throw new ValueError('at', `${String(index)} is no index`, "use a number, a string like '1:', null, an array of whole numbers, or a mask")
}

const isList = (entry: unknown): entry is NestedIndex => Array.isArray(entry)

function nestedIndex(list: NestedIndex): Tensor {
  const shape: number[] = []
  for (let level: number | boolean | NestedIndex | undefined = list; isList(level); level = level[0]) shape.push(level.length)
  const leaves: (number | boolean)[] = []
  const collect = (entry: number | boolean | NestedIndex): unknown => (isList(entry) ? entry.forEach(collect) : leaves.push(entry))
  collect(list)
  if (!leaves.every((leaf) => typeof leaf === 'number' || typeof leaf === 'boolean')) throw new ValueError('at', 'an index array holds something else than numbers', 'give whole numbers, or booleans as a mask')
  if (leaves.length !== shape.reduce((product, size) => product * size, 1)) throw new ValueError('at', 'the lists of an index array have different lengths', 'give a rectangular array')
  return constant(NDArray.from(Float32Array.from(leaves, Number), shape, leaves.some((leaf) => typeof leaf === 'boolean') ? 'bool' : 'int64'))
}

/** Where the true elements of a mask stand in row-major order. */
export function trueIndices(mask: Tensor): Tensor {
  const values = mask.array.values()
  const found = new Float32Array(values.length)
  let count = 0
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) found[count++] = i
  return indexVector(found.subarray(0, count))
}

/** Where elements are not 0, as a vector of positions for each dimension. */
export function nonzero(x: Tensor): Tensor[] {
  const flat = trueIndices(x).array.values()
  let block = x.numel()
  return x.shape.map((size) => {
    block /= size
    return indexVector(Float32Array.from(flat, (place) => Math.floor(place / block) % size))
  })
}

interface Sliced {
  /** What numbers, slices and new dimensions take: x itself where they take nothing away. */
  readonly view: Tensor
  /** An array or mask for the dimensions that it chooses from, ':' for any other. */
  readonly rest: readonly (Tensor | ':')[]
  /** Whether PyTorch records a slice although the view is of all of x. */
  readonly isSliced: boolean
}

/** The first part of an index expression: numbers, slices and new dimensions, which make a view. */
function sliced(x: Tensor, expression: readonly Index[]): Sliced {
  const entries = expression.map(toEntry)
  const used = entries.reduce<number>((sum, index) => sum + consumed(index), 0)
  if (used > x.ndim) throw new IndexError('at', `${used} indices were given for a tensor of shape ${showShape(x.shape)}`, `give at most ${x.ndim}`)
  const dots = entries.filter((index) => index === '...').length
  if (dots > 1) throw new IndexError('at', "an index expression can hold '...' only once", "write ':' for single dimensions")
  const fill = new Array<Index>(x.ndim - used).fill('...')
  const full = dots === 1 ? entries.flatMap((index) => (index === '...' ? fill : [index])) : [...entries, ...fill]

  let view = x
  let isSliced = false
  let dim = 0
  const rest: (Tensor | ':')[] = []
  for (const index of full) {
    if (typeof index === 'number') {
      view = view.select(dim, index)
      continue
    }
    if (index === null || typeof index === 'boolean') view = view.unsqueeze(dim)
    else if (typeof index === 'string' && index !== '...') {
      const range = parseSlice(index, view.shape[dim])
      const isWhole = range.size === view.shape[dim] && range.step === 1
      // PyTorch records ':' and '0:' as slices of all, but not one that says where it stops.
      const isRecorded = !isWhole || !saysItsStop(index, range.size)
      if (!isWhole) view = slice([view], whole(view.shape).with(dim, range))
      else if (view !== x && isRecorded) named('SliceBackward0', view)
      isSliced ||= isRecorded
    }
    // A mask of no dimensions keeps the one element of a new dimension, or none.
    rest.push(typeof index === 'boolean' ? indexVector(index ? [0] : []) : isTensor(index) ? index : ':')
    dim += isTensor(index) ? consumed(index) : 1
  }
  return { view, rest, isSliced }
}

/** Evaluates an index expression: slices and numbers first, as views; then arrays and masks, which copy. */
export function at(x: Tensor, expression: readonly Index[]): Tensor {
  const { view, rest, isSliced } = sliced(x, expression)
  if (rest.some(isTensor)) return chosen(view, rest)
  const isOneSlice = expression.length === 1 && expression[0] !== '...'
  return view === x ? named(isSliced || isOneSlice ? 'SliceBackward0' : 'AliasBackward0', slice([x], whole(x.shape))) : view
}

/** What is written to: a view of x, or x itself, and what arrays and masks choose of it, null without any. */
export function partAt(x: Tensor, expression: readonly Index[]): { readonly part: Tensor; readonly rest: readonly (Tensor | ':')[] | null } {
  if (!Array.isArray(expression)) throw new ValueError('indexPut_', `${String(expression)} is no index expression`, "give its entries as a list, like [':', [0, 2]]")
  const { view, rest, isSliced } = sliced(x, expression)
  return { part: view === x && isSliced ? slice([x], whole(x.shape)) : view, rest: rest.some(isTensor) ? rest : null }
}

/** Throws unless `values` can be stretched to the shape that an index expression chooses. */
export function checkFits(values: Tensor, chosen: Shape): void {
  if (values.ndim > chosen.length || values.shape.some((size, d) => size !== 1 && size !== chosen.at(d - values.ndim)))
    throw new ShapeError('indexPut_', `values of shape ${showShape(values.shape)} do not fit ${showShape(chosen)}, which the index chooses`, 'give one number, or values of that shape')
}

/**
 * A copy of x with `values`, stretched, in place of what an index expression reads, or with them added to it. An element that is read several
 * times takes the last value, or the sum.
 */
export function replaceAt(x: Tensor, expression: readonly Index[], values: Tensor, accumulate: boolean): Tensor {
  if (x.numel() > 2 ** 24) throw new IndexError('indexPut_', `the tensor of shape ${showShape(x.shape)} holds more than 2^24 numbers, whose places float32 cannot tell apart`, 'change a part of it, such as at(0)')
  const everywhere = NDArray.from(Float32Array.from({ length: x.numel() }, (_, i) => i), x.shape, 'int64')
  const places = at(constant(everywhere), expression).contiguous()
  checkFits(values, places.shape)
  const given = values.expand(places.shape)
  if (accumulate) return x.add(putAdd([given.reshape([-1]), places.reshape([-1])], [x.numel()]).reshape(x.shape))
  return put([x, given.dtype === x.dtype ? given : constant(cast('indexPut_', given.array, x.dtype)), places])
}

/** The range of each dimension that takes all of it. */
const whole = (shape: Shape): Range[] => shape.map((size) => ({ start: 0, size, step: 1 }))

/** x with the dimensions that a mask covers, from `dim` on, as one. */
function mergeMasked(x: Tensor, mask: Tensor, dim: number): Tensor {
  const covered = x.shape.slice(dim, dim + mask.ndim)
  if (mask.shape.some((size, d) => size !== covered[d]))
    throw new IndexError('at', `a mask of shape ${showShape(mask.shape)} does not fit the dimensions ${showShape(covered)} of ${showShape(x.shape)} that it chooses from`, 'a mask must have the sizes of the dimensions that it covers')
  return mask.ndim === 1 ? x : x.flatten(dim, dim + mask.ndim - 1)
}

/** The second part of an index expression: arrays and masks. */
function chosen(x: Tensor, entries: readonly (Tensor | ':')[]): Tensor {
  let merged = x
  const arrays = entries.flatMap((index, dim) => {
    if (!isTensor(index)) return []
    const isMask = index.dtype === 'bool'
    if (isMask) merged = mergeMasked(merged, index, dim)
    return [{ dim, index: isMask ? trueIndices(index) : index }]
  })
  return indexArrays(merged, arrays)
}

/** Index arrays on several dimensions, broadcast together. The result has their shape where the first of them stood, or in front when they are apart. */
function indexArrays(x: Tensor, arrays: readonly { dim: number; index: Tensor }[]): Tensor {
  const dims = arrays.map(({ dim }) => dim)
  const others = x.shape.map((_, d) => d).filter((d) => !dims.includes(d))
  const checked = arrays.map(({ dim, index }) => checkedIndex('at', index, x.shape[dim], true))
  const sizes = dims.map((d) => x.shape[d])
  if (numelOf(sizes) > 2 ** 24) throw new IndexError('at', `the indexed dimensions ${showShape(sizes)} hold more than 2^24 places, which float32 positions cannot tell apart`, 'index one dimension at a time')
  // One number for the position in all indexed dimensions together: ((i · size₁ + j) · size₂ + k) ...
  const shape = checked.map((index) => index.shape).reduce((a, b) => broadcastShapes('at', a, b))
  const flat = checked.reduce((sum, index, i) => sum.mul(sizes[i]).add(index))
  const rows = x.permute([...dims, ...others]).reshape([numelOf(sizes), ...others.map((d) => x.shape[d])])
  const taken = take([rows, flat.detach()])
  const adjacent = dims.every((d, i) => i === 0 || d === dims[i - 1] + 1)
  const front = adjacent ? others.filter((d) => d < dims[0]).length : 0
  const order = taken.shape.map((_, d) => d)
  const moved = [...order.slice(flat.ndim, flat.ndim + front), ...order.slice(0, flat.ndim), ...order.slice(flat.ndim + front)]
  const around = (of: (d: number) => number, within: Shape) => [...others.slice(0, front).map(of), ...within, ...others.slice(front).map(of)]
  const strides = x.stride()
  const inputs = [around((d) => strides[d], shape.map(() => 0)), ...checked.map((index) => around(() => 0, index.array.expand(shape).strides))]
  return own('IndexBackward0', laidOut(front > 0 ? taken.permute(moved) : taken, orderOf(around((d) => x.shape[d], shape), inputs)))
}

/** The same numbers with their dimensions in memory in the given order, in row-major order where that is null. */
function laidOut(x: Tensor, order: readonly number[] | null): Tensor {
  return order ? x.permute(order).contiguous().permute(inverseOrder(order)) : x.contiguous()
}
