// jax-js on its WebAssembly backend: gradients and update in one function under jit. Every use of an array but the last takes `.ref`.
import { LEARNING_RATE, MOMENTUM } from '../configs.ts'
import { measureSteps } from '../measure.ts'
import { report, start, versionOf } from './start.mjs'
import * as jax from '@jax-js/jax'

const { numpy: np, nn, jit, valueAndGrad, tree } = jax
await jax.init('wasm')
jax.defaultDevice('wasm')

const { config, budget, tokens, weights, pictures, labels, parameters } = start()
const { batch, image, patch, dim, heads, depth, classes, act } = config
const grid = image / patch
const x = np.array(pictures).reshape([batch, 3, grid, patch, grid, patch])
const y = nn.oneHot(np.array(labels, { dtype: np.int32 }), classes)
let params = Object.fromEntries(Object.entries(weights).map(([name, { shape, data }]) => [name, np.array(data).reshape(shape)]))
let momenta = Object.fromEntries(Object.entries(weights).map(([name, { shape }]) => [name, np.zeros(shape)]))

function lossOf(w, x, y) {
  const linear = (t, name) => {
    const product = np.matmul(t, w[`${name}.weight`])
    return w[`${name}.bias`] ? product.add(w[`${name}.bias`]) : product
  }
  const layerNorm = (t, name) => nn.standardize(t, -1).mul(w[`${name}.weight`]).add(w[`${name}.bias`])
  const split = (t) => t.reshape([batch, tokens, heads, dim / heads]).transpose([0, 2, 1, 3])
  const attention = (t, name) => {
    const [q, k, v] = [split(linear(t.ref, `${name}.q`)), split(linear(t.ref, `${name}.k`)), split(linear(t, `${name}.v`))]
    const scores = np.matmul(q, k.transpose([0, 1, 3, 2])).mul(1 / Math.sqrt(dim / heads))
    return linear(np.matmul(nn.softmax(scores, -1), v).transpose([0, 2, 1, 3]).reshape([batch, tokens, dim]), `${name}.o`)
  }
  const patches = linear(x.transpose([0, 2, 4, 1, 3, 5]).reshape([batch, grid * grid, 3 * patch * patch]), 'patch')
  let t = np.concatenate([np.broadcastTo(w.cls, [batch, 1, dim]), patches], 1).add(w.pos)
  for (let i = 0; i < depth; i++) {
    t = t.ref.add(attention(layerNorm(t, `blocks.${i}.ln1`), `blocks.${i}.attn`))
    const hidden = linear(layerNorm(t.ref, `blocks.${i}.ln2`), `blocks.${i}.mlp.0`)
    t = t.add(linear(act === 'gelu' ? nn.gelu(hidden, { approximate: false }) : nn.relu(hidden), `blocks.${i}.mlp.2`))
  }
  const logits = linear(layerNorm(t, 'ln').slice([], 0), 'head')
  return nn.logSoftmax(logits, -1).mul(y).sum().mul(-1 / batch)
}

const update = jit((w, momenta, x, y) => {
  const [loss, grads] = valueAndGrad(lossOf)(tree.ref(w), x, y)
  const nextMomenta = {}
  const next = {}
  for (const name of Object.keys(grads)) {
    nextMomenta[name] = momenta[name].mul(MOMENTUM).add(grads[name])
    next[name] = w[name].sub(nextMomenta[name].ref.mul(LEARNING_RATE))
  }
  return [loss, next, nextMomenta]
})

async function step() {
  const [loss, next, nextMomenta] = update(params, momenta, x.ref, y.ref)
  params = next
  momenta = nextMomenta
  await jax.blockUntilReady(params)
  return (await loss.data())[0]
}

report(await measureSteps({ name: 'jax-js', version: versionOf('@jax-js/jax'), setting: 'wasm, jit, 1 thread', parameters }, config, budget, step))
