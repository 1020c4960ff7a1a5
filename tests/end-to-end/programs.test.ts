/** Programs as PyTorch's users write them, repeated word by word: the same losses and the same random numbers. Truth: `python3 programs.py > programs.json`. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { arange, autograd, cat, manualSeed, nn, noGrad, ones, optim, rand, randint, randn, stack, tensor, zeros, type Tensor } from 'vitgrad'

const F = nn.functional

interface Golden {
  readonly losses: readonly number[]
  readonly tolerance: number
  readonly randomAfterwards: readonly number[]
}

class Head extends nn.Module {
  key; query; value; dropout
  declare tril: Tensor
  constructor(dim: number, size: number, block: number) {
    super()
    this.key = new nn.Linear(dim, size, { bias: false })
    this.query = new nn.Linear(dim, size, { bias: false })
    this.value = new nn.Linear(dim, size, { bias: false })
    this.registerBuffer('tril', ones([block, block]).tril())
    this.dropout = new nn.Dropout(0.1)
  }
  forward(x: Tensor): Tensor {
    const T = x.shape[1]
    const [k, q] = [this.key(x), this.query(x)]
    const scores = q.matmul(k.transpose(-2, -1)).mul(k.size(-1) ** -0.5)
    const masked = scores.maskedFill(this.tril.at(`:${T}`, `:${T}`).eq(0), -Infinity)
    return this.dropout(F.softmax(masked, { dim: -1 })).matmul(this.value(x))
  }
}

class Block extends nn.Module {
  heads; proj; mlp; ln1; ln2
  constructor(dim: number, heads: number, block: number) {
    super()
    this.heads = new nn.ModuleList(Array.from({ length: heads }, () => new Head(dim, dim / heads, block)))
    this.proj = new nn.Linear(dim, dim)
    this.mlp = new nn.Sequential(new nn.Linear(dim, 4 * dim), new nn.ReLU(), new nn.Linear(4 * dim, dim), new nn.Dropout(0.1))
    this.ln1 = new nn.LayerNorm(dim)
    this.ln2 = new nn.LayerNorm(dim)
  }
  forward(x: Tensor): Tensor {
    const y = this.ln1(x)
    const attended = x.add(this.proj(cat([...this.heads].map((head) => head(y)), { dim: -1 })))
    return attended.add(this.mlp(this.ln2(attended)))
  }
}

class LanguageModel extends nn.Module {
  tok; pos; blocks; norm; head
  constructor(words: number, dim: number, heads: number, blocks: number, block: number) {
    super()
    this.tok = new nn.Embedding(words, dim)
    this.pos = new nn.Embedding(block, dim)
    this.blocks = new nn.Sequential(...Array.from({ length: blocks }, () => new Block(dim, heads, block)))
    this.norm = new nn.LayerNorm(dim)
    this.head = new nn.Linear(dim, words, { bias: false })
    this.head.weight = this.tok.weight
  }
  forward(idx: Tensor): Tensor {
    const x = this.tok(idx).add(this.pos(arange(idx.shape[1])))
    return this.head(this.norm(this.blocks(x)))
  }
}

function languageModel(): number[] {
  const text = 'the quick brown fox jumps over the lazy dog. '.repeat(9)
  const letters = [...new Set(text)].sort()
  const data = tensor([...text].map((letter) => letters.indexOf(letter)), { dtype: 'int64' })
  manualSeed(1337)
  const model = new LanguageModel(letters.length, 16, 4, 2, 8)
  const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-2 })
  return Array.from({ length: 8 }, () => {
    const starts = [...randint(data.numel() - 8, [4]).data]
    const x = stack(starts.map((i) => data.at(`${i}:${i + 8}`)))
    const y = stack(starts.map((i) => data.at(`${i + 1}:${i + 9}`)))
    const loss = F.crossEntropy(model(x).view(-1, letters.length), y.view(-1))
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss.item()
  })
}

function adversaries(): number[] {
  manualSeed(7)
  const generator = new nn.Sequential(new nn.Linear(4, 16), new nn.LeakyReLU(0.2), new nn.Linear(16, 2))
  const critic = new nn.Sequential(new nn.Linear(2, 16), new nn.LeakyReLU(0.2), new nn.Dropout(0.3), new nn.Linear(16, 1), new nn.Sigmoid())
  const g = new optim.Adam(generator.parameters(), { lr: 0.01, betas: [0.5, 0.999] })
  const c = new optim.Adam(critic.parameters(), { lr: 0.01, betas: [0.5, 0.999] })
  const bce = new nn.BCELoss()
  return Array.from({ length: 5 }, () => {
    const real = randn([16, 2]).mul(0.5).add(2)
    const fake = generator(randn([16, 4]))
    const loss = bce(critic(real), ones([16, 1])).add(bce(critic(fake.detach()), zeros([16, 1])))
    c.zeroGrad()
    loss.backward()
    c.step()
    const fooling = bce(critic(fake), ones([16, 1]))
    g.zeroGrad()
    fooling.backward()
    g.step()
    return [loss.item(), fooling.item()]
  }).flat()
}

function gradientPenalty(): number[] {
  manualSeed(8)
  const critic = new nn.Sequential(new nn.Linear(2, 12), new nn.LayerNorm(12), new nn.Tanh(), new nn.Linear(12, 1))
  const optimizer = new optim.RMSprop(critic.parameters(), { lr: 0.005 })
  return Array.from({ length: 5 }, () => {
    const [real, fake] = [randn([8, 2]).add(1), randn([8, 2])]
    const share = rand([8, 1])
    const x = share.mul(real).add(share.neg().add(1).mul(fake)).requiresGrad_()
    const [grad] = autograd.grad(critic(x).sum(), x, { createGraph: true })
    const penalty = grad.norm(2, { dim: 1 }).sub(1).pow(2).mean()
    const loss = critic(fake).mean().sub(critic(real).mean()).add(penalty.mul(10))
    optimizer.zeroGrad()
    loss.backward()
    optimizer.step()
    return loss.item()
  })
}

function metaLearning(): number[] {
  manualSeed(10)
  const W = randn([3, 1], { requiresGrad: true })
  const b = zeros([1], { requiresGrad: true })
  return Array.from({ length: 4 }, () => {
    let loss = tensor(0)
    for (const task of [1, 2, 3]) {
      const X = randn([6, 3])
      const inner = F.mseLoss(X.matmul(W).add(b), X.sum(1, { keepdim: true }).mul(task))
      const [dW, db] = autograd.grad(inner, [W, b], { createGraph: true })
      const Y = randn([6, 3])
      loss = loss.add(F.mseLoss(Y.matmul(W.sub(dW.mul(0.1))).add(b).sub(db.mul(0.1)), Y.sum(1, { keepdim: true }).mul(task)))
    }
    loss.backward()
    noGrad(() => {
      for (const parameter of [W, b]) if (parameter.grad) parameter.sub_(parameter.grad.mul(0.05))
      W.grad?.zero_()
      b.grad = null
    })
    return loss.item()
  })
}

function adamByHand(): number[] {
  manualSeed(11)
  const w = randn([4], { requiresGrad: true })
  const [m, v] = [zeros([4]), zeros([4])]
  return [1, 2, 3, 4, 5, 6, 7].map((t) => {
    const loss = w.sub(tensor([1, 2, 3, 4])).pow(2).sum()
    loss.backward()
    noGrad(() => {
      const grad = w.grad ?? zeros([4])
      m.mul_(0.9).add_(grad, { alpha: 0.1 })
      v.mul_(0.99).addcmul_(grad, grad, { value: 0.01 })
      w.addcdiv_(m.div(1 - 0.9 ** t), v.div(1 - 0.99 ** t).sqrt_().add_(1e-8), { value: -0.1 })
    })
    w.grad = null
    return loss.item()
  })
}

const goldens: Readonly<Record<string, Golden>> = JSON.parse(readFileSync(new URL('programs.json', import.meta.url), 'utf8'))
const programs: Readonly<Record<string, () => number[]>> = {
  language_model: languageModel, adversaries, gradient_penalty: gradientPenalty, meta_learning: metaLearning, adam_by_hand: adamByHand,
}

for (const [name, golden] of Object.entries(goldens))
  test(`${name.replaceAll('_', ' ')} has the losses that it has in PyTorch`, () => {
    const losses = programs[name]()
    assert.is(losses.length, golden.losses.length)
    losses.forEach((loss, i) => assert.ok(Math.abs(loss - golden.losses[i]) <= golden.tolerance, `${losses} instead of ${golden.losses}`))
    assert.equal([...rand([2]).data], golden.randomAfterwards)
  })

test.run()
