/** Layer normalisation (Ba, Kiros, Hinton 2016): y = (x − mean) · rstd · weight + bias over the last dimensions. */
import { kernels } from '../../tensor/kernels/active.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import { numelOf, type Shape } from '../../tensor/shape.ts'
import { gradThrough } from '../engine.ts'
import { defineOp } from '../op.ts'
import type { Tensor } from '../tensor.ts'

interface Normalization {
  /** Sizes of the last dimensions, over which mean and variance are taken. */
  readonly shape: Shape
  readonly eps: number
}

/** x as rows of the numbers that are normalised together. */
const rows = (x: NDArray, shape: Shape) => x.reshape([x.numel / Math.max(numelOf(shape), 1), numelOf(shape)])

/** Weight or bias as one row. */
const row = (x: NDArray | null) => x && x.reshape([x.numel])

export const layerNorm = defineOp('native_layer_norm', {
  optional: true,
  forward(ctx, [x, weight, bias]: [x: NDArray, weight: NDArray | null, bias: NDArray | null], { shape, eps }: Normalization) {
    const y = NDArray.empty(x.shape)
    const mean = NDArray.empty([x.numel / Math.max(numelOf(shape), 1)])
    const rstd = NDArray.empty(mean.shape)
    kernels().layerNorm(rows(y, shape), mean, rstd, rows(x, shape), row(weight), row(bias), eps)
    ctx.save(x, mean, rstd, ...(weight ? [weight] : []))
    return y
  },
  backward({ saved: [x, mean, rstd, ...weights], needs }, grad, options, arrived) {
    const sum = arrived(0)
    const [dx, dweight, dbias] = layerNormBackward([grad, x, mean, rstd, weights[0] ?? null], { ...options, sum })
    return [needs[0] && !sum ? dx : null, needs[1] ? dweight : null, needs[2] ? dbias : null]
  },
})

interface NormalizationBackward extends Normalization {
  /** What the gradient of x is added to; null for an array of its own. */
  readonly sum: NDArray | null
}

/** Gradients of x, weight and bias in two passes over the rows. */
export const layerNormBackward = defineOp('native_layer_norm_backward', {
  optional: true,
  forward(ctx, [grad, x, mean, rstd, weight]: [grad: NDArray, x: NDArray, mean: NDArray, rstd: NDArray, weight: NDArray | null], { shape, eps, sum }: NormalizationBackward) {
    ctx.save(grad, x, ...(weight ? [weight] : []))
    const dx = sum ?? NDArray.empty(x.shape)
    const dweight = NDArray.empty(shape)
    const dbias = NDArray.empty(shape)
    kernels().layerNormBackward(rows(dx, shape), row(dweight), row(dbias), rows(grad, shape), rows(x, shape), mean, rstd, row(weight), eps, sum !== null)
    return [dx, dweight, dbias]
  },
  backward({ saved }, seconds, { shape, eps }) {
    const [dgrad, dx, dweight] = gradThrough((grad, x, weight?: Tensor) => composed(grad, x, weight, shape, eps), saved, seconds)
    return [dgrad, dx, null, null, dweight ?? null]
  },
})

/** The same gradients composed of plain operations. */
function composed(grad: Tensor, x: Tensor, weight: Tensor | undefined, shape: Shape, eps: number): Tensor[] {
  const last = shape.map((_, i) => i - shape.length)
  const centred = x.sub(x.mean(last, true))
  const rstd = centred.mul(centred).mean(last, true).add(eps).pow(-0.5)
  const hat = centred.mul(rstd)
  const own = weight ? grad.mul(weight) : grad
  const dx = rstd.mul(own.sub(own.mean(last, true)).sub(hat.mul(own.mul(hat).mean(last, true))))
  const lead = x.shape.slice(0, x.ndim - shape.length).map((_, d) => d)
  const overRows = (t: Tensor) => (lead.length > 0 ? t.sum(lead) : t)
  return [dx, overRows(grad.mul(hat)), overRows(grad)]
}
