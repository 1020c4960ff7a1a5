/** When memory is taken back, and what can be read then. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { autograd, cat, getEngine, GraphError, manualSeed, nn, noGrad, optim, randint, randn, setEngine, tensor, Tensor } from 'vitgrad'
import { heapInUse } from '../../lib/tensor/storage.ts'

const engine = getEngine()
test.before.each(() => {
  setEngine('simd')
  manualSeed(0)
})
test.after(() => setEngine(engine))

/** More numbers than outlive their graph. */
const LARGE = [200, 100]

/** On a heap that is full, values are ordinary arrays, which can be read for ever. */
const mayBeFull = Boolean(process.env.VITGRAD_HEAP_MB)

/** Throws unless `read` refuses with a GraphError that fits, or, where the heap may be full, gives the numbers that were there. */
function assertGone(read: () => unknown, message: RegExp, what: string): void {
  try {
    read()
  } catch (error) {
    assert.ok(error instanceof GraphError && message.test(error.message), `${what}: ${error}`)
    return
  }
  assert.ok(mayBeFull, `${what} can still be read`)
}

/** A graph whose large value in between is returned, released by backward() and overwritten by the next one. */
function staleValue(): Tensor {
  const x = randn(LARGE, { requiresGrad: true })
  const y = x.exp()
  y.sum().backward()
  return y
}
const gradOf = (leaf: Tensor): Tensor | null => leaf.grad
const nextPass = () => randn(LARGE, { requiresGrad: true }).exp().sum().backward()

test('a value can be read after backward(), until the next one', () => {
  const y = staleValue()
  assert.ok(y.data.every((value) => value > 0))
})

test('reading a large value after the next backward() is an error in every way of reading it', () => {
  const ways: Record<string, (y: Tensor) => unknown> = {
    data: (y) => y.data, tolist: (y) => y.tolist(), print: (y) => String(y), at: (y) => y.at(0, 0).item(), add: (y) => y.add(1), view: (y) => y.reshape([-1]).data,
    detach: (y) => y.detach().data, clone: (y) => y.clone().data, sum: (y) => y.sum(), change: (y) => noGrad(() => y.add_(1)), fill: (y) => noGrad(() => y.zero_()),
    max: (y) => y.max(), item: (y) => y.select(0, 0).select(0, 0).item(), equal: (y) => y.equal(y), cat: (y) => cat([y, y]), copy: (y) => randn(LARGE).copy_(y),
    matmul: (y) => y.matmul(randn([100, 2])), call: (y) => new nn.Linear(100, 2)(y), evaluate: (y) => noGrad(() => new nn.LayerNorm(100)(y)), parameter: (y) => new nn.Parameter(y),
    mul: (y) => y.mul(randn(LARGE)), contiguous: (y) => y.transpose(0, 1).contiguous().data, iterate: (y) => y.unbind(0).map((row) => row.tolist()),
  }
  for (const [name, read] of Object.entries(ways)) {
    const y = staleValue()
    nextPass()
    assertGone(() => read(y), /^exp: .*released.*\n.*detach\(\)/, name)
  }
})

test('small values, and what was detached or cloned before, stay readable with their own numbers', () => {
  const x = tensor([1, 2, 3], { requiresGrad: true })
  const small = x.mul(2)
  const large = randn(LARGE, { requiresGrad: true })
  const result = large.mul(3)
  const [detached, cloned, numbers] = [result.detach(), result.clone(), [...result.data]]
  small.sum().add(cloned.sum()).backward()
  for (let i = 0; i < 3; i++) nextPass()
  assert.equal(small.tolist(), [2, 4, 6])
  assert.equal([...detached.data], numbers)
  assert.equal([...cloned.data], numbers)
})

test('a value that another graph still needs survives the release of its own', () => {
  const x = randn(LARGE, { requiresGrad: true })
  const y = x.add(1)
  const other = y.mul(y).sum()
  y.sum().backward()
  nextPass()
  other.backward()
  const expected = x.detach().add(1).mul(2).add(1)
  assert.ok(x.grad && expected.sub(x.grad).abs().max().item() < 1e-5)
})

