// js-pytorch: nested arrays of numbers in plain JavaScript. What it lacks is written out here: SGD (it has Adam only), joining
// tokens (a constant matrix of 0 and 1 places them), GELU (by its tanh form through exp), attention without a causal mask, patches
// (cut before the timing). Its ReLU leaks 0.1 %, its layer norm has no epsilon; its first loss differs from vitgrad's by about 0.001.
import { torch } from 'js-pytorch'
import { LEARNING_RATE, MOMENTUM } from '../configs.ts'
import { measureSteps } from '../measure.ts'
import { report, start, versionOf } from './start.mjs'

const { nn } = torch
const { config, budget, tokens, weights, pictures, labels, parameters } = start()
const { batch, image, patch, dim, heads, depth, classes, act, hidden } = config
const grid = image / patch

/** Numbers in row-major order as nested arrays. */
function nested(data, shape, offset = 0) {
  if (shape.length === 0) return data[offset]
  const [size, ...inner] = shape
  const stride = inner.reduce((product, n) => product * n, 1)
  return Array.from({ length: size }, (_, i) => nested(data, inner, offset + i * stride))
}
const trainable = []
/** Replaces a layer's parameter by one that holds vitgrad's numbers. */
function set(layer, property, name, shape = weights[name].shape) {
  layer[property] = torch.tensor(nested(weights[name].data, shape), true)
  trainable.push({ parameter: layer[property], momentum: null })
}
function linear(name, inputs, outputs) {
  const bias = `${name}.bias` in weights
  const layer = new nn.Linear(inputs, outputs, 'cpu', bias)
  set(layer, 'W', `${name}.weight`)
  if (bias) set(layer, 'b', `${name}.bias`)
  return layer
}
function layerNorm(name) {
  const layer = new nn.LayerNorm(dim)
  set(layer, 'gamma', `${name}.weight`)
  set(layer, 'beta', `${name}.bias`)
  return layer
}

const gelu = (t) => t.div(torch.exp(t.pow(3).mul(0.044715).add(t).mul(-2 * Math.sqrt(2 / Math.PI))).add(1))
const relu = new nn.ReLU()
const softmax = new nn.Softmax()
const split = (t) => t.reshape([batch, tokens, heads, dim / heads]).transpose(1, 2)
function block(i) {
  const [q, k, v, o] = ['q', 'k', 'v', 'o'].map((part) => linear(`blocks.${i}.attn.${part}`, dim, dim))
  const [ln1, ln2] = [layerNorm(`blocks.${i}.ln1`), layerNorm(`blocks.${i}.ln2`)]
  const [mlp0, mlp2] = [linear(`blocks.${i}.mlp.0`, dim, hidden), linear(`blocks.${i}.mlp.2`, hidden, dim)]
  return (x) => {
    const t = ln1.forward(x)
    const scores = split(q.forward(t)).matmul(split(k.forward(t)).transpose(-2, -1)).mul(1 / Math.sqrt(dim / heads))
    const mixed = softmax.forward(scores, -1).matmul(split(v.forward(t)))
    const y = x.add(o.forward(mixed.transpose(1, 2).reshape([batch, tokens, dim])))
    const inner = mlp0.forward(ln2.forward(y))
    return y.add(mlp2.forward(act === 'gelu' ? gelu(inner) : relu.forward(inner)))
  }
}

const embed = linear('patch', 3 * patch * patch, dim)
const blocks = Array.from({ length: depth }, (_, i) => block(i))
const ln = layerNorm('ln')
const head = linear('head', dim, classes)
const learned = {}
set(learned, 'cls', 'cls', [1, dim])
set(learned, 'pos', 'pos', [tokens, dim])
const places = torch.tensor(Array.from({ length: tokens }, (_, i) => Array.from({ length: tokens - 1 }, (_, j) => (j === i - 1 ? 1 : 0))))
const firstPlace = torch.tensor(Array.from({ length: tokens }, (_, i) => [i === 0 ? 1 : 0]))

const at = (b, c, row, column) => pictures[((b * 3 + c) * image + row) * image + column]
const cut = Array.from({ length: batch }, (_, b) => Array.from({ length: tokens - 1 }, (_, n) => Array.from({ length: 3 * patch * patch }, (_, e) => {
  const [c, row, column] = [Math.floor(e / (patch * patch)), Math.floor(e / patch) % patch, e % patch]
  return at(b, c, Math.floor(n / grid) * patch + row, (n % grid) * patch + column)
})))
const x = torch.tensor(cut)
const y = torch.tensor([...labels])

function forward() {
  let t = places.matmul(embed.forward(x)).add(firstPlace.matmul(learned.cls)).add(learned.pos)
  for (const run of blocks) t = run(t)
  return head.forward(ln.forward(t).transpose(0, 1).at([0]).reshape([batch, dim]))
}

const zerosLike = (values) => values.map((value) => (typeof value === 'number' ? 0 : zerosLike(value)))
function descend(values, grads, momenta) {
  for (let i = 0; i < values.length; i++)
    if (typeof values[i] === 'number') {
      momenta[i] = MOMENTUM * momenta[i] + grads[i]
      values[i] -= LEARNING_RATE * momenta[i]
    } else descend(values[i], grads[i], momenta[i])
}

const criterion = new nn.CrossEntropyLoss()
function step() {
  const loss = criterion.forward(forward(), y)
  loss.backward()
  for (const entry of trainable) {
    const { parameter } = entry
    entry.momentum ??= zerosLike(parameter._data)
    descend(parameter._data, parameter._grad._data, entry.momentum)
    parameter.zero_grad()
    parameter.children = []
    parameter.parents = []
  }
  return loss.data[0]
}

report(await measureSteps({ name: 'js-pytorch', version: versionOf('js-pytorch'), setting: `float64, batch ${batch}`, parameters }, config, budget, step))
