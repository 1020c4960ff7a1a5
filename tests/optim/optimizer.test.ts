/** Optimizers: their first steps beside torch's, groups, state dicts, and what they refuse. Trajectories are among the torch cases. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { manualSeed, nn, noGrad, ones, optim, randn, ShapeError, StateDictError, tensor, ValueError, zeros, type Tensor } from 'vitgrad'
import { isError } from '../is-error.ts'

const F = nn.functional

test.before.each(() => void manualSeed(0))

function assertClose(actual: Iterable<number>, expected: readonly number[]): void {
  const got = [...actual]
  assert.is(got.length, expected.length)
  got.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) <= 1e-6 * (1 + Math.abs(expected[i])), `${got}, expected ${expected}`))
}

function leaf(values: readonly number[], gradient?: readonly number[]): Tensor {
  const p = tensor(values, { requiresGrad: true })
  if (gradient) p.grad = tensor(gradient)
  return p
}

/** Two steps with the gradients [2, −1] and [1, 1]. */
function twoSteps(make: (params: Tensor[]) => { step(): void }): Float32Array {
  const p = leaf([1, -1], [2, -1])
  const optimizer = make([p])
  optimizer.step()
  p.grad = tensor([1, 1])
  optimizer.step()
  return p.data
}

// p = torch.tensor([1., -1]).requires_grad_(); o = torch.optim.SGD([p], **options); p.grad = torch.tensor([2., -1]); o.step(); p.grad = torch.tensor([1., 1]); o.step()
test('each rule moves a parameter as torch moves it', () => {
  assertClose(twoSteps((p) => new optim.SGD(p, { lr: 0.1 })), [0.699999988079071, -1])
  assertClose(twoSteps((p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9 })), [0.5200000405311584, -0.9099999666213989])
  assertClose(twoSteps((p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true })), [0.2680000066757202, -0.9190000295639038])
  assertClose(twoSteps((p) => new optim.SGD(p, { lr: 0.1, weightDecay: 0.5, maximize: true })), [1.1924999952316284, -0.8974999785423279])
  assertClose(twoSteps((p) => new optim.Adam(p, { lr: 0.1 })), [0.806782066822052, -0.9052631855010986])
  assertClose(twoSteps((p) => new optim.AdamW(p, { lr: 0.1, weightDecay: 0.5 })), [0.7142820358276367, -0.8127631545066833])
  assertClose(twoSteps((p) => new optim.RMSprop(p, { lr: 0.1, alpha: 0.5 })), [0.7769289612770081, -0.9740486741065979])
})

test('AdamW decays by 0.01 unless told otherwise, Adam not at all', () => {
  assert.is(new optim.AdamW([leaf([1])]).defaults.weightDecay, 0.01)
  assert.is(new optim.AdamW([leaf([1])], { weightDecay: 0 }).defaults.weightDecay, 0)
  assert.is(new optim.Adam([leaf([1])]).defaults.weightDecay, 0)
})

// print(torch.optim.AdamW([torch.zeros(1)], betas=(0.0, 0.9))), but for the options that there are not
test('an optimizer prints its groups, betas as the floats that they are', () => {
  assert.is(String(new optim.AdamW([leaf([1])], { betas: [0, 0.9] })), 'AdamW (\nParameter Group 0\n    amsgrad: False\n    betas: (0.0, 0.9)\n    eps: 1e-08\n    lr: 0.001\n    maximize: False\n    weight_decay: 0.01\n)')
})

type AnyOptimizer = optim.Optimizer<{ lr: number }>
const kinds: Readonly<Record<string, (params: Iterable<Tensor>) => AnyOptimizer>> = {
  SGD: (params) => new optim.SGD(params, { lr: 0.1, momentum: 0.9, nesterov: true }),
  Adam: (params) => new optim.Adam(params, { lr: 0.01, amsgrad: true, weightDecay: 0.1 }),
  AdamW: (params) => new optim.AdamW(params, { lr: 0.01 }),
  RMSprop: (params) => new optim.RMSprop(params, { lr: 0.01, momentum: 0.5, centered: true }),
}
// sorted(torch.optim.SGD(...).state_dict()['state'][0]) after a step, with the same options
const stateNames: Readonly<Record<string, readonly string[]>> = {
  SGD: ['momentum_buffer'],
  Adam: ['exp_avg', 'exp_avg_sq', 'max_exp_avg_sq', 'step'],
  AdamW: ['exp_avg', 'exp_avg_sq', 'step'],
  RMSprop: ['grad_avg', 'momentum_buffer', 'square_avg', 'step'],
}