test('gradients that were given up by zeroGrad() keep their numbers or refuse to be read', () => {
  const weight = new nn.Parameter(randn(LARGE))
  const bias = new nn.Parameter(randn([5]))
  const step = (scale: number) => weight.mul(scale).sum().add(bias.mul(scale).sum()).backward()
  step(2)
  const [large, small] = [weight.grad, bias.grad]
  weight.grad = bias.grad = null
  step(3)
  assert.equal(small?.tolist(), [2, 2, 2, 2, 2])
  assertGone(() => large?.tolist(), /gone/, 'the gradient')
  assert.is(gradOf(weight)?.sum().item(), 3 * 200 * 100)
})

test('new gradients take the places of those that zeroGrad() has given up, one after the other', () => {
  const weights = Array.from({ length: 20 }, () => new nn.Parameter(randn(LARGE)))
  const x = randn(LARGE)
  let most = 0
  for (const weight of weights) weight.registerHook(() => void (most = Math.max(most, heapInUse())))
  const step = () => weights.reduce((sum, weight) => sum.add(weight.mul(x).sum()), tensor(0)).backward()
  step()
  const [before, gradients] = [heapInUse(), 20 * 4 * 200 * 100]
  for (const weight of weights) weight.grad = null
  most = 0
  step()
  assert.ok(most - before < gradients / 2, `${most - before} bytes more than after the first step`)
})

test('gradients that are added up, step after step, need no more memory', () => {
  const [weight, x] = [new nn.Parameter(randn(LARGE)), randint(0, 10, LARGE)]
  const step = () => weight.mul(x).sum().backward()
  step()
  step()
  const settled = heapInUse()
  for (let i = 0; i < 30; i++) step()
  assert.is(heapInUse(), settled)
  assert.equal(gradOf(weight)?.tolist(), x.mul(32).tolist())
})

test('numbers that were handed out as data never change under their holder', () => {
  const weight = new nn.Parameter(randn(LARGE))
  const seen: { data: Float32Array; copy: number[] }[] = []
  for (let i = 1; i <= 4; i++) {
    const y = weight.mul(i)
    y.sum().backward()
    for (const value of [y, weight.grad]) if (value) seen.push({ data: value.data, copy: [...value.data] })
    weight.grad = null
  }
  for (const { data, copy } of seen) assert.equal([...data], copy)
})

test('evaluation returns values to keep, keeps attention weights, and frees the rest', () => {
  const attention = new nn.MultiHeadAttention(48, 4, 0)
  const x = randn([8, 65, 48])
  const evaluate = () => noGrad(() => attention(x, x, x))
  evaluate()
  const before = heapInUse()
  const outputs = Array.from({ length: 5 }, evaluate)
  const weights = attention.attention.attention_weights
  assert.is(heapInUse(), before)
  nextPass()
  assert.ok(outputs.every((output) => output.equal(outputs[0])))
  assert.ok(weights && Math.abs(weights.sum().item() - 8 * 4 * 65) < 0.1)
})

test('training uses the same memory step after step', () => {
  const model = new nn.Sequential(new nn.Linear(32, 256), new nn.GELU(), new nn.LayerNorm(256), new nn.Linear(256, 10))
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 })
  const [x, y] = [randn([128, 32]), randint(0, 10, [128])]
  const step = () => {
    optimizer.zeroGrad()
    nn.functional.crossEntropy(model(x), y).backward()
    optimizer.step()
    return heapInUse()
  }
  for (let i = 0; i < 3; i++) step()
  // On a full heap, what there is room for depends on the step before.
  const settled = Math.max(step(), step())
  for (let i = 0; i < 200; i++) assert.ok(step() <= settled)
})

/** A model with large values on the way to a large result, all of which it lets one see in one way or another. */
class Talkative extends nn.Module {
  readonly first = new nn.Linear(100, 100)
  readonly second = new nn.Linear(100, 100)
  kept: Tensor | null = null
  readonly log: Tensor[] = []
  forward(x: Tensor): Tensor {
    const hidden = this.first(x)
    this.kept = hidden.exp()
    this.log.push(hidden.mul(2))
    return this.second(hidden.relu())
  }
}

test('a loop that takes no new batch needs memory for one graph, not for two', () => {
  const model = new nn.Sequential(...Array.from({ length: 6 }, () => new nn.Linear(100, 100)))
  const x = randn([800, 100])
  const before = heapInUse()
  /** Bytes in use at the end of the forward pass. */
  const step = () => {
    const loss = model(x).sum()
    const most = heapInUse() - before
    loss.backward()
    model.zeroGrad()
    return most
  }
  const graph = step()
  step()
  const later = step()
  assert.ok(mayBeFull || later < 1.6 * graph, `${later} bytes, ${graph} in the first step`)
})

