/** Linear maps of the last dimension, and rows chosen from a table. */
import { checkTensors, constant, named } from '../../autograd/op.ts'
import { checkedIndex, take } from '../../autograd/ops/indexing.ts'
import { addmm, checkLabels } from '../../autograd/ops/matmul.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { ShapeError } from '../../tensor/errors.ts'
import { argumentsOf, type Given } from '../../tensor/options.ts'
import { normalizeDim, numelOf, sameShape, showShape } from '../../tensor/shape.ts'
import { toIndices, type Indices } from './indices.ts'

interface BiasOptions {
  readonly bias?: Tensor | null
}

/**
 * x · weightᵀ + bias. x: (..., in), weight: (out, in), bias: (out,) -> (..., out). A weight (in,) gives (...). linear(x, w, b) or
 * linear(x, w, { bias: b }). Same as torch.nn.functional.linear.
 */
export function linear(x: Tensor, weight: Tensor, ...given: Given<[bias: Tensor | null], BiasOptions>): Tensor {
  const { bias } = argumentsOf('linear', given, { bias: null })
  checkTensors('linear', [x, weight], [bias])
  const inFeatures = weight.shape[weight.ndim - 1]
  if (weight.ndim === 0 || weight.ndim > 2 || x.ndim === 0 || x.shape[x.ndim - 1] !== inFeatures)
    throw new ShapeError('linear', `an input of shape ${showShape(x.shape)} does not fit a weight of shape ${showShape(weight.shape)}`, 'the last size of the input must be the last size of the weight (out, in)')
  checkLabels('linear', x, weight)
  if (bias) checkBias(x, weight, bias)
  if (weight.ndim === 1) return bias ? x.matmul(weight).add(bias) : x.matmul(weight)
  const isWhole = !bias || sameShape(bias.shape, [weight.shape[0]])
  // What is not laid out in rows is copied once, for both passes.
  const input = x.array.canBeSeenAs([numelOf(x.shape.slice(0, -1)), inFeatures]) ? x : x.contiguous()
  const y = isWhole ? addmm([input, weight, bias]) : input.matmul(weight.t()).add(bias)
  return named(nodeName(x, bias), y)
}

function nodeName(x: Tensor, bias: Tensor | null): string {
  if (x.ndim === 2) return bias ? 'AddmmBackward0' : 'MmBackward0'
  if (!bias) return x.ndim === 1 ? 'SqueezeBackward3' : 'UnsafeViewBackward0'
  return x.ndim === 3 && x.isContiguous() ? 'ViewBackward0' : 'AddBackward0'
}

/** A bias may be stretched, as far as it does not stretch the product: of pictures or sequences each row gets the same. */
function checkBias(x: Tensor, weight: Tensor, bias: Tensor): void {
  const product = [...x.shape.slice(0, -1), ...weight.shape.slice(0, -1)]
  const own = product.slice(x.ndim === 2 && weight.ndim === 2 ? 0 : -1)
  const lead = own.length - bias.ndim
  if (lead < 0 || bias.shape.some((size, d) => size !== 1 && size !== own[lead + d]))
    throw new ShapeError('linear', `a bias of shape ${showShape(bias.shape)} does not fit a weight of shape ${showShape(weight.shape)}`, `give a bias of shape ${showShape(weight.shape.slice(0, -1))}`)
}

/** Rows of a table. index: (...), weight: (n, dim) -> (..., dim). The row `paddingIdx` gets no gradient. */
export function embedding(index: Indices, weight: Tensor, ...given: Given<[paddingIdx: number | null], { readonly paddingIdx?: number | null }>): Tensor {
  const { paddingIdx } = argumentsOf('embedding', given, { paddingIdx: null })
  checkTensors('embedding', [weight])
  if (weight.ndim !== 2) throw new ShapeError('embedding', `a weight of shape ${showShape(weight.shape)} is no table of rows`, 'give (n, dim)')
  const indices = checkedIndex('embedding', toIndices('embedding', index), weight.shape[0], false)
  const padding = paddingIdx === null ? null : normalizeDim('embedding', paddingIdx, weight.shape[0])
  const rows = take([weight, indices])
  if (padding === null) return named('EmbeddingBackward0', rows)
  const isPadding = indices.eq(padding).unsqueeze(-1)
  return named('EmbeddingBackward0', rows.mul(isPadding.logicalNot()).add(rows.detach().mul(isPadding)))
}

/** 1 at the index, 0 elsewhere. index: (...) -> (..., numClasses). */
export function oneHot(index: Indices, ...given: Given<[numClasses: number], { readonly numClasses?: number }>): Tensor {
  const { numClasses } = argumentsOf('oneHot', given, { numClasses: -1 })
  const indices = toIndices('oneHot', index)
  const classes = numClasses === -1 ? indices.data.reduce((most, label) => Math.max(most, label), -1) + 1 : numClasses
  const checked = checkedIndex('oneHot', indices, classes, false)
  const isClass = checked.unsqueeze(-1).eq(toIndices('oneHot', Array.from({ length: classes }, (_, i) => i)))
  return constant(isClass.array.labelled('int64'))
}
