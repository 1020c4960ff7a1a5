/** What the machine's compiler makes fast: kernels are built for it. */
import { f32x4, type Arg, type Expr } from './wasm.ts'

export interface Target {
  /** Whether relaxed multiply-add exists: one rounding and half the instructions. */
  readonly relaxedMadd: boolean
  /** The tile of a matrix product that stays in registers: rows, vectors of four columns, and how far the inner loop is unrolled. */
  readonly tile: { readonly rows: number; readonly vectors: number; readonly unroll: number }
}

/** a · b + c. */
export function madd(target: Target, a: Arg<'v128'>, b: Arg<'v128'>, c: Arg<'v128'>): Expr<'v128'> {
  return target.relaxedMadd ? f32x4.relaxedMadd(a, b, c) : f32x4.add(f32x4.mul(a, b), c)
}
