/** Reading and summing by index, in WebAssembly. What is summed is summed in the order of the index, so results are always the same. */
import type { NDArray } from '../../ndarray.ts'
import { withDense } from './copy.ts'
import type { Runtime } from './runtime.ts'
import { mapVectors } from './vectors.ts'
import { f32, f32x4, i32, v128, type Expr, type FunctionBuilder, type Local, type WasmModule } from './wasm.ts'

// ---- kernels

/** Columns that a unit of putAdd sums. */
const BAND = 64

const bytes = (numbers: Expr<'i32'>): Expr<'i32'> => i32.shl(numbers, 2)
/** The whole number at an address, where it stands as a float32. */
const wholeAt = (address: Expr<'i32'>): Expr<'i32'> => i32.truncSat(f32.load(address))

export function emitIndexing(module: WasmModule): void {
  emitTake(module)
  emitPutAdd(module)
  emitGather(module)
  emitScatterAdd(module)
}

/** A unit is one index: n numbers are copied. Rows of x lie `stride` bytes apart. */
function emitTake(module: WasmModule): void {
  module.function('take', { out: 'i32', x: 'i32', index: 'i32', n: 'i32', stride: 'i32', begin: 'i32', end: 'i32', thread: 'i32' }, [], (f, { out, x, index, n, stride, begin, end }) => {
    f.for(end, { from: begin }, (i) => {
      const to = f.let(i32.add(out, bytes(i32.mul(i, n))))
      const from = f.let(i32.add(x, i32.mul(wholeAt(i32.add(index, bytes(i))), stride)))
      mapVectors(f, n, to, [from], 4, (offset) => v128.load(from, offset))
    })
  })
}

/** A unit is a band of columns: zeros first, then the rows of x one after the other. `count` rows lie `stride` bytes apart, out has `rows`. */
function emitPutAdd(module: WasmModule): void {
  module.function('putAdd', { out: 'i32', rows: 'i32', x: 'i32', index: 'i32', count: 'i32', n: 'i32', stride: 'i32', begin: 'i32', end: 'i32', thread: 'i32' }, [], (f, { out, rows, x, index, count, n, stride, begin, end }) => {
    const first = f.let(i32.mul(begin, BAND))
    const last = f.let(i32.mul(end, BAND))
    const width = f.let(i32.sub(i32.select(last, n, i32.ltS(last, n)), first))
    const corner = f.let(i32.add(out, bytes(first)))
    const source = f.let(i32.add(x, bytes(first)))
    const outStride = f.let(bytes(n))
    f.for(rows, {}, (i) => zero(f, f.let(i32.add(corner, i32.mul(i, outStride))), width))
    f.for(count, {}, (i) => {
      const to = f.let(i32.add(corner, i32.mul(wholeAt(i32.add(index, bytes(i))), outStride)))
      const from = f.let(i32.add(source, i32.mul(i, stride)))
      const sum = (offset: number) => f32x4.add(v128.load(to, offset), v128.load(from, offset))
      mapVectors(f, width, to, [from], 4, sum)
    })
  })
}

function zero(f: FunctionBuilder, to: Local<'i32'>, n: Expr<'i32'>): void {
  const zeros = f.let(f32x4.constants(0, 0, 0, 0))
  mapVectors(f, n, to, [], 4, () => zeros)
}

/** A unit is a row of `length` indices into a row of x, whose numbers lie `step` bytes apart. */
function emitGather(module: WasmModule): void {
  module.function('gather', { out: 'i32', x: 'i32', stride: 'i32', step: 'i32', index: 'i32', length: 'i32', begin: 'i32', end: 'i32', thread: 'i32' }, [], (f, { out, x, stride, step, index, length, begin, end }) => {
    const place = f.let(bytes(i32.mul(begin, length)))
    f.for(end, { from: begin }, (i) => {
      const row = f.let(i32.add(x, i32.mul(i, stride)))
      f.for(length, {}, () => {
        const from = i32.add(row, i32.mul(wholeAt(i32.add(index, place)), step))
        f.do(f32.store(i32.add(out, place), f32.load(from)))
        f.increase(place, 4)
      })
    })
  })
}

