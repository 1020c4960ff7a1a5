/** Initial values that keep lengths: identities, and orthogonal matrices at random. */
import { noGrad } from '../autograd/grad-mode.ts'
import { checkTensors, constant } from '../autograd/op.ts'
import type { Tensor } from '../autograd/tensor.ts'
import { ShapeError, ValueError } from '../tensor/errors.ts'
import { NDArray } from '../tensor/ndarray.ts'
import { argumentsOf, type Given } from '../tensor/options.ts'
import { defaultGenerator, type Generator } from '../tensor/random.ts'
import { numelOf, showShape, type Shape } from '../tensor/shape.ts'

/** The identity: 1 on the diagonal of a matrix, 0 elsewhere. Throws on any other than two dimensions. Same as torch.nn.init.eye_. */
export function eye_(tensor: Tensor): Tensor {
  checkTensors('eye_', [tensor])
  if (tensor.ndim !== 2) throw new ShapeError('eye_', `a tensor of shape ${showShape(tensor.shape)} is no matrix`, 'give one of two dimensions')
  const [rows, columns] = tensor.shape
  return filled(tensor, Array.from({ length: Math.min(rows, columns) }, (_, i) => i * columns + i))
}

/**
 * A convolution that passes its input channels on, as many as there is room for: 1 in the middle of the window of output channel i and
 * input channel i, in each of the groups. weight: (out, in, 1 to 3 window sizes). Same as torch.nn.init.dirac_.
 */
export function dirac_(tensor: Tensor, ...given: Given<[groups: number], { readonly groups?: number }>): Tensor {
  const { groups } = argumentsOf('dirac_', given, { groups: 1 })
  checkTensors('dirac_', [tensor])
  if (tensor.ndim < 3 || tensor.ndim > 5) throw new ShapeError('dirac_', `a tensor of shape ${showShape(tensor.shape)} is no weight of a convolution`, 'give one of 3 to 5 dimensions')
  const [out, inputs, ...window] = tensor.shape
  if (!Number.isInteger(groups) || groups < 1 || out % groups !== 0) throw new ValueError('dirac_', `${groups} groups do not divide ${out} output channels`, 'give a number of groups that divides them')
  const middle = window.reduce((offset, size) => offset * size + Math.floor(size / 2), 0)
  const perGroup = out / groups
  const diagonal = Array.from({ length: Math.min(perGroup, inputs) }, (_, i) => i)
  const channels = Array.from({ length: groups }, (_, group) => diagonal.map((i) => (group * perGroup + i) * inputs + i)).flat()
  return filled(tensor, channels.map((pair) => pair * numelOf(window) + middle))
}

/** 1 at these places in row-major order, 0 elsewhere. */
function filled(tensor: Tensor, places: readonly number[]): Tensor {
  const numbers = new Float32Array(tensor.numel())
  for (const place of places) numbers[place] = 1
  return overwrite(tensor, numbers, tensor.shape)
}

function overwrite(tensor: Tensor, numbers: Float32Array, shape: Shape): Tensor {
  return noGrad(() => tensor.copy_(constant(NDArray.from(numbers, shape))))
}

/**
 * An orthogonal matrix at random, times `gain` (Saxe, McClelland, Ganguli 2014): its rows, or columns if they are fewer, are orthogonal and of
 * length 1. The dimensions behind the first count as one. It is Q of the decomposition QR of a normal matrix, with positive R on the
 * diagonal, which there is only one of: torch.nn.init.orthogonal_'s, to rounding.
 */
export function orthogonal_(tensor: Tensor, ...given: Given<[gain: number], { readonly gain?: number; readonly generator?: Generator }>): Tensor {
  const { gain, generator } = argumentsOf('orthogonal_', given, { gain: 1, generator: defaultGenerator }, 1)
  checkTensors('orthogonal_', [tensor])
  if (tensor.ndim < 2) throw new ShapeError('orthogonal_', `a tensor of shape ${showShape(tensor.shape)} is no matrix`, 'give one of at least two dimensions')
  if (tensor.numel() === 0) return tensor
  const rows = tensor.shape[0]
  const columns = tensor.numel() / rows
  const numbers = new Float32Array(rows * columns)
  generator.normal(numbers)
  const isWide = rows < columns
  const vectors = Array.from({ length: Math.min(rows, columns) }, (_, k) =>
    Float64Array.from({ length: Math.max(rows, columns) }, (_, i) => numbers[isWide ? k * columns + i : i * columns + k]))
  orthonormalize(vectors)
  vectors.forEach((vector, k) => vector.forEach((value, i) => (numbers[isWide ? k * columns + i : i * columns + k] = gain * value)))
  return overwrite(tensor, numbers, tensor.shape)
}

/** Gram and Schmidt, in place: each vector loses what it has in common with those before, twice, so that rounding leaves nothing of it. */
function orthonormalize(vectors: readonly Float64Array[]): void {
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i], 0)
  vectors.forEach((vector, k) => {
    for (let turn = 0; turn < 2; turn++)
      for (const before of vectors.slice(0, k)) {
        const common = dot(vector, before)
        for (let i = 0; i < vector.length; i++) vector[i] -= common * before[i]
      }
    const length = Math.sqrt(dot(vector, vector))
    for (let i = 0; i < vector.length; i++) vector[i] /= length
  })
}
