/** The pictures of a report: that all is on them, and nothing is cut off. */
import { PNG } from 'pngjs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { drawAttention } from '../../examples/training/pictures/attention.ts'
import { drawConfusion } from '../../examples/training/plots/confusion.ts'

const red = { width: 2, height: 2, pixels: Uint8Array.from([200, 0, 0, 200, 0, 0, 200, 0, 0, 200, 0, 0]) }

test('attention is shown for each sample, in rows of five', () => {
  for (const count of [1, 5, 6, 10, 20]) {
    const samples = Array.from({ length: count }, (_, i) => ({ picture: red, attention: [[0, 1]], label: `class ${i}`, predicted: 'another' }))
    const { width, height, data } = PNG.sync.read(Buffer.from(drawAttention('title', samples)))
    const isRed = (x: number, y: number) => data[4 * (y * width + x)] === 200 && data[4 * (y * width + x) + 1] === 0
    let corners = 0
    for (let y = 1; y < height; y++) for (let x = 1; x < width; x++) if (isRed(x, y) && !isRed(x - 1, y) && !isRed(x, y - 1)) corners++
    assert.is(corners, count)
    const edge = (at: (i: number) => number, length: number) => Array.from({ length }, (_, i) => data[4 * at(i)]).every((value) => value === 255)
    assert.ok(edge((x) => (height - 1) * width + x, width) && edge((y) => y * width + width - 1, height), 'nothing reaches the edge')
  }
})

test('of a long class name the beginning is shown, and a small matrix is as wide as its title', () => {
  const long = 'a very long name that someone has given to a class'
  const svg = drawConfusion([[1, 0], [2, 3]], ['a', long])
  assert.match(svg, '>a very long name that s…<')
  assert.not.match(svg, long)
  const [, width] = svg.match(/ width="(\d+)"/) ?? []
  assert.ok(Number(width) > 600, width)
})

test('beside few classes numbers are told, beside many none', () => {
  const confusion = (classes: number) => drawConfusion(Array.from({ length: classes }, (_, row) => Array.from({ length: classes }, (_, column) => (row === column ? 123 : 0))), Array.from({ length: classes }, (_, i) => `class ${i}`))
  assert.is(confusion(10).split('>123<').length - 1, 10)
  assert.is(confusion(100).split('>123<').length - 1, 0)
  const many = confusion(100)
  for (let i = 0; i < 100; i++) assert.match(many, `>class ${i}<`)
})

test.run()
