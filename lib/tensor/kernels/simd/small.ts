/**
 * Small inputs, for which a call costs more than its arithmetic, are computed in double precision and rounded once, as the reference
 * does it: where Adam divides tiny gradients by their own size, every bit of them counts.
 */
import type { NDArray } from '../../ndarray.ts'
import * as reference from '../reference/attention.ts'
import { layerNorm as referenceLayerNorm, layerNormBackward as referenceLayerNormBackward } from '../reference/layer-norm.ts'
import * as single from './attention.ts'
import { doubleMatmul } from './double-gemm.ts'
import * as rows from './layer-norm.ts'
import { matmul as singleMatmul } from './matmul.ts'
import type { Runtime } from './runtime.ts'

/** Multiply-adds of a small matrix product and of small heads, numbers of a small layer norm. */
const SMALL_PRODUCT = 1 << 17
const SMALL_HEADS = 1 << 14
const SMALL_ROWS = 1 << 11

export function matmul(runtime: Runtime, out: NDArray, a: NDArray, b: NDArray, start: NDArray | 'out' | null): void {
  const isSmall = out.numel * a.shape[a.ndim - 1] <= SMALL_PRODUCT
  if (start === 'out' || !isSmall || !doubleMatmul(runtime, out, a, b, start)) singleMatmul(runtime, out, a, b, start)
}

export function layerNorm(runtime: Runtime, ...args: Parameters<typeof referenceLayerNorm>): void {
  const x = args[3]
  if (x.numel <= SMALL_ROWS) referenceLayerNorm(...args)
  else rows.layerNorm(runtime, ...args)
}

export function layerNormBackward(runtime: Runtime, ...args: Parameters<typeof referenceLayerNormBackward>): void {
  const x = args[4]
  if (x.numel <= SMALL_ROWS) referenceLayerNormBackward(...args)
  else rows.layerNormBackward(runtime, ...args)
}

const hasSmallHeads = (q: NDArray, v: NDArray) => q.numel * v.shape[2] <= SMALL_HEADS

export function attention(runtime: Runtime, ...args: Parameters<typeof reference.attention>): void {
  const [, , q, , v] = args
  if (hasSmallHeads(q, v)) reference.attention(...args)
  else single.attention(runtime, ...args)
}

export function attentionBackward(runtime: Runtime, ...args: Parameters<typeof reference.attentionBackward>): void {
  const [, , , , , , q, , v] = args
  if (hasSmallHeads(q, v)) reference.attentionBackward(...args)
  else single.attentionBackward(runtime, ...args)
}
