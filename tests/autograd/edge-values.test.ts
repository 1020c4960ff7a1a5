/** Values and gradients where formulas have their edges: 0, ties, NaN, infinities, nothing at all. The numbers are PyTorch 1.13's. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { allclose, IndexError, maximum, minimum, ones, tensor, zeros, type NestedNumbers, type Tensor } from 'vitgrad'
import { isError } from '../is-error.ts'
import { assertClose } from './close.ts'

type Numbers = number[] | number[][]
type Row = readonly [fn: (...x: Tensor[]) => Tensor, inputs: readonly Numbers[], value: NestedNumbers, grads: readonly Numbers[]]
const [nan, inf] = [NaN, Infinity]

/** Each as: x = torch.tensor(inputs, requires_grad=True); y = fn(x); y.sum().backward(); y, x.grad */
const rows: Readonly<Record<string, readonly Row[]>> = {
  pow: [
    [(a, b) => a.pow(b), [[0, 0, 0, -2, -8, 2, 1, nan, inf], [0, 2, -1, 3, 1 / 3, 0, nan, 0, -1]], [1, 0, inf, -8, nan, 1, 1, 1, 0], [[0, 0, -inf, 12, nan, 0, nan, 0, -0], [0, 0, -inf, nan, nan, 0.6931471824645996, 0, nan, nan]]],
    [(x) => x.pow(2), [[0, -3, inf]], [0, 9, inf], [[0, -6, inf]]],
    [(x) => x.pow(0), [[0, nan]], [1, 1], [[0, 0]]],
    [(x) => x.pow(0.5), [[0, -1, 4, -0, -inf, inf]], [0, nan, 2, -0, nan, inf], [[inf, nan, 0.25, -inf, nan, 0]]],
    [(x) => x.pow(-0.5), [[0, -1, 4, -0, -inf, inf]], [inf, nan, 0.5, -inf, nan, 0], [[-inf, nan, -0.0625, -inf, -0, -0]]],
    [(x) => x.pow(tensor([0.5, 0.5])), [[-0, -inf]], [0, inf], [[inf, 0]]],
    [(x) => x.pow(1.5), [[-inf, -0, 4]], [inf, 0, 8], [[nan, -0, 3]]],
    [(x) => tensor(0).pow(x), [[0, 1, 2]], [1, 0, 0], [[0, 0, 0]]],
  ],
  'maximum and minimum': [
    [maximum, [[1, nan, 2, 3], [1, 2, nan, 1]], [1, nan, nan, 3], [[0.5, 1, 1, 1], [0.5, 1, 1, 0]]],
    [minimum, [[1, nan, 2, 3], [1, 2, nan, 1]], [1, nan, nan, 1], [[0.5, 1, 1, 0], [0.5, 1, 1, 1]]],
  ],
  clamp: [
    [(x) => x.clamp(2, 1), [[0, 1.5, 3]], [1, 1, 1], [[0, 0, 0]]],
    [(x) => x.clamp(-1, 1), [[-1, 1, nan, inf, 0]], [-1, 1, nan, 1, 0], [[1, 1, 0, 0, 1]]],
  ],
  'abs, sign, relu': [
    [(x) => x.abs(), [[-2, 0, 3]], [2, 0, 3], [[-1, 0, 1]]],
    [(x) => x.sign(), [[nan, 0, 2, -inf]], [0, 0, 1, -1], [[0, 0, 0, 0]]],
    [(x) => x.relu(), [[-1, 0, nan]], [0, 0, nan], [[0, 0, 1]]],
  ],
  round: [[(x) => x.round(), [[0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.4999999701976776, 8388609, inf, nan]], [0, 2, 2, -0, -2, -2, 0, 8388609, inf, nan], [Array<number>(10).fill(0)]]],
  'roots, logarithms, quotients': [
    [(x) => x.sqrt(), [[0, 4, -1]], [0, 2, nan], [[inf, 0.25, nan]]],
    [(x) => x.rsqrt(), [[0, 4, -1, -inf]], [inf, 0.5, nan, nan], [[-inf, -0.0625, nan, nan]]],
    [(x) => x.log(), [[0, 1, -1]], [-inf, 0, nan], [[inf, 1, -1]]],
    [(a, b) => a.div(b), [[1, -1, 0], [0, 0, 0]], [inf, -inf, nan], [[inf, inf, inf], [-inf, inf, nan]]],
  ],
  logsumexp: [
    [(x) => x.logsumexp(0), [[-inf, -inf]], -inf, [[nan, nan]]],
    [(x) => x.logsumexp(0), [[inf, 1]], inf, [[nan, 0]]],
    [(x) => x.logsumexp(0), [[1000, 1000]], 1000.6931762695312, [[0.4999854564666748, 0.4999854564666748]]],
    [(x) => x.logsumexp(0), [[-inf, 1]], 1, [[0, 1]]],
  ],
  softmax: [
    [(x) => x.softmax(0), [[1000, -1000]], [1, 0], [[0, 0]]],
    [(x) => x.softmax(0), [[-inf, -inf]], [nan, nan], [[nan, nan]]],
    [(x) => x.logSoftmax(0), [[-inf, 0]], [-inf, 0], [[1, -1]]],
  ],
  'the largest element': [
    [(x) => x.amax(), [[2, 1, 2]], 2, [[0.5, 0, 0.5]]],
    [(x) => x.max(), [[2, 1, 2]], 2, [[0.5, 0, 0.5]]],
    [(x) => x.max(0).values, [[2, 1, 2]], 2, [[1, 0, 0]]],
    [(x) => x.max(0).values, [[1, nan, 3]], nan, [[0, 1, 0]]],
  ],
  prod: [
    [(x) => x.prod(), [[2, 0, 3]], 0, [[0, 6, 0]]],
    [(x) => x.prod(), [[0, 0, 3]], 0, [[0, 0, 0]]],
    [(x) => x.prod(0), [[[1, 2], [0, 3]]], [0, 6], [[[0, 3], [1, 2]]]],
  ],
  'variance and deviation': [
    [(x) => x.std(), [[1, 1]], 0, [[0, 0]]],
    [(x) => x.var(), [[1, 2, 4]], 2.3333332538604736, [[-1.3333332538604736, -0.33333325386047363, 1.6666667461395264]]],
    [(x) => x.std(), [[1, 2, 4]], 1.5275251865386963, [[-0.4364357590675354, -0.10910891741514206, 0.5455447435379028]]],
  ],
  activations: [
    [(x) => x.gelu(), [[-10, 0, 10, nan]], [0, 0, 10, nan], [[0, 0.5, 1, nan]]],
    [(x) => x.gelu({ approximate: 'tanh' }), [[-10, 0, 10]], [0, 0, 10], [[0, 0.5, 1]]],
    [(x) => x.silu(), [[-100, 0, 100]], [0, 0, 100], [[0, 0.5, 1]]],
    [(x) => x.sigmoid(), [[-200, 0, 200]], [0, 0.5, 1], [[0, 0.25, 0]]],
    [(x) => x.tanh(), [[-50, 0, 50]], [-1, 0, 1], [[0, 1, 0]]],
  ],
}

