/** Softmax and log-softmax over the last dimension, forward and backward, in plain TypeScript. */
import type { NDArray } from '../../ndarray.ts'

/** Calls `row` with the start of each row of dense arrays. */
function eachDenseRow(out: NDArray, row: (at: number, length: number) => void): void {
  const length = out.shape[out.ndim - 1]
  for (let at = 0; at < out.numel; at += length) row(at, length)
}

function largest(x: Float32Array, at: number, length: number): number {
  let max = -Infinity
  for (let i = at; i < at + length; i++) if (x[i] > max) max = x[i]
  return max
}

export function softmax(out: NDArray, x: NDArray): void {
  const o = out.storage.data
  const p = x.values()
  eachDenseRow(out, (at, length) => {
    const max = largest(p, at, length)
    let sum = 0
    for (let i = at; i < at + length; i++) sum += o[i] = Math.exp(p[i] - max)
    for (let i = at; i < at + length; i++) o[i] /= sum
  })
}

export function logSoftmax(out: NDArray, x: NDArray): void {
  const o = out.storage.data
  const p = x.values()
  eachDenseRow(out, (at, length) => {
    const max = largest(p, at, length)
    let sum = 0
    for (let i = at; i < at + length; i++) sum += Math.exp(p[i] - max)
    const shift = max + Math.log(sum)
    for (let i = at; i < at + length; i++) o[i] = p[i] - shift
  })
}

export function softmaxBackward(out: NDArray, grad: NDArray, y: NDArray): void {
  const o = out.storage.data
  const g = grad.values()
  const p = y.values()
  eachDenseRow(out, (at, length) => {
    let sum = 0
    for (let i = at; i < at + length; i++) sum += g[i] * p[i]
    for (let i = at; i < at + length; i++) o[i] = p[i] * (g[i] - sum)
  })
}

export function logSoftmaxBackward(out: NDArray, grad: NDArray, y: NDArray): void {
  const o = out.storage.data
  const g = grad.values()
  const p = y.values()
  eachDenseRow(out, (at, length) => {
    let sum = 0
    for (let i = at; i < at + length; i++) sum += g[i]
    for (let i = at; i < at + length; i++) o[i] = g[i] - Math.exp(p[i]) * sum
  })
}
