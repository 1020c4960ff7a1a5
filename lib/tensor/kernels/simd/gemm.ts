/**
 * Matrix products C (M, N) = A (M, K) · B (K, N) as WebAssembly. Addresses and strides are in bytes.
 *
 * A register tile of a few rows and vectors of C stays in registers while k runs: each turn loads one row piece of B and spreads
 * one number of each row of A over a vector. How A and B lie is only a matter of strides, so packed and unpacked matrices take
 * the same code; packing B (and transposed A) into panels as wide as the tile makes those strides small.
 */
import { madd, type Target } from './target.ts'
import { lookAhead, storeFirst } from './vectors.ts'
import { f32x4, i32, v128, type Arg, type Expr, type FunctionBuilder, type Local, type WasmFunction, type WasmModule } from './wasm.ts'

/** What a tile starts from: zeros, what C holds already, or, at any other value, the row of N numbers at that address. */
export const ZEROS = 0
export const ACCUMULATE = 1

/** The inner size is cut into blocks of at most this length, so that a panel of B stays in the first-level cache. */
export const K_BLOCK = 256

/** Products of matrices too small to be cut up, on raw addresses. The letters tell which operand is transposed. */
export interface SmallProducts {
  /**
   * (M, N, K, a, lda, b, ldb, c, ldc, scratch, start): C = A · B + start, where start is `ZEROS`, `ACCUMULATE` or the address of a
   * bias (N,). A leading dimension is the distance, in bytes, of the rows as they lie in memory: of Aᵀ (K, M) where A is
   * transposed, of Bᵀ (N, K) where B is. Only NT and TT use `scratch`, of `packedBytes(N, K)`.
   */
  readonly NN: WasmFunction
  readonly NT: WasmFunction
  /** NT whose rows of C are stored as whole vectors: past their end, the last number again. */
  readonly NTPadded: WasmFunction
  readonly TN: WasmFunction
  readonly TT: WasmFunction
}

export type Form = 'NN' | 'NT' | 'TN' | 'TT'

/** Packing goes by strips of so many columns: a multiple of the width and the height of every tile. */
export const STRIP = 48

/** Memory that a matrix (K, N) takes when packed into panels. */
export const packedBytes = (N: number, K: number): number => 4 * K * STRIP * Math.ceil(N / STRIP)

/** A part of B of at most so many bytes is looked at ahead: it is not shared by many blocks. */
const LOOK_AHEAD = 1 << 17

interface Parts extends SmallProducts {
  /** The product with all strides free, A in rows or in columns. */
  readonly rows: WasmFunction
  readonly columns: WasmFunction
  readonly packA: WasmFunction
}

const emitted = new WeakMap<WasmModule, Parts>()

/** The small products of a module; they are emitted once, however many families of kernels call them. */
export function emitSmallProducts(module: WasmModule, target: Target): SmallProducts {
  return emitParts(module, target)
}

function emitParts(module: WasmModule, target: Target): Parts {
  const known = emitted.get(module)
  if (known) return known
  const tile = { height: target.tile.rows, width: 4 * target.tile.vectors }
  if (STRIP % tile.height || STRIP % tile.width) throw new RangeError(`a tile of ${tile.height} x ${tile.width} does not divide strips of ${STRIP}`)
  const rows = emitProduct(module, target, 'rows')
  const columns = emitProduct(module, target, 'columns')
  const pack = emitPackColumns(module, tile.width)
  emitPackRows(module, 'gemmPackB', tile.width)
  const packA = emitPackRows(module, 'gemmPackA', tile.height)
  const small = (form: Form) => emitSmall(module, target, form, form[0] === 'N' ? rows : columns, form[1] === 'N' ? null : pack)
  const parts = { rows, columns, packA, NN: small('NN'), NT: small('NT'), NTPadded: emitSmall(module, target, 'NTPadded', rows, pack), TN: small('TN'), TT: small('TT') }
  emitted.set(module, parts)
  return parts
}

