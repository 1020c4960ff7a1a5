/** The copying kernels move every number to its place, and no other. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as reference from '../../lib/tensor/kernels/reference/elementwise.ts'
import { copy, emitCopy, fill, withDense } from '../../lib/tensor/kernels/simd/copy.ts'
import { NDArray } from '../../lib/tensor/ndarray.ts'
import { engines, numbers, surroundings, type Engine, useDefault, useReference } from './simd-engines.ts'

test.before.each(useReference)
test.after.each(useDefault)

const [engine] = engines(emitCopy)

/** Copies into a dense array at each of four alignments. */
function copiesLikeReference({ runtime, array }: Engine, x: NDArray, what: string): void {
  const expected = new NDArray(NDArray.from(new Float32Array(x.numel), x.shape).storage, x.shape)
  reference.copy(expected, x)
  for (let offset = 0; offset < 4; offset++) {
    const out = array(new Float32Array(x.numel), x.shape, offset)
    copy(runtime, out, x)
    assert.equal(numbers(out), [...expected.storage.data], `${what} at offset ${offset}`)
    assert.ok(surroundings(out).every(Number.isNaN), `${what} at offset ${offset} wrote outside of out`)
  }
}

test('dense arrays of any length and alignment are copied', () => {
  for (const n of [0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 33, 257, 4096, 8193, 100003]) copiesLikeReference(engine, engine.random([n], n % 4), `${n} numbers`)
  copiesLikeReference(engine, engine.random([]), 'a scalar')
})

test('matrices of any size are transposed', () => {
  for (const [rows, columns] of [[1, 1], [1, 9], [2, 3], [3, 4], [4, 4], [5, 4], [4, 5], [7, 9], [16, 16], [17, 19], [33, 64], [65, 65], [3, 1000], [1000, 3], [130, 257]])
    copiesLikeReference(engine, engine.random([rows, columns], rows % 4).transpose(0, 1), `(${rows}, ${columns})`)
})

test('every permutation of five dimensions is copied', () => {
  const permutations = (list: number[]): number[][] => (list.length < 2 ? [list] : list.flatMap((head, i) => permutations(list.toSpliced(i, 1)).map((tail) => [head, ...tail])))
  const x = engine.random([2, 5, 3, 4, 6])
  for (const dims of permutations([0, 1, 2, 3, 4])) copiesLikeReference(engine, x.permute(dims), `permute(${dims.join(', ')})`)
})

test('patches are cut out of pictures, and put back', () => {
  const pictures = engine.random([2, 3, 4, 4, 5, 8])
  const patches = pictures.permute([0, 2, 4, 1, 3, 5])
  copiesLikeReference(engine, patches, 'patches')
  const back = engine.array(new Float32Array(pictures.numel), pictures.shape)
  copy(engine.runtime, back.permute([0, 2, 4, 1, 3, 5]), patches)
  assert.equal(numbers(back), numbers(pictures))
})

test('more dimensions than loops are walked', () => {
  const x = engine.random([2, 3, 2, 3, 2, 3, 2, 3])
  copiesLikeReference(engine, x.permute([7, 5, 3, 1, 6, 4, 2, 0]), 'eight dimensions')
  copiesLikeReference(engine, x.permute([6, 4, 2, 0, 1, 3, 5, 7]), 'eight dimensions, rows kept')
})

test('broadcast, narrowed, stepped and reversed arrays are copied', () => {
  const x = engine.random([3, 10, 9], 1)
  const views: [string, NDArray][] = [
    ['a row', engine.random([7]).expand([5, 7])], ['a column', engine.random([5, 1]).expand([5, 70])], ['a number', engine.random([1, 1]).expand([3, 21])],
    ['the middle', engine.random([3, 1, 5]).expand([3, 4, 5])], ['narrow', x.narrow(1, 2, 5)], ['narrow rows', x.narrow(2, 3, 4)],
    ['steps', x.slice([{ start: 0, size: 3, step: 1 }, { start: 1, size: 5, step: 2 }, { start: 0, size: 3, step: 3 }])],
    ['reversed', x.slice([{ start: 2, size: 3, step: -1 }, { start: 9, size: 10, step: -1 }, { start: 8, size: 9, step: -1 }])],
    ['reversed and transposed', x.slice([{ start: 2, size: 3, step: -1 }, { start: 0, size: 10, step: 1 }, { start: 8, size: 9, step: -1 }]).transpose(1, 2)],
  ]
  for (const [what, view] of views) copiesLikeReference(engine, view, what)
})

test('a copy into a view leaves the rest of the storage as it is', () => {
  for (const offset of [0, 1, 2, 3]) {
    const out = engine.array(new Float32Array(3 * 10 * 9), [3, 10, 9], offset)
    const expected = NDArray.from(new Float32Array(3 * 10 * 9), [3, 10, 9])
    const into = (array: NDArray) => [
      array.narrow(1, 3, 4), array.narrow(2, 1, 5).transpose(0, 2), array.slice([{ start: 0, size: 2, step: 2 }, { start: 1, size: 4, step: 2 }, { start: 0, size: 4, step: 2 }]), array.select(2, 8),
    ]
    const views = into(out)
    into(expected).forEach((view, i) => {
      const x = engine.random(view.shape)
      copy(engine.runtime, views[i], x)
      reference.copy(view, x)
      assert.equal(numbers(out), numbers(expected), `view ${i} at offset ${offset}`)
    })
    assert.ok(surroundings(out).every(Number.isNaN))
  }
})

test('fill writes one value everywhere in an array, and nowhere else', () => {
  for (const n of [0, 1, 2, 3, 4, 5, 18, 1000])
    for (const offset of [0, 1, 2, 3]) {
      const out = engine.array(new Float32Array(n), [n], offset)
      fill(engine.runtime, out, -2.5)
      assert.equal(numbers(out), new Array(n).fill(-2.5))
      assert.ok(surroundings(out).every(Number.isNaN))
    }
  const out = engine.array(new Float32Array(60), [3, 4, 5])
  fill(engine.runtime, out.narrow(1, 1, 2), 1)
  fill(engine.runtime, out.select(2, 4), Infinity)
  assert.equal(numbers(out), Array.from({ length: 60 }, (_, i) => (i % 5 === 4 ? Infinity : Math.floor(i / 5) % 4 === 1 || Math.floor(i / 5) % 4 === 2 ? 1 : 0)))
})

test('withDense lends a dense array and gives its memory back', () => {
  const x = engine.random([5, 7])
  const before = engine.runtime.heap.used
  assert.is(withDense(engine.runtime, x, (dense) => dense), x)
  const copied = withDense(engine.runtime, x.transpose(0, 1), (dense) => [...engine.runtime.heap.view(dense.pointer, 35)])
  assert.equal(copied, numbers(x.transpose(0, 1)))
  assert.is(engine.runtime.heap.used, before)
})

test.run()
