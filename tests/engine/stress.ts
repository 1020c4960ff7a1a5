/**
 * Everything that a user may do with values, graphs and gradients, and every number that can then be read. Prints, for each of these
 * deeds, what each reading gave: the sum of its bits, or 'gone' where reading it is the error that says so. Started by stress.test.ts.
 */
import { autograd, data, enableGrad, GraphError, manualSeed, nn, noGrad, optim, randint, randn, Tensor, vit } from 'vitgrad'

const F = nn.functional

/** More numbers than outlive their graph. */
const LARGE: [number, number] = [200, 100]

type Reading = number | 'gone'

/** A number that changes when a bit of the tensor does. */
function bitsOf(x: Tensor): Reading {
  try {
    const numbers = x.array.values()
    return new Uint32Array(numbers.buffer, numbers.byteOffset, numbers.length).reduce((hash, bits) => (Math.imul(hash, 31) + bits) | 0, x.numel())
  } catch (error) {
    if (error instanceof GraphError && /are gone/.test(error.message)) return 'gone'
    throw error
  }
}

const mlp = (...sizes: number[]) => new nn.Sequential(...sizes.slice(1).flatMap((size, i) => [new nn.Linear(sizes[i], size), new nn.GELU(), new nn.LayerNorm(size)]))
const inputs = () => randn(LARGE)
const gradsOf = (model: nn.Module) => [...model.parameters()].flatMap(({ grad }) => (grad ? [grad] : []))

/** Values that linger on from other work: large, released, and then overwritten. */
function otherWork(): void {
  const model = mlp(100, 120, 100)
  for (let i = 0; i < 2; i++) model(inputs()).pow(2).sum().backward()
}

class Storing extends nn.Module {
  readonly layer = new nn.Linear(100, 100)
  last: Tensor | null = null
  readonly history: Tensor[] = []
  #secret: Tensor | null = null
  forward(x: Tensor): Tensor {
    const y = this.layer(this.last ? x.add(this.last.detach()) : x)
    const [last, entry, secret] = [y.tanh(), y.exp(), y.mul(2)]
    this.last = last
    this.history.push(entry)
    this.#secret = secret
    return last.add(entry).mul(secret)
  }
  get secret(): Tensor | null {
    return this.#secret
  }
}

class Cube extends autograd.Function {
  static forward(ctx: autograd.FunctionContext, x: Tensor): Tensor {
    ctx.saveForBackward(x)
    return x.pow(3)
  }
  static backward(ctx: autograd.FunctionContext, grad: Tensor): Tensor {
    return ctx.savedTensors[0].pow(2).mul(3).mul(grad)
  }
}

/** Calls `fn`, which must throw the error that a user's own code throws. */
function expectThrow(fn: () => void): void {
  try {
    fn()
  } catch (error) {
    if (error instanceof Error && error.message === 'mine') return
    throw error
  }
  throw new Error('nothing was thrown')
}

const throwMine = (): never => {
  throw new Error('mine')
}

