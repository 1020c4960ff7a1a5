/** Masks of triangles. */
import { ShapeError, ValueError } from '../../tensor/errors.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import { showShape, type Shape } from '../../tensor/shape.ts'
import { constant } from '../op.ts'
import type { Tensor } from '../tensor.ts'

/** 1 on the diagonal and to its lower left ('tril') or upper right ('triu') in the last two dimensions of `shape`, else 0. */
export function triangle(part: 'tril' | 'triu', shape: Shape, diagonal: number): Tensor {
  if (shape.length < 2) throw new ShapeError(part, `${showShape(shape)} has no rows and columns`, 'give a tensor of at least two dimensions')
  if (!Number.isInteger(diagonal)) throw new ValueError(part, `${diagonal} is no diagonal`, 'give a whole number: 0 is the main diagonal, 1 the one above it')
  const [rows, columns] = shape.slice(-2)
  const mask = NDArray.zeros([rows, columns], 'bool')
  const { data } = mask.storage
  for (let i = 0; i < rows; i++) {
    const border = Math.min(Math.max(i + diagonal + (part === 'tril' ? 1 : 0), 0), columns)
    if (part === 'tril') data.fill(1, i * columns, i * columns + border)
    else data.fill(1, i * columns + border, (i + 1) * columns)
  }
  return constant(mask)
}
