/** Small matrix products on operands that stay in the cache: nothing is packed, odd sizes cost nothing but their edge. */
import { madd, type Target } from './target.ts'
import { storeFirst } from './vectors.ts'
import { f32x4, i32, v128, type Expr, type FunctionBuilder, type Local, type WasmFunction, type WasmModule } from './wasm.ts'

/** C = A · B by rows of eight columns. Strides between rows are in bytes; B and C have their numbers side by side. */
export interface SmallProducts {
  /** (M, N, K, a, lda, b, ldb, c, ldc): A (M, K) by rows. */
  readonly nn: WasmFunction
  /** The same for Aᵀ: a holds (K, M) by rows. */
  readonly tn: WasmFunction
  /** (rows, columns, from, stride, to, toStride): to (columns, rows) = transpose of from (rows, columns). */
  readonly transpose: WasmFunction
}

const VECTORS = 2
const COLUMNS = 4 * VECTORS

export function emitSmallProducts(module: WasmModule, target: Target): SmallProducts {
  return { nn: emitProduct(module, target, 'productNN', false), tn: emitProduct(module, target, 'productTN', true), transpose: emitTranspose(module) }
}

/**
 * A tile of C, rows by eight columns, stays in registers while k runs over one row of B and one number of each row of A a turn. At the
 * lower edge rows beyond the last read the last one again and are not stored; at the right edge whole vectors are computed and part stored.
 */
function emitProduct(module: WasmModule, target: Target, name: string, transposed: boolean): WasmFunction {
  const { rows, unroll } = target.tile
  const parameters = { M: 'i32', N: 'i32', K: 'i32', a: 'i32', lda: 'i32', b: 'i32', ldb: 'i32', c: 'i32', ldc: 'i32' } as const
  return module.function(name, parameters, [], (f, { M, N, K, a, lda, b, ldb, c, ldc }) => {
    const sums = Array.from({ length: rows }, () => Array.from({ length: VECTORS }, () => f.local('v128')))
    const from = Array.from({ length: transposed ? 1 : rows }, () => f.local('i32'))
    const row = f.local('i32')
    const kLeft = f.local('i32')
    const vectors = Array.from({ length: VECTORS }, () => f.local('v128'))
    const number = f.local('v128')
    const step = (u: number) => {
      vectors.forEach((vector, q) => f.set(vector, v128.load(row, 16 * q)))
      f.increase(row, ldb)
      sums.forEach((tile, r) => {
        f.set(number, transposed ? v128.loadSplat(from[0], 4 * r) : v128.loadSplat(from[r], 4 * u))
        tile.forEach((sum, q) => f.set(sum, madd(target, number, vectors[q], sum)))
      })
      if (transposed) f.increase(from[0], lda)
    }
    const turns = (count: number) => f.doWhile(() => {
      for (let u = 0; u < count; u++) step(u)
      if (!transposed) for (const pointer of from) f.increase(pointer, 4 * count)
      f.increase(kLeft, -count)
    }, () => i32.geS(kLeft, count))
    f.for(N, { step: COLUMNS }, (j) => {
      f.for(M, { step: rows }, (i) => {
        if (transposed) f.set(from[0], i32.add(a, i32.shl(i, 2)))
        else from.forEach((pointer, r) => f.set(pointer, i32.add(a, i32.mul(lda, lower(i32.add(i, r), i32.sub(M, 1))))))
        f.set(row, i32.add(b, i32.shl(j, 2)))
        for (const sum of sums.flat()) f.set(sum, f32x4.constants(0, 0, 0, 0))
        f.set(kLeft, K)
        if (unroll > 1) f.if(i32.geS(kLeft, unroll), () => turns(unroll))
        f.if(i32.gtS(kLeft, 0), () => turns(1))
        const to = f.let(i32.add(i32.add(c, i32.mul(ldc, i)), i32.shl(j, 2)))
        sums.forEach((tile, r) => {
          f.if(i32.ltS(i32.add(i, r), M), () => storeTile(f, to, tile, i32.sub(N, j)))
          f.increase(to, ldc)
        })
      })
    })
  })
}

const lower = (x: Expr<'i32'>, y: Expr<'i32'>) => i32.select(x, y, i32.ltS(x, y))

/** Stores the first `columns` numbers of a row of the tile. */
function storeTile(f: FunctionBuilder, to: Local<'i32'>, tile: readonly Local<'v128'>[], columns: Expr<'i32'>): void {
  f.if(i32.geS(columns, COLUMNS), () => tile.forEach((vector, q) => f.do(v128.store(to, vector, 16 * q))), () => {
    f.if(i32.geS(columns, 4), () => {
      f.do(v128.store(to, tile[0]))
      f.if(i32.gtS(columns, 4), () => storeFirst(f, i32.add(to, 16), tile[1], i32.sub(columns, 4)))
    }, () => storeFirst(f, to, tile[0], columns))
  })
}

/** Number by number: the matrices are those of one head. */
function emitTranspose(module: WasmModule): WasmFunction {
  return module.function('productTranspose', { rows: 'i32', columns: 'i32', from: 'i32', stride: 'i32', to: 'i32', toStride: 'i32' }, [], (f, { rows, columns, from, stride, to, toStride }) => {
    f.for(columns, {}, () => {
      const x = f.let(from)
      const y = f.let(to)
      f.for(rows, {}, () => {
        f.do(i32.store(y, i32.load(x)))
        f.increase(x, stride)
        f.increase(y, 4)
      })
      f.increase(from, 4)
      f.increase(to, toStride)
    })
  })
}