for (const [name, list] of Object.entries(rows)) {
  test(`${name}: values and gradients at the edges are PyTorch's`, () => {
    for (const [fn, inputs, value, grads] of list) {
      const x = inputs.map((numbers) => tensor(numbers, { requiresGrad: true }))
      const y = fn(...x)
      assertClose(y, value)
      y.sum().backward()
      x.forEach((input, i) => assertClose(input.grad, grads[i]))
    }
  })
}

test('reductions of nothing: sums are 0, products 1, means NaN, logsumexp -∞, extrema refused', () => {
  assertClose(zeros([2, 0]).sum(1), [0, 0])
  assertClose(zeros([2, 0]).prod(1), [1, 1])
  assertClose(zeros([0]).prod(), 1)
  assertClose(zeros([0]).mean(), nan)
  assertClose(zeros([0, 2]).logsumexp(0), [-inf, -inf])
  assertClose(ones([1]).var(), nan)
  assertClose(ones([1]).var({ unbiased: false }), 0)
  const extrema: readonly ((x: Tensor) => unknown)[] = [(x) => x.max(), (x) => x.min(0), (x) => x.argmax(), (x) => x.argmin(0), (x) => x.amax(), (x) => x.amin(0)]
  for (const extremum of extrema) assert.throws(() => extremum(zeros([0])), isError(IndexError, /no elements/))
  assertClose(zeros([2, 0]).matmul(zeros([0, 3])), [[0, 0, 0], [0, 0, 0]])
  assert.equal(zeros([0, 2]).matmul(zeros([2, 3])).shape, [0, 3])
})

test('argmax and argmin give the first of equal ones, and the first NaN before all others', () => {
  assert.is(tensor([3, 1, 3]).argmax().item(), 0)
  assert.is(tensor([1, nan, nan]).argmin().item(), 1)
  const [values, indices] = tensor([[1, 1], [nan, 5]]).max(1)
  assertClose(values, [1, nan])
  assertClose(indices, [0, 0])
})

test('max and min with a tensor compare elements, and more than one dimension is refused', () => {
  assertClose(tensor([1, 5]).max(tensor([4, 2])), [4, 5])
  assertClose(tensor([1, 5]).min(tensor([4, 2])), [1, 2])
  for (const call of ['max', 'min', 'argmax', 'argmin', 'prod'] as const)
    assert.throws(() => Reflect.apply(ones([2, 3])[call], ones([2, 3]), [{ dim: [0, 1] }]), isError(IndexError, /more than one/))
})

test('masked_select broadcasts, repeat_interleave without a dimension flattens', () => {
  assertClose(tensor([[1, 2], [3, 4]]).maskedSelect(tensor([true, false])), [1, 3])
  assertClose(tensor([1, 2]).maskedSelect(tensor([[true], [false]])), [1, 2])
  assertClose(tensor([[1, 2], [3, 4]]).repeatInterleave(2), [1, 1, 2, 2, 3, 3, 4, 4])
  assertClose(tensor([[1, 2], [3, 4]]).repeatInterleave(2, 1), [[1, 1, 2, 2], [3, 3, 4, 4]])
})

test('allclose broadcasts, and an infinity is close to itself alone', () => {
  assert.ok(allclose(tensor([[1, 2]]), tensor([[1, 2], [1, 2]])))
  assert.not.ok(allclose(tensor([[1, 2]]), tensor([[1, 2], [1, 3]])))
  assert.ok(allclose(tensor([inf]), tensor([inf])))
  assert.not.ok(allclose(tensor([1]), tensor([inf])))
  assert.not.ok(allclose(tensor([nan]), tensor([nan])))
  assert.ok(allclose(tensor([nan]), tensor([nan]), { equalNan: true }))
})

test.run()
