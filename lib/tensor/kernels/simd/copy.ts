/** Copies between layouts, in WebAssembly: rows, steps, and transposes in blocks of 4 by 4. */
import { NDArray } from '../../ndarray.ts'
import type { Shape } from '../../shape.ts'
import { Storage } from '../../storage.ts'
import type { Runtime } from './runtime.ts'
import { mapVectors, type Pointer } from './vectors.ts'
import { f32, f32x4, i32, v128, type Expr, type FunctionBuilder, type Local, type WasmModule } from './wasm.ts'

// ---- kernels

type Row = (f: FunctionBuilder, n: Expr<'i32'>, out: Pointer, x: Pointer, outStep: Expr<'i32'>, xStep: Expr<'i32'>) => void

/** Both sides consecutive. */
const rowByVectors: Row = (f, n, out, x) => {
  mapVectors(f, n, out, [x], 4, (offset) => v128.load(x, offset))
}

/** One number all along. */
const rowOfOne: Row = (f, n, out, x) => {
  const value = f.let(v128.loadSplat(x))
  mapVectors(f, n, out, [], 4, () => value)
}

/** Any steps. */
const rowBySteps: Row = (f, n, out, x, outStep, xStep) => {
  f.for(n, {}, () => {
    f.do(f32.store(out, f32.load(x)))
    f.increase(out, outStep)
    f.increase(x, xStep)
  })
}

/** Moves the pointers to unit `unit` of nested outer dimensions: a size and two strides each, the first dimension's size not needed. */
function seek(f: FunctionBuilder, unit: Expr<'i32'>, pointers: readonly [Pointer, Pointer], dims: readonly { readonly size?: Expr<'i32'>; readonly strides: readonly [Expr<'i32'>, Expr<'i32'>] }[]): void {
  const rest = f.let(unit)
  for (const { size, strides } of [...dims].reverse()) {
    const index = f.let(size ? i32.remU(rest, size) : rest)
    pointers.forEach((pointer, i) => f.increase(pointer, i32.mul(index, strides[i])))
    if (size) f.set(rest, i32.divU(rest, size))
  }
}

/** A unit of work is one place in three outer dimensions (a, b, c); in it two loops (d, e) go round a row. Strides are in bytes. */
function emitWalk(module: WasmModule, name: string, row: Row): void {
  const parameters = {
    out: 'i32', x: 'i32', aOut: 'i32', aX: 'i32', bSize: 'i32', bOut: 'i32', bX: 'i32', cSize: 'i32', cOut: 'i32', cX: 'i32',
    dSize: 'i32', dOut: 'i32', dX: 'i32', eSize: 'i32', eOut: 'i32', eX: 'i32', n: 'i32', nOut: 'i32', nX: 'i32', begin: 'i32', end: 'i32', thread: 'i32',
  } as const
  module.function(name, parameters, [], (f, { out, x, aOut, aX, bSize, bOut, bX, cSize, cOut, cX, dSize, dOut, dX, eSize, eOut, eX, n, nOut, nX, begin, end }) => {
    const at: Record<string, [Pointer, Pointer]> = { d: [f.local('i32'), f.local('i32')], e: [f.local('i32'), f.local('i32')], n: [f.local('i32'), f.local('i32')] }
    const start = (level: readonly [Pointer, Pointer], from: readonly [Local<'i32'>, Local<'i32'>]) => level.forEach((pointer, i) => f.set(pointer, from[i]))
    const advance = ([o, p]: readonly [Pointer, Pointer], outStride: Expr<'i32'>, xStride: Expr<'i32'>) => {
      f.increase(o, outStride)
      f.increase(p, xStride)
    }
    f.for(end, { from: begin }, (unit) => {
      start(at.d, [out, x])
      seek(f, unit, at.d, [{ strides: [aOut, aX] }, { size: bSize, strides: [bOut, bX] }, { size: cSize, strides: [cOut, cX] }])
      f.for(dSize, {}, () => {
        start(at.e, at.d)
        f.for(eSize, {}, () => {
          start(at.n, at.e)
          row(f, n, ...at.n, nOut, nX)
          advance(at.e, eOut, eX)
        })
        advance(at.d, dOut, dX)
      })
    })
  })
}

