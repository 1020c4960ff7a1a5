/** x.at(...): Python's index expressions, their values, views, gradients and refusals. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { arange, IndexError, ones, ShapeError, tensor, ValueError, zeros, type Tensor } from 'vitgrad'
import { isError } from '../is-error.ts'
import { assertClose } from './close.ts'

type Entries = Parameters<Tensor['at']>

/** Each with the shape and the first twelve numbers that torch.arange(24.).reshape(2, 3, 4)[...] has. */
const expressions: readonly [entries: Entries, shape: number[], first: number[]][] = [
  [[[[true, false, true], [false, false, true]]], [3, 4], [0, 1, 2, 3, 8, 9, 10, 11, 20, 21, 22, 23]],
  [[[1, 0], [true, false, true]], [2, 4], [12, 13, 14, 15, 8, 9, 10, 11]],
  [[0], [3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
  [[-1], [3, 4], [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]],
  [[':', 0], [2, 4], [0, 1, 2, 3, 12, 13, 14, 15]],
  [['...', -1], [2, 3], [3, 7, 11, 15, 19, 23]],
  [[1, '1:', '::2'], [2, 2], [16, 18, 20, 22]],
  [[null], [1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
  [[0, null, 1], [1, 4], [4, 5, 6, 7]],
  [['...', null], [2, 3, 4, 1], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
  [[':', '-2:'], [2, 2, 4], [4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19]],
  [[':', ':-1', '1::2'], [2, 2, 2], [1, 3, 5, 7, 13, 15, 17, 19]],
  [['5:'], [0, 3, 4], []],
  [[':', '2:1'], [2, 0, 4], []],
  [[[1, 0]], [2, 3, 4], [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]],
  [[[[0, 1], [1, 1]]], [2, 2, 3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
  [[':', [2, 0]], [2, 2, 4], [8, 9, 10, 11, 0, 1, 2, 3, 20, 21, 22, 23]],
  [['...', [3, 3, 0]], [2, 3, 3], [3, 3, 0, 7, 7, 4, 11, 11, 8, 15, 15, 12]],
  [[[0, 1], [2, 0]], [2, 4], [8, 9, 10, 11, 12, 13, 14, 15]],
  [[[1, 0], ':', [0, 3]], [2, 3], [12, 16, 20, 3, 7, 11]],
  [[':', [1, 2], [3, 0]], [2, 2], [7, 8, 19, 20]],
  [[':', [[0], [2]], [1, 3]], [2, 2, 2], [1, 3, 9, 11, 13, 15, 21, 23]],
  [[[1], [[0, 1], [2, 2]], null, '::3'], [2, 2, 1, 2], [12, 15, 16, 19, 20, 23, 20, 23]],
  [[0, ':', [1, 2]], [3, 2], [1, 2, 5, 6, 9, 10]],
  [[':', 1, [0, 2]], [2, 2], [4, 6, 16, 18]],
  [[[0, -1], '1:', [-1, 0]], [2, 2], [7, 11, 16, 20]],
  [[[0, 1], null, [1, 2]], [2, 1, 4], [4, 5, 6, 7, 20, 21, 22, 23]],
  [[[], 0], [0, 4], []],
  [[[true, false]], [1, 3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
  [[':', [true, false, true]], [2, 2, 4], [0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15]],
  [['...', [true, false, false, true]], [2, 3, 2], [0, 3, 4, 7, 8, 11, 12, 15, 16, 19, 20, 23]],
]

test('an index expression chooses what it chooses in PyTorch', () => {
  const x = arange(24).reshape(2, 3, 4)
  for (const [entries, shape, first] of expressions) {
    const chosen = x.at(...entries)
    assert.equal(chosen.shape, shape, JSON.stringify(entries))
    assert.equal([...chosen.data.slice(0, 12)], first, JSON.stringify(entries))
  }
})

test('the gradient of an element is the sum over the places where it was chosen', () => {
  for (const [entries] of expressions) {
    const x = arange(24).reshape(2, 3, 4).requiresGrad_()
    const chosen = x.at(...entries)
    const weights = arange(1, chosen.numel() + 1).reshape(chosen.shape)
    chosen.mul(weights).sum().backward()
    const expected = new Float32Array(24)
    chosen.data.forEach((place, i) => (expected[place] += weights.data[i]))
    assert.equal([...(x.grad?.data ?? expected)], [...expected], JSON.stringify(entries))
  }
})

test('numbers and slices give views, arrays and masks copies', () => {
  const x = zeros([2, 3])
  x.at(0, '1:').fill_(1)
  x.at([1]).fill_(2)
  x.at(':', [true, false, false]).fill_(2)
  assertClose(x, [[0, 1, 1], [0, 0, 0]])
})

test('tensors, typed arrays and lists are the same index; a scalar tensor is a number', () => {
  const x = arange(12).reshape(3, 4)
  for (const index of [[2, 0], tensor([2, 0]), tensor([2, 0], { dtype: 'int64' }), Int32Array.of(2, 0), Float32Array.of(2, 0)]) assertClose(x.at(index, 1), [9, 1])
  assertClose(x.at(tensor(1)), [4, 5, 6, 7])
  assertClose(x.at(x.gt(9)), [10, 11])
})

test('an index expression that does not fit is refused', () => {
  const x = ones([2, 3])
  const refusals: readonly [entries: Entries, kind: new (...args: never[]) => Error, words: RegExp][] = [
    [[0, 0, 0], IndexError, /3 indices .* \(2, 3\)/],
    [[2], IndexError, /index 2 is out of range for dimension 0 of size 2/],
    [[-3], IndexError, /index -3/],
    [[NaN], IndexError, /index NaN/],
    [[0.5], IndexError, /index 0.5/],
    [['...', '...'], IndexError, /only once/],
    [['::-1'], ValueError, /not positive/],
    [['a:b'], ValueError, /'a:b' is no index expression/],
    [['1'], ValueError, /no index expression/],
    [[[2]], IndexError, /index 2 at position 0 .* size 2/],
    [[[0.5]], IndexError, /index 0.5/],
    [[Float32Array.of(NaN)], IndexError, /index NaN/],
    [[[[0], [1, 1]]], ValueError, /different lengths/],
    [[[0, 1], [0, 1, 2]], ShapeError, /^at: .*cannot be broadcast/],
    [[[true, false, true]], IndexError, /mask of shape \(3,\)/],
  ]
  for (const [entries, kind, words] of refusals)
    assert.throws(() => x.at(...entries), isError(kind, words), JSON.stringify(entries))
})

// x = torch.arange(6.).reshape(2, 3); x[True], x[False].shape, x[:, True].shape, x[None, True].shape, x[True, 1], x[True, False].shape
test('true keeps all in a new dimension, false nothing, as a mask without dimensions does', () => {
  const x = arange(6).reshape(2, 3)
  assert.equal([x.at(true).tolist(), x.at(tensor(true)).tolist(), x.at(true, 1).tolist()], [[[[0, 1, 2], [3, 4, 5]]], [[[0, 1, 2], [3, 4, 5]]], [[3, 4, 5]]])
  assert.equal([x.at(false), x.at(':', true), x.at(null, true), x.at(true, false)].map(({ shape }) => shape), [[0, 2, 3], [2, 1, 3], [1, 1, 2, 3], [0, 2, 3]])
})

test.run()
