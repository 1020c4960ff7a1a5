/** Pictures that are read, and what is said of those that cannot be. */
import { encode } from 'jpeg-js'
import { PNG } from 'pngjs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readPicture } from '../../examples/training/read-picture.ts'

const [width, height] = [20, 9]
const pixels = Uint8Array.from({ length: 4 * width * height }, (_, i) => (i % 4 === 3 ? 255 : (7 * i) % 256))
const png = PNG.sync.write(Object.assign(new PNG({ width, height }), { data: Buffer.from(pixels) }))
const jpeg = encode({ width, height, data: pixels }, 90).data

/** A copy with other bytes from `at` on. */
const changed = (file: Buffer, at: number, bytes: readonly number[]) => Buffer.concat([file.subarray(0, at), Buffer.from(bytes), file.subarray(at + bytes.length)])

const assertRefused = (file: Buffer, message: RegExp) => assert.throws(() => readPicture(file), message)

test('the first bytes tell what a file is; its pixels come with their size', () => {
  assert.equal(readPicture(png).data, Buffer.from(pixels))
  for (const file of [png, jpeg]) assert.equal([readPicture(file).width, readPicture(file).height], [width, height])
})

test('a file that is cut short is never taken for a picture', () => {
  for (const file of [png, jpeg]) for (let length = 2; length < file.length; length++) assertRefused(file.subarray(0, length), /^it ends too soon$/)
})

test('what is broken is called so, and what is something else', () => {
  assertRefused(changed(png, 60, [1, 2, 3]), /^the PNG is broken: /)
  assertRefused(changed(jpeg, 4, [9, 9]), /^the JPEG is broken: /)
  for (const file of ['', 'GIF89a...', 'RIFF....WEBP']) assertRefused(Buffer.from(file), /^it is neither PNG nor JPEG$/)
})

test('a header that promises more pixels than there is room for is refused at once', () => {
  const size = jpeg.indexOf(Buffer.from([0xff, 0xc0])) + 5
  assertRefused(changed(jpeg, size, [255, 255, 255, 255]), /^it has more pixels than can be decoded$/)
})

test.run()