function train(model: nn.Linear, optimizer: AnyOptimizer, steps: number): void {
  for (let i = 0; i < steps; i++) {
    optimizer.zeroGrad()
    F.mseLoss(model(randn([4, 3])), ones([4, 2])).backward()
    optimizer.step()
  }
}

for (const [name, make] of Object.entries(kinds)) {
  test(`${name}: training goes on from a state dict as if it had not stopped`, () => {
    const [first, second] = [new nn.Linear(3, 2), new nn.Linear(3, 2)]
    const [going, resumed] = [make(first.parameters()), make(second.parameters())]
    train(first, going, 3)
    second.loadStateDict(first.stateDict())
    const state = going.stateDict()
    assert.equal(Object.keys(state.state[0]).sort(), stateNames[name])
    resumed.loadStateDict(state)
    manualSeed(1)
    train(first, going, 2)
    manualSeed(1)
    train(second, resumed, 2)
    assert.ok(second.weight.equal(first.weight) && second.bias?.equal(first.bias ?? ones([1])))
  })

  test(`${name}: parameters without a gradient keep their numbers and get no state`, () => {
    const [still, moved] = [leaf([1]), leaf([1], [1])]
    const optimizer = make([still, moved])
    optimizer.step()
    assert.is(still.item(), 1)
    assert.not.equal(moved.item(), 1)
    assert.equal(Object.keys(optimizer.stateDict().state), ['1'])
  })

  test(`${name}: a parameter whose numbers lie apart in memory is changed where it lies`, () => {
    const values = [[1, 2, 3], [4, 5, 6]]
    const gradient = tensor([[1, -1], [2, -2], [3, -3]])
    const base = tensor(values)
    const [apart, dense] = [new nn.Parameter(base.t()), new nn.Parameter(tensor(values).t().contiguous())]
    for (const p of [apart, dense]) {
      p.grad = gradient
      const optimizer = make([p])
      optimizer.step()
      optimizer.step()
    }
    assert.ok(apart.equal(dense))
    assert.ok(base.t().equal(dense))
  })
}

// o = torch.optim.SGD([p], lr=0.1); with torch.no_grad(): loss = o.step(closure), where closure calls zero_grad() and backward() and returns (p * p).sum()
test('a closure computes loss and gradients before the step, with gradients recorded, and its result is the step\'s', () => {
  const p = leaf([1, -2])
  const optimizer = new optim.SGD([p], { lr: 0.1 })
  const closure = () => {
    optimizer.zeroGrad()
    const loss = p.mul(p).sum()
    loss.backward()
    return loss
  }
  const losses = [0, 1].map(() => noGrad(() => optimizer.step(closure)).item())
  assertClose(losses, [5, 3.200000047683716])
  assertClose(p.data, [0.6399999856948853, -1.2799999713897705])
  assert.throws(() => Reflect.apply(optimizer.step, optimizer, [tensor(1)]), /^SGD\.step: an object is no function/)
})

test('groups have options of their own, and the rest from the optimizer', () => {
  const [a, b] = [leaf([1], [1]), leaf([1], [1])]
  const optimizer = new optim.SGD([{ params: [a] }, { params: new Set([b]), lr: 0.5 }], { lr: 0.1 })
  optimizer.step()
  assertClose([a.item(), b.item()], [0.9, 0.5])
  optimizer.paramGroups[0].lr = 0.2
  optimizer.addParamGroup({ params: [leaf([1])], momentum: 0.9 })
  optimizer.step()
  assertClose([a.item(), b.item()], [0.7, 0])
  assert.equal(optimizer.stateDict().paramGroups.map(({ params, lr, momentum }) => [params, lr, momentum]), [[[0], 0.2, 0], [[1], 0.5, 0], [[2], 0.1, 0.9]])
})

