/** Losses. */
import { checkTensors, constant, named, scalar } from '../../autograd/op.ts'
import { binaryEntropy } from '../../autograd/ops/binary-cross-entropy.ts'
import { choosing } from '../../autograd/ops/where.ts'
import { gather } from '../../autograd/ops/indexing.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { IndexError, ShapeError, ValueError } from '../../tensor/errors.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import { argumentsOf, checkWord, optionsOf, type Given } from '../../tensor/options.ts'
import { broadcastShapes, sameShape, showShape } from '../../tensor/shape.ts'
import { toIndices, type Indices } from './indices.ts'

/** The mean over all terms, their sum, or each of them. */
export type Reduction = 'mean' | 'sum' | 'none'

export interface NLLOptions {
  /** A weight for each class, (C,). */
  readonly weight?: Tensor | null
  /** Targets of this class count nothing. */
  readonly ignoreIndex?: number
  readonly reduction?: Reduction
}

export interface CrossEntropyOptions extends NLLOptions {
  /** Share of the target that is spread evenly over all classes (Szegedy et al. 2016). */
  readonly labelSmoothing?: number
}

export const nllDefaults = { weight: null, ignoreIndex: -100, reduction: 'mean' } as const
export const crossEntropyDefaults = { ...nllDefaults, labelSmoothing: 0 } as const

/** The terms as they are, their mean or their sum. */
export function reduced(operation: string, terms: Tensor, reduction: Reduction): Tensor {
  checkWord(operation, 'reduction', reduction, ['mean', 'sum', 'none'])
  return reduction === 'none' ? terms : reduction === 'mean' ? terms.mean() : terms.sum()
}

/**
 * Cross entropy of unnormalised scores. input: (C,), (N, C) or (N, C, d...); target: class indices (), (N,) or (N, d...), or
 * probabilities of input's shape. A scalar unless reduction is 'none'. Same as torch.nn.functional.cross_entropy.
 */
export function crossEntropy(input: Tensor, target: Indices, ...given: Given<[weight: Tensor | null], CrossEntropyOptions>): Tensor {
  const { labelSmoothing, ...options } = argumentsOf('crossEntropy', given, crossEntropyDefaults, 1)
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) throw new ValueError('crossEntropy', `a label smoothing of ${labelSmoothing} is not in [0, 1]`, 'give a number from 0 to 1')
  checkTensors('crossEntropy', [input], [options.weight])
  const targets = toIndices('crossEntropy', target)
  const classDim = input.ndim === 1 ? 0 : 1
  if (input.ndim === 0) throw new ShapeError('crossEntropy', 'a scalar has no classes', 'give scores of shape (C,), (N, C) or (N, C, ...)')
  if (sameShape(input.shape, targets.shape)) return softCrossEntropy(input, targets, classDim, labelSmoothing, options)
  const logProbs = input.logSoftmax(classDim)
  return nllWithSmoothing('crossEntropy', logProbs, targets, labelSmoothing, options)
}

/** − Σ target · log softmax(input) over the classes, for targets that are probabilities. */
function softCrossEntropy(input: Tensor, target: Tensor, classDim: number, labelSmoothing: number, { weight, ignoreIndex, reduction }: Required<NLLOptions>): Tensor {
  if (ignoreIndex >= 0) throw new ValueError('crossEntropy', `ignoreIndex = ${ignoreIndex} was given with targets that are probabilities`, 'leave it out, or give class indices as targets')
  const classes = input.shape[classDim]
  checkWeight('crossEntropy', weight, classes)
  const smoothed = labelSmoothing === 0 ? target : target.mul(1 - labelSmoothing).add(labelSmoothing / classes)
  const logProbs = input.logSoftmax(classDim)
  const weighted = weight ? logProbs.mul(alongClasses(weight, input, classDim)) : logProbs
  const terms = weighted.mul(smoothed).sum(classDim).neg()
  if (reduction === 'mean') return named('DivBackward1', terms.sum().div(input.numel() / classes))
  return named('NegBackward0', reduced('crossEntropy', terms, reduction))
}

function checkWeight(operation: string, weight: Tensor | null, classes: number): void {
  if (weight && !sameShape(weight.shape, [classes])) throw new ShapeError(operation, `a weight of shape ${showShape(weight.shape)} was given for ${classes} classes`, `give a weight of shape (${classes},)`)
}

