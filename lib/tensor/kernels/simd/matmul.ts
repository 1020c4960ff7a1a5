/** Matrix products of arrays: looks at shapes and strides and cuts the work for the kernels of gemm.ts. */
import { NDArray } from '../../ndarray.ts'
import { Storage } from '../../storage.ts'
import { copy } from './copy.ts'
import { ACCUMULATE, K_BLOCK, packedBytes, STRIP, ZEROS, type Form } from './gemm.ts'
import type { JobOptions } from '../threads.ts'
import type { Runtime } from './runtime.ts'

/** A product of two matrices in memory, addresses and leading dimensions in bytes. C and the bias are dense. */
interface Product {
  readonly form: Form
  readonly M: number
  readonly N: number
  readonly K: number
  readonly a: number
  readonly lda: number
  readonly b: number
  readonly ldb: number
  readonly c: number
  /** `ZEROS`, `ACCUMULATE`, or the address of the bias. */
  readonly start: number
}

/** A leading dimension: how many matrices, and how far apart, in bytes, they lie in A and B. */
export interface Batch {
  readonly size: number
  readonly a: number
  readonly b: number
}

/** Multiply-adds that take a thread about 20 µs: no chunk of work is smaller. */
const CHUNK = 1 << 19
/** A product of more multiply-adds than this is worth cutting up by itself. */
const LARGE = 1 << 24
/** Up to so many numbers B stays in the second-level cache as it is, and packing costs more than it gives. */
const PACKED_FROM = 1 << 16
/** Results of up to so many numbers may be kept in several partial sums. */
const SMALL_RESULT = 24576
/** The most rows of a block, so that the part of A that is used again for every panel of B stays in the second-level cache. */
const MOST_ROWS = 192
/** The fewest rows and columns of a block. */
const FEWEST = 48
/** The fewest rows where A is packed: for every block of columns beside them that would be done again. */
const FEWEST_PACKED = 12
/** A packed block of A, with the few rows more that dealing out whole tiles may give it. */
const A_BLOCK_BYTES = packedBytes(MOST_ROWS + STRIP, K_BLOCK)

export function matmul(runtime: Runtime, out: NDArray, a: NDArray, b: NDArray, start: NDArray | 'out' | null): void {
  if (out.numel === 0) return
  if (!hasUnitStride(a)) return withDense(runtime, a, (dense) => matmul(runtime, out, dense, b, start))
  if (!hasUnitStride(b)) return withDense(runtime, b, (dense) => matmul(runtime, out, a, dense, start))
  if (start instanceof NDArray && start.strides[0] !== 1 && start.numel > 1) return withDense(runtime, start, (dense) => matmul(runtime, out, a, b, dense))
  const transposedA = isTransposed(a)
  const transposedB = isTransposed(b)
  const product: Product = {
    form: transposedA ? (transposedB ? 'TT' : 'TN') : transposedB ? 'NT' : 'NN',
    M: out.shape[out.ndim - 2],
    N: out.shape[out.ndim - 1],
    K: a.shape[a.ndim - 1],
    a: a.pointer,
    lda: 4 * a.strides[transposedA ? a.ndim - 1 : a.ndim - 2],
    b: b.pointer,
    ldb: 4 * b.strides[transposedB ? b.ndim - 1 : b.ndim - 2],
    c: out.pointer,
    start: start === 'out' ? ACCUMULATE : start ? start.pointer : ZEROS,
  }
  if (out.ndim === 2) return multiply(runtime, product)
  const batches = mergeBatches(a, b)
  const folded = foldIntoRows(product, batches.at(-1))
  if (folded) multiplyBatch(runtime, folded, batches.slice(0, -1))
  else multiplyBatch(runtime, product, batches)
}

/** Whether numbers lie one after the other along the rows or along the columns. */
function hasUnitStride(x: NDArray): boolean {
  return !isTransposed(x) || x.strides[x.ndim - 2] === 1 || x.shape[x.ndim - 2] === 1
}

/** Whether it is along the columns, if at all. */
function isTransposed(x: NDArray): boolean {
  return x.strides[x.ndim - 1] !== 1 && x.shape[x.ndim - 1] !== 1
}

function withDense(runtime: Runtime, x: NDArray, use: (dense: NDArray) => void): void {
  runtime.withScratch(4 * x.numel, (address) => {
    const dense = new NDArray(new Storage(runtime.heap.view(address, x.numel), address), x.shape)
    copy(runtime, dense, x)
    use(dense)
  })
}

/** The leading dimensions, those that lie evenly inside one another as one. */
export function mergeBatches(a: NDArray, b: NDArray): Batch[] {
  const batches: Batch[] = []
  for (let d = 0; d < a.ndim - 2; d++) {
    const batch = { size: a.shape[d], a: 4 * a.strides[d], b: 4 * b.strides[d] }
    const last = batches.at(-1)
    if (last && last.a === batch.size * batch.a && last.b === batch.size * batch.b) batches[batches.length - 1] = { ...batch, size: last.size * batch.size }
    else if (batch.size !== 1) batches.push(batch)
  }
  return batches
}