test('a group may be a single parameter', () => {
  const [head, body] = [ones([1]).requiresGrad_(), ones([1]).requiresGrad_()]
  const optimizer = new optim.SGD([{ params: head, lr: 0.5 }, { params: [body] }], { lr: 0.25 })
  head.mul(body).backward()
  optimizer.step()
  assert.equal([head.item(), body.item()], [0.5, 0.75])
})

test('a changed parameter can be read at once, and a graph that still needs its old numbers is refused', () => {
  const p = leaf([2])
  const loss = p.mul(p).sum()
  p.grad = tensor([1])
  new optim.SGD([p], { lr: 1 }).step()
  assert.is(p.mul(3).item(), 3)
  assert.throws(() => loss.backward(), /changed by an in-place operation/)
})

test('zeroGrad() forgets every gradient', () => {
  const params = [leaf([1], [1]), leaf([2], [2])]
  new optim.SGD(params).zeroGrad()
  assert.equal(params.map(({ grad }) => grad), [null, null])
})

test('zeroGrad({ setToNone: false }) fills gradients with zeros, in place, for optimizers and modules', () => {
  const layer = new nn.Linear(2, 1)
  const gradients = () => {
    layer(ones([1, 2])).sum().backward()
    return layer.weight.grad
  }
  for (const owner of [new optim.SGD(layer.parameters()), layer]) {
    const before = gradients()
    owner.zeroGrad({ setToNone: false })
    assert.is(layer.weight.grad, before)
    assert.equal(before?.tolist(), [[0, 0]])
    owner.zeroGrad()
    assert.is(layer.weight.grad, null)
  }
})

test('options that the rule cannot take are refused', () => {
  const p = [leaf([1])]
  const refusals: [() => unknown, RegExp][] = [
    [() => new optim.SGD(p, { lr: -1 }), /^SGD: lr = -1/],
    [() => new optim.SGD(p, { lr: NaN }), /^SGD: lr = NaN/],
    [() => new optim.SGD(p, { nesterov: true }), /^SGD: nesterov/],
    [() => new optim.Adam(p, { betas: [0.9, 1] }), /^Adam: betas = \[0\.9, 1\]/],
    [() => new optim.AdamW(p, { eps: -1 }), /^AdamW: eps = -1/],
    [() => new optim.RMSprop(p, { alpha: -0.1 }), /^RMSprop: alpha = -0\.1/],
    [() => new optim.SGD([{ params: p, lr: -1 }]), /^SGD: lr = -1/],
    [() => new optim.SGD([]), /^SGD: an empty list/],
    [() => new optim.SGD([p[0], p[0]]), /^SGD: a parameter stands in more than one group/],
    [() => new optim.SGD([p[0].mul(2)]), /^SGD: a tensor of shape \(1,\) that was computed/],
  ]
  for (const [build, pattern] of refusals) assert.throws(build, isError(ValueError, pattern))
})

test('a gradient of another shape stops the step before anything has changed', () => {
  const [a, b] = [leaf([1], [1]), leaf([1, 2], [1])]
  const optimizer = new optim.SGD([a, b], { lr: 1 })
  assert.throws(() => optimizer.step(), isError(ShapeError, /^SGD\.step: a parameter of shape \(2,\) has a gradient of shape \(1,\)/))
  assert.is(a.item(), 1)
})