/** All kernels that `matmul` runs. */
export function emitGemm(module: WasmModule, target: Target): void {
  const parts = emitParts(module, target)
  for (const form of ['NN', 'NT', 'TN', 'TT'] as const) emitBatch(module, form, parts[form])
  emitBlocks(module, target, 'rows', parts)
  emitBlocks(module, target, 'columns', parts)
  emitSumParts(module)
}

/** The columns of whole vectors that hold so many. */
export const wholeVectors = (columns: Expr<'i32'>): Expr<'i32'> => i32.and(i32.add(columns, 3), -4)
const minimum = (a: Local<'i32'>, b: Local<'i32'>): Expr<'i32'> => i32.select(a, b, i32.ltS(a, b))
const ceilDivide = (n: Arg<'i32'>, by: number): Expr<'i32'> => i32.divU(i32.add(n, by - 1), by)

/**
 * C = A · B + start with all strides free. Rows of A lie `aStep` apart, or, where A lies in columns, its columns do and the
 * tiles of rows lie `aPanel` apart; B's rows lie `bStep` apart and its panels `bPanel`.
 */
function emitProduct(module: WasmModule, target: Target, layout: 'rows' | 'columns'): WasmFunction {
  const { rows, vectors, unroll } = target.tile
  const params = {
    M: 'i32', N: 'i32', K: 'i32', a: 'i32', aStep: 'i32', aPanel: 'i32', b: 'i32', bStep: 'i32', bPanel: 'i32', c: 'i32', cStep: 'i32', start: 'i32',
  } as const
  return module.function(`gemm_${layout}`, params, [], (f, { M, N, K, a, aStep, aPanel, b, bStep, bPanel, c, cStep, start }) => {
    const last = f.let(i32.sub(M, 1))
    const row = f.local('i32')
    const k = f.local('i32')
    const rest = f.local('i32')
    const bAt = f.local('i32')
    const startAt = f.let(start)
    const aAt = Array.from({ length: layout === 'rows' ? rows : 1 }, () => f.local('i32'))
    const cAt = Array.from({ length: rows }, () => f.local('i32'))

    /** Rows past the edge take the last row's place: they are stored before it. */
    const pointAtRows = (i: Local<'i32'>) => {
      for (let r = 0; r < rows; r++) {
        f.set(row, i32.add(i, r))
        if (r > 0) f.set(row, minimum(row, last))
        if (layout === 'rows') f.set(aAt[r], i32.add(a, i32.mul(row, aStep)))
        f.set(cAt[r], i32.add(c, i32.mul(row, cStep)))
      }
      if (layout === 'columns') f.set(aAt[0], i32.add(a, i32.mul(i32.divU(i, rows), aPanel)))
    }
    const fromLastRow = (act: (r: number) => void) => {
      for (let r = rows - 1; r >= 0; r--) act(r)
    }

    /** All rows of a panel of C that is `width` vectors wide. */
    const panel = (width: number) => {
      const sums = Array.from({ length: rows }, () => Array.from({ length: width }, () => f.local('v128')))
      const bs = Array.from({ length: width }, () => f.local('v128'))
      const spread = f.local('v128')

      const initialize = (value: (r: number, q: number) => Expr<'v128'>) => sums.forEach((ofRow, r) => ofRow.forEach((sum, q) => f.set(sum, value(r, q))))

      /** One k: C's tile += column of A · row of B. */
      const step = (u: number) => {
        bs.forEach((b, q) => f.set(b, v128.load(bAt, 16 * q)))
        sums.forEach((ofRow, r) => {
          f.set(spread, layout === 'rows' ? v128.loadSplat(aAt[r], 4 * u) : v128.loadSplat(aAt[0], 4 * r))
          ofRow.forEach((sum, q) => f.set(sum, madd(target, spread, bs[q], sum)))
        })
        f.increase(bAt, bStep)
        if (layout === 'columns') f.increase(aAt[0], aStep)
      }
      const steps = (count: number) => {
        for (let u = 0; u < count; u++) step(u)
        if (layout === 'rows') for (const pointer of aAt) f.increase(pointer, 4 * count)
        f.increase(k, -count)
      }

      /** Stores the vectors of a row one after the other, for compilers that fuse pairs of them. */
      const storeAll = () => fromLastRow((r) => f.do(...sums[r].map((sum, q) => v128.store(cAt[r], sum, 16 * q))))
      const storeUpToEdge = () => {
        for (let q = 0; q < width; q++)
          f.if(i32.geS(rest, 4 * q + 4), () => fromLastRow((r) => f.do(v128.store(cAt[r], sums[r][q], 16 * q))), () => f.if(i32.gtS(rest, 4 * q), () => storeLanes(q)))
      }
      const storeLanes = (q: number) => {
        const pair = (r: number) => f.do(v128.store2(cAt[r], sums[r][q], 0, 16 * q))
        const single = (r: number, lane: number) => f.do(v128.store1(cAt[r], sums[r][q], lane, 16 * q + 4 * lane))
        f.if(i32.and(rest, 2), () => {
          fromLastRow(pair)
          f.if(i32.and(rest, 1), () => fromLastRow((r) => single(r, 2)))
        }, () => fromLastRow((r) => single(r, 0)))
      }

      f.for(M, { step: rows }, (i) => {
        pointAtRows(i)
        f.if(i32.eq(start, ACCUMULATE), () => initialize((r, q) => v128.load(cAt[r], 16 * q)), () =>
          f.if(i32.eq(start, ZEROS), () => initialize(() => f32x4.constants(0, 0, 0, 0)), () => initialize((_, q) => v128.load(startAt, 16 * q))))
        f.set(bAt, b)
        f.set(k, i32.sub(K, unroll))
        f.if(i32.geS(k, 0), () => f.doWhile(() => steps(unroll), () => i32.geS(k, 0)))
        if (unroll > 1) {
          f.increase(k, unroll)
          f.if(k, () => f.doWhile(() => steps(1), () => k))
        }
        f.if(i32.geS(rest, 4 * width), storeAll, storeUpToEdge)
      })
    }
    /** The last panel may need only a part of the tile's width. */
    const narrowest = (width: number): void => {
      const half = width >> 1
      if (half === 0) panel(width)
      else f.if(i32.gtS(rest, 4 * half), () => panel(width), () => narrowest(half))
    }
    f.set(rest, N)
    f.if(i32.gtS(rest, 0), () => f.doWhile(() => {
      narrowest(vectors)
      f.increase(b, bPanel)
      f.increase(c, 16 * vectors)
      f.increase(startAt, 16 * vectors)
      f.increase(rest, -4 * vectors)
    }, () => i32.gtS(rest, 0)))
  })
}

