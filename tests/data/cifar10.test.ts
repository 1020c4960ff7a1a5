/** CIFAR-10's binary files, on made-up pictures; and what the command that fetches them makes of archives and sheets. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PNG } from 'pngjs'
import { data } from 'vitgrad'
import { readCifar } from '../../lib/data/cifar.ts'
import { CIFAR10_MEAN, CIFAR10_STD, cifar10Classes, cifar10Files, cifar10Layout } from '../../lib/data/cifar10.ts'
import { ImageDataset } from '../../lib/data/image-dataset.ts'
import { ShapeError, ValueError } from '../../lib/tensor/errors.ts'
import { batchFromSheet } from '../../tools/cifar10-sheets.ts'
import { readTar } from '../../tools/tar.ts'
import { isError } from '../is-error.ts'
import { assertDataError } from './data-errors.ts'

const PICTURE = 3 * 32 * 32
const RECORD = 1 + PICTURE

/** `labels.length` records whose byte i is (i + shift) mod 256. */
function records(labels: number[], shift = 0): Uint8Array {
  const bytes = new Uint8Array(labels.length * RECORD)
  labels.forEach((label, n) => {
    bytes[n * RECORD] = label
    for (let i = 0; i < PICTURE; i++) bytes[n * RECORD + 1 + i] = i + n + shift
  })
  return bytes
}

let folder = ''
test.before.each(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitgrad-cifar10-'))
})
test.after.each(() => rmSync(folder, { recursive: true }))

/** What the files say of `count` pictures (all), where each has `perFile` of them. */
const read = ({ files = cifar10Files.train, perFile = 2, count }: { files?: readonly string[]; perFile?: number; count?: number }) => readCifar(folder, files, perFile, cifar10Layout(folder), count)

/** The same of one file with these bytes. */
function readBytes(bytes: Uint8Array, perFile: number) {
  writeFileSync(join(folder, 'a.bin'), bytes)
  return read({ files: ['a.bin'], perFile })
}

test('a record is its label, then the bytes of red, green and blue', () => {
  const { images, labels } = readBytes(records([3, 9]), 2)
  assert.equal([...labels], [3, 9])
  assert.is(images.length, 2 * PICTURE)
  for (const i of [0, 1, 255, 1024, 2047, 2048, PICTURE - 1]) {
    assert.is(images[i], i % 256)
    assert.is(images[PICTURE + i], (i + 1) % 256)
  }
  assert.is(cifar10Classes.length, 10)
})

test('a file that is truncated, too long or holds a label above 9 is refused by its name', () => {
  const whole = records([0, 1, 2])
  assertDataError(() => readBytes(whole.subarray(0, -1), 3), 'a.bin', 'truncated', '9218', '9219')
  assertDataError(() => readBytes(whole.subarray(0, 2 * RECORD), 3), 'a.bin', 'truncated')
  assertDataError(() => readBytes(new Uint8Array(0), 3), 'a.bin', 'truncated')
  assertDataError(() => readBytes(new Uint8Array([...whole, 0]), 3), 'a.bin', 'longer')
  assertDataError(() => readBytes(records([0, 10, 2]), 3), 'a.bin', 'label 10', 'picture 1')
})

test('an official file holds 10,000 pictures: fewer whole records are a truncated file', () => {
  writeFileSync(join(folder, 'test_batch.bin'), records([0, 1, 2]))
  assertDataError(() => data.cifar10(folder, { train: false }), 'test_batch.bin', 'truncated', '30730000')
})

test('pictures are those of the files in order', () => {
  cifar10Files.train.forEach((file, k) => writeFileSync(join(folder, file), records([k, k + 1], 7 * k)))
  const train = read({})
  assert.equal([...train.labels], [0, 1, 1, 2, 2, 3, 3, 4, 4, 5])
  assert.is(train.images.length, 10 * PICTURE)
  assert.equal(train.images.subarray(6 * PICTURE, 8 * PICTURE), readBytes(records([3, 4], 21), 2).images)
})

test('the first `count` pictures need only the files that they lie in', () => {
  writeFileSync(join(folder, 'data_batch_1.bin'), records([1, 2]))
  writeFileSync(join(folder, 'data_batch_2.bin'), records([3, 4]))
  assert.equal([...read({ count: 3 }).labels], [1, 2, 3])
  for (const count of [0, 11, 1.5]) assert.throws(() => read({ count }), isError(ValueError))
})

