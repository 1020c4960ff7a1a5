/** Drawing from distributions whose parameters are given. */
import { checkIsFloat } from '../tensor/dtype.ts'
import { ShapeError, ValueError } from '../tensor/errors.ts'
import { NDArray } from '../tensor/ndarray.ts'
import { argumentsOf, required, type Arguments } from '../tensor/options.ts'
import { defaultGenerator, type Generator } from '../tensor/random.ts'
import { broadcastShapes, showShape, type Shape } from '../tensor/shape.ts'
import { zeros, type RandomOptions } from './creation.ts'
import { checkTensors, constant } from './op.ts'
import { topk } from './ops/sort.ts'
import { toTensor, type Tensor } from './tensor.ts'

interface MultinomialOptions {
  readonly numSamples: number
  /** Whether a category may be drawn more than once. */
  readonly replacement?: boolean
  readonly generator?: Generator
}

/**
 * Categories drawn with probabilities that are proportional to the given ones, along the last dimension: (n,) -> (numSamples,), (m, n) ->
 * (m, numSamples). Same as torch.multinomial.
 */
export function multinomial(probabilities: Tensor, ...given: Arguments<[numSamples: number], [replacement: boolean], MultinomialOptions>): Tensor {
  const { numSamples, replacement, generator } = argumentsOf('multinomial', given, { numSamples: required, replacement: false, generator: defaultGenerator }, 2)
  checkTensors('multinomial', [probabilities])
  checkIsFloat('multinomial', probabilities.dtype)
  const { shape, ndim } = probabilities
  const categories = shape[ndim - 1]
  if (ndim !== 1 && ndim !== 2) throw new ShapeError('multinomial', `probabilities of shape ${showShape(shape)} are no vector and no matrix`, 'give (n,) or (m, n)')
  if (!Number.isInteger(numSamples) || numSamples < 1 || (!replacement && numSamples > categories))
    throw new ValueError('multinomial', `${numSamples} samples cannot be drawn of ${categories} categories ${replacement ? 'with' : 'without'} replacement`, 'draw at least one, and without replacement at most as many as there are categories')
  const rows = ndim === 1 ? 1 : shape[0]
  const numbers = probabilities.data
  for (let row = 0; row < rows; row++) {
    const weights = numbers.subarray(row * categories, (row + 1) * categories)
    if (!weights.every((weight) => weight >= 0 && weight < Infinity)) throw new ValueError('multinomial', 'a probability is negative, infinite or no number', 'give finite numbers of at least 0')
    if (!weights.some((weight) => weight > 0)) throw new ValueError('multinomial', 'all probabilities of a distribution are 0', 'give at least one above 0')
  }
  if (replacement) {
    const drawn = new Float32Array(rows * numSamples)
    for (let row = 0; row < rows; row++) generator.categories(drawn.subarray(row * numSamples, (row + 1) * numSamples), numbers.subarray(row * categories, (row + 1) * categories))
    return constant(NDArray.from(drawn, [...shape.slice(0, -1), numSamples], 'int64'))
  }
  // The first of exponential waiting times with these rates.
  const times = new Float32Array(numbers.length)
  generator.exponential(times)
  return topk(probabilities.detach().div(constant(NDArray.from(times, shape))), numSamples, ndim - 1, true)[1]
}

interface NormalOptions extends RandomOptions {
  readonly mean?: number | Tensor
  readonly std?: number | Tensor
  readonly size?: Shape
}

/** Numbers of the normal distribution: normal(0, 1, [2, 3]), or with means or standard deviations for each as tensors, which broadcast. Same as torch.normal. */
export function normal(...given: Arguments<[mean: number | Tensor, std: number | Tensor], [size: Shape], NormalOptions>): Tensor {
  const { mean, std, size, generator, requiresGrad, dtype } = argumentsOf('normal', given, { mean: 0, std: 1, size: undefined, generator: defaultGenerator, requiresGrad: false, dtype: 'float32' }, 3)
  checkIsFloat('normal', dtype)
  if (typeof mean === 'number' && typeof std === 'number') {
    if (size === undefined) throw new ValueError('normal', 'size is missing', 'give the shape of what is drawn, as in normal(0, 1, [2, 3])')
    return zeros(size).normal_(mean, std, { generator }).requiresGrad_(requiresGrad)
  }
  if (size !== undefined) throw new ValueError('normal', 'a size was given with means or deviations for each number', 'leave it out')
  const [means, deviations] = [mean, std].map((parameter) => toTensor('normal', parameter).detach())
  if (deviations.lt(0).any()) throw new ValueError('normal', 'a standard deviation is negative', 'give numbers of at least 0')
  return zeros(broadcastShapes('normal', means.shape, deviations.shape)).normal_(0, 1, { generator }).mul(deviations).add(means).requiresGrad_(requiresGrad)
}
