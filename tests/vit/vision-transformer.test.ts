/** VisionTransformer beside PyTorch: timm's architecture and torchvision's, from the same weights. */
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { io, manualSeed, nn, optim, randn, ShapeError, ValueError, vit, type Tensor } from 'vitgrad'
import { isError } from '../is-error.ts'

test.before.each(() => void manualSeed(0))

const small = { imageSize: 8, patchSize: 4, classes: 5, dim: 16, depth: 2, heads: 2, mlpRatio: 2 }
const models: Readonly<Record<string, vit.VisionTransformerOptions>> = {
  token: small,
  average: { ...small, depth: 3, heads: 4, mlpRatio: 2.5, dropout: 0.1, dropPath: 0.3, qkvBias: false, globalPool: 'avg', channels: 1 },
  torchvision: small,
}

/** The tensors of a file whose names begin with `prefix`, without it. */
const under = (prefix: string, tensors: Record<string, Tensor>) =>
  Object.fromEntries(Object.entries(tensors).flatMap(([name, x]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), x]] : [])))

/** Throws unless the largest difference is at most 1e-5 of the largest number. */
function assertClose(actual: ArrayLike<number>, expected: Float32Array, what: string): void {
  assert.is(actual.length, expected.length, what)
  const scale = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
  const off = expected.reduce((most, x, i) => Math.max(most, Math.abs(x - actual[i])), 0)
  assert.ok(off <= 1e-5 * scale, `${what} is off by ${off} of ${scale}`)
}

for (const [name, options] of Object.entries(models))
  test(`from the weights of PyTorch's model '${name}': its logits, gradients, and the losses of ten steps of SGD`, () => {
    const golden = io.loadSafetensors(fileURLToPath(new URL(`${name}.safetensors`, import.meta.url)))
    const { pictures, labels, logits, losses } = golden
    const model = new vit.VisionTransformer(options)
    model.loadStateDict(under('weights/', golden))
    assertClose(model.eval()(pictures).data, logits.data, 'logits')

    manualSeed(0)
    model.train()
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 })
    const gradients = under('gradients/', golden)
    const parameters = [...model.namedParameters()]
    assert.equal(parameters.map(([key]) => key).sort(), Object.keys(gradients).sort())
    for (const [step, expected] of losses.data.entries()) {
      optimizer.zeroGrad()
      const loss = nn.functional.crossEntropy(model(pictures), labels)
      loss.backward()
      if (step === 0) for (const [key, { grad }] of parameters) assertClose(grad?.data ?? [], gradients[key].data, `the gradient of ${key}`)
      optimizer.step()
      assertClose([loss.item()], Float32Array.of(expected), `the loss of step ${step}`)
    }
  })

test("its keys are timm's, in timm's order", () => {
  const block = ['norm1.weight', 'norm1.bias', 'attn.qkv.weight', 'attn.qkv.bias', 'attn.proj.weight', 'attn.proj.bias', 'norm2.weight', 'norm2.bias', 'mlp.fc1.weight', 'mlp.fc1.bias', 'mlp.fc2.weight', 'mlp.fc2.bias']
  const keysOf = (options: Partial<vit.VisionTransformerOptions>) => Object.keys(new vit.VisionTransformer({ ...small, depth: 1, ...options }).stateDict())
  const first = ['cls_token', 'pos_embed', 'patch_embed.proj.weight', 'patch_embed.proj.bias', ...block.map((key) => `blocks.0.${key}`)]
  assert.equal(keysOf({}), [...first, 'norm.weight', 'norm.bias', 'head.weight', 'head.bias'])
  assert.equal(keysOf({ globalPool: 'avg', dropPath: 0.1 }), [...first, 'fc_norm.weight', 'fc_norm.bias', 'head.weight', 'head.bias'])
  assert.equal(keysOf({ qkvBias: false }), [...first, 'norm.weight', 'norm.bias', 'head.weight', 'head.bias'].filter((key) => key !== 'blocks.0.attn.qkv.bias'))
})

test("presets are timm's, and take other pictures and classes", () => {
  const count = (model: nn.Module) => [...model.parameters()].reduce((sum, p) => sum + p.numel(), 0)
  // sum(p.numel() for p in timm.create_model('vit_tiny_patch16_224').parameters())
  assert.is(count(vit.vitTiny()), 5_717_416)
  // A block of dim d has 12 d² + 13 d parameters; drawing those of 12 takes seconds.
  assert.is(count(vit.vitSmall({ depth: 0 })) + 12 * (12 * 384 ** 2 + 13 * 384), 22_050_664)
  assert.is(count(vit.vitBase({ depth: 0 })) + 12 * (12 * 768 ** 2 + 13 * 768), 86_567_656)
  assert.equal(vit.vitTiny({ imageSize: 32, patchSize: 8, classes: 10, depth: 1 })(randn([2, 3, 32, 32])).shape, [2, 10])
})

test("weightInit: 'skip' leaves layers what PyTorch draws for them, in its order", () => {
  // torch.manual_seed(3); nn.Conv2d(3, 8, 4, 4); pos = torch.randn(1, 5, 8) * .02; qkv = nn.Linear(8, 24); pos[0, 4, :3], qkv.weight[0, :3]
  manualSeed(3)
  const model = new vit.VisionTransformer({ imageSize: 8, patchSize: 4, classes: 3, dim: 8, depth: 1, heads: 2, weightInit: 'skip' })
  assert.equal(model.pos_embed.at(0, 4, ':3').tolist(), [0.011187853291630745, -0.01661265268921852, -0.02057507634162903])
  assert.equal(model.stateDict()['blocks.0.attn.qkv.weight'].at(0, ':3').tolist(), [-0.3466090261936188, -0.2178943157196045, 0.2544404864311218])
  assert.ok(model.cls_token.data.every((value) => value === 0))
})

test('drop path grows evenly over the blocks and skips whole samples, in training only', () => {
  const model = new vit.VisionTransformer({ ...small, depth: 3, dropPath: 0.5 })
  assert.equal([...model.modules()].flatMap((module) => (module instanceof nn.DropPath ? [module.p] : [])), [0.25, 0.25, 0.5, 0.5])
  const dropped = new nn.DropPath(0.5)(randn([64, 2, 3]).abs().add(1)).reshape([64, 6])
  const kept = dropped.ne(0).sum(1).data
  assert.ok(kept.every((count) => count === 0 || count === 6) && kept.includes(0) && kept.includes(6))
  const x = randn([4, 3, 8, 8])
  assert.not.equal(model(x).data, model(x).data)
  assert.equal(model.eval()(x).data, model(x).data)
  assert.is(String(new nn.DropPath(0.1)), 'DropPath(drop_prob=0.100)')
})

test('options that do not fit together, and pictures of another size, are refused', () => {
  const refuses = (options: object, pattern: RegExp) => assert.throws(() => new vit.VisionTransformer({ ...small, ...options }), isError(ValueError, pattern))
  refuses({ patchSize: 3 }, /^VisionTransformer: patches of 3 do not divide a picture of 8/)
  refuses({ heads: 3 }, /^VisionTransformer: 3 heads do not divide a dim of 16/)
  refuses({ weightInit: 'zeros' }, /^VisionTransformer: weightInit = zeros/)
  refuses({ globalPool: 'max' }, /^VisionTransformer: globalPool = max/)
  refuses({ dropPath: 1.5 }, /^DropPath: p = /)
  assert.throws(() => new vit.VisionTransformer(small)(randn([1, 3, 12, 12])), isError(ShapeError, /give 9 patches, the model was built for 4/))
})

test.run()
