/** How results lie in memory, which decides whether view() works and in which order random numbers are drawn. Beside each what PyTorch 1.13 says. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { emptyLike, fullLike, manualSeed, onesLike, randLike, randn, randnLike, tensor, zeros, zerosLike, type Tensor } from 'vitgrad'

const turned = zeros([2, 3, 4]).permute(2, 0, 1)
const index = zeros([4, 2, 3], { dtype: 'int64' })

// x.permute(2, 0, 1).softmax(0).stride() -> (6, 3, 1) and so on
test('what is computed along any dimension is row-major', () => {
  const results: readonly ((x: Tensor) => Tensor)[] = [
    (x) => x.softmax(0), (x) => x.softmax(1), (x) => x.logSoftmax(1), (x) => x.cumsum(0), (x) => x.gather(0, index), (x) => x.indexSelect(1, [0, 1]),
    (x) => x.scatterAdd(0, index, zeros([4, 2, 3])), (x) => x.roll(1, 0), (x) => x.tril(),
  ]
  for (const f of results) assert.equal(f(turned).stride(), [6, 3, 1], String(f))
  assert.equal(turned.repeatInterleave(2, 1).stride(), [12, 3, 1])
  for (const x of [zeros([2, 3, 4]).softmax(1), zeros([2, 3, 4]).sort(0).indices, zeros([2, 3, 4]).argsort(1)]) assert.equal(x.view(2, 12).shape, [2, 12])
})

// torch.zeros_like(torch.zeros(2, 3, 4).permute(2, 0, 1)).stride() -> (1, 12, 4), and so on
test('tensors like another lie as it does', () => {
  for (const like of [zerosLike(turned), onesLike(turned), emptyLike(turned), fullLike(turned, 2)]) assert.equal(like.stride(), [1, 12, 4])
  assert.equal(zerosLike(zeros([3, 1]).expand(3, 4)).stride(), [4, 1])
})

// torch.manual_seed(3); torch.randn_like(torch.zeros(5, 4).t()); torch.rand_like(torch.zeros(2, 3).t())
test('numbers like those of a transposed tensor are drawn in the order in which they lie', () => {
  manualSeed(3)
  const x = randnLike(zeros([5, 4]).t())
  assert.equal(x.at(0).data, Float32Array.of(0.8032760620117188, 0.04618244990706444, -1.435179352760315, -0.8646355867385864, 0.9264108538627625))
  assert.equal(x.stride(), [1, 4])
  assert.equal(randLike(zeros([2, 3]).t()).at(0).data, Float32Array.of(0.5824220776557922, 0.17471283674240112))
  manualSeed(3)
  const first = randnLike(zeros([2, 8]))
  manualSeed(3)
  assert.ok(first.equal(randn([2, 8])))
  assert.ok(randLike(tensor([1, 2]), { requiresGrad: true }).requiresGrad)
})

// a = torch.zeros(2, 3, 4).permute(2, 0, 1); a.clone().stride() -> (1, 12, 4), a.long().stride(), a.flip(0).stride(), a.contiguous().stride() -> (6, 3, 1)
test('copies lie as what they are copies of, where that is dense', () => {
  for (const f of [(x: Tensor) => x.clone(), (x: Tensor) => x.long(), (x: Tensor) => x.flip(0), (x: Tensor) => x.add(1)]) assert.equal(f(turned).stride(), [1, 12, 4], String(f))
  assert.equal(turned.contiguous().stride(), [6, 3, 1])
  assert.throws(() => turned.clone().view(-1), /cannot be seen as \(-1,\) without a copy/)
})

// r = x.clone(); r.view(-1)[::2].mul_(3); q = r.t(); (q * q).sum().backward(); x.grad -> [[18, 4, 54], [8, 90, 12]]
test('a view that was changed in place takes its part of a gradient that lies otherwise than the tensor', () => {
  const gradientThrough = (change: (x: Tensor) => Tensor) => {
    const x = tensor([[1, 2, 3], [4, 5, 6]], { requiresGrad: true })
    const changed = change(x)
    changed.mul(changed).sum().backward()
    return x.grad?.tolist()
  }
  const tripled = (dense: Tensor) => void dense.view(-1).at('::2').mul_(3)
  const rows = gradientThrough((x) => {
    const r = x.clone()
    tripled(r)
    return r.t()
  })
  const columns = gradientThrough((x) => {
    const r = x.t().clone()
    tripled(r.t())
    return r
  })
  for (const gradient of [rows, columns]) assert.equal(gradient, [[18, 4, 54], [8, 90, 12]])
})

test.run()
