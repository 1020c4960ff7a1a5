/** The assembler: encodings, and instructions by running them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { f32x4, f64, f64x2, i32, i32x4, signed, unsigned, v128, WasmModule, type Expr } from '../../lib/tensor/kernels/simd/wasm.ts'

/** Runs what `build` computes from the vectors at 0 and 16, and returns the four float32 of its result. */
function run(build: (a: Expr<'v128'>, b: Expr<'v128'>) => Expr<'v128'>, a: number[], b: number[] = a): number[] {
  const module = new WasmModule()
  module.function('run', {}, [], (f) => f.do(v128.store(32, build(v128.load(0), v128.load(16)))))
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 })
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.encode({ initial: 1, maximum: 1, shared: false })), { env: { memory } })
  const numbers = new Float32Array(memory.buffer)
  numbers.set([...a, ...b])
  ;(exports.run as () => void)()
  return [...numbers.subarray(8, 12)]
}

/** Runs a function of two whole numbers. */
function runI32(build: (a: Expr<'i32'>, b: Expr<'i32'>) => Expr<'i32'>, a: number, b: number): number {
  const module = new WasmModule()
  module.function('run', { a: 'i32', b: 'i32' }, ['i32'], (f, p) => f.result(build(p.a, p.b)))
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.encode({ initial: 1, maximum: 1, shared: false })), { env: { memory: new WebAssembly.Memory({ initial: 1, maximum: 1 }) } })
  return (exports.run as (a: number, b: number) => number)(a, b)
}

test('whole numbers are encoded as the WebAssembly specification gives them', () => {
  assert.equal([unsigned(0), unsigned(127), unsigned(128), unsigned(624485)], [[0], [0x7f], [0x80, 1], [0xe5, 0x8e, 0x26]])
  assert.equal([signed(0), signed(63), signed(64), signed(-1), signed(-64), signed(-123456)], [[0], [63], [0xc0, 0], [0x7f], [0x40], [0xc0, 0xbb, 0x78]])
})

test('arithmetic of four numbers is that of each', () => {
  const [a, b] = [[1, -2, 3.5, 0.25], [4, 0.5, -7, 2]]
  const each = (f: (x: number, y: number) => number) => a.map((x, i) => Math.fround(f(x, b[i])))
  assert.equal(run(f32x4.add, a, b), each((x, y) => x + y))
  assert.equal(run(f32x4.sub, a, b), each((x, y) => x - y))
  assert.equal(run(f32x4.mul, a, b), each((x, y) => x * y))
  assert.equal(run(f32x4.div, a, b), each((x, y) => x / y))
  assert.equal(run(f32x4.max, a, b), each(Math.max))
  assert.equal(run(f32x4.min, a, b), each(Math.min))
  assert.equal(run((x) => f32x4.neg(f32x4.abs(x)), a), a.map((x) => -Math.abs(x)))
  assert.equal(run((x) => f32x4.sqrt(f32x4.abs(x)), a), a.map((x) => Math.fround(Math.sqrt(Math.abs(x)))))
  assert.equal(run(f32x4.floor, a), a.map(Math.floor))
  assert.equal(run(f32x4.ceil, a), a.map((x) => Math.ceil(x)))
  assert.equal(run(f32x4.nearest, [0.5, 1.5, 2.5, -2.2]), [0, 2, 2, -2])
})

test('pmax and pmin keep a NaN that comes first', () => {
  assert.equal(run(f32x4.pmax, [NaN, 1, 2, 3], [0, 5, 1, NaN]), [NaN, 5, 2, 3])
  assert.equal(run(f32x4.pmin, [NaN, 1, 2, 3], [0, 5, 1, NaN]), [NaN, 1, 1, 3])
})

test('comparisons make masks, by which select chooses', () => {
  const [a, b] = [[1, 2, 3, NaN], [2, 2, 1, 0]]
  const chosen = (compare: (x: Expr<'v128'>, y: Expr<'v128'>) => Expr<'v128'>) => run((x, y) => v128.select(f32x4.constants(1, 1, 1, 1), f32x4.constants(0, 0, 0, 0), compare(x, y)), a, b)
  assert.equal([f32x4.lt, f32x4.le, f32x4.gt, f32x4.ge, f32x4.eq, f32x4.ne].map(chosen), [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 1, 1, 0], [0, 1, 0, 0], [1, 0, 1, 1]])
  assert.equal(run((x) => v128.and(x, i32x4.gtS(i32x4.splat(2), i32x4.constants(0, 1, 2, 3))), [1, 2, 3, 4]), [1, 2, 0, 0])
})

