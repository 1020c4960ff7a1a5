/** The built-in data: the same everywhere, in the promised range, and not to be told apart by colour. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createHash } from 'node:crypto'
import { drawSynthetic, syntheticClasses } from '../../lib/data/synthetic.ts'
import { ValueError } from '../../lib/tensor/errors.ts'
import { isError } from '../is-error.ts'

const PICTURE = 3 * 32 * 32
const PIXELS = 32 * 32

/** Mean of each channel of each picture. */
function meanColours(images: Float32Array): number[][] {
  return Array.from({ length: images.length / PICTURE }, (_, i) =>
    [0, 1, 2].map((c) => images.subarray(i * PICTURE + c * PIXELS, i * PICTURE + (c + 1) * PIXELS).reduce((sum, x) => sum + x, 0) / PIXELS))
}

test('ten classes take turns, and each picture is 3 x 32 x 32 numbers', () => {
  const { images, labels } = drawSynthetic(23, 0)
  assert.is(images.length, 23 * PICTURE)
  assert.equal([...labels], Array.from({ length: 23 }, (_, i) => i % 10))
  assert.is(new Set(syntheticClasses).size, 10)
})

test('the values have mean 0, deviation about 1, and come from pixels in [0, 1]', () => {
  const { images } = drawSynthetic(1000, 3)
  let sum = 0
  let squares = 0
  for (const x of images) {
    assert.ok(x >= -2 && x <= 2)
    sum += x
    squares += x * x
  }
  const mean = sum / images.length
  assert.ok(Math.abs(mean) < 0.1, `mean ${mean}`)
  const deviation = Math.sqrt(squares / images.length - mean * mean)
  assert.ok(deviation > 0.8 && deviation < 1.2, `deviation ${deviation}`)
})

test('the same seed draws the same pictures, a longer draw begins with the shorter one, another seed draws others', () => {
  const { images } = drawSynthetic(20, 7)
  assert.equal(drawSynthetic(20, 7).images, images)
  assert.equal(drawSynthetic(30, 7).images.subarray(0, images.length), images)
  const other = drawSynthetic(20, 8).images
  for (let i = 0; i < 20; i++) assert.not.equal(other.subarray(i * PICTURE, (i + 1) * PICTURE), images.subarray(i * PICTURE, (i + 1) * PICTURE))
})

test('a seed gives these very bits on every machine', () => {
  const { images } = drawSynthetic(100, 0)
  assert.is(createHash('sha256').update(new Uint8Array(images.buffer)).digest('hex'), '05c36dfdcc83da47c71d8b9b38d4031f74114f08b9657749ec3911250b10178d')
})

test('neighbouring pixels differ less along a stripe than across it', () => {
  const { images } = drawSynthetic(200, 1)
  /** Sum of the squared steps from each red pixel to the one `offset` further on. */
  const roughness = (picture: number, offset: number) => {
    const red = images.subarray(picture * PICTURE, picture * PICTURE + PIXELS)
    let sum = 0
    for (let i = 0; i + 32 < PIXELS; i++) sum += (red[i + offset] - red[i]) ** 2
    return sum
  }
  for (let turn = 0; turn < 20; turn++) {
    const horizontal = 10 * turn + syntheticClasses.indexOf('horizontal stripes')
    const vertical = 10 * turn + syntheticClasses.indexOf('vertical stripes')
    assert.ok(roughness(horizontal, 1) < roughness(horizontal, 32))
    assert.ok(roughness(vertical, 32) < roughness(vertical, 1))
  }
})

test('the mean colour does not tell the class', () => {
  const train = meanColours(drawSynthetic(4000, 1).images)
  const test = meanColours(drawSynthetic(2000, 2).images)
  // Nearest of the ten class means; guessing is right for one in ten.
  const centres = syntheticClasses.map((_, label) => [0, 1, 2].map((c) => train.filter((_, i) => i % 10 === label).reduce((sum, colour) => sum + colour[c], 0) / 400))
  const distance = (a: number[], b: number[]) => (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2
  const right = test.filter((colour, i) => {
    const distances = centres.map((centre) => distance(colour, centre))
    return distances.indexOf(Math.min(...distances)) === i % 10
  }).length
  assert.ok(right / 2000 < 0.15, `${right} of 2000 are right`)
})

test('a count that is no whole number is refused', () => {
  for (const count of [-1, 1.5, NaN]) assert.throws(() => drawSynthetic(count, 0), isError(ValueError, /count/))
})

test('no pictures can be drawn', () => {
  assert.is(drawSynthetic(0, 0).images.length, 0)
})

test.run()
