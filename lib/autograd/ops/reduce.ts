/** Reductions other than the sum. */
import { countedAs } from '../../tensor/dtype.ts'
import { binary, unary, where } from '../../tensor/elementwise.ts'
import { kernels } from '../../tensor/kernels/active.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import { alongDim, argReduce, reduce } from '../../tensor/reduce.ts'
import { constant, defineOp } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { stack } from './joining.ts'
import { restoreDims, type Reduction } from './sum.ts'
import { choosing } from './where.ts'

type One = [x: NDArray]

/** The largest (smallest) element; equal ones share the gradient evenly. */
function extremum(name: 'amax' | 'amin') {
  const op = name === 'amax' ? 'max' : 'min'
  return defineOp(name, {
    forward(ctx, [x]: One, { dims, keepdim }: Reduction) {
      const y = reduce(op, x, dims, keepdim)
      ctx.save(x, y)
      return y
    },
    backward({ saved: [x, y], shapes: [shape] }, grad, { dims }) {
      const ties = x.eq(restoreDims(y, shape, dims))
      return [choosing(ties, restoreDims(grad, shape, dims).div(ties.sum([...dims], true)), 0)]
    },
  })
}
export const amax = extremum('amax')
export const amin = extremum('amin')

/** Index of the first largest or smallest along one dimension, or of all elements in row-major order. */
export function argExtremum(op: 'max' | 'min', x: Tensor, dim: number | undefined, keepdim: boolean): Tensor {
  if (dim === undefined) {
    const index = constant(argReduce(op, x.array.reshape([-1]), 0))
    return keepdim ? index.reshape(x.shape.map(() => 1)) : index
  }
  const index = constant(argReduce(op, x.array, dim))
  return keepdim && x.ndim > 0 ? index.unsqueeze(dim) : index
}

/** Product along one dimension. The gradient of each factor is the product of the others, without dividing by it. */
export const prod = defineOp('prod', {
  forward(ctx, [x]: One, dim: number) {
    ctx.save(x)
    return reduce('prod', x, x.ndim === 0 ? [] : [dim], false)
  },
  backward({ saved: [x], shapes: [shape] }, grad, dim) {
    if (shape.length === 0) return [grad]
    const others = productOfOthers(x, dim)
    return [others.mul(grad.unsqueeze(dim))]
  },
})

/** For each element along `dim` the product of all the others: products from the left times products from the right. */
function productOfOthers(x: Tensor, dim: number): Tensor {
  const factors = x.unbind(dim)
  if (factors.length === 0) return x
  const one = constant(NDArray.full(factors[0].shape, 1))
  const fromLeft = [one]
  const fromRight = [one]
  for (let i = 0; i < factors.length - 1; i++) {
    fromLeft.push(fromLeft[i].mul(factors[i]))
    fromRight.push(fromRight[i].mul(factors[factors.length - 1 - i]))
  }
  return stack(fromLeft.map((left, i) => left.mul(fromRight[factors.length - 1 - i])), dim)
}

/** Square root of a variance; the gradient is 0, not infinite, where the spread is 0. */
export const std = defineOp('std', {
  forward(ctx, [variance]: One) {
    const y = unary('sqrt', variance)
    ctx.save(y)
    return y
  },
  backward: ({ saved: [y] }, grad) => [choosing(y.eq(0), 0, grad.div(y.mul(2)))],
})

/** log Σ exp(x), shifted by the largest x so that nothing overflows. */
export const logsumexp = defineOp('logsumexp', {
  forward(ctx, [x]: One, { dims, keepdim }: Reduction) {
    const max = x.numel > 0 ? reduce('max', x, dims, true) : reduce('sum', x, dims, true)
    const shift = where(binary('lt', unary('abs', max), Infinity), max, 0)
    const y = binary('add', unary('log', reduce('sum', unary('exp', binary('sub', x, shift)), dims, true)), shift)
    const result = keepdim ? y : y.reshape(x.shape.filter((_, d) => !dims.includes(d)))
    ctx.save(x, result)
    return result
  },
  backward: ({ saved: [x, y], shapes: [shape] }, grad, { dims }) => [restoreDims(grad, shape, dims).mul(x.sub(restoreDims(y, shape, dims)).exp())],
})

/** Running sums; the gradient of an element is the sum of the gradients from it on. */
export const cumsum = defineOp('cumsum', {
  forward: (_, [x]: One, dim: number) => alongDim('cumsum', [x], dim, (out, from) => kernels().cumsum(out, from)).labelled(countedAs(x.dtype)),
  backward: (_, grad, dim) => [grad.flip([dim]).cumsum(dim).flip([dim])],
})
