/** Matrix products. */
import { checkIsNoMask } from '../../tensor/dtype.ts'
import { ShapeError, ValueError } from '../../tensor/errors.ts'
import { addProduct, matmul as product } from '../../tensor/matmul.ts'
import type { NDArray } from '../../tensor/ndarray.ts'
import { numelOf, showShape, type Shape } from '../../tensor/shape.ts'
import { checkTensors, defineOp, own } from '../op.ts'
import type { Tensor } from '../tensor.ts'
import { unbroadcast } from './sum.ts'

/** (..., M, K) · (..., K, N), leading dimensions broadcast. dA = dC · Bᵀ, dB = Aᵀ · dC. */
export const matmul = defineOp('matmul', {
  forward(ctx, [a, b]: [a: NDArray, b: NDArray]) {
    ctx.save(...(ctx.needs[1] ? [a] : []), ...(ctx.needs[0] ? [b] : []))
    return product(a, b)
  },
  backward(ctx, grad) {
    const { saved } = ctx
    return unbroadcast(ctx, () => grad.matmul(saved[saved.length - 1].transpose(-1, -2)), () => saved[0].transpose(-1, -2).matmul(grad))
  },
})

/** x (..., in) through weight (out, in) and, where there is one, bias (out,): x · Wᵀ + b, in one pass. */
export const addmm = defineOp('addmm', {
  optional: true,
  forward(ctx, [x, weight, bias]: [x: NDArray, weight: NDArray, bias: NDArray | null]) {
    ctx.save(...(ctx.needs[1] ? [x] : []), ...(ctx.needs[0] ? [weight] : []))
    return product(rowsOf(x), weight.transpose(0, 1), bias).reshape(x.shape.with(-1, weight.shape[0]))
  },
  backward({ saved, needs }, grad, _, arrived) {
    const x = saved[0]
    const weight = saved[saved.length - 1]
    const sum = arrived(0)
    if (sum) addProduct(rowsOf(sum), rowsOf(grad.array), weight.array)
    return [
      needs[0] && !sum ? grad.matmul(weight) : null,
      needs[1] ? rowsOf(grad).transpose(0, 1).matmul(rowsOf(x)) : null,
      needs[2] ? rowsOf(grad).sum(0) : null,
    ]
  },
})

/** (..., n) as a matrix of rows. */
const rowsOf = <T extends { readonly shape: Shape; readonly ndim: number; reshape(shape: Shape): T }>(x: T): T => (x.ndim === 2 ? x : x.reshape([numelOf(x.shape.slice(0, -1)), x.shape[x.ndim - 1]]))

/** How many dimensions operands must have, where that is not left open. */
const dimensions: Readonly<Partial<Record<string, readonly [number, number]>>> = { mm: [2, 2], bmm: [3, 3], dot: [1, 1], mv: [2, 1] }

/** Products of vectors, matrices and batches: vectors become matrices of one row or column, which is dropped again. */
export function matmulAny(operation: 'matmul' | 'mm' | 'bmm' | 'dot' | 'mv', a: Tensor, b: Tensor): Tensor {
  checkTensors(operation, [a, b])
  const wanted = dimensions[operation]
  if (a.ndim === 0 || b.ndim === 0)
    throw new ShapeError(operation, `${showShape(a.shape)} and ${showShape(b.shape)} cannot be multiplied: one of them is a scalar`, 'use mul() to multiply by a scalar')
  if (wanted && (a.ndim !== wanted[0] || b.ndim !== wanted[1]))
    throw new ShapeError(operation, `${showShape(a.shape)} and ${showShape(b.shape)} are not ${wanted[0] === wanted[1] ? 'both ' : ''}of ${[...new Set(wanted)].join(' and ')} dimensions`, 'use matmul(), which takes vectors, matrices and batches')
  if (operation === 'bmm' && a.shape[0] !== b.shape[0])
    throw new ShapeError(operation, `${showShape(a.shape)} and ${showShape(b.shape)} have different batch sizes`, 'use matmul(), which broadcasts the batch')
  checkLabels(operation, a, b)
  const left = a.ndim === 1 ? a.unsqueeze(0) : a
  const right = b.ndim === 1 ? b.unsqueeze(1) : b
  if (left.shape[left.ndim - 1] !== right.shape[right.ndim - 2])
    throw new ShapeError(operation, `${showShape(a.shape)} and ${showShape(b.shape)} cannot be multiplied: inner sizes ${left.shape[left.ndim - 1]} and ${right.shape[right.ndim - 2]} differ`, 'transpose one of them, or check the order of the arguments')
  const full = fewRows(left, right)
  const name = operation === 'bmm' ? 'BmmBackward0' : nodeNames[`${a.ndim}·${b.ndim}`] ?? (a.ndim === 2 && b.ndim > 2 && !isOfTransposed(b) ? nameOfTurned(full) : 'UnsafeViewBackward0')
  if (a.ndim > 1 && b.ndim > 1) return own(name, full)
  const shape = full.shape.filter((_, d) => !(a.ndim === 1 && d === full.ndim - 2) && !(b.ndim === 1 && d === full.ndim - 1))
  return own(name, full.reshape(shape))
}

/** Throws unless both are of one label, and no masks. */
export function checkLabels(operation: string, a: Tensor, b: Tensor): void {
  checkIsNoMask(operation, a.dtype, b.dtype)
  if (a.dtype !== b.dtype) throw new ValueError(operation, `tensors of ${a.dtype} and ${b.dtype} are not multiplied`, 'call float() on the one of whole numbers')
}

/** What PyTorch ends a product with, by the dimensions of its operands. */
const nodeNames: Readonly<Record<string, string>> = { '1·1': 'DotBackward0', '2·1': 'MvBackward0', '1·2': 'SqueezeBackward3', '2·2': 'MmBackward0' }

/** A matrix times a batch is made of the batch's transpose, and turned back by a copy where that makes a difference. */
const nameOfTurned = ({ shape }: Tensor): string => (shape.slice(-2).includes(1) || shape.includes(0) ? 'TransposeBackward0' : 'CloneBackward0')

/** Whether a batch is one of transposed matrices, which PyTorch multiplies as it is. */
function isOfTransposed(batch: Tensor): boolean {
  const [stride, , last] = batch.stride()
  return batch.ndim === 3 && last !== 1 && stride === batch.shape[1] * batch.shape[2]
}

/** A batch times one matrix is a single product of all its rows; anything else goes as it is. */
function fewRows(a: Tensor, b: Tensor): Tensor {
  if (a.ndim <= 2 || b.ndim !== 2) return matmul([a, b])
  return matmul([rowsOf(a), b]).reshape(a.shape.with(-1, b.shape[1]))
}
