/**
 * The built-in data: 32 x 32 colour pictures of ten shapes and textures, drawn by a seeded generator. The colours, the place, size and
 * tilt of the shape, the shading of the ground and the noise are random, so that neither a colour nor a single pixel tells the class.
 * Only + - * / sqrt and floor are used, which are exact in IEEE arithmetic: a seed gives the same pictures on every machine.
 */
import { constant } from '../autograd/op.ts'
import { NDArray } from '../tensor/ndarray.ts'
import { checkSize, optionsOf } from '../tensor/options.ts'
import { Generator } from '../tensor/random.ts'
import { TensorDataset } from './dataset.ts'

const SIZE = 32
const PIXELS = SIZE * SIZE
const MIDDLE = (SIZE - 1) / 2

/** How far (x, y) lies inside a shape, in pixels; negative outside. */
type Inside = (x: number, y: number, size: number) => number

/** Figures of radius `size` around (0, 0). */
const FIGURES: Record<string, Inside> = {
  disk: (x, y, size) => size - Math.sqrt(x * x + y * y),
  ring: (x, y, size) => 0.22 * size - Math.abs(Math.sqrt(x * x + y * y) - 0.8 * size),
  square: (x, y, size) => 0.85 * size - Math.max(Math.abs(x), Math.abs(y)),
  triangle: (x, y, size) => 0.6 * size - Math.max(y, 0.866 * Math.abs(x) - 0.5 * y),
  cross: (x, y, size) => Math.min(0.3 * size - Math.min(Math.abs(x), Math.abs(y)), size - Math.max(Math.abs(x), Math.abs(y))),
}

/** Textures that fill the picture, with a period of `size`. */
const TEXTURES: Record<string, Inside> = {
  'horizontal stripes': (_, y, size) => stripes(y, size),
  'vertical stripes': (x, _, size) => stripes(x, size),
  'diagonal stripes': (x, y, size) => stripes(0.7071 * (x + y), size),
  checkerboard: (x, y, size) => checks(stripes(x, 1.5 * size), stripes(y, 1.5 * size)),
  dots: (x, y, size) => dots(fromMiddle(x, size), fromMiddle(y, size), size),
}

/** The ten names, in the order of their labels. */
export const syntheticClasses: readonly string[] = [...Object.keys(FIGURES), ...Object.keys(TEXTURES)]

const SHAPES = [...Object.values(FIGURES), ...Object.values(TEXTURES)]
const FIGURE_COUNT = Object.keys(FIGURES).length

export interface SyntheticOptions {
  /** Pictures to learn from (default), or others of the same kind to test with. */
  readonly train?: boolean
  readonly count?: number
  /** Another seed draws other pictures. */
  readonly seed?: number
}

/** The built-in pictures as a dataset: samples [picture (3, 32, 32), label]. Training and test pictures are never the same. */
export function synthetic(given: SyntheticOptions = {}): TensorDataset {
  const { train, count, seed } = optionsOf('synthetic', given, { train: true, count: given.train === false ? 1000 : 6000, seed: 0 })
  const { images, labels } = drawSynthetic(count, 2 * seed + (train ? 1 : 2))
  return new TensorDataset(constant(NDArray.from(images, [count, 3, SIZE, SIZE])), constant(NDArray.from(labels, [count], 'int64')))
}

/**
 * Draws `count` pictures: `images` holds (count, 3, 32, 32) numbers around 0 with deviation 1, (pixel - 0.5) / 0.25 of pixels in [0, 1];
 * `labels` the class of each, 0 1 2 ... 9 in turn. A longer draw begins with the shorter one. Take another seed for the test pictures.
 */
export function drawSynthetic(count: number, seed: number): { images: Float32Array; labels: Float32Array } {
  checkSize('synthetic', 'count', count, 0)
  const generator = new Generator(seed)
  const images = new Float32Array(count * 3 * PIXELS)
  const labels = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    labels[i] = i % SHAPES.length
    drawPicture(images.subarray(i * 3 * PIXELS, (i + 1) * 3 * PIXELS), labels[i], generator)
  }
  return { images, labels }
}

function drawPicture(picture: Float32Array, label: number, generator: Generator): void {
  const between = (low: number, high: number) => low + (high - low) * (generator.random() / 2 ** 32)
  const inside = SHAPES[label]
  const isFigure = label < FIGURE_COUNT
  const size = isFigure ? between(9, 13) : between(6, 9)
  const away = isFigure ? 2.5 : 16
  const centreX = MIDDLE + between(-away, away)
  const centreY = MIDDLE + between(-away, away)
  // (cos, sin) of the tilt, from the tangent of its half: up to 11 degrees either way.
  const tangent = between(-0.1, 0.1)
  const cos = (1 - tangent * tangent) / (1 + tangent * tangent)
  const sin = (2 * tangent) / (1 + tangent * tangent)
  const shadeX = between(-0.15, 0.15) / SIZE
  const shadeY = between(-0.15, 0.15) / SIZE
  const isLight = between(0, 1) < 0.5
  const ground = [0, 0, 0]
  const contrast = [0, 0, 0]
  for (let c = 0; c < 3; c++) {
    const dark = between(0.1, 0.5)
    const step = between(0.25, 0.55)
    ground[c] = isLight ? dark : dark + step
    contrast[c] = isLight ? step : -step
  }
  for (let row = 0; row < SIZE; row++)
    for (let column = 0; column < SIZE; column++) {
      const x = column - centreX
      const y = row - centreY
      const cover = clamp(inside(cos * x + sin * y, cos * y - sin * x, size) + 0.5)
      const shade = shadeX * (column - MIDDLE) + shadeY * (row - MIDDLE)
      // One draw makes the noise of the three colours: ten bits each.
      const noise = generator.random()
      for (let c = 0; c < 3; c++) {
        const value = clamp(ground[c] + shade + cover * contrast[c] + 0.16 * (((noise >>> (10 * c)) & 1023) / 1023 - 0.5))
        picture[c * PIXELS + row * SIZE + column] = (value - 0.5) / 0.25
      }
    }
}

const clamp = (value: number) => Math.min(Math.max(value, 0), 1)

/** How far `position` lies from the middle of its period: between -period / 2 and period / 2. */
function fromMiddle(position: number, period: number): number {
  return position - period * (Math.floor(position / period) + 0.5)
}

/** The middle half of every period is stripe. */
function stripes(position: number, period: number): number {
  return 0.25 * period - Math.abs(fromMiddle(position, period))
}

/** Inside where both are inside or both are outside. */
function checks(a: number, b: number): number {
  return Math.min(Math.abs(a), Math.abs(b)) * (a > 0 === b > 0 ? 1 : -1)
}

/** One disk in the middle of every square of the grid. */
function dots(fromX: number, fromY: number, size: number): number {
  return 0.3 * size - Math.sqrt(fromX * fromX + fromY * fromY)
}