const PACK_PARAMS = { K: 'i32', N: 'i32', from: 'i32', step: 'i32', to: 'i32', begin: 'i32', end: 'i32', thread: 'i32' } as const

/** Packs a matrix (K, N) whose rows lie `step` apart into panels of `width` columns: to[panel][k][column]. A unit is a strip. */
function emitPackRows(module: WasmModule, name: string, width: number): WasmFunction {
  // A width of 6 is copied as two vectors that overlap.
  const pieces = [...Array.from({ length: width >> 2 }, (_, q) => 4 * q), ...(width % 4 ? [width - 4] : [])]
  return module.function(name, PACK_PARAMS, [], (f, { K, N, from, step, to, begin, end }) => {
    const source = f.local('i32')
    const packed = f.local('i32')
    const rows = f.local('i32')
    const first = f.let(i32.mul(begin, STRIP))
    const columns = stripsEnd(f, N, end)
    // A few rows at a time, as each may lie on a page of its own.
    f.for(K, { step: 64 }, (k) => {
      f.set(rows, i32.sub(K, k))
      f.set(rows, i32.select(rows, 64, i32.ltS(rows, 64)))
      f.for(columns, { from: first, step: width }, (column) => {
        f.set(source, i32.add(i32.add(from, i32.shl(column, 2)), i32.mul(k, step)))
        f.set(packed, i32.add(i32.add(to, i32.mul(k, 4 * width)), i32.mul(i32.shl(column, 2), K)))
        f.for(rows, {}, () => {
          for (const at of pieces) f.do(v128.store(packed, v128.load(source, 4 * at), 4 * at))
          f.increase(source, step)
          f.increase(packed, 4 * width)
        })
      })
    })
  })
}