test('what a model returned, kept or gave to hooks can be read until the next backward(), the rest until its next call', () => {
  const model = new Talkative()
  const seen: Tensor[] = []
  const hidden: Tensor[] = []
  model.first.registerForwardHook((_, [input], output) => {
    if (input instanceof Tensor && output instanceof Tensor) seen.push(output, output.mul(3))
  })
  const inner = model.second.forward.bind(model.second)
  model.second.forward = (x) => {
    hidden.push(x)
    return inner(x)
  }
  const result = model(randn(LARGE))
  result.sum().backward()
  const all = [result, ...seen, ...model.log, model.kept, ...hidden].map((value) => ({ value, numbers: value ? [...value.array.values()] : [] }))
  const other = model(randn(LARGE))
  for (const { value, numbers } of all.slice(0, -1)) assert.equal(value && [...value.array.values()], numbers)
  assertGone(() => hidden[0].tolist(), /^relu: .*released/, 'a value on the way')
  other.sum().backward()
  assertGone(() => result.tolist(), /^(addmm|view): .*released/, 'a result')
})

test('without gradients too, what a model returned, kept or gave to hooks stays', () => {
  const model = new Talkative()
  const seen: Tensor[] = []
  model.first.registerForwardHook((_, __, output) => {
    if (output instanceof Tensor) seen.push(output, output.mul(3))
  })
  const x = randn(LARGE)
  const call = () => noGrad(() => ({ result: model(x) }))
  const { result } = call()
  const first = [result, ...seen, model.kept].map((value) => value && [...value.data])
  nextPass()
  call()
  assert.equal([result, ...seen.slice(0, 2), model.kept].map((value) => value && [...value.data]), first)
})

test('a result may be a list, a map or an object of any class', () => {
  class Output {
    readonly logits: Tensor
    constructor(logits: Tensor) {
      this.logits = logits
    }
  }
  class Model extends nn.Module<[Tensor], unknown> {
    forward(x: Tensor): unknown {
      return [x.exp(), new Map([['logits', x.exp()]]), new Output(x.exp()), x.exp().unsqueeze(0).max(0)]
    }
  }
  const x = randn(LARGE)
  const [list, map, output, extremum] = noGrad(() => new Model()(x)) as [Tensor, Map<string, Tensor>, Output, { values: Tensor }]
  nextPass()
  for (const value of [list, map.get('logits'), output.logits, extremum.values]) assert.equal(value?.tolist(), x.exp().tolist())
})

test('checkpoints need memory for one part of a model at a time', () => {
  const parts = Array.from({ length: 8 }, () => new nn.Sequential(new nn.Linear(100, 100), new nn.GELU(), new nn.Linear(100, 100)))
  const x = randn(LARGE, { requiresGrad: true })
  const mostWith = (run: (part: nn.Sequential, t: Tensor) => Tensor) => {
    let most = 0
    const watched = parts.reduce((t, part) => {
      const result = run(part, t)
      if (result.requiresGrad) result.registerHook(() => void (most = Math.max(most, heapInUse())))
      return result
    }, x)
    const before = heapInUse()
    watched.sum().backward()
    return Math.max(before, most, heapInUse())
  }
  for (let i = 0; i < 2; i++) mostWith((part, t) => part(t))
  const before = heapInUse()
  const plain = mostWith((part, t) => part(t)) - before
  const [start, checkpointed] = [heapInUse(), mostWith((part, t) => autograd.checkpoint(part, t))]
  assert.ok(mayBeFull || checkpointed - start < plain / 3, `${checkpointed - start} bytes with checkpoints, ${plain} without`)
})

test('what a model keeps when a checkpoint calls it again can be read after backward()', () => {
  const model = new Talkative()
  const x = randn(LARGE, { requiresGrad: true })
  autograd.checkpoint(model, x).sum().backward()
  assert.equal(model.kept?.tolist(), noGrad(() => model.first(x).exp()).tolist())
})

test('checkpoints give their memory back', () => {
  const x = randn(LARGE, { requiresGrad: true })
  const step = () => {
    autograd.checkpoint((t) => t.exp().mul(2), x).sum().backward()
    x.grad = null
    return heapInUse()
  }
  for (let i = 0; i < 5; i++) step()
  const settled = step()
  for (let i = 0; i < 30; i++) assert.ok(step() <= settled)
})

test.run()
