/** Draws from the Mersenne Twister (../../mersenne-twister.ts) in WebAssembly, four words at a time. */
import { boundOf, SHIFT, TWIST, WORDS } from '../../mersenne-twister.ts'
import type { NDArray } from '../../ndarray.ts'
import type { Runtime } from './runtime.ts'
import { storeFirst, type Pointer, type Vector } from './vectors.ts'
import { f32x4, i32, i32x4, v128, type Expr, type FunctionBuilder, type WasmFunction, type WasmModule } from './wasm.ts'

export function emitRandom(module: WasmModule): void {
  emitBernoulli(module, emitTwist(module))
}

/** The next 624 words, in place. */
function emitTwist(module: WasmModule): WasmFunction {
  const UPPER = i32x4.splat(1 << 31)
  const LOWER = i32x4.splat(0x7fffffff)
  const twisted = (word: Vector, next: Vector, far: Vector): Vector => {
    const y = v128.or(v128.and(word, UPPER), v128.and(next, LOWER))
    const ifOdd = v128.and(i32x4.shrS(i32x4.shl(next, 31), 31), i32x4.splat(TWIST))
    return v128.xor(far, v128.xor(i32x4.shrU(y, 1), ifOdd))
  }
  return module.function('twist', { words: 'i32' }, [], (f, { words }) => {
    const word = f.let(words)
    const far = f.let(i32.add(words, 4 * SHIFT))
    const one = (next: Expr<'i32'>) => f.do(v128.store1(word, twisted(v128.load1(word), v128.load1(next), v128.load1(far)), 0))
    /** So many words, which end where the word `far` away would be the first again, or where the last word is. */
    const words4 = (count: number) => {
      f.for(count - (count % 4), { step: 4 }, () => {
        f.do(v128.store(word, twisted(v128.load(word), v128.load(word, 4), v128.load(far))))
        for (const pointer of [word, far]) f.increase(pointer, 16)
      })
      for (let rest = 0; rest < count % 4; rest++) {
        one(i32.add(word, 4))
        for (const pointer of [word, far]) f.increase(pointer, 4)
      }
    }
    words4(WORDS - SHIFT)
    f.set(far, words)
    words4(SHIFT - 1)
    one(words)
  })
}

/** The bits that words show. */
function temper(f: FunctionBuilder, words: Vector): Vector {
  const y = f.let(words)
  f.set(y, v128.xor(y, i32x4.shrU(y, 11)))
  f.set(y, v128.xor(y, v128.and(i32x4.shl(y, 7), i32x4.splat(0x9d2c5680))))
  f.set(y, v128.xor(y, v128.and(i32x4.shl(y, 15), i32x4.splat(0xefc60000))))
  return v128.xor(y, i32x4.shrU(y, 18))
}

/** All is one unit, as each turn of the words follows from the last. */
function emitBernoulli(module: WasmModule, twist: WasmFunction): void {
  const params = { out: 'i32', words: 'i32', state: 'i32', next: 'i32', n: 'i32', upper: 'i32', lower: 'i32', one: 'f32', begin: 'i32', end: 'i32', thread: 'i32' } as const
  module.function('bernoulli', params, [], (f, { out, words, state, next, n, upper, lower, one }) => {
    const ones = f.let(f32x4.splat(one))
    const upperBound = f.let(i32x4.splat(upper))
    /** Draws from pairs of words. The second of a pair is looked at only where the first does not tell. */
    const draw = (first: Vector, second: Vector): Vector => {
      const high = f.let(v128.and(temper(f, first), i32x4.splat(0x1fffff)))
      const isBelow = f.let(i32x4.gtS(upperBound, high))
      const isEqual = f.let(i32x4.eq(upperBound, high))
      f.if(v128.anyTrue(isEqual), () => f.set(isBelow, v128.or(isBelow, v128.and(isEqual, i32x4.ltU(temper(f, second), i32x4.splat(lower))))))
      return v128.and(isBelow, ones)
    }
    const drawFour = (at: Pointer) => {
      const words4 = (lanes: readonly [number, number, number, number]) => v128.shuffle(v128.load(at), v128.load(at, 16), lanes)
      return draw(words4([0, 2, 4, 6]), words4([1, 3, 5, 7]))
    }
    /** The pairs of words from `next` on, as many as are there and wanted. */
    const drawPairs = () => {
      const pairs = f.let(i32.shrU(i32.sub(WORDS, next), 1))
      f.set(pairs, i32.select(n, pairs, i32.ltS(n, pairs)))
      const at = f.let(i32.add(words, i32.shl(next, 2)))
      f.increase(next, i32.shl(pairs, 1))
      f.set(n, i32.sub(n, pairs))
      f.for(i32.sub(pairs, 3), { step: 4 }, () => {
        f.do(v128.store(out, drawFour(at)))
        f.increase(at, 32)
        f.increase(out, 16)
      })
      const rest = f.let(i32.and(pairs, 3))
      f.if(rest, () => storeFirst(f, out, drawFour(at), rest))
      f.increase(out, i32.shl(rest, 2))
    }
    /** The last word, and the first of the next turn. */
    const drawAcross = () => {
      const last = f.let(v128.load1(words, 4 * (WORDS - 1)))
      f.call(twist, words)
      f.do(v128.store1(out, draw(last, v128.load1(words)), 0))
      f.set(next, 1)
      f.increase(out, 4)
      f.increase(n, -1)
    }

    f.for(4 * WORDS, { step: 16 }, (i) => f.do(v128.store(i32.add(words, i), v128.load(i32.add(state, i)))))
    f.if(i32.eqz(next), () => f.set(next, WORDS))
    f.doWhile(() => {
      f.if(i32.eq(next, WORDS), () => {
        f.call(twist, words)
        f.set(next, 0)
      })
      f.if(i32.eq(next, WORDS - 1), drawAcross, drawPairs)
    }, () => n)
  })
}

export function bernoulli(runtime: Runtime, out: NDArray, nextState: NDArray, state: NDArray, next: number, p: number, one: number): void {
  const [upper, lower] = boundOf(p)
  if (out.numel > 0) runtime.run('bernoulli', [out.pointer, nextState.pointer, state.pointer, next, out.numel, upper, lower, one], 1, 1)
}
