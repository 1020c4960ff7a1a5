/** CIFAR-100's binary files, on made-up pictures. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { data } from 'vitgrad'
import { assertDataError } from './data-errors.ts'

const RECORD = 2 + 3 * 32 * 32
let folder = ''
test.before.each(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitgrad-cifar100-'))
})
test.after.each(() => rmSync(folder, { recursive: true }))

/** test.bin: 10,000 records of which picture n has the kind n mod 20, the class n mod 100 and pixels n mod 256. */
function testFile(): Uint8Array {
  const bytes = new Uint8Array(10_000 * RECORD)
  for (let n = 0; n < 10_000; n++) {
    bytes.fill(n, n * RECORD, (n + 1) * RECORD)
    bytes[n * RECORD] = n % 20
    bytes[n * RECORD + 1] = n % 100
  }
  return bytes
}

test('a record is its coarse label, its fine label, and a picture', () => {
  writeFileSync(join(folder, 'test.bin'), testFile())
  const fine = data.cifar100(folder, { train: false, normalize: false })
  const coarse = data.cifar100(folder, { train: false, labels: 'coarse', count: 30 })
  assert.equal([fine.length, coarse.length], [10_000, 30])
  assert.equal([fine.labels[9_999], coarse.labels[29]], [99, 9])
  const [picture, label] = fine.get(123)
  assert.equal([picture.shape, picture.data.every((value) => value === Math.fround(123 / 255)), label.item()], [[3, 32, 32], true, 23])
  assert.equal([fine.classes.length, fine.classes[0], fine.classes[99], new Set(fine.classes).size], [100, 'apple', 'worm', 100])
  assert.equal([coarse.classes.length, coarse.classes[0], coarse.classes[19]], [20, 'aquatic_mammals', 'vehicles_2'])
})

test('missing, truncated and broken files are refused by their name, with where to get whole ones', () => {
  assertDataError(() => data.cifar100(folder), 'cifar100', 'train.bin', 'no such file', 'cifar-100-binary.tar.gz')
  writeFileSync(join(folder, 'test.bin'), testFile().subarray(0, 1e6))
  assertDataError(() => data.cifar100(folder, { train: false }), 'test.bin', 'truncated', '30740000')
  const bytes = testFile()
  bytes[5 * RECORD + 1] = 100
  writeFileSync(join(folder, 'test.bin'), bytes)
  assertDataError(() => data.cifar100(folder, { train: false }), 'test.bin', 'label 100', 'picture 5')
})

test.run()
