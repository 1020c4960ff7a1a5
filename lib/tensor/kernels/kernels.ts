/**
 * The kernels: everything that touches numbers in bulk. An engine is one implementation of this interface.
 *
 * A kernel writes into `out`, which the caller has allocated dense and with the right shape; all shapes have been
 * checked. Inputs may have any strides (0 where they are broadcast). Kernels know nothing of gradients.
 */
import type { NDArray } from '../ndarray.ts'

export type UnaryOp =
  | 'neg' | 'abs' | 'sign' | 'exp' | 'log' | 'log2' | 'log10' | 'sqrt' | 'reciprocal' | 'sin' | 'cos' | 'tanh' | 'sigmoid' | 'erf'
  | 'relu' | 'gelu' | 'geluTanh' | 'floor' | 'ceil' | 'round' | 'isNaN'

export type BinaryOp =
  | 'add' | 'sub' | 'mul' | 'div' | 'pow' | 'maximum' | 'minimum' | 'atLeast' | 'atMost' | 'gt' | 'ge' | 'lt' | 'le' | 'eq' | 'ne'
  | 'reluBackward' | 'geluBackward' | 'geluTanhBackward' | 'tanhBackward' | 'sigmoidBackward'

export type ReduceOp = 'sum' | 'prod' | 'max' | 'min'

/** The windows that a convolution or pooling lays over the height and width of pictures. */
export interface Windows {
  readonly kernel: readonly [number, number]
  readonly stride: readonly [number, number]
  readonly padding: readonly [number, number]
  readonly dilation: readonly [number, number]
  /** Number of windows down and across. */
  readonly output: readonly [number, number]
}

/** One parameter's share of an SGD step. `momentum` is the buffer, null where momentum is 0. */
export interface SGDStep {
  readonly param: NDArray
  readonly grad: NDArray
  readonly momentum: NDArray | null
  /** Whether the buffer is still to be started from the gradient. */
  readonly first: boolean
}

export interface SGDRule {
  readonly lr: number
  readonly momentum: number
  readonly dampening: number
  readonly weightDecay: number
  readonly nesterov: boolean
  readonly maximize: boolean
}

/** One parameter's share of a step of Adam. `maxExpAvgSq` is null without amsgrad; `step` counts from 1. */
export interface AdamStep {
  readonly param: NDArray
  readonly grad: NDArray
  readonly expAvg: NDArray
  readonly expAvgSq: NDArray
  readonly maxExpAvgSq: NDArray | null
  readonly step: number
}

export interface AdamRule {
  readonly lr: number
  readonly betas: readonly [number, number]
  readonly eps: number
  readonly weightDecay: number
  /** Whether the decay shrinks the parameter itself (AdamW) or is added to the gradient (Adam). */
  readonly decoupled: boolean
  readonly maximize: boolean
}

/** One parameter's share of a step of RMSprop. `gradAvg` is null unless centered, `momentum` where momentum is 0. */
export interface RMSpropStep {
  readonly param: NDArray
  readonly grad: NDArray
  readonly squareAvg: NDArray
  readonly gradAvg: NDArray | null
  readonly momentum: NDArray | null
}

export interface RMSpropRule {
  readonly lr: number
  readonly alpha: number
  readonly eps: number
  readonly weightDecay: number
  readonly momentum: number
  readonly maximize: boolean
}

/** One tensor's share of a running mean. */
export interface LerpStep {
  readonly mean: NDArray
  readonly value: NDArray
}

export interface Kernels {
  fill(out: NDArray, value: number): void
  /** out = x; the only kernel whose `out` may have strides of its own. */
  copy(out: NDArray, x: NDArray): void
  unary(op: UnaryOp, out: NDArray, x: NDArray): void
  binary(op: BinaryOp, out: NDArray, a: NDArray, b: NDArray): void
  /** out = condition ≠ 0 ? a : b */
  where(out: NDArray, condition: NDArray, a: NDArray, b: NDArray): void

  /** Over the last `dims` dimensions of x; those before them are out's. */
  reduce(op: ReduceOp, out: NDArray, x: NDArray, dims: number): void
  /** Index of the first largest or smallest (or first NaN) along the last dimension. */
  argReduce(op: 'max' | 'min', out: NDArray, x: NDArray): void
  /** Running sums along the last dimension. */
  cumsum(out: NDArray, x: NDArray): void