const deeds: Record<string, () => Iterable<Tensor | null | undefined>> = {
  *'training from a loader, with dropout and Adam'() {
    const model = new vit.Vit({ imageSize: 16, patchSize: 4, numBlocks: 2, heads: 4, dropout: 0.1, classes: 10 })
    const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 })
    const loader = new data.DataLoader(new data.TensorDataset(randn([48, 3, 16, 16]), randint(0, 10, [48])), { batchSize: 16, shuffle: true })
    for (let epoch = 0; epoch < 2; epoch++)
      for (const [x, y] of loader) {
        optimizer.zeroGrad()
        const logits = model(x)
        const loss = F.crossEntropy(logits, y)
        loss.backward()
        optimizer.step()
        yield* [loss, logits]
      }
    yield* model.parameters()
  },
  *'a loop over one batch; result and loss read after step()'() {
    const model = mlp(100, 200, 150)
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 })
    const x = inputs()
    const results: Tensor[] = []
    for (let i = 0; i < 4; i++) {
      optimizer.zeroGrad()
      const result = model(x)
      const loss = result.pow(2).mean()
      loss.backward()
      optimizer.step()
      results.push(result)
      yield* [loss, result, ...results]
    }
    yield* model.parameters()
  },
  *'gradients added up over several passes, clipped'() {
    const model = mlp(100, 120)
    const optimizer = new optim.RMSprop(model.parameters(), { lr: 1e-3 })
    for (let i = 0; i < 6; i++) {
      model(inputs()).pow(2).mean().backward()
      if (i % 3 < 2) continue
      nn.utils.clipGradNorm_(model.parameters(), 0.1)
      optimizer.step()
      yield* gradsOf(model)
      optimizer.zeroGrad()
    }
    yield* model.parameters()
  },
  *'one graph, passed twice'() {
    const model = mlp(100, 120)
    const y = model(inputs())
    const loss = y.pow(2).sum()
    loss.backward(null, { retainGraph: true })
    yield* gradsOf(model)
    const other = model(inputs())
    other.sum().backward()
    loss.backward()
    yield* [...gradsOf(model), y, other]
  },
  *'two graphs over one value'() {
    const model = mlp(100, 120)
    const shared = model(inputs())
    const [first, second] = [shared.exp().sum(), shared.pow(2).sum()]
    first.backward(null, { retainGraph: true })
    otherWork()
    second.backward()
    yield* [shared, ...gradsOf(model)]
  },
  *'a penalty on gradients'() {
    const model = mlp(100, 120)
    for (let i = 0; i < 3; i++) {
      const x = inputs().requiresGrad_()
      const y = model(x)
      const [dx] = autograd.grad(y.pow(2).sum(), x, { createGraph: true })
      const penalty = dx.pow(2).sum(1).sqrt().sub(1).pow(2).mean()
      y.mean().add(penalty).backward()
      yield* [dx, penalty, x.grad, ...gradsOf(model)]
      model.zeroGrad()
    }
  },
  *'gradients of gradients through backward()'() {
    const [w, x] = [new nn.Parameter(randn([100, 100])), inputs()]
    x.matmul(w).tanh().pow(2).sum().backward(null, { createGraph: true })
    const first = w.grad
    w.grad = null
    first?.pow(2).sum().backward()
    yield* [first, w.grad]
  },
  *'grad() of a value on the way, again and again'() {
    const model = mlp(100, 120, 100)
    for (let i = 0; i < 3; i++) {
      const x = inputs().requiresGrad_()
      const h = x.matmul(randn([100, 100]))
      const [dh, dx] = autograd.grad(model(h).sum(), [h, x])
      yield* [dh, dx, h]
    }
  },
  *'checkpoints in a model'() {
    const [first, second] = [mlp(100, 150, 100), new Storing()]
    for (let i = 0; i < 3; i++) {
      const x = inputs().requiresGrad_()
      const h = autograd.checkpoint((t) => F.dropout(first(t), 0.2), x)
      const y = autograd.checkpoint((t) => second(t).mul(2), h)
      y.pow(2).sum().backward()
      yield* [h, y, x.grad, second.last, ...gradsOf(first), ...gradsOf(second)]
    }
  },
  *'changes in place'() {
    const w = new nn.Parameter(randn(LARGE))
    for (let i = 0; i < 3; i++) {
      const y = w.mul(2)
      const row = y.select(0, 3)
      row.mul_(10)
      y.add_(w).clamp_(-3, 3)
      y.pow(2).sum().backward()
      yield* [y, row, w.grad]
      noGrad(() => w.sub_(0.01))
      w.grad = null
      yield w
    }
  },
  *'views, before and after their graph is released'() {
    const w = new nn.Parameter(randn(LARGE))
    const y = w.exp()
    const views = [y.reshape([-1]), y.transpose(0, 1), y.narrow(0, 10, 190), y.expand([2, ...LARGE]), ...y.split(100, 0)]
    y.sum().backward()
    yield* views
    otherWork()
    yield* views
  },
  *'what detach(), clone() and data gave out'() {
    const w = new nn.Parameter(randn(LARGE))
    const y = w.exp()
    const [detached, cloned, numbers] = [y.detach(), y.clone(), y.data]
    y.sum().add(cloned.sum()).backward()
    otherWork()
    otherWork()
    yield* [detached, cloned, cloned.reshape([-1]), y]
    if (numbers.some((number, i) => number !== detached.data[i])) throw new Error('data changed')
  },
  *'hooks of modules and tensors, with and without gradients'() {
    const model = mlp(100, 120, 100)
    const seen: Tensor[] = []
    for (const module of model.children())
      if (module instanceof nn.Linear) {
        module.registerForwardPreHook((_, [x]) => void seen.push(x.mul(2)))
        module.registerForwardHook((_, __, y) => {
          seen.push(y)
          y.requiresGrad && y.registerHook((grad) => void seen.push(grad))
          return y.mul(1.5)
        })
      }
    for (let i = 0; i < 2; i++) {
      model(inputs()).pow(2).sum().backward()
      yield* seen.splice(0)
      yield* gradsOf(model)
    }
    noGrad(() => model(inputs()))
    otherWork()
    yield* seen
  },
  *'evaluation that keeps its results'() {
    const model = mlp(100, 150, 120).eval()
    const kept = Array.from({ length: 4 }, () => noGrad(() => model(inputs())))
    otherWork()
    yield* kept
  },
  *'two models in turn, one feeding the other'() {
    const [generator, critic] = [mlp(100, 120, 100), mlp(100, 80, 1)]
    const [a, b] = [new optim.Adam(generator.parameters()), new optim.Adam(critic.parameters())]
    for (let i = 0; i < 3; i++) {
      const fake = generator(inputs())
      b.zeroGrad()
      const real = critic(inputs()).mean().sub(critic(fake.detach()).mean())
      real.backward()
      b.step()
      a.zeroGrad()
      const score = critic(fake).mean()
      score.backward()
      a.step()
      yield* [real, score, fake]
    }
    yield* [...generator.parameters(), ...critic.parameters()]
  },
  *'forward without backward, in between'() {
    const model = mlp(100, 120, 100)
    const kept = [0, 1, 2].map(() => model(inputs()))
    for (let i = 0; i < 20; i++) model(inputs())
    model(inputs()).sum().backward()
    yield* [...kept, ...gradsOf(model)]
    kept[1].sum().backward()
    yield* [...kept, ...gradsOf(model)]
  },
  *'errors thrown in the middle of forward and backward'() {
    const model = mlp(100, 120, 100)
    const broken = Object.assign(new nn.Identity(), { forward: throwMine })
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 })
    for (let i = 0; i < 3; i++) {
      optimizer.zeroGrad()
      expectThrow(() => void broken(model(inputs())))
      const y = model(inputs())
      expectThrow(() => {
        const z = y.mul(2)
        z.registerHook(throwMine)
        z.exp().sum().backward()
      })
      expectThrow(() => noGrad(() => broken(model(inputs()))))
      const z = model(inputs())
      z.pow(2).mean().backward()
      optimizer.step()
      yield* [z, ...model.parameters(), ...gradsOf(model)]
    }
  },
  *'gradients that the user keeps'() {
    const model = mlp(100, 200, 3)
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.5 })
    const kept: Tensor[] = []
    const copies: Tensor[] = []
    for (let i = 0; i < 3; i++) {
      model(inputs()).pow(2).sum().backward()
      kept.push(...gradsOf(model))
      copies.push(...gradsOf(model).map((grad) => grad.clone()))
      optimizer.step()
      optimizer.zeroGrad()
      yield* kept
    }
    yield* [...kept, ...copies]
  },
  *'a gradient in a graph of its own'() {
    const w = new nn.Parameter(randn(LARGE))
    w.pow(3).sum().backward()
    const v = new nn.Parameter(randn(LARGE))
    const loss = w.grad ? v.mul(w.grad).sum() : v.sum()
    w.grad = null
    w.pow(2).sum().backward()
    loss.backward()
    yield* [v.grad, w.grad]
  },
  *'what a module stores'() {
    const model = new Storing()
    for (let i = 0; i < 3; i++) {
      const y = model(inputs())
      y.pow(2).sum().backward()
      yield* [y, model.last, model.secret, ...model.history]
    }
    yield noGrad(() => model(inputs()))
    otherWork()
    yield* [model.last, ...model.history]
  },
  *'a released value given to another model'() {
    const [first, second] = [new Storing(), mlp(100, 120)]
    first(inputs()).sum().backward()
    const { last } = first
    const y = last && second(last.detach())
    yield* [last, y]
    y?.sum().backward()
    yield* gradsOf(second)
  },
  *'operations of the user'() {
    const [w, x] = [new nn.Parameter(randn([100, 100])), inputs()]
    for (let i = 0; i < 2; i++) {
      const y = Cube.apply(x.matmul(w))
      y.sum().backward()
      yield* [y, w.grad]
    }
  },
  *'with and without gradients, inside each other'() {
    const [student, teacher] = [mlp(100, 120), mlp(100, 120)]
    class Distilled extends nn.Module {
      forward(x: Tensor): Tensor {
        const target = noGrad(() => teacher(x))
        return student(x).sub(target).pow(2)
      }
    }
    const model = new Distilled()
    for (let i = 0; i < 2; i++) {
      const y = model(inputs())
      y.mean().backward()
      yield* [y, ...gradsOf(student)]
    }
    yield noGrad(() => {
      const x = inputs().requiresGrad_()
      enableGrad(() => model(x).sum()).backward()
      return x.grad ?? x
    })
  },
  *'running statistics'() {
    const model = new nn.Sequential(new nn.Conv2d(3, 32, 3, { padding: 1 }), new nn.BatchNorm2d(32), new nn.ReLU(), new nn.MaxPool2d(2))
    const x = randn([8, 3, 16, 16])
    for (let i = 0; i < 3; i++) {
      const y = model(x)
      y.pow(2).sum().backward()
      yield* [y, ...model.buffers(), ...gradsOf(model)]
    }
    model.eval()
    yield* [noGrad(() => model(x)), ...model.buffers()]
  },
}

const readings = Object.entries(deeds).map(([name, deed]): [string, Reading[]] => {
  manualSeed(0)
  const read: Reading[] = []
  for (const value of deed()) if (value) read.push(bitsOf(value))
  return [name, read]
})
console.log(JSON.stringify(Object.fromEntries(readings)))
process.exit(0)
