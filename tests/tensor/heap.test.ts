/** The heap: blocks, size classes, limits, and memory that can or cannot grow. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Heap, sizeClass } from '../../lib/tensor/heap.ts'

const MEBIBYTE = 2 ** 20

test('size classes are multiples of 64 bytes, at least what is asked for, and at most a quarter more', () => {
  for (let bytes = 1; bytes < 2 ** 24; bytes = Math.ceil(1.07 * bytes)) {
    const size = sizeClass(bytes)
    assert.ok(size % 64 === 0 && size >= bytes && size <= Math.max(1.25 * bytes, bytes + 64), `${bytes} -> ${size}`)
    assert.is(sizeClass(size), size)
  }
})

for (const shared of [true, false]) {
  const memory = shared ? 'shared memory' : 'memory that is not shared'

  test(`${memory}: blocks do not overlap, and numbers stay where they are while it fills`, () => {
    const heap = new Heap({ shared, limit: 200 * MEBIBYTE })
    const views = Array.from({ length: 100 }, (_, i) => heap.view(heap.allocate(MEBIBYTE), MEBIBYTE / 4).fill(i))
    assert.is(heap.used, 100 * MEBIBYTE)
    views.forEach((view, i) => assert.ok(view.length === MEBIBYTE / 4 && view.every((value) => value === i)))
  })

  test(`${memory}: nothing is given beyond the limit, except to kernels, and what is freed is given again`, () => {
    const heap = new Heap({ shared, limit: 4 * MEBIBYTE })
    const blocks = [0, 1, 2, 3].map(() => heap.allocate(MEBIBYTE))
    assert.is(heap.allocate(64), 0)
    assert.ok(heap.allocate(64, { beyondLimit: true }) > 0)
    heap.free(blocks[2], MEBIBYTE)
    heap.free(blocks[1], MEBIBYTE)
    assert.is(heap.allocate(MEBIBYTE - 100), blocks[1])
  })
}

test('memory that is not shared ends where it was made to end, with room for kernels beyond the limit', () => {
  const heap = new Heap({ shared: false, limit: 2 ** 40 })
  const all = heap.memory.buffer.byteLength
  while (heap.allocate(64 * MEBIBYTE) !== 0);
  assert.ok(heap.used <= heap.limit && heap.limit === 0.75 * all)
  assert.ok(heap.allocate(64 * MEBIBYTE, { beyondLimit: true }) > 0)
  while (heap.allocate(64 * MEBIBYTE, { beyondLimit: true }) !== 0);
  assert.is(heap.memory.buffer.byteLength, all)
})

test('what is freed can be overwritten, and so can what is handed out', () => {
  const heap = new Heap({ shared: true, limit: MEBIBYTE, scribble: true })
  const address = heap.allocate(256)
  const view = heap.view(address, 64)
  assert.ok(view.every(Number.isNaN))
  view.fill(1)
  heap.free(address, 256)
  assert.ok(view.every(Number.isNaN))
})

test.run()