/** A vector over the classes, shaped to broadcast against the scores. */
function alongClasses(weight: Tensor, input: Tensor, classDim: number): Tensor {
  return weight.reshape(input.shape.map((size, d) => (d === classDim ? size : 1)))
}

/** The negative log likelihood of class indices given log probabilities. Shapes as in crossEntropy. Same as torch.nn.functional.nll_loss. */
export function nllLoss(input: Tensor, target: Indices, ...given: Given<[weight: Tensor | null], NLLOptions>): Tensor {
  const chosen = argumentsOf('nllLoss', given, nllDefaults, 1)
  checkTensors('nllLoss', [input], [chosen.weight])
  return nllWithSmoothing('nllLoss', input, toIndices('nllLoss', target), 0, chosen)
}

function nllWithSmoothing(operation: string, logProbs: Tensor, target: Tensor, labelSmoothing: number, { weight, ignoreIndex, reduction }: Required<NLLOptions>): Tensor {
  const classDim = logProbs.ndim === 1 ? 0 : 1
  const classes = logProbs.shape[classDim]
  const expected = logProbs.shape.toSpliced(classDim, 1)
  if (!sameShape(target.shape, expected))
    throw new ShapeError(operation, `an input of shape ${showShape(logProbs.shape)} and a target of shape ${showShape(target.shape)} do not fit`, `give class indices of shape ${showShape(expected)}, or probabilities of shape ${showShape(logProbs.shape)}`)
  checkWeight(operation, weight, classes)
  const { index, counted } = checkLabels(operation, target, classes, ignoreIndex)
  const weights = weight ? gather([weight, index.reshape([-1])], 0).reshape(index.shape).mul(counted) : counted
  const chosen = gather([logProbs, index.unsqueeze(classDim)], classDim).squeeze(classDim)
  const masked = (terms: Tensor, factors: Tensor) => choosing(counted, terms.mul(factors), 0).neg()
  const terms = masked(chosen, weights)
  const total = weights.sum()
  const nll = reduction === 'mean' ? terms.sum().div(total) : reduced(operation, terms, reduction)
  if (labelSmoothing === 0) return named(nodeNameOf(logProbs.ndim, reduction), nll)
  const spread = masked((weight ? logProbs.mul(alongClasses(weight, logProbs, classDim)) : logProbs).sum(classDim), scalar(1))
  const smooth = reduction === 'mean' ? spread.sum().div(total) : reduced(operation, spread, reduction)
  return nll.mul(1 - labelSmoothing).add(smooth.mul(labelSmoothing / classes))
}

/** PyTorch has one operation for rows of scores and one for pictures, as which it sees inputs of other dimensions. */
function nodeNameOf(ndim: number, reduction: Reduction): string {
  if (ndim < 3) return 'NllLossBackward0'
  return ndim === 4 || reduction !== 'none' ? 'NllLoss2DBackward0' : 'ViewBackward0'
}

/** Labels with the ignored ones replaced by 0, and 1 where a label counts. Throws on labels out of range. */
function checkLabels(operation: string, target: Tensor, classes: number, ignoreIndex: number): { index: Tensor; counted: Tensor } {
  const labels = target.data
  const index = new Float32Array(labels.length)
  const counted = new Float32Array(labels.length)
  labels.forEach((label, i) => {
    if (label === ignoreIndex) return
    if (!(Number.isInteger(label) && label >= 0 && label < classes))
      throw new IndexError(operation, `label ${label} at position ${i} is out of range for ${classes} classes`, `labels are whole numbers from 0 to ${classes - 1}, or ignoreIndex = ${ignoreIndex}`)
    index[i] = label
    counted[i] = 1
  })
  return { index: constant(NDArray.from(index, target.shape, 'int64')), counted: constant(NDArray.from(counted, target.shape)) }
}

/** Throws unless the shapes broadcast; `null` broadcasts to all. */
export function checkBroadcast(operation: string, input: Tensor, other: Tensor | null): void {
  if (other) broadcastShapes(operation, input.shape, other.shape)
}

export interface BCEOptions {
  /** Weights of the terms, which broadcast to the input's shape. */
  readonly weight?: Tensor | null
  /** Weights of the positive targets, which broadcast to the input's shape: above 1 favours recall, below 1 precision. */
  readonly posWeight?: Tensor | null
  readonly reduction?: Reduction
}

