/** Reductions in WebAssembly: along rows, and down columns. Long ones are cut into blocks whose results are reduced in turn. */
import type { NDArray } from '../../ndarray.ts'
import type { ReduceOp } from '../kernels.ts'
import * as reference from '../reference/reduce.ts'
import { copy, denseAt, fill } from './copy.ts'
import type { Runtime } from './runtime.ts'
import { acrossLanes, allOf, constant, eachVector, firstLanes, storeFirst, type Vector } from './vectors.ts'
import { f32x4, i32, v128, type WasmModule } from './wasm.ts'

/** max and min let a NaN through, whichever operand it is. */
const operations: Record<ReduceOp, { readonly start: number; readonly combine: (a: Vector, b: Vector) => Vector }> = {
  sum: { start: 0, combine: f32x4.add },
  prod: { start: 1, combine: f32x4.mul },
  max: { start: -Infinity, combine: f32x4.max },
  min: { start: Infinity, combine: f32x4.min },
}

// ---- kernels

/** Numbers of a row that are reduced in one go: each of 16 partial results then takes 256 of them. */
const BLOCK = 4096
/** Rows that are reduced in one go. */
const BAND = 64
/** Columns of one unit of work. */
const COLUMNS = 512

export function emitReduce(module: WasmModule): void {
  for (const op of Object.keys(operations) as ReduceOp[]) {
    emitRows(module, op)
    emitColumns(module, op)
  }
}

/** out[u] = the reduced block u of rows of n numbers, `stride` bytes apart, cut into `blocks`. */
function emitRows(module: WasmModule, op: ReduceOp): void {
  const { start, combine } = operations[op]
  module.function(`${op} rows`, { out: 'i32', x: 'i32', n: 'i32', stride: 'i32', blocks: 'i32', begin: 'i32', end: 'i32', thread: 'i32' }, [], (f, { out, x, n, stride, blocks, begin, end }) => {
    const first = constant(f, start)
    const partial = [0, 1, 2, 3].map(() => f.local('v128'))
    const from = f.local('i32')
    f.for(end, { from: begin }, (unit) => {
      const skipped = f.let(i32.mul(i32.remU(unit, blocks), BLOCK))
      const left = f.let(i32.sub(n, skipped))
      f.set(from, i32.add(i32.add(x, i32.mul(i32.divU(unit, blocks), stride)), i32.shl(skipped, 2)))
      for (const p of partial) f.set(p, first)
      eachVector(f, i32.select(left, BLOCK, i32.ltS(left, BLOCK)), [from], 4, (offset, k) => f.set(partial[k], combine(partial[k], v128.load(from, offset))), (rest) => {
        f.set(partial[0], combine(partial[0], v128.select(v128.load(from), first, firstLanes(rest))))
      })
      f.do(v128.store1(i32.add(out, i32.shl(unit, 2)), acrossLanes(f, allOf(partial, combine), combine), 0))
    })
  })
}

/**
 * Reduces the rows of matrices (rows, n), the matrices `outer` and the rows `stride` bytes apart, in `bands` of 64 rows: out is
 * (matrices, bands, n). A unit is one block of columns of one band.
 */
function emitColumns(module: WasmModule, op: ReduceOp): void {
  const { start, combine } = operations[op]
  const parameters = { out: 'i32', x: 'i32', outer: 'i32', rows: 'i32', stride: 'i32', n: 'i32', bands: 'i32', begin: 'i32', end: 'i32', thread: 'i32' } as const
  module.function(`${op} columns`, parameters, [], (f, { out, x, outer, rows, stride, n, bands, begin, end }) => {
    const first = constant(f, start)
    const totals = Array.from({ length: 8 }, () => f.local('v128'))
    const blocks = f.let(i32.divU(i32.add(n, COLUMNS - 1), COLUMNS))
    const smaller = (limit: number, left: ReturnType<typeof i32.sub>) => i32.select(left, limit, i32.ltS(left, limit))
    const [to, from, row, left] = [0, 1, 2, 3].map(() => f.local('i32'))
    f.for(end, { from: begin }, (unit) => {
      const line = f.let(i32.divU(unit, blocks))
      const column = f.let(i32.mul(i32.remU(unit, blocks), COLUMNS))
      const top = f.let(i32.mul(i32.remU(line, bands), BAND))
      const height = f.let(smaller(BAND, f.let(i32.sub(rows, top))))
      f.set(left, smaller(COLUMNS, f.let(i32.sub(n, column))))
      f.set(to, i32.add(out, i32.shl(i32.add(i32.mul(line, n), column), 2)))
      f.set(from, i32.add(i32.add(x, i32.mul(i32.divU(line, bands), outer)), i32.add(i32.mul(top, stride), i32.shl(column, 2))))
      const down = (vectors: number) => {
        const own = totals.slice(0, vectors)
        for (const total of own) f.set(total, first)
        f.set(row, from)
        f.for(height, {}, () => {
          own.forEach((total, k) => f.set(total, combine(total, v128.load(row, 16 * k))))
          f.increase(row, stride)
        })
        return own
      }
      for (const vectors of [8, 2, 1]) {
        const more = () => i32.geS(left, 4 * vectors)
        f.if(more(), () => f.doWhile(() => {
          down(vectors).forEach((total, k) => f.do(v128.store(to, total, 16 * k)))
          f.increase(to, 16 * vectors)
          f.increase(from, 16 * vectors)
          f.increase(left, -4 * vectors)
        }, more))
      }
      f.if(left, () => storeFirst(f, to, down(1)[0], left))
    })
  })
}

