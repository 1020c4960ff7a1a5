/** attention.png: sample pictures, each beside a copy that is bright where the model looks. */
import { Canvas, fitted, lineHeight, right, wrong, type Colour, type Picture } from './canvas.ts'

/** A picture with what its class token, or whatever the scores are made of, takes from each place. */
export interface AttendedPicture {
  readonly picture: Picture
  /** Rows of shares, of as many places as the model has patches. */
  readonly attention: readonly (readonly number[])[]
  readonly label: string
  readonly predicted: string
}

const COLUMNS = 5
const SIZE = 128
const GAP = 4
const BETWEEN = 14
const MARGIN = 16
const TITLE = 34

/** Samples in rows of five, the copy below the picture. */
export function drawAttention(title: string, samples: readonly AttendedPicture[]): Uint8Array {
  const rows = Math.max(1, Math.ceil(samples.length / COLUMNS))
  const cell = { width: SIZE + BETWEEN, height: 2 * SIZE + GAP + 2 * lineHeight + BETWEEN }
  const canvas = new Canvas(2 * MARGIN + COLUMNS * cell.width - BETWEEN, TITLE + rows * cell.height)
  canvas.text(MARGIN, 12, title)
  samples.forEach(({ picture, attention, label, predicted }, i) => {
    const left = MARGIN + (i % COLUMNS) * cell.width
    const top = TITLE + Math.floor(i / COLUMNS) * cell.height
    const below = top + 2 * SIZE + GAP + 3
    canvas.picture(left, top, SIZE, picture)
    canvas.picture(left, top + SIZE + GAP, SIZE, overlaid(picture, attention))
    canvas.text(left, below, fitted(label, SIZE), right)
    if (predicted !== label) canvas.text(left, below + lineHeight, fitted(predicted, SIZE), wrong)
  })
  return canvas.toPng()
}

/** The picture in shades of grey, under a heat map from the least to the greatest attention. */
function overlaid({ width, height, pixels }: Picture, attention: readonly (readonly number[])[]): Picture {
  const all = attention.flat()
  const least = Math.min(...all)
  const range = Math.max(...all) - least || 1
  const scale = Math.max(1, Math.floor(SIZE / width))
  const out = new Uint8Array(3 * width * height * scale * scale)
  for (let y = 0; y < height * scale; y++)
    for (let x = 0; x < width * scale; x++) {
      const from = 3 * (Math.floor(y / scale) * width + Math.floor(x / scale))
      const shade = 0.3 * pixels[from] + 0.59 * pixels[from + 1] + 0.11 * pixels[from + 2]
      const heat = heatColour(stepped((between(attention, (x + 0.5) / (width * scale), (y + 0.5) / (height * scale)) - least) / range))
      heat.forEach((value, c) => (out[3 * (y * width * scale + x) + c] = Math.round(0.45 * shade + 0.55 * value)))
    }
  return { width: width * scale, height: height * scale, pixels: out }
}

/** The value at (x, y), both from 0 to 1, between the middles of the map's places. */
function between(map: readonly (readonly number[])[], x: number, y: number): number {
  const at = (position: number, size: number) => Math.min(Math.max(position * size - 0.5, 0), size - 1)
  const [column, row] = [at(x, map[0].length), at(y, map.length)]
  const [left, top] = [Math.floor(column), Math.floor(row)]
  const [right, bottom] = [Math.min(left + 1, map[0].length - 1), Math.min(top + 1, map.length - 1)]
  const mix = (a: number, b: number, share: number) => a + (b - a) * share
  return mix(mix(map[top][left], map[top][right], column - left), mix(map[bottom][left], map[bottom][right], column - left), row - top)
}

/** In steps that are too small to be seen, and make the file smaller. */
const stepped = (value: number) => Math.round(32 * value) / 32

/** From dark blue over magenta and orange to light yellow, as light as the value is great. */
const HEAT: readonly Colour[] = [[6, 6, 50], [75, 15, 110], [160, 45, 110], [230, 95, 70], [250, 165, 65], [252, 245, 180]]

function heatColour(value: number): Colour {
  const position = value * (HEAT.length - 1)
  const below = Math.min(Math.floor(position), HEAT.length - 2)
  const share = position - below
  const [from, to] = [HEAT[below], HEAT[below + 1]]
  return [0, 1, 2].map((c) => from[c] + (to[c] - from[c]) * share) as [number, number, number]
}
