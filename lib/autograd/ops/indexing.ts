/** Reading and writing by index. What reads and what sums into the places read are adjoints of each other. */
import { checkIndex, gather as gatherArray, put as putArray, putAdd as putAddArray, scatter as scatterArray, scatterAdd as scatterAddArray, take as takeArray } from '../../tensor/indexing.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import type { Shape } from '../../tensor/shape.ts'
import { constant, defineOp, type Gradients } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { slicePlaced } from './views.ts'

type AndIndex = [x: NDArray, index: NDArray]

/** x[index] along the first dimension. The index holds whole numbers from 0 to n − 1. */
export const take = defineOp('index', {
  forward(ctx, [x, index]: AndIndex) {
    ctx.save(index)
    return takeArray(x, index)
  },
  backward: ({ saved: [index], shapes: [shape] }, grad): Gradients => [putAdd([grad, index], shape), null],
})

/** Rows of x summed into zeros of a shape. */
export const putAdd = defineOp('index_put', {
  forward(ctx, [x, index]: AndIndex, shape: Shape) {
    ctx.save(index)
    return putAddArray(x, index, shape)
  },
  backward: ({ saved: [index] }, grad): Gradients => [take([grad, index]), null],
})

/** x with `values` at the places, counted in row-major order, that the index holds. */
export const put = defineOp('put', {
  forward(ctx, [x, values, index]: [x: NDArray, values: NDArray, index: NDArray]) {
    ctx.save(index)
    return putArray(x, values, index)
  },
  backward({ saved: [index], shapes: [, shape], needs }, grad): Gradients {
    return [needs[0] ? put([grad, constant(NDArray.zeros(shape)), index]) : null, needs[1] ? take([grad.reshape([-1]), index]) : null, null]
  },
})

/** The index as the kernels want it: negative numbers counted from the end, every number inside the dimension. */
export function checkedIndex(operation: string, index: Tensor, size: number, negative: boolean): Tensor {
  const checked = checkIndex(operation, index.array, size, negative)
  return checked === index.array ? index : constant(checked)
}

/** out[i][j] = x[i][index[i][j]] along dimension `dim`. */
export const gather = defineOp('gather', {
  forward(ctx, [x, index]: AndIndex, dim: number) {
    ctx.save(index)
    return gatherArray(x, dim, index)
  },
  backward: ({ saved: [index], shapes: [shape] }, grad, dim): Gradients => [scatterAdd([grad, index], { dim, shape }), null],
})

/** x with other numbers at the places that gather would read. */
export const scatter = defineOp('scatter', {
  forward(ctx, [x, index, source]: [x: NDArray, index: NDArray, source: NDArray], dim: number) {
    ctx.save(index)
    return scatterArray(x, dim, index, source)
  },
  backward({ saved: [index], shapes: [, , shape], needs }, grad, dim): Gradients {
    const zeros = (of: Shape) => constant(NDArray.zeros(of))
    const dx = needs[0] ? scatter([grad, index, zeros(index.shape)], dim) : null
    const starts = shape.map(() => 0)
    return [dx, null, needs[2] ? slicePlaced([gather([grad, index], dim)], { shape, starts, steps: shape.map(() => 1) }) : null]
  },
})

/** x summed into zeros of a shape at the places that gather would read. */
export const scatterAdd = defineOp('scatter_add', {
  forward(ctx, [x, index]: AndIndex, { dim, shape }: { readonly dim: number; readonly shape: Shape }) {
    ctx.save(index)
    return scatterAddArray(x, dim, index, shape)
  },
  backward: ({ saved: [index] }, grad, { dim }): Gradients => [gather([grad, index], dim), null],
})