/** Writes the block of 4 by 4 numbers whose columns lie `xStride` apart in x as rows `outStride` apart in out. */
function transposeBlock(f: FunctionBuilder, out: Expr<'i32'>, x: Expr<'i32'>, outStride: Expr<'i32'>, xStride: Expr<'i32'>): void {
  const from = f.let(x)
  const columns = [0, 1, 2, 3].map((i) => {
    const column = f.let(v128.load(from))
    if (i < 3) f.increase(from, xStride)
    return column
  })
  const [low01, high01, low23, high23] = [[0, 1], [2, 3]].flatMap(([a, b]) => [
    f.let(v128.shuffle(columns[a], columns[b], [0, 4, 1, 5])),
    f.let(v128.shuffle(columns[a], columns[b], [2, 6, 3, 7])),
  ])
  const rows = [
    v128.shuffle(low01, low23, [0, 1, 4, 5]), v128.shuffle(low01, low23, [2, 3, 6, 7]),
    v128.shuffle(high01, high23, [0, 1, 4, 5]), v128.shuffle(high01, high23, [2, 3, 6, 7]),
  ]
  const to = f.let(out)
  rows.forEach((row, i) => {
    f.do(v128.store(to, row))
    if (i < 3) f.increase(to, outStride)
  })
}

const BAND = 16

/**
 * out[r][c] = x[c][r] for `rows` by `columns` of at least 4 each, in two outer dimensions (a, b). A unit is a band of 16 rows of out, so
 * that the cache lines of x are used whole. Blocks at the edges lie back over their neighbours, where they write the same again.
 */
function emitTranspose(module: WasmModule): void {
  const parameters = {
    out: 'i32', x: 'i32', aOut: 'i32', aX: 'i32', bSize: 'i32', bOut: 'i32', bX: 'i32', rows: 'i32', columns: 'i32', outStride: 'i32', xStride: 'i32', begin: 'i32', end: 'i32', thread: 'i32',
  } as const
  module.function('transpose', parameters, [], (f, { out, x, aOut, aX, bSize, bOut, bX, rows, columns, outStride, xStride, begin, end }) => {
    const bands = f.let(i32.divU(i32.add(rows, BAND - 1), BAND))
    const lastRow = f.let(i32.sub(rows, 4))
    const lastColumn = f.let(i32.sub(columns, 4))
    const to = f.local('i32')
    const from = f.local('i32')
    const column = f.local('i32')
    const row = f.local('i32')
    const smaller = (a: Expr<'i32'>, b: Expr<'i32'>) => i32.select(a, b, i32.ltS(a, b))
    f.for(end, { from: begin }, (unit) => {
      f.set(to, out)
      f.set(from, x)
      seek(f, i32.divU(unit, bands), [to, from], [{ strides: [aOut, aX] }, { size: bSize, strides: [bOut, bX] }])
      const top = f.let(i32.mul(i32.remU(unit, bands), BAND))
      const bottom = f.let(smaller(i32.add(top, BAND), rows))
      f.for(columns, { step: 4 }, (c) => {
        f.set(column, smaller(c, lastColumn))
        f.for(bottom, { from: top, step: 4 }, (r) => {
          f.set(row, smaller(r, lastRow))
          const place = i32.add(i32.add(to, i32.mul(row, outStride)), i32.shl(column, 2))
          const source = i32.add(i32.add(from, i32.mul(column, xStride)), i32.shl(row, 2))
          transposeBlock(f, place, source, outStride, xStride)
        })
      })
    })
  })
}

