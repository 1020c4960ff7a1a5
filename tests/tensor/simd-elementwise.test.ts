/** Elementwise SIMD kernels give what their reference twins give. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { BinaryOp, UnaryOp } from '../../lib/tensor/kernels/kernels.ts'
import * as reference from '../../lib/tensor/kernels/reference/elementwise.ts'
import { emitCopy } from '../../lib/tensor/kernels/simd/copy.ts'
import { binary, emitElementwise, unary, where } from '../../lib/tensor/kernels/simd/elementwise.ts'
import { NDArray } from '../../lib/tensor/ndarray.ts'
import { assertClose, engines, numbers, surroundings, useDefault, useReference } from './simd-engines.ts'

test.before.each(useReference)
test.after.each(useDefault)

const all = engines((module, target) => {
  emitCopy(module)
  emitElementwise(module, target)
})

const ULP = 2 ** -23

/** How far each operation may be from the reference, which computes in double precision and rounds once. */
const unaryTolerances: Record<UnaryOp, { readonly relative?: number; readonly absolute?: number }> = {
  neg: {}, abs: {}, sign: {}, sqrt: {}, reciprocal: {}, relu: {}, floor: {}, ceil: {}, round: {}, isNaN: {}, sin: {}, cos: {}, log2: {}, log10: {},
  exp: { relative: 2 * ULP, absolute: 2e-38 }, log: { relative: 2 * ULP }, tanh: { relative: 2 * ULP }, sigmoid: { relative: 2.5 * ULP, absolute: 1e-38 },
  erf: { relative: 2 * ULP }, gelu: { relative: 2 * ULP, absolute: 1.5e-7 }, geluTanh: { relative: 8 * ULP, absolute: 1e-7 },
}

const binaryTolerances: Record<BinaryOp, { readonly relative?: number; readonly absolute?: number }> = {
  add: {}, sub: {}, mul: {}, div: {}, pow: {}, maximum: {}, minimum: {}, atLeast: {}, atMost: {}, gt: {}, ge: {}, lt: {}, le: {}, eq: {}, ne: {}, reluBackward: {},
  tanhBackward: { relative: 2 * ULP, absolute: 1e-6 }, sigmoidBackward: { relative: 2 * ULP, absolute: 1e-6 },
  geluBackward: { relative: 2 * ULP, absolute: 1e-6 }, geluTanhBackward: { relative: 2 * ULP, absolute: 2e-6 },
}

const special = [0, -0, 1, -1, NaN, Infinity, -Infinity, 0.5, 1.5, 2.5, -0.5, -2.5, 1e-30, -1e-30, 2 ** -126, 2 ** -149, 3e38, -3e38, 88, 88.7, 88.8, -86, -87, -88, -104, 1e-4, 1e-5, -1e-5, 0.625, 12.49, 12.51, -12.51, 100, -100]

const unaryOps = Object.keys(unaryTolerances) as UnaryOp[]
const binaryOps = Object.keys(binaryTolerances) as BinaryOp[]

const likeUnary = (op: UnaryOp, x: NDArray): number[] => {
  const out = NDArray.from(new Float32Array(x.numel), x.shape)
  reference.unary(op, out, x)
  return numbers(out)
}
const likeBinary = (op: BinaryOp, a: NDArray, b: NDArray): number[] => {
  const out = NDArray.from(new Float32Array(a.numel), a.shape)
  reference.binary(op, out, a, b)
  return numbers(out)
}