/** The column at which strips up to `end` end. */
function stripsEnd(f: FunctionBuilder, N: Local<'i32'>, end: Local<'i32'>): Local<'i32'> {
  const columns = f.let(i32.mul(end, STRIP))
  f.set(columns, minimum(columns, N))
  return columns
}

/** Packs a matrix whose columns, not its rows, lie `step` apart, in the same way, transposing 4 x 4 numbers at a time. */
function emitPackColumns(module: WasmModule, width: number): WasmFunction {
  return module.function('gemmPackTransposedB', PACK_PARAMS, [], (f, { K, N, from, step, to, begin, end }) => {
    const last = f.let(i32.sub(N, 1))
    const index = f.local('i32')
    const packed = f.local('i32')
    const k = f.local('i32')
    const sources = Array.from({ length: 4 }, () => f.local('i32'))
    const x = Array.from({ length: 4 }, () => f.local('v128'))
    const halves = Array.from({ length: 4 }, () => f.local('v128'))
    const fourRows = () => {
      x.forEach((row, r) => f.set(row, v128.load(sources[r])))
      halves.forEach((half, h) => f.set(half, v128.shuffle(x[h & 2], x[(h & 2) + 1], h & 1 ? [2, 6, 3, 7] : [0, 4, 1, 5])))
      for (let r = 0; r < 4; r++)
        f.do(v128.store(packed, v128.shuffle(halves[r >> 1], halves[2 + (r >> 1)], r & 1 ? [2, 3, 6, 7] : [0, 1, 4, 5]), 4 * width * r))
    }
    const oneRow = () => sources.forEach((source, r) => f.do(v128.store1(packed, v128.load1(source), 0, 4 * r)))
    const advance = (count: number) => {
      for (const source of sources) f.increase(source, 4 * count)
      f.increase(packed, 4 * width * count)
      f.increase(k, -count)
    }
    f.for(stripsEnd(f, N, end), { from: i32.mul(begin, STRIP), step: width }, (column) => {
      for (let q = 0; q < width; q += 4) {
        // Columns past the edge repeat the last one.
        sources.forEach((source, r) => {
          f.set(index, i32.add(column, q + r))
          f.set(source, i32.add(from, i32.mul(minimum(index, last), step)))
        })
        f.set(packed, i32.add(i32.add(to, 4 * q), i32.mul(i32.shl(column, 2), K)))
        f.set(k, i32.sub(K, 4))
        f.if(i32.geS(k, 0), () => f.doWhile(() => {
          fourRows()
          advance(4)
        }, () => i32.geS(k, 0)))
        f.increase(k, 4)
        f.if(k, () => f.doWhile(() => {
          oneRow()
          advance(1)
        }, () => k))
      }
    })
  })
}

function emitSmall(module: WasmModule, target: Target, form: keyof SmallProducts, product: WasmFunction, pack: WasmFunction | null): WasmFunction {
  const panel = 16 * target.tile.vectors
  const params = { M: 'i32', N: 'i32', K: 'i32', a: 'i32', lda: 'i32', b: 'i32', ldb: 'i32', c: 'i32', ldc: 'i32', scratch: 'i32', start: 'i32' } as const
  return module.function(`gemmSmall${form}`, params, [], (f, { M, N, K, a, lda, b, ldb, c, ldc, scratch, start }) => {
    if (pack) f.call(pack, K, N, b, ldb, scratch, 0, ceilDivide(N, STRIP), 0)
    const [source, step, panelStep] = pack ? [scratch, panel, i32.mul(K, panel)] : [b, ldb, panel]
    const width = form === 'NTPadded' ? wholeVectors(N) : N
    f.call(product, M, width, K, a, lda, 4 * target.tile.rows, source, step, panelStep, c, ldc, start)
  })
}

