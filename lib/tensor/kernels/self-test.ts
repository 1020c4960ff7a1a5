/** Trying out an engine before it is trusted: every family of kernels against the reference. */
import { NDArray } from '../ndarray.ts'
import { Generator } from '../random.ts'
import type { Kernels } from './kernels.ts'
import { reference } from './reference/reference.ts'

/** The name of the first kernel whose results are not those of the reference; null when all agree. */
export function agreesWithReference(kernels: Kernels): keyof Kernels | null {
  const generator = new Generator(0)
  const random = (...shape: number[]) => {
    const array = NDArray.zeros(shape)
    generator.normal(array.storage.data)
    return array
  }
  const [x, y, row, square] = [random(71, 47), random(71, 47), random(47), random(47, 51)]
  const heads = () => random(2, 33, 3, 20).transpose(1, 2)
  const [q, k, v] = [heads(), heads(), heads()]
  const [picture, unfolded] = [random(2, 9, 11, 5), random(2, 5, 10, 3, 2, 5)]
  const windows = { kernel: [3, 2], stride: [2, 1], padding: [1, 0], dilation: [1, 1], output: [5, 10] } as const
  const state = random(624)
  const index = NDArray.from(Float32Array.of(3, 0, 66, 3), [4], 'int64')

  type Trial = (engine: Kernels) => NDArray[]
  const trials: [keyof Kernels, Trial][] = [
    ['copy', (engine) => outputs([[47, 71]], (out) => engine.copy(out, x.transpose(0, 1)))],
    ['unary', (engine) => (['exp', 'tanh', 'gelu', 'sigmoid'] as const).flatMap((op) => outputs([[71, 47]], (out) => engine.unary(op, out, x)))],
    ['binary', (engine) => (['add', 'mul', 'div', 'geluBackward'] as const).flatMap((op) => outputs([[71, 47]], (out) => engine.binary(op, out, x, y)))],
    ['reduce', (engine) => [...outputs([[71]], (out) => engine.reduce('sum', out, x, 1)), ...outputs([[47]], (out) => engine.reduce('sum', out, x.transpose(0, 1), 1))]],
    ['softmax', (engine) => outputs([[71, 47]], (out) => engine.softmax(out, x))],
    ['softmaxBackward', (engine) => outputs([[71, 47]], (out) => engine.softmaxBackward(out, x, y))],
    ['matmul', (engine) => [...outputs([[71, 51]], (out) => engine.matmul(out, x, square, null)), ...outputs([[47, 47]], (out) => engine.matmul(out, x.transpose(0, 1), y, row)), ...outputs([[71, 71]], (out) => engine.matmul(out, x, y.transpose(0, 1), null))]],
    ['layerNorm', (engine) => outputs([[71, 47], [71], [71]], (out, mean, rstd) => engine.layerNorm(out, mean, rstd, x, row, row, 1e-5))],
    ['layerNormBackward', (engine) => {
      const [mean, rstd] = outputs([[71, 47], [71], [71]], (out, m, r) => reference.layerNorm(out, m, r, x, row, row, 1e-5)).slice(1)
      return outputs([[71, 47], [47], [47]], (dx, dw, db) => engine.layerNormBackward(dx, dw, db, y, x, mean, rstd, row, 1e-5, false))
    }],
    ['attention', (engine) => outputs([[2, 3, 33, 20], [2, 3, 33, 33]], (out, weights) => engine.attention(out, weights, q, k, v, null, 0.2))],
    ['attentionBackward', (engine) => {
      const [out, weights] = outputs([[2, 3, 33, 20], [2, 3, 33, 33]], (o, w) => reference.attention(o, w, q, k, v, null, 0.2))
      return outputs([[2, 3, 33, 20], [2, 3, 33, 20], [2, 3, 33, 20]], (dq, dk, dv) => engine.attentionBackward(dq, dk, dv, out, null, weights, q, k, v, null, 0.2))
    }],
    ['unfold', (engine) => outputs([[2, 5, 10, 3, 2, 5]], (out) => engine.unfold(out, picture, windows, 0))],
    ['fold', (engine) => outputs([[2, 9, 11, 5]], (out) => engine.fold(out, unfolded, windows))],
    ['maxPool', (engine) => outputs([[2, 5, 10, 5], [2, 5, 10, 5]], (out, places) => engine.maxPool(out, places, picture, windows))],
    ['take', (engine) => outputs([[4, 47]], (out) => engine.take(out, x, index))],
    ['bernoulli', (engine) => outputs([[700], [624]], (out, nextState) => engine.bernoulli(out, nextState, state, 1, 0.3, 2)).slice(0, 1)],
    ['sgd', (engine) => {
      const [param, momentum] = [x.copy(), y.copy()]
      engine.sgd([{ param, grad: y, momentum, first: false }], { lr: 0.1, momentum: 0.9, dampening: 0, weightDecay: 0.01, nesterov: true, maximize: false })
      return [param, momentum]
    }],
  ]
  for (const [name, trial] of trials) if (!agree(trial(kernels), trial(reference))) return name
  return null
}

/** New arrays of these shapes, written by `fill`. */
function outputs(shapes: readonly (readonly number[])[], fill: (...outs: NDArray[]) => void): NDArray[] {
  const arrays = shapes.map((shape) => NDArray.zeros(shape))
  fill(...arrays)
  return arrays
}

function agree(actual: readonly NDArray[], expected: readonly NDArray[]): boolean {
  return actual.every((array, i) => {
    const truth = expected[i].values()
    return array.values().every((value, n) => Math.abs(value - truth[n]) <= 1e-4 * (1 + Math.abs(truth[n])))
  })
}
