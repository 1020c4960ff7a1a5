/** Linear maps of the last dimension. */
import { checkTensors, named } from '../../autograd/op.ts'
import { addmm, checkLabels } from '../../autograd/ops/matmul.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { ShapeError } from '../../tensor/errors.ts'
import { argumentsOf, type Given } from '../../tensor/options.ts'
import { numelOf, sameShape, showShape } from '../../tensor/shape.ts'

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