// ---- dispatch

/** Numbers that a thread takes at a time. */
const CHUNK = 32768

/** A dimension of an array; its stride in numbers. */
interface Dim {
  readonly size: number
  readonly stride: number
}

/** Neighbours that lie densely inside one another become one. */
function merged(dims: readonly Dim[]): Dim[] {
  const result: Dim[] = []
  for (const dim of dims) {
    const last = result.at(-1)
    if (dim.size === 1) continue
    if (last && last.stride === dim.size * dim.stride) result[result.length - 1] = { size: last.size * dim.size, stride: dim.stride }
    else result.push(dim)
  }
  return result
}

const descending = (a: Dim, b: Dim) => b.stride - a.stride

export function reduce(runtime: Runtime, op: ReduceOp, out: NDArray, x: NDArray, dims: number): void {
  if (out.numel === 0) return
  if (x.numel === 0) return fill(runtime, out, operations[op].start)
  const split = x.ndim - dims
  const all = x.shape.map((size, d) => ({ size, stride: x.strides[d] }))
  const kept = merged(all.slice(0, split))
  const reduced = merged(all.slice(split).sort(descending))
  if (reduced.length === 0) return copy(runtime, out, x.restride(out.shape, x.strides.slice(0, split)))
  const last = reduced[reduced.length - 1]
  const [column = { size: 1, stride: 0 }, outer = { size: 1, stride: 0 }] = [...kept].reverse()
  if (reduced.length === 1 && last.stride === 1 && kept.length <= 1) return reduceRows(runtime, op, out.pointer, x.pointer, column.size, 4 * column.stride, last.size)
  if (reduced.length === 1 && column.stride === 1 && kept.length <= 2) return reduceColumns(runtime, op, out.pointer, x.pointer, outer, last, column.size)
  if (reduced.length === 1) return withCopy(runtime, x, (dense) => reduce(runtime, op, out, dense, dims))
  // The innermost dimension first; its results keep the order in which they lie.
  const others = [...kept, ...reduced.slice(0, -1)]
  const order = others.map((_, d) => d).sort((a, b) => descending(others[a], others[b]))
  const shape = order.map((d) => others[d].size)
  runtime.withScratch(4 * (x.numel / last.size), (address) => {
    const partial = denseAt(address, shape)
    reduce(runtime, op, partial, x.restride([...shape, last.size], [...order.map((d) => others[d].stride), last.stride]), 1)
    reduce(runtime, op, out, partial.permute(others.map((_, d) => order.indexOf(d))), reduced.length - 1)
  })
}

function withCopy(runtime: Runtime, x: NDArray, use: (dense: NDArray) => void): void {
  runtime.withScratch(4 * x.numel, (address) => {
    const dense = denseAt(address, x.shape)
    copy(runtime, dense, x)
    use(dense)
  })
}

/** Rows of n numbers, `stride` bytes apart. */
function reduceRows(runtime: Runtime, op: ReduceOp, out: number, x: number, rows: number, stride: number, n: number): void {
  const blocks = Math.ceil(n / BLOCK)
  const pass = (to: number) => runtime.run(`${op} rows`, [to, x, n, stride, blocks], rows * blocks, Math.ceil((CHUNK * blocks) / n))
  if (blocks === 1) return pass(out)
  runtime.withScratch(4 * rows * blocks, (partial) => {
    pass(partial)
    reduceRows(runtime, op, out, partial, rows, 4 * blocks, blocks)
  })
}

/** The rows of `outer.size` matrices of n columns; sums over them in bands of rows, then over the bands. */
function reduceColumns(runtime: Runtime, op: ReduceOp, out: number, x: number, outer: Dim, rows: Dim, n: number): void {
  const bands = Math.ceil(rows.size / BAND)
  const blocks = Math.ceil(n / COLUMNS)
  const perUnit = Math.min(rows.size, BAND) * Math.min(n, COLUMNS)
  const pass = (to: number) => runtime.run(`${op} columns`, [to, x, 4 * outer.stride, rows.size, 4 * rows.stride, n, bands], outer.size * bands * blocks, Math.ceil(CHUNK / perUnit))
  if (bands === 1) return pass(out)
  runtime.withScratch(4 * outer.size * bands * n, (partial) => {
    pass(partial)
    reduceColumns(runtime, op, out, partial, { size: outer.size, stride: bands * n }, { size: bands, stride: n }, n)
  })
}

export function argReduce(_: Runtime, op: 'max' | 'min', out: NDArray, x: NDArray): void {
  reference.argReduce(op, out, x)
}

export function cumsum(_: Runtime, out: NDArray, x: NDArray): void {
  reference.cumsum(out, x)
}