/** Small products of a batch, which has two dimensions: matrix i of the batch is (i / inner, i % inner). A unit is a matrix. */
function emitBatch(module: WasmModule, form: Form, small: WasmFunction): void {
  const params = {
    M: 'i32', N: 'i32', K: 'i32', a: 'i32', lda: 'i32', b: 'i32', ldb: 'i32', c: 'i32', ldc: 'i32', scratch: 'i32', start: 'i32',
    inner: 'i32', aOuter: 'i32', aInner: 'i32', bOuter: 'i32', bInner: 'i32', cMatrix: 'i32', threadScratch: 'i32', begin: 'i32', end: 'i32', thread: 'i32',
  } as const
  module.function(`gemmBatch${form}`, params, [], (f, p) => {
    const { M, N, K, a, lda, b, ldb, c, ldc, scratch, start, inner, aOuter, aInner, bOuter, bInner, cMatrix, threadScratch, begin, end, thread } = p
    const own = f.let(i32.add(scratch, i32.mul(thread, threadScratch)))
    const i = f.local('i32')
    const j = f.local('i32')
    const at = (base: Local<'i32'>, outer: Local<'i32'>, within: Local<'i32'>) => i32.add(base, i32.add(i32.mul(i, outer), i32.mul(j, within)))
    f.for(end, { from: begin }, (matrix) => {
      f.set(i, i32.divU(matrix, inner))
      f.set(j, i32.remU(matrix, inner))
      f.call(small, M, N, K, at(a, aOuter, aInner), lda, at(b, bOuter, bInner), ldb, i32.add(c, i32.mul(matrix, cMatrix)), ldc, own, start)
    })
  })
}

/**
 * A large product, cut into parts of K, and each part into blocks of columns and of rows. A unit is a block. Part p goes
 * to c + p · `partStep`, for `gemmSumParts` to add. Where there is scratch memory, columns of A are packed into
 * the thread's own.
 */
