/** Attention of every head of a batch, forward and backward, in plain TypeScript. */
import type { NDArray } from '../../ndarray.ts'

/** One head's matrix: where it starts and how far apart its rows are. Neighbours in a row are `step` apart. */
interface Matrix {
  readonly data: Float32Array
  readonly at: number
  readonly row: number
  readonly step: number
}

/** Head h of batch entry b of an array (B, h, N, d). */
function head(x: NDArray, b: number, h: number): Matrix {
  return { data: x.storage.data, at: x.offset + b * x.strides[0] + h * x.strides[1], row: x.strides[2], step: x.strides[3] }
}

const read = (m: Matrix, i: number, j: number) => m.data[m.at + i * m.row + j * m.step]

/** Calls `visit` for every head. */
function eachHead(x: NDArray, visit: (b: number, h: number) => void): void {
  for (let b = 0; b < x.shape[0]; b++) for (let h = 0; h < x.shape[1]; h++) visit(b, h)
}

export function attention(out: NDArray, weights: NDArray, q: NDArray, k: NDArray, v: NDArray, dropout: NDArray | null, scale: number): void {
  const [, , queries, depth] = q.shape
  const [keys, width] = v.shape.slice(2)
  const scores = new Float64Array(keys)
  eachHead(q, (b, h) => {
    const [Q, K, V, P, O] = [q, k, v, weights, out].map((x) => head(x, b, h))
    const D = dropout && head(dropout, b, h)
    for (let i = 0; i < queries; i++) {
      let max = -Infinity
      for (let j = 0; j < keys; j++) {
        let dot = 0
        for (let c = 0; c < depth; c++) dot += read(Q, i, c) * read(K, j, c)
        scores[j] = dot * scale
        if (scores[j] > max) max = scores[j]
      }
      let sum = 0
      for (let j = 0; j < keys; j++) sum += scores[j] = Math.exp(scores[j] - max)
      for (let j = 0; j < keys; j++) P.data[P.at + i * P.row + j * P.step] = scores[j] / sum
      for (let c = 0; c < width; c++) {
        let total = 0
        for (let j = 0; j < keys; j++) total += read(P, i, j) * (D ? read(D, i, j) : 1) * read(V, j, c)
        O.data[O.at + i * O.row + c * O.step] = total
      }
    }
  })
}

/** With D the dropout mask: dP = D · (dO · Vᵀ) + dW, dS = P · (dP − Σ dP · P), dQ = scale · dS · K, dK = scale · dSᵀ · Q, dV = (D · P)ᵀ · dO. */
export function attentionBackward(dq: NDArray, dk: NDArray, dv: NDArray, grad: NDArray, gradWeights: NDArray | null, weights: NDArray, q: NDArray, k: NDArray, v: NDArray, dropout: NDArray | null, scale: number): void {
  const [, , queries, depth] = q.shape
  const [keys, width] = v.shape.slice(2)
  const dP = new Float64Array(keys)
  const [kSums, vSums] = [new Float64Array(keys * depth), new Float64Array(keys * width)]
  eachHead(q, (b, h) => {
    const [Q, K, V, P, G, dQ, dK, dV] = [q, k, v, weights, grad, dq, dk, dv].map((x) => head(x, b, h))
    const D = dropout && head(dropout, b, h)
    const W = gradWeights && head(gradWeights, b, h)
    kSums.fill(0)
    vSums.fill(0)
    for (let i = 0; i < queries; i++) {
      let weighted = 0
      for (let j = 0; j < keys; j++) {
        let dot = 0
        for (let c = 0; c < width; c++) dot += read(G, i, c) * read(V, j, c)
        dP[j] = dot * (D ? read(D, i, j) : 1) + (W ? read(W, i, j) : 0)
        weighted += dP[j] * read(P, i, j)
      }
      for (let j = 0; j < keys; j++) {
        const p = read(P, i, j)
        const dropped = p * (D ? read(D, i, j) : 1)
        dP[j] = p * (dP[j] - weighted) * scale
        for (let c = 0; c < depth; c++) kSums[j * depth + c] += dP[j] * read(Q, i, c)
        for (let c = 0; c < width; c++) vSums[j * width + c] += dropped * read(G, i, c)
      }
      for (let c = 0; c < depth; c++) {
        let total = 0
        for (let j = 0; j < keys; j++) total += dP[j] * read(K, j, c)
        dQ.data[dQ.at + i * dQ.row + c * dQ.step] = total
      }
    }
    for (let j = 0; j < keys; j++) {
      for (let c = 0; c < depth; c++) dK.data[dK.at + j * dK.row + c * dK.step] = kSums[j * depth + c]
      for (let c = 0; c < width; c++) dV.data[dV.at + j * dV.row + c * dV.step] = vSums[j * width + c]
    }
  })
}
