/** Module: what it finds among its properties, state dicts, modes, hooks, calls, and containers. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { allclose, full, getRngState, manualSeed, nn, noGrad, ones, randn, StateDictError, tensor, ValueError, zeros, type Tensor } from 'vitgrad'
import { isError } from '../is-error.ts'

test.before.each(() => void manualSeed(0))

const names = (entries: Iterable<readonly [string, unknown]>) => [...entries].map(([name]) => name)

class Inner extends nn.Module {
  readonly scale = new nn.Parameter(ones([2]))
  constructor() {
    super()
    this.registerBuffer('seen', zeros([]))
    this.registerBuffer('scratch', zeros([3]), { persistent: false })
    this.registerBuffer('absent', null)
  }
  forward(x: Tensor): Tensor {
    return x.mul(this.scale)
  }
}

class Outer extends nn.Module {
  readonly width = 2
  readonly inner = new Inner()
  readonly own = new nn.Parameter(zeros([1]))
  readonly none: nn.Parameter | null = null
  readonly shared = this.inner
  readonly layers = new nn.Sequential(new nn.Linear(2, 2, { bias: false }), new Inner())
  forward(x: Tensor): Tensor {
    return this.layers(this.inner(x)).add(this.own)
  }
}

// class Outer(nn.Module): the same properties in the same order; [n for n, _ in Outer().named_parameters()] ...
test('parameters, buffers and modules are found in the order of their definition, shared ones once', () => {
  const model = new Outer()
  assert.equal(names(model.namedParameters()), ['own', 'inner.scale', 'layers.0.weight', 'layers.1.scale'])
  assert.equal(names(model.namedModules()), ['', 'inner', 'layers', 'layers.0', 'layers.1'])
  assert.equal(names(model.namedChildren()), ['inner', 'layers'])
  assert.equal(names(model.namedBuffers()), ['inner.seen', 'inner.scratch', 'layers.1.seen', 'layers.1.scratch'])
  assert.is([...model.parameters()].length, 4)
  assert.is([...model.modules()][1], model.inner)
  assert.equal([...model.children()], [model.inner, model.layers])
  assert.is([...model.buffers()].length, 4)
})

test('a state dict holds parameters and saved buffers under every name, those of a shared module twice', () => {
  assert.equal(Object.keys(new Outer().stateDict()), ['own', 'inner.scale', 'inner.seen', 'shared.scale', 'shared.seen', 'layers.0.weight', 'layers.1.scale', 'layers.1.seen'])
})

test('a state dict shares its numbers with the model and needs no gradient', () => {
  const model = new nn.Linear(2, 1)
  const { weight } = model.stateDict()
  assert.is(weight.requiresGrad, false)
  weight.fill_(7)
  assert.equal([...model.weight.data], [7, 7])
})

test('loading a state dict copies its numbers and leaves parameters what they were', () => {
  const [from, to] = [new nn.Linear(3, 2), new nn.Linear(3, 2)]
  const { weight } = to
  const state = from.stateDict()
  assert.is(String(to.loadStateDict(state)), '<All keys matched successfully>')
  assert.is(to.weight, weight)
  assert.ok(to.weight.equal(from.weight) && to.weight.isLeaf && to.weight.requiresGrad)
  state.weight.fill_(0)
  assert.not(to.weight.equal(from.weight))
})

test('missing, unexpected and misshapen entries are all named, and nothing is loaded', () => {
  const model = new nn.Linear(3, 2)
  const before = [...model.weight.data]
  const load = (state: nn.StateDict) => () => model.loadStateDict(state)
  const refuses = (state: nn.StateDict, pattern: RegExp) => assert.throws(load(state), isError(StateDictError, pattern))
  refuses({ weight: ones([2, 3]) }, /Linear\.loadStateDict: missing keys: bias\.\n {2}help: /)
  refuses({ weight: ones([2, 3]), bias: ones([2]), extra: ones([1]) }, /unexpected keys: extra/)
  refuses({ weight: ones([2, 3]), bias: ones([3]) }, /bias has shape \(3,\) in the state dict and \(2,\) in the model/)
  refuses({ weight: ones([3, 2]), other: ones([1]) }, /missing keys: bias; unexpected keys: other; weight has shape \(3, 2\)/)
  assert.equal([...model.weight.data], before)
})

test('without strict, what fits is loaded and the rest reported; shapes still count', () => {
  const model = new nn.Linear(3, 2)
  const result = model.loadStateDict({ bias: full([2], 5), extra: ones([1]) }, { strict: false })
  assert.equal([result.missingKeys, result.unexpectedKeys], [['weight'], ['extra']])
  assert.is(String(result), "_IncompatibleKeys(missing_keys=['weight'], unexpected_keys=['extra'])")
  assert.equal([...model.stateDict().bias.data], [5, 5])
  assert.throws(() => model.loadStateDict({ bias: ones([1]) }, { strict: false }), /bias has shape \(1,\) .*\n  help: load the state of a model built with the same arguments\.$/)
})

test('keys that every object inherits are no keys of a state dict', () => {
  assert.throws(() => new nn.Linear(1, 1).loadStateDict({ weight: ones([1, 1]), bias: ones([1]), constructor: ones([1]) }), /unexpected keys: constructor/)
})

test('train() and eval() reach every module; dropout obeys', () => {
  const model = new nn.Sequential(new nn.Dropout(0.5), new nn.Sequential(new nn.Dropout(0.5)))
  const x = ones([64])
  assert.not(model(x).equal(x))
  assert.is(model.eval(), model)
  assert.equal([...model.modules()].map((module) => module.training), [false, false, false, false])
  assert.ok(model(x).equal(x))
  assert.ok([...model.train().modules()].every((module) => module.training))
})

test('apply() visits inner modules first', () => {
  const visited: string[] = []
  new nn.Sequential(new nn.Sequential(new nn.ReLU()), new nn.Tanh()).apply((module) => visited.push(module.constructor.name))
  assert.equal(visited, ['ReLU', 'Sequential', 'Tanh', 'Sequential'])
})

test('requiresGrad_() freezes and zeroGrad() forgets', () => {
  const model = new nn.Linear(2, 1)
  model(ones([1, 2])).sum().backward()
  assert.ok(model.weight.grad)
  model.zeroGrad()
  assert.is(model.weight.grad, null)
  assert.is(model.requiresGrad_(false), model)
  assert.is(model(ones([1, 2])).requiresGrad, false)
})

test('a module is called like a function, with the arguments and result of its forward', () => {
  class Scale extends nn.Module<[x: Tensor, by: number], number[]> {
    override name = 'a property called name'
    forward(x: Tensor, by: number): number[] {
      return [...x.mul(by).data]
    }
  }
  const scale = new Scale()
  assert.equal(scale(tensor([1, 2]), 3), [3, 6])
  assert.ok(scale instanceof Scale && scale instanceof nn.Module && scale instanceof nn.AnyModule)
  assert.is(scale.name, 'a property called name')
})

test('hooks see and may replace arguments and output, in the order of registration, until removed', () => {
  const model = new nn.Identity()
  const seen: number[] = []
  const handles = [
    model.registerForwardPreHook((_, [x]) => [x.add(1)]),
    model.registerForwardPreHook((_, [x]) => void seen.push(x.item())),
    model.registerForwardHook((module, [x], y) => {
      assert.is(module, model)
      seen.push(x.item(), y.item())
      return y.mul(10)
    }),
    model.registerForwardHook((_, _args, y) => void seen.push(y.item())),
  ]
  assert.is(model(tensor(1)).item(), 20)
  assert.equal(seen, [2, 2, 2, 20])
  handles.forEach((handle) => handle.remove())
  assert.is(model(tensor(1)).item(), 1)
})

// PyTorch: the same model with all parameters 0.5, register_forward_pre_hook(lambda m, a: a[0] * 2), register_full_backward_hook(...) on [0] and [2]
test('full backward hooks see the gradients of inputs and outputs, last module first, and may replace those of inputs', () => {
  const model = new nn.Sequential(new nn.Linear(2, 2), new nn.ReLU(), new nn.Linear(2, 1))
  noGrad(() => [...model.parameters()].forEach((parameter) => parameter.fill_(0.5)))
  const seen: unknown[] = []
  const see = (...grads: readonly (readonly (Tensor | null)[])[]) => seen.push(grads.map((list) => list.map((grad) => grad?.tolist() ?? null)))
  const [first, , last] = model
  if (!(first instanceof nn.Linear && last instanceof nn.Linear)) throw new Error('they are linear')
  first.registerForwardPreHook((_, [input]) => input.mul(2))
  first.registerFullBackwardHook((_, gradInput, gradOutput) => void see(gradInput, gradOutput))
  const { remove } = last.registerFullBackwardHook((_, gradInput, gradOutput) => {
    see(gradInput, gradOutput)
    return gradInput.map((grad) => grad && grad.mul(10))
  })
  const x = tensor([[1, 2]], { requiresGrad: true })
  const y = model(x)
  assert.is(y.gradFn?.name, 'BackwardHookFunctionBackward')
  y.sum().backward()
  assert.equal(seen, [[[[[0.5, 0.5]]], [[[1]]]], [[[[5, 5]]], [[[5, 5]]]]])
  assert.equal(x.grad?.tolist(), [[10, 10]])
  remove()
  model(tensor([[1, 2]])).sum().backward()
  assert.equal(seen.slice(2), [[[null], [[[0.5, 0.5]]]]], 'an input without a gradient is null')
})

test('names that cannot be keys, or that hide a method, are refused', () => {
  const model = new nn.Identity()
  const refused = isError(ValueError, /^Identity: /)
  for (const name of ['', 'a.b', 'forward', 'training']) assert.throws(() => model.addModule(name, new nn.ReLU()), refused)
  assert.throws(() => model.registerBuffer('parameters', null), refused)
  model.registerParameter('weight', new nn.Parameter(ones([1])))
  model.registerParameter('weight', null)
  assert.equal(names(model.namedParameters()), [])
})

test('a replaced buffer is the one that is saved', () => {
  class Counter extends nn.Module {
    declare count: Tensor
    constructor() {
      super()
      this.registerBuffer('count', zeros([]))
    }
    forward(x: Tensor): Tensor {
      this.count = this.count.add(1)
      return x
    }
  }
  const counter = new Counter()
  counter(counter(ones([1])))
  assert.is(counter.stateDict().count.item(), 2)
})

test('a module is printed with its extra text before its children', () => {
  class Block extends nn.Module {
    readonly act = new nn.ReLU()
    forward(x: Tensor): Tensor {
      return this.act(x)
    }
    override extraRepr(): string {
      return 'size=3'
    }
  }
  assert.is(String(new nn.Sequential(new Block())), 'Sequential(\n  (0): Block(\n    size=3\n    (act): ReLU()\n  )\n)')
  assert.is(String(new nn.Parameter(ones([2]))), 'Parameter containing:\ntensor([1., 1.], requires_grad=True)')
})

test('a Sequential is indexed, iterated, measured and extended', () => {
  const [first, second, third] = [new nn.Linear(2, 2), new nn.ReLU(), new nn.Tanh()]
  const model = new nn.Sequential(first, second)
  assert.is(model[0], first)
  assert.is(model.append(third).length, 3)
  assert.equal([...model], [first, second, third])
  const x = randn([1, 2])
  assert.ok(model(x).equal(first(x).relu().tanh()))
})

test('named members of a Sequential have numbers, too, also in a copy', () => {
  const model = new nn.Sequential()
  const [first, act, last] = [new nn.Linear(2, 2), new nn.ReLU(), new nn.Linear(2, 1)]
  model.addModule('first', first)
  model.addModule('act', act)
  model.append(last)
  assert.equal([model[0], model[1], model[2]], [first, act, last])
  assert.equal(names(model.namedModules()), ['', 'first', 'act', '2'])
  const copy = model.clone()
  assert.equal(names(copy.namedModules()), ['', 'first', 'act', '2'])
  assert.equal([copy[0], copy[1], copy[2]], [...copy])
  const x = randn([3, 2])
  assert.ok(copy(x).equal(model(x)))
  const tanh = new nn.Tanh()
  model[1] = tanh
  assert.equal([...model], [first, tanh, last])
  assert.equal(names(model.namedChildren()), ['first', 'act', '2'])
})

test('a module that stands in a Sequential twice runs twice and is trained once', () => {
  const double = new Inner()
  double.loadStateDict({ scale: full([2], 2), seen: zeros([]) })
  const model = new nn.Sequential(double, new nn.Identity(), double)
  assert.is(model.length, 3)
  assert.equal([...model(ones([2])).data], [4, 4])
  assert.equal(names(model.namedParameters()), ['0.scale'])
  assert.equal([...new nn.ModuleList([double, double])], [double, double])
})

test('a Sequential of named modules keeps the names', () => {
  const model = new nn.Sequential()
  model.addModule('first', new nn.Linear(1, 1))
  model.addModule('second', new nn.Linear(1, 1))
  assert.equal(Object.keys(model.stateDict()), ['first.weight', 'first.bias', 'second.weight', 'second.bias'])
})

test('modules come in the order in which they were added, whatever their names', () => {
  class Mixed extends nn.Module {
    readonly stem = new nn.Linear(1, 1, { bias: false })
    constructor() {
      super()
      this.addModule('7', new nn.Linear(1, 1, { bias: false }))
      this.addModule('head', new nn.Linear(1, 1, { bias: false }))
      this.addModule('0', new nn.Linear(1, 1, { bias: false }))
      this.registerParameter('1', new nn.Parameter(ones([1])))
      this.addModule('7', new nn.Linear(1, 2, { bias: false }))
    }
    forward(x: Tensor): Tensor {
      return x
    }
  }
  const model = new Mixed()
  assert.equal(names(model.namedChildren()), ['stem', '7', 'head', '0'])
  assert.equal(names(model.namedParameters()), ['1', 'stem.weight', '7.weight', 'head.weight', '0.weight'])
  assert.equal(Object.keys(model.stateDict()), names(model.namedParameters()))
  assert.match(String(model), /\(stem\).*\n.*\(7\).*out_features=2.*\n.*\(head\).*\n.*\(0\)/)

  const row = new nn.Sequential()
  row.addModule('double', new Inner())
  row.addModule('0', new nn.ReLU())
  assert.equal([...row].map(String), ['Inner()', 'ReLU()'])
})

test('what is no module cannot be added as one', () => {
  const list: unknown = [new nn.ReLU(), new nn.ReLU()]
  assert.throws(() => Reflect.construct(nn.Sequential, [list]), /^Sequential: what was given as '0' is no module/)
})

test('a ModuleList is found by its owner, and cannot be called', () => {
  const list = new nn.ModuleList([new nn.Linear(1, 1), new nn.Linear(1, 1)])
  assert.equal(names(list.namedParameters()), ['0.weight', '0.bias', '1.weight', '1.bias'])
  assert.is(list.append(new nn.Linear(1, 1)).length, 3)
  assert.throws(() => Reflect.apply(Object(list), null, []), /ModuleList/)
})

test('a ModuleDict is found by its owner under its keys, and cannot be called', () => {
  const owner = new (class Owner extends nn.Module {
    readonly parts = new nn.ModuleDict<nn.Module>([['conv', new nn.Linear(2, 3)], ['act', new nn.ReLU()]])
    forward(x: Tensor): Tensor {
      return this.parts.get('act')(this.parts.get('conv')(x))
    }
  })()
  assert.equal(owner(ones([1, 2])).shape, [1, 3])
  assert.equal(Object.keys(owner.stateDict()), ['parts.conv.weight', 'parts.conv.bias'])
  const { parts } = owner
  assert.equal([[...parts], parts.length, parts.has('act'), parts.has('head')], [['conv', 'act'], 2, true, false])
  const identity = new nn.Identity()
  assert.is(parts.set('act', identity).get('act'), identity)
  assert.equal([...parts.values()].map((part) => part.constructor.name), ['Linear', 'Identity'])
  assert.throws(() => parts.get('head'), isError(ValueError, /no module 'head'.*\n.*conv, act/))
  assert.throws(() => new nn.ModuleDict({ train: identity }), isError(ValueError, /a property 'train' already/))
})

// torch.manual_seed(0); x = torch.randn(4, 5, requires_grad=True); y = x * 2; z = nn.Dropout(0.3, inplace=True)(y); z.sum().backward()
test('Dropout in place changes its input and gives it the history of the product with the mask', () => {
  manualSeed(0)
  const x = randn([4, 5], { requiresGrad: true })
  const y = x.mul(2)
  const dropout = new nn.Dropout(0.3, { inplace: true })
  assert.is(dropout(y), y)
  assert.is(String(dropout), 'Dropout(p=0.3, inplace=True)')
  assert.ok(String(y).startsWith('tensor([[-3.2167, -0.0000, -0.7159, -1.2397,  1.7110],'), String(y))
  assert.ok(String(y).endsWith('grad_fn=<MulBackward0>)'))
  y.sum().backward()
  assert.is(String(x.grad?.select(0, 0)), 'tensor([2.8571, 0.0000, 2.8571, 2.8571, 2.8571])')
})

// y = x * 1; nn.ReLU(inplace=True)(y) is y
test('a ReLU in place changes and returns what it is given', () => {
  const x = tensor([-1, 2], { requiresGrad: true })
  const y = x.mul(3)
  assert.is(new nn.ReLU({ inplace: true })(y), y)
  y.sum().backward()
  assert.equal([y.tolist(), x.grad?.tolist()], [[0, 6], [0, 3]])
})

test('a module without forward() says so', () => {
  class Bare extends nn.Module {
    declare forward: () => Tensor
  }
  assert.throws(() => new Bare()(ones([1])), isError(ValueError, /^Bare: it has no forward\(\)/))
})

test('a clone has the same numbers, keys, hooks and mode, shares none of them, and draws nothing', () => {
  const shared = new nn.Linear(4, 4)
  const model = new nn.Sequential(shared, new nn.BatchNorm1d(4), shared, new nn.Dropout(0.2)).eval()
  shared.weight.requiresGrad_(false)
  model.registerForwardHook((_, __, y) => y.mul(2))
  const x = randn([3, 4])
  const before = getRngState()
  const copy = model.clone()
  assert.equal(getRngState(), before)
  assert.is(String(copy), String(model))
  assert.ok(copy instanceof nn.Sequential && copy !== model && copy[0] === copy[2])
  assert.ok(copy(x).equal(model(x)))
  assert.equal([...copy.namedParameters()].map(([name, { requiresGrad }]) => [name, requiresGrad]), [...model.namedParameters()].map(([name, { requiresGrad }]) => [name, requiresGrad]))
  assert.equal(Object.keys(copy.stateDict()), Object.keys(model.stateDict()))
  const kept = copy(x).clone()
  noGrad(() => [...model.parameters(), ...model.buffers()].forEach((t) => t.add_(1)))
  model.train()
  assert.ok(copy(x).equal(kept) && !copy.training)
})

test('every layer can be cloned, also when it keeps results of a graph that is gone', () => {
  const attention = new nn.MultiHeadAttention(8, 2, 0)
  const x = randn([40, 40, 8])
  attention(x, x, x).sum().backward()
  attention(x, x, x)
  for (const layer of [attention, new nn.CrossEntropyLoss({ weight: ones([3]) }), new nn.TransformerEncoderLayer(8, 2), new nn.MultiheadAttention(8, 2), new nn.ModuleList([new nn.Linear(1, 1)])])
    assert.is(String(layer.clone()), String(layer))
  assert.ok(noGrad(() => attention.clone()(x, x, x).equal(attention(x, x, x))))
})

test('a class whose members only its constructor can make is refused as a copy', () => {
  class Secret extends nn.Module {
    readonly #factor = 2
    forward(x: Tensor): Tensor {
      return x.mul(this.#factor)
    }
  }
  assert.throws(() => new nn.Sequential(new Secret()).clone(), isError(ValueError, /^clone: Secret declares members with #/))
})

test('sizes that cannot be are refused with the layer and the argument', () => {
  const refusals: [() => unknown, RegExp][] = [
    [() => new nn.Linear(-1, 2), /Linear: inFeatures = -1/],
    [() => new nn.Linear(2, 1.5), /Linear: outFeatures = 1\.5/],
    [() => new nn.Conv2d(3, 4, 0), /Conv2d: kernelSize 0/],
    [() => new nn.LayerNorm(0), /LayerNorm: normalizedShape = 0/],
    [() => new nn.BatchNorm2d(NaN), /BatchNorm2d: numFeatures = NaN/],
    [() => new nn.GroupNorm(0, 4), /GroupNorm: numGroups = 0/],
    [() => new nn.Dropout(-0.1), /Dropout: p = -0\.1/],
    [() => new nn.Embedding(0, 3), /Embedding: numEmbeddings = 0/],
    [() => new nn.Embedding(3, 2, { paddingIdx: 3 }), /Embedding: paddingIdx = 3/],
    [() => new nn.MultiHeadAttention(6, 4, 0), /MultiHeadAttention: 4 heads/],
    [() => new nn.MultiheadAttention(6, 4), /MultiheadAttention: 4 heads/],
    [() => new nn.MultiheadAttention(6, 2, { dropout: 2 }), /MultiheadAttention: p = 2/],
    [() => nn.init.xavierUniform_(ones([3])), /^calculateFanInAndFanOut: a tensor of shape \(3,\)/],
    [() => new nn.TransformerEncoderLayer(6, 2, { dimFeedforward: 0 }), /TransformerEncoderLayer: dimFeedforward = 0/],
  ]
  for (const [build, pattern] of refusals) assert.throws(build, pattern)
})

// l = nn.LeakyReLU(0.2, inplace=True); h = x * 1; y = l(h); y is h; y.sum().backward(); and so for nn.SiLU(inplace=True)
test('LeakyReLU and SiLU in place change what they are given', () => {
  const layers = [
    { layer: new nn.LeakyReLU(0.2, { inplace: true }), text: 'LeakyReLU(negative_slope=0.2, inplace=True)', values: [1, -0.4], grads: [1, 0.2] },
    { layer: new nn.SiLU({ inplace: true }), text: 'SiLU(inplace=True)', values: [0.7311, -0.2384], grads: [0.9277, -0.0908] },
  ]
  for (const { layer, text, values, grads } of layers) {
    const x = tensor([1, -2], { requiresGrad: true })
    const h = x.mul(1)
    assert.is(String(layer), text)
    assert.is(layer(h), h)
    h.sum().backward()
    assert.ok(allclose(h, tensor(values), { atol: 1e-4 }), String(h))
    assert.ok(allclose(x.grad ?? h, tensor(grads), { atol: 1e-4 }), String(x.grad))
  }
})

// class Tied: head.weight = emb.weight; [(n, p.shape) for n, p in m.named_parameters()]; m.state_dict().keys()
test('layers may share a parameter, which is listed once and saved under both names', () => {
  class Tied extends nn.Module {
    emb = new nn.Embedding(5, 3)
    head = new nn.Linear(3, 5, { bias: false })
    constructor() {
      super()
      this.head.weight = this.emb.weight
    }
    forward(x: Tensor): Tensor {
      return this.head(this.emb(x))
    }
  }
  const model = new Tied()
  assert.equal(names(model.namedParameters()), ['emb.weight'])
  assert.equal(Object.keys(model.stateDict()), ['emb.weight', 'head.weight'])
  const copy = model.clone()
  assert.is(copy.head.weight, copy.emb.weight)
})

// s = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)); s[-1]; s[1:]; nn.ModuleList(s)[:-1]
test('the types refuse a tensor in the place of a parameter, as a module would not find it', () => {
  const layer = new nn.Linear(2, 2)
  // @ts-expect-error Torch refuses it when it runs, with a TypeError.
  layer.weight = ones([2, 2])
  assert.equal(Object.keys(layer.stateDict()), ['bias'])
  layer.weight = new nn.Parameter(ones([2, 2]))
  assert.equal(Object.keys(layer.stateDict()).sort(), ['bias', 'weight'])
})

test('losses of classes stand where the types ask for a loss of two tensors, and take a list of labels, too', () => {
  const losses: nn.Module<[input: Tensor, target: Tensor]>[] = [new nn.MSELoss(), new nn.CrossEntropyLoss(), new nn.NLLLoss()]
  const target = tensor([0])
  assert.equal(losses.map((loss, i) => loss(ones([1, 2]), i === 0 ? ones([1, 2]) : target).item()), [0, Math.fround(Math.log(2)), -1])
  assert.is(new nn.NLLLoss()(ones([1, 2]), [0]).item(), -1)
})

test('containers are indexed from the end, and cut', () => {
  const layers = new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU(), new nn.Linear(3, 1))
  assert.is(layers.at(-1), layers[2])
  assert.is(String(layers.slice(1)), 'Sequential(\n  (1): ReLU()\n  (2): Linear(in_features=3, out_features=1, bias=True)\n)')
  const x = ones([2])
  assert.ok(layers.slice(-2)(layers.slice(0, 1)(x)).equal(layers(x)))
  const list = new nn.ModuleList(layers)
  assert.is(list.at(-3), layers[0])
  assert.equal([...list.slice(1)], [layers[1], layers[2]])
  assert.is(String(list.slice(1, -1)), 'ModuleList(\n  (0): ReLU()\n)')
  for (const index of [3, -4, 0.5]) assert.throws(() => layers.at(index), /Sequential: there is no module .* among 3/)
})

test.run()
