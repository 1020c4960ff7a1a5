/** Linear maps of the last dimension, and rows chosen from a table. */
import { checkTensors, constant, named } from '../../autograd/op.ts'
import { checkedIndex, take } from '../../autograd/ops/indexing.ts'
import { addmm } from '../../autograd/ops/matmul.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { ShapeError } from '../../tensor/errors.ts'
import { numberOf, optionsOf, type Named } from '../../tensor/options.ts'
import { normalizeDim, numelOf, sameShape, showShape } from '../../tensor/shape.ts'
import { toIndices, type Indices } from './indices.ts'

/** x · weightᵀ + bias. x: (..., in), weight: (out, in), bias: (out,) -> (..., out). Same as torch.nn.functional.linear. */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  checkTensors('linear', [x, weight], [bias])
  const [outFeatures, inFeatures] = weight.shape
  if (weight.ndim !== 2 || x.ndim === 0 || x.shape[x.ndim - 1] !== inFeatures)
    throw new ShapeError('linear', `an input of shape ${showShape(x.shape)} does not fit a weight of shape ${showShape(weight.shape)}`, 'the last size of the input must be the last size of the weight (out, in)')
  if (bias && !sameShape(bias.shape, [outFeatures]))
    throw new ShapeError('linear', `a bias of shape ${showShape(bias.shape)} does not fit a weight of shape ${showShape(weight.shape)}`, `give a bias of shape (${outFeatures},)`)
  const rows = x.ndim === 2 ? x : x.reshape([numelOf(x.shape.slice(0, -1)), inFeatures])
  const y = addmm([rows, weight, bias])
  if (!bias) named('MmBackward0', y)
  return x.ndim === 2 ? y : named(bias ? 'ViewBackward0' : 'UnsafeViewBackward0', y.reshape([...x.shape.slice(0, -1), outFeatures]))
}

/** Rows of a table. index: (...), weight: (n, dim) -> (..., dim). The row `paddingIdx` gets no gradient. */
export function embedding(index: Indices, weight: Tensor, given: { readonly paddingIdx?: number | null } = {}): Tensor {
  const { paddingIdx } = optionsOf('embedding', given, { paddingIdx: null })
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
export function oneHot(index: Indices, given: Named<'numClasses'> = -1): Tensor {
  const numClasses = numberOf('oneHot', 'numClasses', given, -1)
  const indices = toIndices('oneHot', index)
  const classes = numClasses === -1 ? indices.data.reduce((most, label) => Math.max(most, label), -1) + 1 : numClasses
  const checked = checkedIndex('oneHot', indices, classes, false)
  const isClass = checked.unsqueeze(-1).eq(toIndices('oneHot', Array.from({ length: classes }, (_, i) => i)))
  return constant(isClass.array.labelled('int64'))
}