export const bceDefaults = { weight: null, posWeight: null, reduction: 'mean' } as const

/**
 * Binary cross entropy of unnormalised scores with targets from 0 to 1 of the same shape: (1 − y) · x + (1 + (w − 1) · y) · log(1 + exp(−x)), w = posWeight.
 * Same as torch.nn.functional.binary_cross_entropy_with_logits.
 */
export function binaryCrossEntropyWithLogits(input: Tensor, target: Tensor, ...given: Given<[weight: Tensor | null], BCEOptions>): Tensor {
  const { weight, posWeight, reduction } = argumentsOf('binaryCrossEntropyWithLogits', given, bceDefaults, 1)
  const operation = 'binaryCrossEntropyWithLogits'
  checkTensors(operation, [input, target], [weight, posWeight])
  if (!sameShape(input.shape, target.shape))
    throw new ShapeError(operation, `an input of shape ${showShape(input.shape)} and a target of shape ${showShape(target.shape)} differ`, 'give a target for each score')
  checkBroadcast(operation, input, weight)
  checkBroadcast(operation, input, posWeight)
  // log(1 + exp(−x)), shifted so that nothing overflows. The shift cancels out, so its gradient need not be known.
  const shift = input.detach().neg().relu()
  const softplus = shift.neg().exp().add(input.add(shift).neg().exp()).log().add(shift)
  const positive = posWeight ? target.mul(posWeight.sub(1)).add(1).mul(softplus) : softplus
  const terms = target.neg().add(1).mul(input).add(positive)
  return named('BinaryCrossEntropyWithLogitsBackward0', reduced(operation, weight ? terms.mul(weight) : terms, reduction))
}

/**
 * Binary cross entropy of probabilities with targets from 0 to 1 of the same shape: −y · log x − (1 − y) · log(1 − x), with logarithms of at least −100.
 * Same as torch.nn.functional.binary_cross_entropy.
 */
export function binaryCrossEntropy(input: Tensor, target: Tensor, ...given: Given<[weight: Tensor | null], Omit<BCEOptions, 'posWeight'>>): Tensor {
  const operation = 'binaryCrossEntropy'
  const { weight, reduction } = argumentsOf(operation, given, { weight: null, reduction: 'mean' }, 1)
  checkTensors(operation, [input, target], [weight])
  if (!sameShape(input.shape, target.shape))
    throw new ShapeError(operation, `an input of shape ${showShape(input.shape)} and a target of shape ${showShape(target.shape)} differ`, 'give a target for each probability')
  checkBroadcast(operation, input, weight)
  const odd = input.data.find((p) => !(p >= 0 && p <= 1))
  if (odd !== undefined) throw new ValueError(operation, `${odd} is no probability`, 'give numbers in [0, 1], such as sigmoid() makes, or use binaryCrossEntropyWithLogits')
  const terms = binaryEntropy([input, target])
  return named('BinaryCrossEntropyBackward0', reduced(operation, weight ? terms.mul(weight) : terms, reduction))
}

export interface KLDivOptions {
  /** 'batchmean' divides the sum by the size of the batch, as the definition wants; 'mean' by the number of terms. */
  readonly reduction?: Reduction | 'batchmean'
  /** Whether the target holds logarithms, too. */
  readonly logTarget?: boolean
}

export const klDivDefaults = { reduction: 'mean', logTarget: false } as const

/** Kullback-Leibler divergence of log probabilities from target probabilities: y · (log y − x), 0 where y = 0. Same as torch.nn.functional.kl_div. */
export function klDiv(input: Tensor, target: Tensor, given: KLDivOptions = {}): Tensor {
  const { reduction, logTarget } = optionsOf('klDiv', given, klDivDefaults)
  checkTensors('klDiv', [input, target])
  checkBroadcast('klDiv', input, target)
  const isZero = target.eq(0)
  const terms = logTarget ? target.exp().mul(target.sub(input)) : choosing(isZero, 0, target.mul(choosing(isZero, 1, target).log())).sub(target.mul(input))
  if (reduction !== 'batchmean') return reduced('klDiv', terms, reduction)
  return input.ndim === 0 ? terms.sum() : terms.sum().div(input.shape[0])
}