test('a state dict that does not fit is refused and changes nothing', () => {
  const p = leaf([1, 2], [1, 1])
  const optimizer = kinds.AdamW([p])
  optimizer.step()
  const good = optimizer.stateDict()
  const entry = good.state[0]
  const refuses = (state: typeof good, pattern: RegExp) =>
    assert.throws(() => optimizer.loadStateDict(state), (error: unknown) => (error instanceof StateDictError || error instanceof ValueError) && pattern.test(error.message))
  refuses(kinds.AdamW([leaf([1]), leaf([1])]).stateDict(), /^AdamW\.loadStateDict: its groups have \[2\] parameters, this optimizer's have \[1\]/)
  refuses({ ...good, state: { 1: entry } }, /state for parameter 1, of which there are 1/)
  refuses({ ...good, state: { 0: { ...entry, exp_avg: zeros([3]) } } }, /exp_avg of parameter 0 has shape \(3,\), the parameter \(2,\)/)
  refuses({ ...good, state: { 0: { ...entry, exp_avg: 1 } } }, /exp_avg of parameter 0 has shape \(\)/)
  refuses({ ...good, state: { 0: { step: 1 } } }, /exp_avg of parameter 0 is missing/)
  refuses({ ...good, state: { 0: { ...entry, momentum_buffer: zeros([2]) } } }, /momentum_buffer of parameter 0, which AdamW does not know/)
  refuses({ ...good, paramGroups: [{ ...good.paramGroups[0], lr: -1 }] }, /^AdamW: lr = -1/)
  assert.equal(JSON.stringify(optimizer.stateDict().state[0].step), '1')
  assert.is(optimizer.paramGroups[0].lr, 0.01)
})

test("a step count that is a tensor, as in PyTorch's files, is taken", () => {
  const [p, q] = [leaf([1], [1]), leaf([1], [1])]
  const [first, second] = [kinds.AdamW([p]), kinds.AdamW([q])]
  first.step()
  noGrad(() => q.copy_(p))
  const { state, paramGroups } = first.stateDict()
  second.loadStateDict({ paramGroups, state: { 0: { ...state[0], step: tensor(1) } } })
  first.step()
  second.step()
  assert.is(q.item(), p.item())
})

test('as in PyTorch, a state dict shows the state that the optimizer goes on with, and what is loaded is a copy', () => {
  const [p, q] = [leaf([1], [1]), leaf([1], [1])]
  const [first, second] = [kinds.AdamW([p]), kinds.AdamW([q])]
  first.step()
  const momentOf = ({ state }: ReturnType<typeof first.stateDict>) => Number(Object(state[0].exp_avg).item())
  const state = first.stateDict()
  const before = momentOf(state)
  second.loadStateDict(state)
  first.step()
  assert.not.equal(momentOf(state), before)
  assert.is(momentOf(state), momentOf(first.stateDict()))
  assert.is(momentOf(second.stateDict()), before)
})

// w.grad = torch.ones(2); o = torch.optim.SGD([w, v], lr=0.1); o.step(); o.state_dict()['state'] -> {0: {'momentum_buffer': None}}; another, with that state: w.tolist()
test('SGD without momentum notes that a parameter has none, and goes on from there', () => {
  const [w, v] = [leaf([1, 1], [1, 1]), zeros([2], { requiresGrad: true })]
  const first = new optim.SGD([w, v], { lr: 0.1 })
  assert.equal(first.stateDict().state, {})
  first.step()
  assert.equal(first.stateDict().state, { 0: { momentum_buffer: null } })
  const second = new optim.SGD([w, v], { lr: 0.1 })
  second.loadStateDict(first.stateDict())
  second.step()
  assert.equal(w.tolist(), [0.7999999523162842, 0.7999999523162842])
  assert.equal(second.stateDict().state, { 0: { momentum_buffer: null } })
})

// p = torch.tensor([1.]); o = RMSprop([p], lr=0.005, centered=True); 200 steps with these gradients in turn leave p at 1; of 1e-22 alone they make it nan
test('a centered RMSprop keeps its parameters where gradients are so small that rounding decides on their variance', () => {
  const parts = [[1e-18, 3e-19, -1e-19], [2e-19, 1.9e-19, 2.1e-19], [1e-20, 1e-21], [1e-22]]
  const p = ones([parts.length]).requiresGrad_()
  const optimizer = new optim.RMSprop([p], { lr: 0.005, centered: true })
  for (let i = 0; i < 200; i++) {
    p.grad = tensor(parts.map((gradients) => gradients[i % gradients.length]))
    optimizer.step()
  }
  assertClose(p.data, [1, 1, 1, 1])
})

test.run()