/** A unit is a row of `length` numbers of x, `step` bytes apart, which are summed into a row of `size` zeros. */
function emitScatterAdd(module: WasmModule): void {
  module.function('scatterAdd', { out: 'i32', size: 'i32', x: 'i32', stride: 'i32', step: 'i32', index: 'i32', length: 'i32', begin: 'i32', end: 'i32', thread: 'i32' }, [], (f, { out, size, x, stride, step, index, length, begin, end }) => {
    const place = f.let(i32.add(index, bytes(i32.mul(begin, length))))
    f.for(end, { from: begin }, (i) => {
      const row = f.let(i32.add(out, bytes(i32.mul(i, size))))
      zero(f, f.let(row), size)
      const from = f.let(i32.add(x, i32.mul(i, stride)))
      f.for(length, {}, () => {
        const to = f.let(i32.add(row, bytes(wholeAt(place))))
        f.do(f32.store(to, f32.add(f32.load(to), f32.load(from))))
        f.increase(from, step)
        f.increase(place, 4)
      })
    })
  })
}

// ---- dispatch

/** Numbers that a thread takes at a time. */
const CHUNK = 65536
/** Numbers that are looked up one by one take longer. */
const SINGLE_CHUNK = 16384

/** A row costs as much to find as so many numbers to copy. */
const FIND = 16

const grainFor = (chunk: number, perUnit: number) => Math.ceil(chunk / Math.max(1, perUnit))

/** An array as rows; `stride` from one to the next and `step` inside of them are in bytes. */
interface Matrix {
  readonly pointer: number
  readonly stride: number
  readonly step: number
}

/** Lends x as `rows` rows, made dense where its layout is no matrix, or where rows have to be consecutive and are not. */
function withMatrix(runtime: Runtime, x: NDArray, rows: number, consecutive: boolean, use: (matrix: Matrix) => void): void {
  const columns = x.numel / rows
  const view = x.tryView([rows, columns])
  if (view && (!consecutive || columns === 1 || view.strides[1] === 1)) use({ pointer: view.pointer, stride: 4 * view.strides[0], step: 4 * view.strides[1] })
  else withDense(runtime, x, ({ pointer }) => use({ pointer, stride: 4 * columns, step: 4 }))
}

/** out[i, ...] = x[index[i], ...] */
export function take(runtime: Runtime, out: NDArray, x: NDArray, index: NDArray): void {
  if (out.numel === 0) return
  const n = out.numel / index.numel
  withDense(runtime, index, (at) => withMatrix(runtime, x, x.shape[0], true, ({ pointer, stride }) =>
    runtime.run('take', [out.pointer, pointer, at.pointer, n, stride], index.numel, grainFor(CHUNK, n + FIND))))
}

/** out[index[i], ...] += x[i, ...] on zeroed out. */
export function putAdd(runtime: Runtime, out: NDArray, x: NDArray, index: NDArray): void {
  if (x.numel === 0) return
  const n = x.numel / index.numel
  withDense(runtime, index, (at) => withMatrix(runtime, x, index.numel, true, ({ pointer, stride }) =>
    runtime.run('putAdd', [out.pointer, out.shape[0], pointer, at.pointer, index.numel, n, stride], Math.ceil(n / BAND), grainFor(CHUNK, (BAND + FIND) * index.numel))))
}

/** out[..., j] = x[..., index[..., j]] along the last dimension. */
export function gather(runtime: Runtime, out: NDArray, x: NDArray, index: NDArray): void {
  if (out.numel === 0) return
  const length = index.shape[index.ndim - 1]
  const rows = index.numel / length
  withDense(runtime, index, (at) => withMatrix(runtime, x, rows, false, ({ pointer, stride, step }) =>
    runtime.run('gather', [out.pointer, pointer, stride, step, at.pointer, length], rows, grainFor(SINGLE_CHUNK, length))))
}

/** out[..., index[..., j]] += x[..., j] on zeroed out. */
export function scatterAdd(runtime: Runtime, out: NDArray, x: NDArray, index: NDArray): void {
  if (x.numel === 0) return
  const length = index.shape[index.ndim - 1]
  const rows = index.numel / length
  const size = out.shape[out.ndim - 1]
  withDense(runtime, index, (at) => withMatrix(runtime, x, rows, false, ({ pointer, stride, step }) =>
    runtime.run('scatterAdd', [out.pointer, size, pointer, stride, step, at.pointer, length], rows, grainFor(SINGLE_CHUNK, length + size / 4))))
}
