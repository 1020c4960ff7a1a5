/** Matrix products with sums in double precision, rounded once: the reference's numbers to the bit. */
import type { NDArray } from '../../ndarray.ts'
import { mergeBatches, type Batch } from './matmul.ts'
import type { Runtime } from './runtime.ts'
import { storeFirst } from './vectors.ts'
import { f64, f64x2, i32, v128, type FunctionBuilder, type Local, type WasmModule } from './wasm.ts'

/** A tile: rows, and columns in two vectors. */
const ROWS = 4
const COLUMNS = 4

/** B in double precision, its rows filled up to whole tiles. */
const packedBytes = (N: number, K: number): number => 8 * K * COLUMNS * Math.ceil(N / COLUMNS)

/**
 * C (M, N) = A (M, K) · B (K, N) + bias. Numbers of A and B lie any number of bytes apart, the matrices of a batch (outer, inner) too;
 * C and the bias are dense. A unit is one product. `scratch` holds B for each thread.
 */
export function emitDoubleGemm(module: WasmModule): void {
  const sizes = { M: 'i32', N: 'i32', K: 'i32' } as const
  const operands = { a: 'i32', aRow: 'i32', aColumn: 'i32', b: 'i32', bRow: 'i32', bColumn: 'i32', c: 'i32', bias: 'i32' } as const
  const batch = { inner: 'i32', aOuter: 'i32', aInner: 'i32', bOuter: 'i32', bInner: 'i32', scratch: 'i32', scratchStep: 'i32' } as const
  module.function('gemmDouble', { ...sizes, ...operands, ...batch, begin: 'i32', end: 'i32', thread: 'i32' }, [], (f, p) => {
    const packed = f.let(i32.add(p.scratch, i32.mul(p.thread, p.scratchStep)))
    const width = f.let(i32.shl(i32.mul(COLUMNS, i32.divU(i32.add(p.N, COLUMNS - 1), COLUMNS)), 3))
    f.for(p.end, { from: p.begin }, (unit) => {
      const [outer, inner] = [f.let(i32.divU(unit, p.inner)), f.let(i32.remU(unit, p.inner))]
      const at = (start: Local<'i32'>, outerStep: Local<'i32'>, innerStep: Local<'i32'>) => f.let(i32.add(start, i32.add(i32.mul(outer, outerStep), i32.mul(inner, innerStep))))
      const [a, b] = [at(p.a, p.aOuter, p.aInner), at(p.b, p.bOuter, p.bInner)]
      const c = f.let(i32.add(p.c, i32.shl(i32.mul(unit, i32.mul(p.M, p.N)), 2)))
      packRows(f, { rows: p.K, columns: p.N, from: b, row: p.bRow, column: p.bColumn, to: packed, width })
      f.for(p.M, { step: ROWS }, (row) => {
        // Past the edge the last row comes again, with the same results.
        const rows = Array.from({ length: ROWS }, (_, r) => f.let(r === 0 ? row : i32.select(i32.add(row, r), row, i32.ltS(i32.add(row, r), p.M))))
        const lines = rows.map((r) => ({ a: f.let(i32.add(a, i32.mul(r, p.aRow))), c: f.let(i32.add(c, i32.shl(i32.mul(r, p.N), 2))) }))
        multiplyRows(f, lines, { K: p.K, N: p.N, aColumn: p.aColumn, b: packed, width, bias: p.bias })
      })
    })
  })
}

type Integers<K extends string> = Readonly<Record<K, Local<'i32'>>>

/** Numbers of B one by one to double precision. */
function packRows(f: FunctionBuilder, { rows, columns, from, row, column, to, width }: Integers<'rows' | 'columns' | 'from' | 'row' | 'column' | 'to' | 'width'>): void {
  const [x, y] = [f.local('i32'), f.local('i32')]
  f.for(rows, {}, (k) => {
    f.set(x, i32.add(from, i32.mul(k, row)))
    f.set(y, i32.add(to, i32.mul(k, width)))
    f.for(columns, {}, () => {
      f.do(f64.store(y, f64.load32(x)))
      f.increase(x, column)
      f.increase(y, 8)
    })
  })
}

/** Rows of C, four columns at a time. What the filling of B gives is not stored. */
function multiplyRows(f: FunctionBuilder, rows: readonly Integers<'a' | 'c'>[], { K, N, aColumn, b, width, bias }: Integers<'K' | 'N' | 'aColumn' | 'b' | 'width' | 'bias'>): void {
  const lines = rows.map(({ a, c }) => ({ a, c, x: f.local('i32'), sums: [f.local('v128'), f.local('v128')] }))
  const [y, panel, add, left] = Array.from({ length: 4 }, () => f.local('i32'))
  f.set(panel, b)
  f.set(add, bias)
  f.for(N, { step: COLUMNS }, (column) => {
    for (const { a, x, sums } of lines) {
      f.set(x, a)
      for (const sum of sums) f.set(sum, 0)
    }
    f.set(y, panel)
    f.for(K, {}, () => {
      const two = [0, 16].map((offset) => f.let(v128.load(y, offset)))
      for (const { x, sums } of lines) {
        const number = f.let(f64x2.splat(f64.load32(x)))
        sums.forEach((sum, i) => f.set(sum, f64x2.add(sum, f64x2.mul(number, two[i]))))
        f.increase(x, aColumn)
      }
      f.increase(y, width)
    })
    f.if(bias, () => {
      const two = [0, 8].map((offset) => f.let(f64x2.promoteLow(v128.load2(add, offset))))
      for (const { sums } of lines) sums.forEach((sum, i) => f.set(sum, f64x2.add(sum, two[i])))
      f.increase(add, 4 * COLUMNS)
    })
    f.set(left, i32.sub(N, column))
    for (const { c, sums } of lines) {
      const [low, high] = sums.map((sum) => f.let(f64x2.demote(sum)))
      const four = f.let(v128.shuffle(low, high, [0, 1, 4, 5]))
      const to = f.let(i32.add(c, i32.shl(column, 2)))
      f.if(i32.geS(left, COLUMNS), () => f.do(v128.store(to, four)), () => storeFirst(f, to, four, left))
    }
    f.increase(panel, 8 * COLUMNS)
  })
}

// ---- dispatch

/** The batch of a single product. */
const ALONE: Batch = { size: 1, a: 0, b: 0 }

/** Products of a batch of at most two levels; false, with nothing done, for any other. */
export function doubleMatmul(runtime: Runtime, out: NDArray, a: NDArray, b: NDArray, bias: NDArray | null): boolean {
  const [M, N] = out.shape.slice(-2)
  const K = a.shape[a.ndim - 1]
  const batches = mergeBatches(a, b)
  if (out.numel === 0 || batches.length > 2 || (bias && bias.strides[0] !== 1)) return false
  const [inner = ALONE, outer = ALONE] = batches.toReversed()
  const steps = (x: NDArray) => x.strides.slice(-2).map((stride) => 4 * stride)
  const bytes = packedBytes(N, K)
  runtime.withScratch(bytes * runtime.threads, (scratch) => {
    const batch = [inner.size, outer.a, inner.a, outer.b, inner.b, scratch, bytes]
    runtime.run('gemmDouble', [M, N, K, a.pointer, ...steps(a), b.pointer, ...steps(b), out.pointer, bias ? bias.pointer : 0, ...batch], outer.size * inner.size, outer.size * inner.size)
  })
  return true
}
