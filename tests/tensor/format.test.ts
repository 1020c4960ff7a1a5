/** What formatTensor prints, beside what PyTorch 1.13 prints: format.golden.json is made by format-golden.py. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ShapeError } from '../../lib/tensor/errors.ts'
import { formatTensor } from '../../lib/tensor/format.ts'
import { isError } from '../is-error.ts'

interface Case {
  shape: number[]
  dtype: 'float32' | 'int64' | 'bool'
  suffixes: string[]
  text: string
  data?: (number | string)[]
  rule?: { modulus: number; shift: number; scale: number }
}

function numbersOf({ shape, dtype, data, rule }: Case): number[] {
  const numbers = data?.map(Number) ?? []
  if (rule) {
    const numel = shape.reduce((product, size) => product * size, 1)
    for (let i = 0; i < numel; i++) numbers.push((((i * 7919) % rule.modulus) - rule.shift) * Math.fround(rule.scale))
  }
  return dtype === 'float32' ? numbers.map(Math.fround) : numbers
}

const cases: Case[] = JSON.parse(readFileSync(new URL('format.golden.json', import.meta.url), 'utf8'))

for (const dtype of ['float32', 'int64', 'bool']) {
  test(`${dtype} tensors of 0 to 5 dimensions are printed as torch prints them`, () => {
    const ofType = cases.filter((golden) => golden.dtype === dtype)
    assert.ok(ofType.length >= 30)
    for (const golden of ofType)
      assert.is(formatTensor(numbersOf(golden), golden.shape, { dtype: golden.dtype, suffixes: golden.suffixes }), golden.text)
  })
}

test('notation follows the numbers: whole, four decimals, or scientific', () => {
  assert.is(formatTensor([0.5], []), 'tensor(0.5000)')
  assert.is(formatTensor([1, 2], [2]), 'tensor([1., 2.])')
  assert.is(formatTensor([0.5, -2], [2]), 'tensor([ 0.5000, -2.0000])')
  assert.is(formatTensor([1, 1001], [2]), 'tensor([1.0000e+00, 1.0010e+03])')
  assert.is(formatTensor([1, NaN, -Infinity, -0], [4]), 'tensor([1., nan, -inf, -0.])')
})

test('ties round to the even digit as C does, though JavaScript rounds them up', () => {
  // torch.tensor([0.03125, 0.09375]), torch.tensor([1, 1000050., 1000150.])
  assert.is(formatTensor([0.03125, 0.09375], [2]), 'tensor([0.0312, 0.0938])')
  assert.is(formatTensor([1, 1000050, 1000150], [3]), 'tensor([1.0000e+00, 1.0000e+06, 1.0002e+06])')
})

test('rows are indented under their bracket, matrices are a blank line apart', () => {
  // torch.arange(8.).reshape(2, 2, 2)
  assert.is(
    formatTensor([0, 1, 2, 3, 4, 5, 6, 7], [2, 2, 2]),
    ['tensor([[[0., 1.],', '         [2., 3.]],', '', '        [[4., 5.],', '         [6., 7.]]])'].join('\n'),
  )
})

test('a tensor of more than 1000 numbers is summarised, and the hidden ones do not widen the columns', () => {
  // x = torch.arange(2000.) % 10; x[500] = 12345; x.reshape(2, 1000)
  const values = Array.from({ length: 2000 }, (_, i) => (i === 500 ? 12345 : i % 10))
  assert.is(formatTensor(values, [2, 1000]), 'tensor([[0., 1., 2.,  ..., 7., 8., 9.],\n        [0., 1., 2.,  ..., 7., 8., 9.]])')
})

test('a suffix that the line has no room for goes below the numbers', () => {
  // torch.full((5,), 0.5, requires_grad=True) * 1, and with seven numbers
  const suffixes = ['grad_fn=<MulBackward0>']
  const numbers = (count: number) => new Float32Array(count).fill(0.5)
  assert.is(
    formatTensor(numbers(5), [5], { suffixes }),
    'tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000], grad_fn=<MulBackward0>)',
  )
  assert.is(
    formatTensor(numbers(7), [7], { suffixes }),
    'tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000, 0.5000],\n       grad_fn=<MulBackward0>)',
  )
})

test('an empty tensor tells its shape and its dtype', () => {
  assert.is(formatTensor([], [0]), 'tensor([])')
  assert.is(formatTensor([], [2, 0], { suffixes: ['requires_grad=True'] }), 'tensor([], size=(2, 0), requires_grad=True)')
  assert.is(formatTensor([], [0, 3], { dtype: 'int64' }), 'tensor([], size=(0, 3), dtype=torch.int64)')
})

test('numbers that do not fill the shape are refused', () => {
  assert.throws(() => formatTensor([1, 2, 3], [2, 2]), isError(ShapeError, /\(2, 2\) holds 4 numbers, not 3/))
})

test.run()