function emitBlocks(module: WasmModule, target: Target, layout: 'rows' | 'columns', { [layout]: product, packA }: Parts): void {
  const height = target.tile.rows
  const width = 4 * target.tile.vectors
  const params = {
    M: 'i32', N: 'i32', K: 'i32', a: 'i32', lda: 'i32', b: 'i32', ldb: 'i32', bPacked: 'i32', c: 'i32', ldc: 'i32', first: 'i32',
    rowBlocks: 'i32', columnBlocks: 'i32', parts: 'i32', partStep: 'i32', scratch: 'i32', threadScratch: 'i32', begin: 'i32', end: 'i32', thread: 'i32',
  } as const
  module.function(`gemmBlocks_${layout}`, params, [], (f, p) => {
    const { M, N, K, a, lda, b, c, ldc, first, rowBlocks, columnBlocks, parts, partStep, scratch, begin, end } = p
    const own = f.let(i32.add(scratch, i32.mul(p.thread, p.threadScratch)))
    const bStep = f.let(i32.select(4 * width, p.ldb, p.bPacked))
    const bPanel = f.let(i32.mul(4 * width, i32.select(K, 1, p.bPacked)))
    const rowTiles = f.let(ceilDivide(M, height))
    const panels = f.let(ceilDivide(N, width))
    const [part, index, row, rowEnd, column, columnEnd, k, kEnd, length, blocks, aAt, aK, bAt, cAt, start] = Array.from({ length: 15 }, () => f.local('i32'))
    /** Where share `i` of `count` begins when n is dealt out evenly: the first n % count shares get one more. */
    const share = (i: Expr<'i32'>, count: Local<'i32'>, n: Local<'i32'>) => {
      const rest = f.let(i32.remU(n, count))
      return i32.add(i32.mul(i, i32.divU(n, count)), i32.select(i, rest, i32.ltU(i, rest)))
    }
    const next = i32.add(index, 1)

    f.for(end, { from: begin }, (unit) => {
      f.set(index, i32.remU(unit, rowBlocks))
      f.set(row, share(index, rowBlocks, rowTiles))
      f.set(row, i32.mul(row, height))
      f.set(aAt, i32.add(a, i32.mul(row, layout === 'rows' ? lda : 4)))
      f.set(rowEnd, i32.mul(share(next, rowBlocks, rowTiles), height))
      f.set(rowEnd, minimum(rowEnd, M))

      f.set(part, i32.divU(unit, rowBlocks))
      f.set(index, i32.remU(part, columnBlocks))
      f.set(column, share(index, columnBlocks, panels))
      f.set(bAt, i32.add(b, i32.mul(column, bPanel)))
      f.set(column, i32.mul(column, width))
      f.set(columnEnd, i32.mul(share(next, columnBlocks, panels), width))
      f.set(columnEnd, minimum(columnEnd, N))

      f.set(part, i32.divU(part, columnBlocks))
      f.set(k, share(part, parts, K))
      f.set(kEnd, share(i32.add(part, 1), parts, K))
      f.set(cAt, i32.add(i32.add(c, i32.mul(part, partStep)), i32.add(i32.mul(row, ldc), i32.shl(column, 2))))
      f.set(start, i32.select(i32.add(first, i32.shl(column, 2)), first, i32.ltU(ACCUMULATE, first)))
      f.set(start, i32.select(ZEROS, start, part))

      // An empty K still takes one block, which stores what the tiles start from.
      f.set(blocks, ceilDivide(i32.sub(kEnd, k), K_BLOCK))
      f.set(blocks, i32.add(blocks, i32.eqz(blocks)))
      f.doWhile(() => {
        f.set(length, i32.divU(i32.sub(i32.add(i32.sub(kEnd, k), blocks), 1), blocks))
        f.set(aK, i32.add(aAt, i32.mul(k, layout === 'rows' ? 4 : lda)))
        const [rowsOfA, bytesOfA] = layout === 'rows' ? [i32.sub(rowEnd, row), length] : [length, i32.sub(rowEnd, row)]
        lookAhead(f, aK, rowsOfA, lda, i32.shl(bytesOfA, 2))
        if (layout === 'columns') {
          const bytesOfB = f.let(i32.shl(i32.sub(columnEnd, column), 2))
          f.if(i32.ltU(i32.mul(bytesOfB, length), LOOK_AHEAD), () => lookAhead(f, i32.add(bAt, i32.mul(k, bStep)), length, bStep, bytesOfB))
        }
        const multiply = (from: Local<'i32'>, aStep: Arg<'i32'>, aPanel: Arg<'i32'>) =>
          f.call(product, i32.sub(rowEnd, row), i32.sub(columnEnd, column), length, from, aStep, aPanel, i32.add(bAt, i32.mul(k, bStep)), bStep, bPanel, cAt, ldc, start)
        if (layout === 'rows') multiply(aK, lda, 0)
        else f.if(scratch, () => {
          f.call(packA, length, i32.sub(rowEnd, row), aK, lda, own, 0, ceilDivide(i32.sub(rowEnd, row), STRIP), 0)
          multiply(own, 4 * height, i32.mul(length, 4 * height))
        }, () => multiply(aK, lda, 4 * height))
        f.set(start, ACCUMULATE)
        f.increase(k, length)
        f.increase(blocks, -1)
      }, () => blocks)
    })
  })
}

/** The sum of the parts of K, in order, `onto` what is there or in its place. A unit is a vector of the n numbers. */
function emitSumParts(module: WasmModule): void {
  const params = { n: 'i32', out: 'i32', partial: 'i32', partStep: 'i32', parts: 'i32', onto: 'i32', begin: 'i32', end: 'i32', thread: 'i32' } as const
  module.function('gemmSumParts', params, [], (f, { n, out, partial, partStep, parts, onto, begin, end }) => {
    const sum = f.local('v128')
    const from = f.local('i32')
    const to = f.local('i32')
    const rest = f.local('i32')
    f.for(end, { from: begin }, (vector) => {
      f.set(to, i32.add(out, i32.shl(vector, 4)))
      f.set(from, i32.add(partial, i32.shl(vector, 4)))
      f.set(sum, v128.load(from))
      f.if(onto, () => f.set(sum, f32x4.add(sum, v128.load(to))))
      f.for(parts, { from: 1 }, () => {
        f.increase(from, partStep)
        f.set(sum, f32x4.add(sum, v128.load(from)))
      })
      f.set(rest, i32.sub(n, i32.shl(vector, 2)))
      f.if(i32.geS(rest, 4), () => f.do(v128.store(to, sum)), () => storeFirst(f, to, sum, rest))
    })
  })
}