test('lanes are shuffled, spread and stored one by one', () => {
  assert.equal(run((x, y) => v128.shuffle(x, y, [3, 4, 0, 7]), [1, 2, 3, 4], [5, 6, 7, 8]), [4, 5, 1, 8])
  assert.equal(run(() => v128.loadSplat(4), [1, 2, 3, 4]), [2, 2, 2, 2])
  assert.equal(run(() => v128.load1(8), [1, 2, 3, 4]), [3, 0, 0, 0])
  assert.equal(run(() => f32x4.fromI32x4(i32x4.shl(i32x4.add(i32x4.constants(1, 2, 3, 4), i32x4.splat(1)), 1)), [0, 0, 0, 0]), [4, 6, 8, 10])
})

test('four whole numbers are shifted and compared as 32 bits, and tell whether any bit is set', () => {
  const of = (...whole: [number, number, number, number]) => i32x4.constants(...whole)
  const bits = of(-8, 7, 1, 0)
  assert.equal(run(() => f32x4.fromI32x4(i32x4.shrU(bits, 30)), [0, 0, 0, 0]), [3, 0, 0, 0])
  assert.equal(run(() => f32x4.fromI32x4(i32x4.shrS(i32x4.shl(bits, 31), 31)), [0, 0, 0, 0]), [0, -1, -1, 0])
  assert.equal(run(() => f32x4.fromI32x4(v128.xor(bits, of(1, 2, 3, 4))), [0, 0, 0, 0]), [-7, 5, 2, 4])
  assert.equal(run((ones) => v128.and(ones, i32x4.eq(bits, of(-8, 8, 1, -1))), [1, 1, 1, 1]), [1, 0, 1, 0])
  assert.equal(run((ones) => v128.and(ones, i32x4.ltU(bits, of(7, -8, 0, 1))), [1, 1, 1, 1]), [0, 1, 0, 1])
  assert.equal([of(0, 0, 0, 0), of(0, 0, 4, 0)].map((x) => runI32(() => v128.anyTrue(x), 0, 0)), [0, 1])
})

test('float32 are turned into double precision and back', () => {
  const third = Math.fround(1 / 3)
  assert.equal(run((a, b) => f64x2.demote(f64x2.add(f64x2.mul(f64x2.promoteLow(a), f64x2.promoteLow(a)), f64x2.promoteLow(b))), [third, -2, 9, 9], [-third, 0.5, 9, 9]), [Math.fround(third * third - third), 4.5, 0, 0])
  assert.equal(run(() => f64x2.demote(f64x2.splat(f64.load32(4))), [1, third, 0, 0]), [third, third, 0, 0])
  assert.equal(run(() => v128.load2(8), [1, 2, 3, 4]), [3, 4, 0, 0])
})

test('whole numbers wrap, divide and compare as 32 bits', () => {
  assert.equal([i32.add, i32.sub, i32.mul, i32.and, i32.or, i32.shl, i32.shrU].map((op) => runI32(op, 0x7fffffff, 3)), [-2147483646, 2147483644, 2147483645, 3, 0x7fffffff, -8, 0xfffffff])
  assert.is(runI32(i32.shrU, -1, 31), 1)
  assert.equal([i32.divU, i32.remU].map((op) => runI32(op, -1, 10)), [429496729, 5])
  assert.equal([i32.ltS, i32.ltU, i32.gtS, i32.leS, i32.geS, i32.eq].map((op) => runI32(op, -1, 1)), [1, 0, 0, 1, 0, 0])
  assert.is(runI32((a, b) => i32.select(a, b, i32.eqz(b)), 7, 9), 9)
})

test('loops count, branches branch, and calls call', () => {
  const module = new WasmModule()
  const add = module.function('add', { to: 'i32', n: 'i32' }, [], (f, { to, n }) => f.do(i32.store(to, i32.add(i32.load(to), n))))
  module.function('sumOfOdd', { n: 'i32' }, ['i32'], (f, { n }) => {
    f.do(i32.store(0, 0))
    f.for(n, {}, (i) => f.if(i32.and(i, 1), () => f.call(add, 0, i), () => f.call(add, 4, 1)))
    f.result(i32.load(0))
  })
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 })
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.encode({ initial: 1, maximum: 1, shared: false })), { env: { memory } })
  assert.equal([0, 1, 10].map(exports.sumOfOdd as (n: number) => number), [0, 0, 25])
  assert.is(new Int32Array(memory.buffer)[1], 6)
})

test.run()