  /** Along the last dimension. */
  softmax(out: NDArray, x: NDArray): void
  logSoftmax(out: NDArray, x: NDArray): void
  /** dx = y · (grad − Σ grad · y) */
  softmaxBackward(out: NDArray, grad: NDArray, y: NDArray): void
  /** dx = grad − exp(y) · Σ grad */
  logSoftmaxBackward(out: NDArray, grad: NDArray, y: NDArray): void

  /**
   * (..., M, K) · (..., K, N) -> (..., M, N), the same leading dimensions everywhere; `bias` (N,) is added where given, or what `out`
   * holds already.
   */
  matmul(out: NDArray, a: NDArray, b: NDArray, start: NDArray | 'out' | null): void

  /** Rows of x (R, N): mean and rstd (R,); y = (x − mean) · rstd · weight + bias. */
  layerNorm(y: NDArray, mean: NDArray, rstd: NDArray, x: NDArray, weight: NDArray | null, bias: NDArray | null, eps: number): void
  /** Gradients of x, which are added to what dx holds where they go `onto` it, of weight and of bias. */
  layerNormBackward(dx: NDArray, dweight: NDArray | null, dbias: NDArray | null, grad: NDArray, x: NDArray, mean: NDArray, rstd: NDArray, weight: NDArray | null, eps: number, onto: boolean): void

  /**
   * Heads q (B, h, N, d), k (B, h, M, d), v (B, h, M, e): weights (B, h, N, M) = softmax(scale · q · kᵀ), out (B, h, N, e) =
   * (dropout · weights) · v. `out` has its heads side by side in each token: strides of a transposed (B, N, h, e).
   */
  attention(out: NDArray, weights: NDArray, q: NDArray, k: NDArray, v: NDArray, dropout: NDArray | null, scale: number): void
  /** Gradients of q, k and v, laid out like `out`, from those of out and, where given, of the weights. */
  attentionBackward(dq: NDArray, dk: NDArray, dv: NDArray, grad: NDArray, gradWeights: NDArray | null, weights: NDArray, q: NDArray, k: NDArray, v: NDArray, dropout: NDArray | null, scale: number): void

  /** Pictures have their channels last. x (N, H, W, C) -> out (N, Hout, Wout, kh, kw, C); places outside the picture read `fill`. */
  unfold(out: NDArray, x: NDArray, windows: Windows, fill: number): void
  /** The adjoint of unfold: x (N, Hout, Wout, kh, kw, C) summed into out (N, H, W, C). */
  fold(out: NDArray, x: NDArray, windows: Windows): void
  /**
   * The first largest number (or first NaN) of each window, and its place among the H · W pixels: x (N, H, W, C) -> out and places
   * (N, Hout, Wout, C). A window must have a place inside.
   */
  maxPool(out: NDArray, places: NDArray, x: NDArray, windows: Windows): void
  /** grad (N, Hout, Wout, C) summed into out (N, H, W, C) at the places that maxPool found. */
  maxPoolBackward(out: NDArray, grad: NDArray, places: NDArray, windows: Windows): void

  /** out[i, ...] = x[index[i], ...] */
  take(out: NDArray, x: NDArray, index: NDArray): void
  /** out[index[i], ...] += x[i, ...] on zeroed out: the adjoint of take. */
  putAdd(out: NDArray, x: NDArray, index: NDArray): void
  /** out[..., j] = x[..., index[..., j]] along the last dimension. */
  gather(out: NDArray, x: NDArray, index: NDArray): void
  /** out[..., index[..., j]] += x[..., j] on zeroed out: the adjoint of gather. */
  scatterAdd(out: NDArray, x: NDArray, index: NDArray): void

  /**
   * out = `one` with probability p, else 0; two draws of the Mersenne Twister each (../mersenne-twister.ts). `state` (624,) holds its words as the
   * bits of numbers, the next one shown is `next`; `nextState` gets the words that follow.
   */
  bernoulli(out: NDArray, nextState: NDArray, state: NDArray, next: number, p: number, one: number): void

  /** Optimizers, on all parameters at once, in place. Parameters and buffers are dense. */
  sgd(steps: readonly SGDStep[], rule: SGDRule): void
  adam(steps: readonly AdamStep[], rule: AdamRule): void
  rmsprop(steps: readonly RMSpropStep[], rule: RMSpropRule): void
  /** mean += weight · (value − mean), in place, for all of them at once. Means are dense. */
  lerp(steps: readonly LerpStep[], weight: number): void
}
