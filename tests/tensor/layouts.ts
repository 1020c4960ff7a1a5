/** Arrays that lie in memory in every possible way, and reading them number by number. */
import { NDArray } from '../../lib/tensor/ndarray.ts'
import { Generator } from '../../lib/tensor/random.ts'
import { numelOf, type Shape } from '../../lib/tensor/shape.ts'

export type Draw = (below: number) => number

/** Whole numbers drawn below a bound, the same ones for each seed. */
export function draws(seed: number): Draw {
  const generator = new Generator(seed)
  return (below) => generator.random() % below
}

/** Every index of a shape, in row-major order. */
export function* indices(shape: Shape): Iterable<number[]> {
  const numel = numelOf(shape)
  for (let i = 0; i < numel; i++) {
    let rest = i
    yield shape.map((_, d) => {
      const below = numelOf(shape.slice(d + 1))
      const at = Math.floor(rest / below)
      rest -= at * below
      return at
    })
  }
}

export function read({ storage, strides, offset }: NDArray, index: readonly number[]): number {
  return storage.data[index.reduce((sum, at, d) => sum + at * strides[d], offset)]
}

/** The numbers in row-major order, found one by one. */
export const readAll = (x: NDArray): number[] => [...indices(x.shape)].map((index) => read(x, index))

export function drawShape(draw: Draw, maxDims = 4): number[] {
  return Array.from({ length: draw(maxDims + 1) }, () => 1 + draw(4))
}

/** An array of a shape: permuted, every so-many-th of a larger one, further on in its storage, sometimes repeated along a dimension. */
export function scattered(shape: Shape, draw: Draw, number: () => number = () => draw(2000) / 500 - 2): NDArray {
  const order = shape.map((_, d) => d)
  for (let i = order.length - 1; i > 0; i--) {
    const j = draw(i + 1)
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  const steps = order.map(() => 1 + draw(2))
  const repeated = order.map(() => draw(6) === 0)
  const sizes = order.map((d, i) => (repeated[i] ? 1 : shape[d]))
  const lead = draw(3)
  const room = sizes.map((size, i) => size * steps[i] + lead)
  const whole = NDArray.from(Float32Array.from({ length: numelOf(room) }, number), room)
  const chosen = whole.slice(sizes.map((size, i) => ({ start: lead, size, step: steps[i] })))
  const stretched = chosen.expand(order.map((d) => shape[d]))
  return stretched.permute(shape.map((_, d) => order.indexOf(d)))
}
