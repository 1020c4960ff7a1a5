/** A picture to draw on: rectangles, pictures and labels, written as a PNG file's bytes. */
import { readFileSync } from 'node:fs'
import { PNG } from 'pngjs'

/** Red, green and blue from 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number]

/** Red, green and blue bytes of each pixel, row by row. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly pixels: Uint8Array
}

const black: Colour = [28, 28, 30]
export const grey: Colour = [118, 118, 124]
/** What a picture is, and what a model wrongly said. */
export const right: Colour = [22, 128, 74]
export const wrong: Colour = [196, 43, 43]

/** Letters as coverages from 0 to 255: those of `font.png`, which `font.py` drew. */
interface Font {
  readonly first: number
  readonly cell: number
  readonly height: number
  readonly columns: number
  readonly widths: readonly number[]
  readonly coverage: PNG
}

let loaded: Font | undefined

function font(): Font {
  const beside = (name: string) => readFileSync(new URL(name, import.meta.url))
  return (loaded ??= { ...(JSON.parse(beside('font.json').toString()) as Omit<Font, 'coverage'>), coverage: PNG.sync.read(beside('font.png')) })
}

/** The places of a text's letters in the font; characters that it lacks become question marks. */
function glyphs(text: string): number[] {
  const { first, widths } = font()
  return [...text].map((character) => (character.codePointAt(0) ?? 0) - first).map((glyph) => (widths[glyph] === undefined ? 31 : glyph))
}

export const lineHeight = 17

export function widthOf(text: string): number {
  return glyphs(text).reduce((sum, glyph) => sum + font().widths[glyph], 0)
}

/** The text, or as much of it as fits with an ellipsis. */
export function fitted(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let kept = text
  while (kept.length > 0 && widthOf(`${kept}...`) > width) kept = kept.slice(0, -1)
  return `${kept.trimEnd()}...`
}

export class Canvas {
  readonly #png: PNG

  /** White all over. */
  constructor(width: number, height: number) {
    this.#png = new PNG({ width, height })
    this.#png.data.fill(255)
  }

  /** Lays a colour over a pixel, which covers `share` of it. */
  #blend(x: number, y: number, colour: Colour, share: number): void {
    const { width, height, data } = this.#png
    if (x < 0 || y < 0 || x >= width || y >= height) return
    const at = 4 * (y * width + x)
    for (let c = 0; c < 3; c++) data[at + c] = Math.round(data[at + c] * (1 - share) + colour[c] * share)
  }

  /** Draws a picture in a square of `size`, its pixels as squares. */
  picture(left: number, top: number, size: number, { width, height, pixels }: Picture): void {
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        const from = 3 * (Math.floor((y * height) / size) * width + Math.floor((x * width) / size))
        this.#blend(left + x, top + y, [pixels[from], pixels[from + 1], pixels[from + 2]], 1)
      }
  }

  text(left: number, top: number, text: string, colour: Colour = black): void {
    const { cell, height, columns, widths, coverage } = font()
    let x = left
    for (const glyph of glyphs(text)) {
      const [column, row] = [(glyph % columns) * cell, Math.floor(glyph / columns) * height]
      for (let dy = 0; dy < height; dy++) for (let dx = 0; dx < cell; dx++) this.#blend(x + dx, top + dy, colour, coverage.data[4 * ((row + dy) * coverage.width + column + dx)] / 255)
      x += widths[glyph]
    }
  }

  toPng(): Uint8Array {
    return PNG.sync.write(this.#png, { colorType: 2, deflateLevel: 9 })
  }
}
