/** Folders of pictures: torchvision's order, Pillow's pixels; and the reader of the examples. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { encode } from 'jpeg-js'
import { PNG } from 'pngjs'
import { data } from 'vitgrad'
import { readPicture } from '../../examples/training/read-picture.ts'
import { squareOf } from '../../lib/data/image-folder.ts'
import { assertDataError } from './data-errors.ts'

interface Golden {
  readonly files: string[]
  readonly order: { readonly classes: string[]; readonly samples: [string, number][] }
  readonly squares: [[width: number, height: number, size: number], string][]
}
const golden: Golden = JSON.parse(readFileSync(new URL('image-folder.golden.json', import.meta.url), 'utf8'))

const { warn } = console
let warnings: string[] = []
let folder = ''
test.before.each(() => {
  folder = mkdtempSync(join(tmpdir(), 'vitgrad-pictures-'))
  warnings = []
  console.warn = (text: string) => warnings.push(text)
})
test.after.each(() => {
  console.warn = warn
  rmSync(folder, { recursive: true })
})

function write(name: string, content: Uint8Array | string): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true })
  writeFileSync(join(folder, name), content)
}

/** A PNG file of one colour. */
function png(width: number, height: number, colour: readonly number[]): Uint8Array {
  const picture = new PNG({ width, height })
  for (let i = 0; i < picture.data.length; i++) picture.data[i] = colour[i % 4]
  return PNG.sync.write(picture)
}

/** What has read nothing: a gray picture of one pixel, of the shade that the file holds. */
const readShade = (bytes: Uint8Array) => ({ width: 1, height: 1, data: Uint8Array.of(bytes[0] ?? 0) })

test('classes and files come in the order of torchvision', () => {
  golden.files.forEach((name, i) => write(name, Uint8Array.of(i)))
  const dataset = data.imageFolder(folder, { read: readShade, size: 1 })
  assert.equal(dataset.classes, golden.order.classes)
  assert.equal(dataset.files.map((file, i) => [file.slice(folder.length + 1), dataset.labels[i]]), golden.order.samples)
  const shades = dataset.files.map((file) => golden.files.indexOf(file.slice(folder.length + 1)))
  assert.equal([...dataset.getItems(shades.map((_, i) => i))[0].data], shades.flatMap((shade) => [shade, shade, shade].map((byte) => Math.fround(byte / 255))))
})

test('pictures are resized on their shorter side and cut to their middle, byte by byte as with Pillow', () => {
  for (const [[width, height, size], expected] of golden.squares) {
    const bytes = Uint8Array.from({ length: width * height * 3 }, (_, i) => 7 * i * i + 13 * i)
    assert.is(createHash('sha256').update(squareOf({ width, height, data: bytes }, size)).digest('hex'), expected, `${width} x ${height} to ${size}`)
  }
})

test('the reader of the examples reads PNG and JPEG of any size; alpha is dropped', () => {
  write('cats/1.png', png(5, 9, [10, 20, 30, 99]))
  write('dogs/1.jpg', encode({ width: 20, height: 10, data: new Uint8Array(800).fill(120) }, 95).data)
  const dataset = data.imageFolder(folder, { read: readPicture, size: 4, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] })
  const [images, labels] = dataset.getItems([0, 1])
  assert.equal([images.shape, [...labels.data], dataset.classes], [[2, 3, 4, 4], [0, 1], ['cats', 'dogs']])
  const shades = [...images.data].map((value) => Math.round((value * 0.5 + 0.5) * 255))
  assert.equal(shades.slice(0, 48), [10, 20, 30].flatMap((shade) => new Array<number>(16).fill(shade)))
  assert.ok(shades.slice(48).every((shade) => Math.abs(shade - 120) <= 1))
})

test('a picture that cannot be decoded is an error that names it, or left out with a warning', () => {
  write('cats/1.png', png(2, 2, [1, 2, 3, 255]))
  write('cats/2.png', png(64, 64, [1, 2, 3, 255]).subarray(0, 60))
  write('dogs/1.png', 'no picture')
  write('dogs/2.png', png(2, 2, [7, 8, 9, 255]))
  assertDataError(() => data.imageFolder(folder, { read: readPicture, size: 2 }), join(folder, 'cats/2.png'), 'cannot be decoded', "onError: 'skip'")
  const dataset = data.imageFolder(folder, { read: readPicture, size: 2, onError: 'skip' })
  assert.equal([dataset.length, [...dataset.labels], dataset.files.length], [2, [0, 1], 2])
  assert.equal(dataset.skipped.map(({ file }) => file.slice(folder.length + 1)), ['cats/2.png', 'dogs/1.png'])
  assert.is(warnings.length, 1)
  assert.match(warnings[0], /2 pictures cannot be decoded and are left out, 2 remain: .*cats\/2\.png \(.+\), .*dogs\/1\.png \(it is neither PNG nor JPEG\)/)
  assertDataError(() => data.imageFolder(folder, { read: () => { throw new Error('of no kind') }, size: 2, onError: 'skip' }), 'none of the 4 pictures', 'of no kind')
  write('cats/2.png', png(2, 2, [1, 2, 3, 255]))
  assertDataError(() => data.imageFolder(folder, { read: () => ({ width: 2, height: 2, data: new Uint8Array(7) }), size: 2 }), 'cats/1.png', '7 bytes are not the pixels')
})

test('folders that are missing, empty or have a class without pictures are refused; links that go round are followed once', () => {
  const open = () => data.imageFolder(join(folder, 'all'), { read: readShade, size: 1 })
  assertDataError(open, join(folder, 'all'), 'no such file')
  mkdirSync(join(folder, 'all'))
  assertDataError(open, 'has no folders in it')
  write('all/cats/1.png', Uint8Array.of(1))
  mkdirSync(join(folder, 'all/dogs'))
  assertDataError(open, 'no pictures for dogs')
  symlinkSync(join(folder, 'all/cats'), join(folder, 'all/cats/again'))
  write('all/dogs/1.webp', Uint8Array.of(1))
  assert.is(open().length, 2)
  assert.throws(() => data.imageFolder(folder, { read: readShade, size: 0 }), /size = 0/)
})

test.run()