/** One product with more rows for a batch that shares B and whose rows of A are evenly spaced: (B, T, K) · (K, N). */
function foldIntoRows(product: Product, batch: Batch | undefined): Product | null {
  const { form, M, lda } = product
  if (!batch || batch.b !== 0 || form[0] === 'T') return null
  if (M === 1) return { ...product, M: batch.size, lda: batch.a }
  return batch.a === M * lda ? { ...product, M: M * batch.size } : null
}

function multiplyBatch(runtime: Runtime, product: Product, batches: readonly Batch[]): void {
  const { form, M, N, K, a, lda, b, ldb, c, start } = product
  const work = M * N * K
  if (batches.length === 0) return multiply(runtime, product)
  if (batches.length > 2 || work > LARGE) {
    const [outer, ...rest] = batches
    const cStep = 4 * M * N * rest.reduce((count, { size }) => count * size, 1)
    for (let i = 0; i < outer.size; i++) multiplyBatch(runtime, { ...product, a: a + i * outer.a, b: b + i * outer.b, c: c + i * cStep }, rest)
    return
  }
  const [outer, inner] = batches.length === 2 ? batches : [{ size: 1, a: 0, b: 0 }, batches[0]]
  const count = outer.size * inner.size
  const grain = Math.ceil(CHUNK / Math.max(work, 1))
  const steps = [inner.size, outer.a, inner.a, outer.b, inner.b, 4 * M * N]
  const run = (scratch: number, threadScratch: number) =>
    runtime.run(`gemmBatch${form}`, [M, N, K, a, lda, b, ldb, c, 4 * N, scratch, start, ...steps, threadScratch], count, grain, inPlace(product))
  if (form[1] === 'N') return run(0, 0)
  const bytes = packedBytes(N, K)
  runtime.withScratch(bytes * runtime.threads, (scratch) => run(scratch, bytes))
}

function multiply(runtime: Runtime, product: Product): void {
  const { form, M, N, K, a, lda, b, ldb, c, start } = product
  const { rowBlocks, columnBlocks, parts } = cut(product)
  // Packing pays where what is packed is used often enough. Where A is packed, B's rows are read a part of K at a time, which stays in the cache.
  const packsA = form[0] === 'T' && N >= 32
  const packsB = form[1] === 'T' || (!packsA && M >= 32 && N * K > PACKED_FROM)
  const aBytes = packsA ? A_BLOCK_BYTES : 0
  const bBytes = packsB ? packedBytes(N, K) : 0
  const partBytes = 4 * M * N
  const bytes = runtime.threads * aBytes + bBytes + (parts > 1 ? parts * partBytes : 0)
  runtime.withScratch(bytes, (scratch) => {
    const packed = scratch + runtime.threads * aBytes
    const partial = packed + bBytes
    if (packsB) pack(runtime, form[1] === 'T' ? 'gemmPackTransposedB' : 'gemmPackB', K, N, b, ldb, packed)
    const operands = [a, lda, packsB ? packed : b, ldb, packsB ? 1 : 0, parts > 1 ? partial : c, 4 * N, parts > 1 && start === ACCUMULATE ? ZEROS : start]
    const blocks = rowBlocks * columnBlocks * parts
    const grain = Math.max(1, Math.round(CHUNK / Math.max((M * N * K) / blocks, 1)))
    runtime.run(form[0] === 'T' ? 'gemmBlocks_columns' : 'gemmBlocks_rows',
      [M, N, K, ...operands, rowBlocks, columnBlocks, parts, partBytes, packsA ? scratch : 0, aBytes], blocks, grain, inPlace(product))
    if (parts > 1) runtime.run('gemmSumParts', [M * N, c, partial, partBytes, parts, Number(start === ACCUMULATE)], Math.ceil((M * N) / 4), 1 << 12, inPlace(product))
  })
}

/** A product that is added to what is there must not be done twice. */
const inPlace = ({ start }: Product): JobOptions => ({ inPlace: start === ACCUMULATE })

function pack(runtime: Runtime, kernel: string, K: number, columns: number, from: number, step: number, to: number): void {
  runtime.run(kernel, [K, columns, from, step, to], Math.ceil(columns / STRIP), Math.ceil(PACKED_FROM / (STRIP * Math.max(K, 1))))
}

/**
 * How many blocks of rows and columns, and parts of K: about 16 pieces of work, where they are not too small, by the shape alone.
 * A small result of a long sum, as the gradient of a weight is, is cut along K, which makes it more accurate too.
 */
function cut({ form, M, N, K }: Product): { rowBlocks: number; columnBlocks: number; parts: number } {
  const pieces = Math.min(16, Math.floor((M * N * K) / (2 * CHUNK)))
  const fewest = Math.ceil(M / MOST_ROWS)
  if (M * N <= SMALL_RESULT && K >= 4 * K_BLOCK) return { rowBlocks: fewest, columnBlocks: 1, parts: Math.min(16, Math.floor(K / K_BLOCK)) }
  if (pieces < 2) return { rowBlocks: fewest, columnBlocks: 1, parts: 1 }
  const rowBlocks = Math.max(fewest, Math.min(pieces, Math.ceil(M / (form[0] === 'T' ? FEWEST_PACKED : FEWEST))))
  return { rowBlocks, columnBlocks: Math.min(Math.ceil(pieces / rowBlocks), Math.ceil(N / FEWEST)), parts: 1 }
}