/** One value everywhere; a unit is one number. */
function emitFill(module: WasmModule): void {
  module.function('fill', { value: 'f32', out: 'i32', begin: 'i32', end: 'i32', thread: 'i32' }, [], (f, { value, out, begin, end }) => {
    const four = f.let(f32x4.splat(value))
    const to = f.let(i32.add(out, i32.shl(begin, 2)))
    mapVectors(f, i32.sub(end, begin), to, [], 4, () => four)
  })
}

export function emitCopy(module: WasmModule): void {
  emitFill(module)
  emitTranspose(module)
  emitWalk(module, 'copyRows', rowByVectors)
  emitWalk(module, 'copySteps', rowBySteps)
  emitWalk(module, 'spread', rowOfOne)
}

// ---- dispatch

/** A dimension of a copy; strides in bytes. */
interface Dim {
  readonly size: number
  readonly out: number
  readonly x: number
}

/** Numbers that a thread takes at a time. */
const CHUNK = 32768
/** Longer rows are cut, so that threads can share one. */
const LONGEST = 4096
/** What one unit of work should hold at least. */
const SHORTEST = 256

const ONE: Dim = { size: 1, out: 0, x: 0 }
const numelOf = (dims: readonly Dim[]) => dims.reduce((product, { size }) => product * size, 1)

/**
 * The dimensions that a copy has to walk, the one with the largest step in out first. The order is free, as every number goes to its own
 * place; those that lie densely inside one another on both sides are one.
 */
function dimsOf(out: NDArray, x: NDArray): Dim[] {
  const sorted = out.shape
    .map((size, d) => ({ size, out: 4 * out.strides[d], x: 4 * x.strides[d] }))
    .filter(({ size }) => size !== 1)
    .sort((a, b) => Math.abs(b.out) - Math.abs(a.out))
  const dims: Dim[] = []
  for (const dim of sorted) {
    const last = dims.at(-1)
    if (last && last.out === dim.size * dim.out && last.x === dim.size * dim.x) dims[dims.length - 1] = { ...dim, size: last.size * dim.size }
    else dims.push(dim)
  }
  return dims.length > 0 ? dims : [{ size: 1, out: 4, x: 4 }]
}

/** out = x. Both may have any strides. */
export function copy(runtime: Runtime, out: NDArray, x: NDArray): void {
  if (out.numel > 0) walk(runtime, out.pointer, x.pointer, dimsOf(out, x))
}

function walk(runtime: Runtime, out: number, x: number, dims: readonly Dim[]): void {
  const last = dims[dims.length - 1]
  const others = dims.slice(0, -1)
  if (last.size >= 4 && last.out === 4 && last.x !== 4 && last.x !== 0) {
    const row = others.findIndex(({ size, x }) => x === 4 && size >= 4)
    if (row >= 0) return transpose(runtime, out, x, others.toSpliced(row, 1), others[row], last)
  }
  const consecutive = last.out === 4 && last.x === 4
  if (last.size < 4 && !consecutive && others.some(({ size }) => size > last.size)) {
    // Turning round a long loop beside others is cheaper than starting a short one many times.
    const longest = others.reduce((best, { size }, d) => (size > others[best].size ? d : best), 0)
    return rows(runtime, out, x, [...dims.toSpliced(longest, 1), others[longest]])
  }
  rows(runtime, out, x, dims)
}