test('a missing folder, a missing file and a broken file are errors that say how to get the data', () => {
  const fetch = `npm run data:cifar10 -- --out ${folder}`
  assertDataError(() => data.cifar10(`${folder}/nowhere/`, { train: false }), 'nowhere/test_batch.bin', 'no such file', `${fetch}/nowhere`)
  writeFileSync(join(folder, 'data_batch_1.bin'), records([1, 2]))
  assertDataError(() => read({}), 'data_batch_2.bin', fetch)
  writeFileSync(join(folder, 'data_batch_2.bin'), records([3, 4]).subarray(0, 5000))
  assertDataError(() => read({ count: 3 }), 'data_batch_2.bin', 'truncated', fetch)
})

// torch.tensor([0, 1, 128, 254, 255], dtype=torch.uint8).float().div(255) for each channel, then
// .sub(torch.tensor([0.4914, 0.4822, 0.4465])[:, None]).div(torch.tensor([0.2470, 0.2435, 0.2616])[:, None]).view(torch.int32)
const TORCH_BITS = [
  [-1073830125, -1073963309, 1026498880, 1073923154, 1073989747],
  [-1073907184, -1074042283, 1034302382, 1074204808, 1074272356],
  [-1076201327, -1076327078, 1046026277, 1074164757, 1074227633],
]

test('pictures are normalised by channel, to the bit as torch does it', () => {
  const bytes = new Uint8Array(RECORD)
  for (let c = 0; c < 3; c++) bytes.set([0, 1, 128, 254, 255], 1 + c * 1024)
  const pictures = readBytes(bytes, 1)
  const [image, label] = new ImageDataset(pictures, { shape: [3, 32, 32], classes: cifar10Classes, mean: CIFAR10_MEAN, std: CIFAR10_STD }).get(0)
  const bits = new Int32Array(image.data.slice().buffer)
  assert.equal([0, 1024, 2048].map((start) => [...bits.subarray(start, start + 5)]), TORCH_BITS)
  assert.equal([image.shape, label.shape, label.item()], [[3, 32, 32], [], 0])
  assert.throws(() => new ImageDataset({ images: bytes, labels: new Uint8Array(1) }, { shape: [3, 32, 32], classes: [] }), isError(ShapeError))
})

test('without a mean and deviation a byte becomes byte / 255, and a batch stacks pictures in the order asked for', () => {
  const set = new ImageDataset({ images: Uint8Array.of(0, 51, 102, 153, 204, 255), labels: Uint8Array.of(7, 8, 9) }, { shape: [1, 1, 2], classes: [] })
  const [images, labels] = set.getItems([2, 0])
  assert.equal([...images.data], [204 / 255, 1, 0, 51 / 255].map(Math.fround))
  assert.equal([...labels.data], [9, 7])
  assert.throws(() => set.get(3), /no sample 3 among 3/)
})

test('a sheet becomes the binary file: row n is image n, column 32 y + x its pixel (x, y)', () => {
  const sheet = new PNG({ width: 1024, height: 2 })
  const valueAt = (n: number, pixel: number, channel: number) => ((pixel * 3 + channel) * 7 + n) % 256
  for (const n of [0, 1]) for (let pixel = 0; pixel < 1024; pixel++) sheet.data.set([...[0, 1, 2].map((channel) => valueAt(n, pixel, channel)), 255], 4 * (n * 1024 + pixel))
  const png = PNG.sync.write(sheet, { colorType: 2, inputHasAlpha: true })
  const batch = batchFromSheet(png, [6, 9])
  assert.is(batch.length, 2 * RECORD)
  assert.equal([batch[0], batch[RECORD]], [6, 9])
  for (const [pixel, channel] of [[0, 0], [0, 2], [33, 1], [1023, 0], [1023, 2]])
    for (const n of [0, 1]) assert.is(batch[n * RECORD + 1 + channel * 1024 + pixel], valueAt(n, pixel, channel))
  assert.throws(() => batchFromSheet(png, [6]), /does not hold 1 images/)
})

test('a tar archive gives its plain files, and a cut one is an error', () => {
  const file = (path: string, content: string, type: string) => {
    const header = Buffer.alloc(512)
    header.write(path, 0)
    header.write(content.length.toString(8).padStart(11, '0'), 124)
    header.write(type, 156)
    return Buffer.concat([header, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512)])
  }
  const archive = Buffer.concat([file('a/', '', '5'), file('a/one.txt', 'x'.repeat(600), '0'), file('a/two.txt', 'two', '0'), Buffer.alloc(1024)])
  const files = readTar(archive)
  assert.equal([...files.keys()], ['a/one.txt', 'a/two.txt'])
  assert.is(new TextDecoder().decode(files.get('a/two.txt')), 'two')
  assert.is(files.get('a/one.txt')?.length, 600)
  assert.throws(() => readTar(archive.subarray(0, 1200)), /broken at 'a\/one.txt'/)
})

test.run()
