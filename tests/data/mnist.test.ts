/** MNIST's IDX files, on made-up pictures. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { data } from 'vitgrad'
import { assertDataError } from './data-errors.ts'

let folder = ''
test.before.each(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitgrad-mnist-'))
})
test.after.each(() => rmSync(folder, { recursive: true }))

/** An IDX file of bytes: 0, 0, 8, how many sizes, the sizes, the bytes. */
function idx(shape: number[], bytes: ArrayLike<number>): Uint8Array {
  const header = Buffer.alloc(4 + 4 * shape.length)
  header.set([0, 0, 8, shape.length])
  shape.forEach((size, d) => header.writeUInt32BE(size, 4 + 4 * d))
  return Buffer.concat([header, Uint8Array.from(bytes)])
}

const PIXELS = Array.from({ length: 3 * 28 * 28 }, (_, i) => i % 256)

function write(name: string, content: Uint8Array): void {
  writeFileSync(join(folder, name), content)
}

test('pictures and labels are read from the published files, gzipped or not', () => {
  write('train-images-idx3-ubyte.gz', gzipSync(idx([3, 28, 28], PIXELS)))
  write('train-labels-idx1-ubyte.gz', gzipSync(idx([3], [7, 0, 9])))
  write('t10k-images-idx3-ubyte', idx([3, 28, 28], PIXELS))
  write('t10k-labels-idx1-ubyte', idx([3], [1, 2, 3]))
  const train = data.mnist(folder, { normalize: false })
  const [images, labels] = train.getItems([2, 0])
  assert.equal([images.shape, [...labels.data], train.classes[7]], [[2, 1, 28, 28], [9, 7], '7'])
  assert.equal([...images.data], [...PIXELS.slice(2 * 784), ...PIXELS.slice(0, 784)].map((byte) => Math.fround(byte / 255)))
  const fashion = data.fashionMnist(folder, { train: false, count: 2 })
  assert.equal([fashion.length, [...fashion.labels], fashion.classes[9]], [2, [1, 2], 'Ankle boot'])
  assert.throws(() => data.mnist(folder, { count: 4 }), /mnist: count 4/)
})

// ((torch.tensor([0, 128, 255.]) / 255) - 0.1307) / 0.3081 in torch
test('values are normalised by the mean and deviation of the training pictures', () => {
  write('train-images-idx3-ubyte', idx([1, 1, 3], [0, 128, 255]))
  write('train-labels-idx1-ubyte', idx([1], [4]))
  assert.equal([...data.mnist(folder).get(0)[0].data], [-0.4242129623889923, 1.2050011157989502, 2.821486711502075])
})

test('missing, cut, padded, mixed up and broken files are refused by their name, with the way out', () => {
  assertDataError(() => data.mnist(folder), 'mnist', 'train-images-idx3-ubyte.gz', 'no such file', folder)
  assertDataError(() => data.fashionMnist(folder), 'npm run data:fashion-mnist')
  const [images, labels] = [idx([3, 28, 28], PIXELS), idx([3], [7, 0, 9])]
  write('train-labels-idx1-ubyte', labels)
  const refuses = (content: Uint8Array, ...words: string[]) => {
    write('train-images-idx3-ubyte', content)
    assertDataError(() => data.mnist(folder), 'train-images-idx3-ubyte', ...words)
  }
  refuses(images.subarray(0, -1), 'truncated', `${images.length - 1} bytes instead of ${images.length}`)
  refuses(images.subarray(0, 9), 'truncated')
  refuses(Buffer.concat([images, Uint8Array.of(0)]), 'longer')
  refuses(labels, 'no IDX file', '3 dimensions')
  refuses(new Uint8Array(0), 'no IDX file')
  refuses(gzipSync(images).subarray(0, 200), 'cannot be unpacked')
  refuses(idx([2, 28, 28], PIXELS.slice(784)), '2 pictures', '3 labels')
  refuses(idx([2 ** 31, 2 ** 31, 2 ** 31], []), 'truncated')
  write('train-images-idx3-ubyte', images)
  write('train-labels-idx1-ubyte', idx([3], [7, 10, 9]))
  assertDataError(() => data.mnist(folder), 'train-labels-idx1-ubyte', 'label 10', 'picture 1')
})

test('without zlib a gzipped file is an error that says so', () => {
  write('train-images-idx3-ubyte.gz', gzipSync(idx([3, 28, 28], PIXELS)))
  const { getBuiltinModule } = process
  process.getBuiltinModule = ((name: string) => (name === 'node:zlib' ? undefined : getBuiltinModule(name))) as typeof getBuiltinModule
  try {
    assertDataError(() => data.mnist(folder), 'train-images-idx3-ubyte.gz is gzipped', 'unpack it')
  } finally {
    process.getBuiltinModule = getBuiltinModule
  }
})

test.run()