function rows(runtime: Runtime, out: number, x: number, dims: readonly Dim[]): void {
  const last = dims[dims.length - 1]
  const others = dims.slice(0, -1)
  if (last.size > 2 * LONGEST) {
    const cut = Math.floor(last.size / LONGEST)
    const done = cut * LONGEST
    rows(runtime, out, x, [...others, { size: cut, out: LONGEST * last.out, x: LONGEST * last.x }, { ...last, size: LONGEST }])
    if (done < last.size) rows(runtime, out + done * last.out, x + done * last.x, [...others, { ...last, size: last.size - done }])
    return
  }
  // Up to two loops round the row until a unit of work is worth its start; three dimensions of units; what is left is walked here.
  let inner = 0
  while (inner < 2 && inner < others.length && (numelOf(dims.slice(dims.length - 1 - inner)) < SHORTEST || others.length - inner > 3)) inner++
  const units = others.slice(0, others.length - inner)
  if (units.length > 3) return eachOf(units[0], out, x, (o, p) => rows(runtime, o, p, dims.slice(1)))
  const [a, b, c] = [...new Array<Dim>(3 - units.length).fill(ONE), ...units]
  const [d, e] = [...new Array<Dim>(2 - inner).fill(ONE), ...others.slice(others.length - inner)]
  const kernel = last.out === 4 && last.x === 4 ? 'copyRows' : last.out === 4 && last.x === 0 ? 'spread' : 'copySteps'
  const args = [out, x, a.out, a.x, b.size, b.out, b.x, c.size, c.out, c.x, d.size, d.out, d.x, e.size, e.out, e.x, last.size, last.out, last.x]
  runtime.run(kernel, args, numelOf(units), Math.ceil(CHUNK / (d.size * e.size * last.size)))
}

function transpose(runtime: Runtime, out: number, x: number, outer: readonly Dim[], row: Dim, column: Dim): void {
  if (outer.length > 2) return eachOf(outer[0], out, x, (o, p) => transpose(runtime, o, p, outer.slice(1), row, column))
  const [a, b] = [...new Array<Dim>(2 - outer.length).fill(ONE), ...outer]
  const args = [out, x, a.out, a.x, b.size, b.out, b.x, row.size, column.size, row.out, column.x]
  runtime.run('transpose', args, numelOf(outer) * Math.ceil(row.size / BAND), Math.ceil(CHUNK / (BAND * column.size)))
}

function eachOf(dim: Dim, out: number, x: number, visit: (out: number, x: number) => void): void {
  for (let i = 0; i < dim.size; i++) visit(out + i * dim.out, x + i * dim.x)
}

/** out = value. */
export function fill(runtime: Runtime, out: NDArray, value: number): void {
  if (out.isContiguous) fillDense(runtime, out.pointer, out.numel, value)
  else
    runtime.withScratch(4, (address) => {
      fillDense(runtime, address, 1, value)
      copy(runtime, out, new NDArray(new Storage(UNSEEN, address), out.shape, out.shape.map(() => 0)))
    })
}

export function fillDense(runtime: Runtime, address: number, numel: number, value: number): void {
  runtime.run('fill', [value, address], numel, CHUNK)
}

const UNSEEN = new Float32Array(0)

/** A dense array at an address, for kernels only: JavaScript does not see its numbers. */
export const denseAt = (address: number, shape: Shape): NDArray => new NDArray(new Storage(UNSEEN, address), shape)

/** Lends a dense copy of x, or x itself where it is dense already. */
export function withDense<T>(runtime: Runtime, x: NDArray, use: (dense: NDArray) => T): T {
  if (x.isContiguous) return use(x)
  return runtime.withScratch(4 * x.numel, (address) => {
    const dense = denseAt(address, x.shape)
    copy(runtime, dense, x)
    return use(dense)
  })
}

/** Lends x as rows along its last dimension, `stride` bytes apart: x itself where its rows lie so, else a dense copy. */
export function withRows<T>(runtime: Runtime, x: NDArray, use: (address: number, stride: number) => T): T {
  const n = x.ndim === 0 ? 1 : x.shape[x.ndim - 1]
  if (n !== 1 && x.strides[x.ndim - 1] !== 1) return withDense(runtime, x, (dense) => use(dense.pointer, 4 * n))
  let [stride, covered] = [0, 1]
  for (let d = x.ndim - 2; d >= 0; d--) {
    if (x.shape[d] === 1) continue
    if (covered === 1) stride = x.strides[d]
    else if (x.strides[d] !== covered * stride) return withDense(runtime, x, (dense) => use(dense.pointer, 4 * n))
    covered *= x.shape[d]
  }
  return use(x.pointer, 4 * stride)
}
