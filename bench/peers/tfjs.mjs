// TensorFlow.js on its WebAssembly backend. `--pretranspose` transposes matrices before a product instead of asking the product to:
// the backend is slow at transposed operands, which the gradients that it ships ask for.
import { createRequire } from 'node:module'
import path from 'node:path'
import { LEARNING_RATE, MOMENTUM } from '../configs.ts'
import { measureSteps } from '../measure.ts'
import { report, start, versionOf } from './start.mjs'

const pretranspose = process.argv.includes('--pretranspose')
const require = createRequire(import.meta.url)
const tf = require('@tensorflow/tfjs')
const wasm = require('@tensorflow/tfjs-backend-wasm')
wasm.setWasmPaths(path.join(path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'dist') + path.sep)
if (!(await tf.setBackend('wasm'))) throw new Error('the WebAssembly backend does not start')
await tf.ready()

const { config, budget, tokens, weights, pictures, labels, parameters } = start()
const { batch, image, patch, dim, heads, depth, classes, act } = config
const grid = image / patch
const w = Object.fromEntries(Object.entries(weights).map(([name, { shape, data }]) => [name, tf.variable(tf.tensor(data, shape))]))
const x = tf.tensor(pictures, [batch, 3, grid, patch, grid, patch])
const y = tf.oneHot(tf.tensor1d(labels, 'int32'), classes).toFloat()

const transposedBeforehand = tf.customGrad((a, b, save) => {
  save([a, b])
  return { value: tf.matMul(a, b), gradFunc: (dy, [a, b]) => [tf.matMul(dy, tf.transpose(b)), tf.matMul(tf.transpose(a), dy)] }
})
const linear = (t, name) => {
  const product = pretranspose ? transposedBeforehand(t, w[`${name}.weight`]) : tf.matMul(t, w[`${name}.weight`])
  return w[`${name}.bias`] ? product.add(w[`${name}.bias`]) : product
}
const layerNorm = (t, name) => {
  const { mean, variance } = tf.moments(t, -1, true)
  return t.sub(mean).mul(tf.rsqrt(variance.add(1e-5))).mul(w[`${name}.weight`]).add(w[`${name}.bias`])
}
const gelu = (t) => t.mul(0.5).mul(tf.erf(t.mul(Math.SQRT1_2)).add(1))

// Activations are matrices (batch · tokens, dim).
const split = (t) => t.reshape([batch, tokens, heads, dim / heads]).transpose([0, 2, 1, 3])
function attention(t, name) {
  const [q, k, v] = ['q', 'k', 'v'].map((part) => split(linear(t, `${name}.${part}`)))
  const mixed = tf.matMul(tf.softmax(tf.matMul(q, k, false, true).mul(1 / Math.sqrt(dim / heads))), v)
  return linear(mixed.transpose([0, 2, 1, 3]).reshape([batch * tokens, dim]), `${name}.o`)
}
function forward() {
  const patches = linear(x.transpose([0, 2, 4, 1, 3, 5]).reshape([batch * grid * grid, 3 * patch * patch]), 'patch')
  let t = tf.concat([w.cls.tile([batch, 1, 1]), patches.reshape([batch, tokens - 1, dim])], 1).add(w.pos).reshape([batch * tokens, dim])
  for (let i = 0; i < depth; i++) {
    t = t.add(attention(layerNorm(t, `blocks.${i}.ln1`), `blocks.${i}.attn`))
    const hidden = linear(layerNorm(t, `blocks.${i}.ln2`), `blocks.${i}.mlp.0`)
    t = t.add(linear(act === 'gelu' ? gelu(hidden) : tf.relu(hidden), `blocks.${i}.mlp.2`))
  }
  const cls = layerNorm(t, 'ln').reshape([batch, tokens, dim]).slice([0, 0, 0], [batch, 1, dim]).reshape([batch, dim])
  return linear(cls, 'head')
}

const optimizer = tf.train.momentum(LEARNING_RATE, MOMENTUM)
function step() {
  const loss = optimizer.minimize(() => tf.losses.softmaxCrossEntropy(y, forward()), true)
  const value = loss.dataSync()[0]
  loss.dispose()
  return value
}

const setting = `wasm, ${wasm.getThreadsCount()} thread${wasm.getThreadsCount() === 1 ? '' : 's'}`
report(await measureSteps({ name: 'TensorFlow.js', version: versionOf('@tensorflow/tfjs'), setting, parameters }, config, budget, step))