for (const { name, runtime, array, random } of all) {
  test(`unary operations at any length and alignment, ${name}`, () => {
    for (const op of unaryOps)
      for (const n of [0, 1, 2, 3, 4, 5, 15, 17, 31, 64, 1001])
        for (const offset of [0, 1, 2, 3]) {
          const x = random([n], offset)
          const out = array(new Float32Array(n), [n], 3 - offset)
          unary(runtime, op, out, x)
          assertClose(numbers(out), likeUnary(op, x), unaryTolerances[op], `${op} of ${n}`)
          assert.ok(surroundings(out).every(Number.isNaN), `${op} of ${n} wrote outside of out`)
        }
  })

  test(`unary operations over the whole range of float32, ${name}`, () => {
    const steps = Float32Array.from({ length: 40000 }, (_, i) => (i - 20000) / 150)
    const magnitudes = Float32Array.from({ length: 4000 }, (_, i) => (i % 2 ? -1 : 1) * 1.07 ** (i / 4 - 500) * (1 + (i % 7) / 100))
    for (const op of unaryOps)
      for (const values of [steps, magnitudes, special]) {
        const x = array(values, [values.length])
        const out = array(new Float32Array(values.length), [values.length])
        unary(runtime, op, out, x)
        const expected = likeUnary(op, x)
        // Above 1e38 the squares and cubes inside overflow on both sides, but not at the same place.
        const usual = (_: number, i: number) => !/^gelu|sigmoid/.test(op) || Math.abs(values[i]) < 1e18 || Math.abs(values[i]) === Infinity || Number.isNaN(values[i])
        assertClose(numbers(out).filter(usual), expected.filter(usual), unaryTolerances[op], op)
      }
  })

  test(`binary operations on equal shapes and special values, ${name}`, () => {
    const grid = special.flatMap((a) => special.map((b) => [a, b]))
    for (const op of binaryOps) {
      for (const n of [0, 1, 2, 3, 4, 5, 17, 1003])
        for (const offset of [0, 1, 2, 3]) {
          const [a, b] = [random([n], offset), random([n], 3 - offset)]
          const out = array(new Float32Array(n), [n], offset ^ 1)
          binary(runtime, op, out, a, b)
          assertClose(numbers(out), likeBinary(op, a, b), binaryTolerances[op], `${op} of ${n}`)
          assert.ok(surroundings(out).every(Number.isNaN), `${op} of ${n} wrote outside of out`)
        }
      if (/^(tanh|sigmoid|gelu).*Backward/.test(op)) continue
      const [a, b] = [0, 1].map((i) => array(grid.map((pair) => pair[i]), [grid.length]))
      const out = array(new Float32Array(grid.length), [grid.length])
      binary(runtime, op, out, a, b)
      assertClose(numbers(out), likeBinary(op, a, b), { absolute: 2e-38 }, op)
    }
  })

  test(`gradients of activations pass NaN and vanish far out, ${name}`, () => {
    const grads = array([1, 1, 1, 1, 1, NaN, -2], [7])
    const at = (values: number[]) => array(values, [7])
    const out = array(new Float32Array(7), [7])
    for (const op of ['geluBackward', 'geluTanhBackward'] as const) {
      binary(runtime, op, out, grads, at([NaN, 0, 50, -50, 13, 1, -90]))
      assertClose(numbers(out), [NaN, 0.5, 1, 0, 1, NaN, 0], { absolute: 1e-30 }, op)
    }
  })

  test(`operands of every layout, ${name}`, () => {
    const shape = [6, 5, 13]
    const dense = random(shape, 1)
    const views: [string, NDArray][] = [
      ['dense', random(shape, 2)], ['scalar', random([]).expand(shape)], ['row', random([13], 3).expand(shape)], ['column', random([6, 5, 1], 1).expand(shape)], ['matrix', random([5, 13], 2).expand(shape)],
      ['middle', random([6, 1, 13]).expand(shape)], ['outer', random([6, 1, 1]).expand(shape)], ['transposed', random([13, 5, 6]).transpose(0, 2)], ['narrowed', random([6, 9, 13]).narrow(1, 2, 5)],
      ['narrowed rows', random([6, 5, 20]).narrow(2, 3, 13)], ['every second', random([6, 5, 26]).slice([{ start: 0, size: 6, step: 1 }, { start: 0, size: 5, step: 1 }, { start: 1, size: 13, step: 2 }])],
    ]
    for (const [first, a] of views)
      for (const [second, b] of views)
        for (const op of ['add', 'sub', 'gt', 'pow', 'geluBackward'] as const) {
          const out = array(new Float32Array(dense.numel), shape, 1)
          binary(runtime, op, out, a, b)
          assertClose(numbers(out), likeBinary(op, a, b), binaryTolerances[op], `${op} of ${first} and ${second}`)
          assert.ok(surroundings(out).every(Number.isNaN))
        }
    for (const [what, x] of views) {
      const out = array(new Float32Array(dense.numel), shape)
      unary(runtime, 'neg', out, x)
      assert.equal(numbers(out), likeUnary('neg', x), what)
    }
    const condition = array(Array.from({ length: 390 }, (_, i) => [0, 1, -2, NaN][i % 4]), shape)
    for (const c of [condition, condition.select(1, 0).unsqueeze(1).expand(shape), array([1], []).expand(shape)])
      for (const [first, a] of views)
        for (const [second, b] of views) {
          const out = array(new Float32Array(dense.numel), shape)
          where(runtime, out, c, a, b)
          const expected = NDArray.from(new Float32Array(dense.numel), shape)
          reference.where(expected, c, a, b)
          assert.equal(numbers(out), numbers(expected), `where of ${first} and ${second}`)
        }
  })

  test(`arrays of several chunks, and results in place of an operand, ${name}`, () => {
    for (const n of [65536, 65537, 200003]) {
      const [a, b] = [random([n], 1), random([n], 2)]
      const expected = likeBinary('mul', a, b)
      const tripled = likeBinary('mul', a, array([3], []).expand([n]))
      const out = array(new Float32Array(n), [n])
      binary(runtime, 'mul', out, a, array([3], []).expand([n]))
      assertClose(numbers(out), tripled, {}, 'times 3')
      binary(runtime, 'mul', a, a, b)
      assertClose(numbers(a), expected, {}, 'in place')
      const before = likeUnary('tanh', b)
      unary(runtime, 'tanh', b, b)
      assertClose(numbers(b), before, unaryTolerances.tanh, 'tanh in place')
    }
    const wide = random([3, 70001])
    const column = random([3, 1]).expand(wide.shape)
    const out = array(new Float32Array(wide.numel), wide.shape)
    binary(runtime, 'sub', out, column, wide)
    assertClose(numbers(out), likeBinary('sub', column, wide), {}, 'long rows')
  })
}

test('powers of 2 are squares', () => {
  const [{ runtime, array, random }] = all
  const x = random([77])
  const out = array(new Float32Array(77), [77])
  binary(runtime, 'pow', out, x, array([2], []).expand([77]))
  assert.equal(numbers(out), numbers(x).map((value) => Math.fround(value * value)))
})

test.run()
