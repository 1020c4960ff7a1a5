/** attentionRollout: closed forms, and what the attention of a model really is. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { manualSeed, nn, noGrad, randn, vit, type Tensor } from 'vitgrad'

test.before.each(() => void manualSeed(0))

const vision = { imageSize: 8, patchSize: 4, classes: 3, dim: 16, depth: 3, heads: 2 }
const models = {
  'class token': new vit.VisionTransformer(vision),
  'average of the patches': new vit.VisionTransformer({ ...vision, globalPool: 'avg' }),
  'sequence pooling': new vit.CompactTransformer({ imageSize: 8, classes: 3, dim: 16, depth: 3, heads: 2, convLayers: 2 }),
  "the notebook's": new vit.Vit({ imageSize: 8, patchSize: 4, numBlocks: 3, heads: 4, dropout: 0.1, classes: 3 }),
}

const sums = (rollout: Tensor) => [...rollout.sum([1, 2]).data]

/** Makes every token attend to all tokens alike. */
function forgetQueries(model: nn.Module): void {
  for (const [name, parameter] of model.namedParameters()) if (/qkv|W_q|attention_pool/.test(name)) noGrad(() => parameter.zero_())
}

for (const [name, model] of Object.entries(models)) {
  test(`${name}: shares of each patch of each picture, which depend on the picture and are the same each time`, () => {
    const images = randn([2, 3, 8, 8])
    model.train()
    const rollout = vit.attentionRollout(model, images)
    assert.equal(rollout.shape, [2, 2, 2])
    assert.ok(rollout.data.every((share) => share > 0))
    for (const sum of sums(rollout)) assert.ok(name === 'sequence pooling' ? Math.abs(sum - 1) < 1e-5 : sum < 1, `${sum}`)
    assert.not.equal([...rollout.data.slice(0, 4)], [...rollout.data.slice(4)])
    assert.equal(vit.attentionRollout(model, images).data, rollout.data)
    assert.ok(model.training)
  })

  test(`${name}: where all tokens attend to all alike, all patches count alike`, () => {
    const blocks = 3
    forgetQueries(model)
    const rollout = vit.attentionRollout(model, randn([1, 3, 8, 8]))
    // Half of every token stays itself in each block: 1/2³ of the class token is still itself, the rest is spread over all tokens.
    const spread = 1 - 0.5 ** blocks
    const expected = { 'class token': spread / 5, "the notebook's": spread / 5, 'average of the patches': spread / 5 + 0.5 ** blocks / 4, 'sequence pooling': 1 / 4 }[name]
    for (const share of rollout.data) assert.ok(Math.abs(share - (expected ?? NaN)) < 1e-6, `${share}, expected ${expected}`)
  })
}

test('the weights of attention are those that its result is made with', () => {
  const model = new vit.VisionTransformer(vision)
  const { attn } = [...model.blocks][0] as nn.Module & { readonly attn: nn.Module & { weights(x: Tensor): Tensor; readonly qkv: nn.Linear; readonly proj: nn.Linear } }
  const x = randn([2, 5, 16])
  const values = attn.qkv(x).reshape([2, 5, 3, 2, 8]).permute([2, 0, 3, 1, 4]).select(0, 2)
  const made = attn.proj(attn.weights(x).matmul(values).transpose(1, 2).reshape([2, 5, 16]))
  const result = attn(x)
  made.data.forEach((value, i) => assert.ok(Math.abs(value - result.data[i]) < 1e-6))
})

test.run()
