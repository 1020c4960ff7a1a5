/** Resizing pictures. */
import { checkTensors, constant, named } from '../../autograd/op.ts'
import type { Tensor } from '../../autograd/tensor.ts'
import { ShapeError, ValueError } from '../../tensor/errors.ts'
import { fround } from '../../tensor/float32.ts'
import { NDArray } from '../../tensor/ndarray.ts'
import { optionsOf } from '../../tensor/options.ts'
import { showShape } from '../../tensor/shape.ts'
import { pair, type Pair } from '../../tensor/windows.ts'

export interface InterpolateOptions {
  /** Height and width of the result; or `scaleFactor`, how many times the old ones, rounded down. */
  readonly size?: Pair | null
  readonly scaleFactor?: number | readonly [number, number] | readonly number[] | null
  readonly mode?: 'nearest' | 'bilinear'
  /** For 'bilinear': let the centres of the corner pixels coincide, instead of the edges of the pictures. */
  readonly alignCorners?: boolean | null
}

/** How one axis is resized: to `out` pixels, of which the old picture has `step` each. */
interface Axis {
  readonly dim: number
  readonly size: number
  readonly out: number
  readonly step: number
}

/** x (N, C, H, W) at another size. Same as torch.nn.functional.interpolate. */
export function interpolate(x: Tensor, given: InterpolateOptions): Tensor {
  const { size, scaleFactor, mode, alignCorners } = optionsOf('interpolate', given, { size: null, scaleFactor: null, mode: 'nearest', alignCorners: null })
  checkTensors('interpolate', [x])
  if (x.ndim !== 4) throw new ShapeError('interpolate', `an input of shape ${showShape(x.shape)} is no batch of pictures`, 'give (N, C, H, W)')
  if ((size === null) === (scaleFactor === null)) throw new ValueError('interpolate', `${size === null ? 'neither' : 'both'} of size and scaleFactor ${size === null ? 'is' : 'are'} given`, 'give one of them')
  if (mode !== 'nearest' && mode !== 'bilinear') throw new ValueError('interpolate', `${String(mode)} is no mode`, "give 'nearest' or 'bilinear'")
  if (mode === 'nearest' && alignCorners !== null) throw new ValueError('interpolate', "alignCorners has no meaning for 'nearest'", "leave it out, or give mode: 'bilinear'")
  const factors = scaleFactor === null ? null : factorsOf(scaleFactor)
  const outputs = size === null ? null : pair('interpolate', 'size', size, 1)
  const axes = [2, 3].map((dim): Axis => {
    const factor = factors?.[dim - 2]
    const out = outputs?.[dim - 2] ?? Math.floor(x.shape[dim] * (factor ?? 1))
    if (x.shape[dim] < 1 || out < 1) throw new ShapeError('interpolate', `dimension ${dim} of ${showShape(x.shape)} cannot become ${out}`, 'sizes must be at least 1')
    return { dim, size: x.shape[dim], out, step: fround(factor ? 1 / factor : x.shape[dim] / out) }
  })
  if (mode === 'nearest') return named('UpsampleNearest2DBackward1', axes.reduce(nearest, x))
  return named('UpsampleBilinear2DBackward1', axes.reduce((y, axis) => linear(y, axis, alignCorners ?? false), x))
}

function factorsOf(scaleFactor: number | readonly number[]): readonly number[] {
  const factors = typeof scaleFactor === 'number' ? [scaleFactor, scaleFactor] : scaleFactor
  if (factors.length !== 2 || !factors.every((factor) => factor > 0)) throw new ValueError('interpolate', `scaleFactor [${factors.join(', ')}] is not a number or pair of numbers above 0`, 'give it as a number or as [height, width]')
  return factors
}

/** The pixel in which the new one's upper left corner lies. PyTorch counts in float32. */
function nearest(x: Tensor, { dim, size, out, step }: Axis): Tensor {
  return x.indexSelect(dim, Array.from({ length: out }, (_, i) => Math.min(Math.floor(fround(i * step)), size - 1)))
}

/** The two pixels around the new one's centre, weighted by how near they are. */
function linear(x: Tensor, { dim, size, out, step }: Axis, alignCorners: boolean): Tensor {
  const cornerStep = fround(out > 1 ? (size - 1) / (out - 1) : 0)
  const places = Array.from({ length: out }, (_, i) => (alignCorners ? fround(cornerStep * i) : Math.max(0, fround(fround(step * fround(i + 0.5)) - 0.5))))
  const before = places.map((place) => Math.min(Math.floor(place), size - 1))
  const after = before.map((index) => Math.min(index + 1, size - 1))
  const weights = Float32Array.from(places, (place, i) => place - before[i])
  const weight = constant(NDArray.from(weights, x.shape.map((_, d) => (d === dim ? out : 1))))
  const first = x.indexSelect(dim, before)
  return first.add(x.indexSelect(dim, after).sub(first).mul(weight))
}
