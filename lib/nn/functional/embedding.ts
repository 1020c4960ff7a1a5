/** Rows chosen from a table, and class indices as rows. */
import { checkTensors, constant, indexVector, named } from '../../autograd/op.ts'
import { checkedIndex, take } from '../../autograd/ops/indexing.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { ShapeError } from '../../tensor/errors.ts'
import { argumentsOf, type Given } from '../../tensor/options.ts'
import { normalizeDim, showShape } from '../../tensor/shape.ts'
import { toIndices, type Indices } from './indices.ts'

/** Rows of a table. index: (...), weight: (n, dim) -> (..., dim). The row `paddingIdx` gets no gradient. Same as torch.nn.functional.embedding. */
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

/** 1 at the index, 0 elsewhere. index: (...) -> (..., numClasses). Same as torch.nn.functional.one_hot. */
export function oneHot(index: Indices, ...given: Given<[numClasses: number], { readonly numClasses?: number }>): Tensor {
  const { numClasses } = argumentsOf('oneHot', given, { numClasses: -1 })
  const indices = toIndices('oneHot', index)
  const classes = numClasses === -1 ? indices.data.reduce((most, label) => Math.max(most, label), -1) + 1 : numClasses
  const checked = checkedIndex('oneHot', indices, classes, false)
  const isClass = checked.unsqueeze(-1).eq(indexVector(Array.from({ length: classes }, (_, i) => i)))
  return constant(isClass.array.labelled('int64'))
}
