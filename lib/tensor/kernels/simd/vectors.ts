/** Building blocks of kernels: walking over numbers four at a time, the rest that fills no vector, sums across lanes, asking for rows ahead. */
import { f32x4, i32, i32x4, v128, type Expr, type FunctionBuilder, type Local } from './wasm.ts'

export type Pointer = Local<'i32'>
export type Vector = Expr<'v128'>

/** A constant in all four lanes, kept in a variable: one that stands inside a loop would be loaded again every time. */
export const constant = (f: FunctionBuilder, value: number): Local<'v128'> => f.let(f32x4.splat(value))

/**
 * Walks `n` consecutive numbers that the pointers run over. `body(offset, k)` handles the vector at `offset` bytes, the k-th of a
 * turn of `unroll`; `tail(rest)` the last 1, 2 or 3 numbers, where there may be any. The pointers end on the first number that was not
 * part of a vector.
 */
export function eachVector(f: FunctionBuilder, n: Expr<'i32'>, pointers: readonly Pointer[], unroll: number, body: (offset: number, k: number) => void, tail?: (rest: Local<'i32'>) => void): void {
  eachTurn(f, n, pointers, unroll, (vectors) => {
    for (let k = 0; k < vectors; k++) body(16 * k, k)
  }, tail)
}

/** The same, where `body` handles all vectors of a turn: `unroll` of them, or one. */
export function eachTurn(f: FunctionBuilder, n: Expr<'i32'>, pointers: readonly Pointer[], unroll: number, body: (vectors: number) => void, tail?: (rest: Local<'i32'>) => void): void {
  const left = f.let(n)
  const turns = (vectors: number) => {
    const more = () => i32.geS(left, 4 * vectors)
    f.if(more(), () => f.doWhile(() => {
      body(vectors)
      for (const pointer of pointers) f.increase(pointer, 16 * vectors)
      f.increase(left, -4 * vectors)
    }, more))
  }
  if (unroll > 1) turns(unroll)
  turns(1)
  if (tail) f.if(left, () => tail(left))
}

/**
 * to[i] = value for n consecutive numbers, which `pointers` run over too; `value(offset)` is the vector at `offset` bytes. The vectors
 * of a turn are stored one after the other, as only then compilers fuse pairs of them.
 */
export function mapVectors(f: FunctionBuilder, n: Expr<'i32'>, to: Pointer, pointers: readonly Pointer[], unroll: number, value: (offset: number) => Vector, tail?: (rest: Local<'i32'>) => void): void {
  const values = Array.from({ length: unroll }, () => f.local('v128'))
  eachTurn(f, n, [to, ...pointers], unroll, (vectors) => {
    for (let k = 0; k < vectors; k++) f.set(values[k], value(16 * k))
    f.do(...values.slice(0, vectors).map((vector, k) => v128.store(to, vector, 16 * k)))
  }, (rest) => {
    storeFirst(f, to, value(0), rest)
    tail?.(rest)
  })
}

/** Stores the first `rest` lanes, 1, 2 or 3. */
export function storeFirst(f: FunctionBuilder, pointer: Expr<'i32'>, vector: Vector, rest: Expr<'i32'>): void {
  const value = f.let(vector)
  f.if(i32.and(rest, 2), () => {
    f.do(v128.store2(pointer, value, 0))
    f.if(i32.and(rest, 1), () => f.do(v128.store1(pointer, value, 2, 8)))
  }, () => f.do(v128.store1(pointer, value, 0)))
}

/** Ones in the first `rest` lanes, zeros in the others. */
export const firstLanes = (rest: Expr<'i32'>): Vector => i32x4.gtS(i32x4.splat(rest), i32x4.constants(0, 1, 2, 3))

/** The four lanes combined, in every lane. */
export function acrossLanes(f: FunctionBuilder, vector: Vector, combine: (a: Vector, b: Vector) => Vector): Local<'v128'> {
  const x = f.let(vector)
  const y = f.let(combine(x, v128.shuffle(x, x, [2, 3, 0, 1])))
  return f.let(combine(y, v128.shuffle(y, y, [1, 0, 3, 2])))
}

/** Several vectors combined pairwise into one. */
export function allOf(vectors: readonly Vector[], combine: (a: Vector, b: Vector) => Vector): Vector {
  if (vectors.length === 1) return vectors[0]
  const half = vectors.length >> 1
  return combine(allOf(vectors.slice(0, half), combine), allOf(vectors.slice(half), combine))
}

/**
 * Asks for `rows` rows of `bytes`, `step` apart, before a product reads them: memory answers many requests at once, but a product, which has
 * work in between, would ask for one row after the other.
 */
export function lookAhead(f: FunctionBuilder, from: Expr<'i32'>, rows: Expr<'i32'>, step: Expr<'i32'>, bytes: Expr<'i32'>): void {
  const row = f.let(from)
  const seen = f.local('v128')
  const length = f.let(bytes)
  f.for(rows, {}, () => {
    f.for(length, { step: 64 }, (line) => f.set(seen, v128.load(i32.add(row, line))))
    f.increase(row, step)
  })
}
