/** Plots by Observable Plot without a browser, put together in one SVG file. */
import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

// linkedom's document does all that Plot asks of one, though its type says less.
const document = parseHTML('<!doctype html><html></html>').document as unknown as Document

const FONT = "system-ui, 'Segoe UI', 'Helvetica Neue', 'DejaVu Sans', sans-serif"

export const colours = { training: '#9aa5b1', smoothed: '#2b6cb0', test: '#dd6b20' }

export interface Panel {
  readonly title: string
  /** What the colours of the panel stand for. */
  readonly legend?: readonly { readonly name: string; readonly colour: string }[]
  readonly plot: Plot.PlotOptions & { readonly width: number; readonly height: number }
}

const HEADER = 40

/** Panels from left to right, each below its title. */
export function svgOf(panels: readonly Panel[]): string {
  const width = panels.reduce((sum, { plot }) => sum + plot.width, 0)
  const height = HEADER + Math.max(...panels.map(({ plot }) => plot.height))
  let left = 0
  const parts = panels.map(({ title, legend = [], plot }) => {
    const drawn = Plot.plot({ ...plot, document, style: { fontFamily: FONT, fontSize: '12px', background: 'white' } })
    const placed = drawn.outerHTML.replace('<svg ', `<svg x="${left}" y="${HEADER}" `)
    const heading = `<text x="${left + (plot.marginLeft ?? 40)}" y="26" font-size="15" font-weight="600" fill="#1c1c1e">${escaped(title)}${legend.map(({ name, colour }) => `<tspan dx="14" font-size="12" font-weight="400" fill="${colour}">● ${escaped(name)}</tspan>`).join('')}</text>`
    left += plot.width
    return heading + placed
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${FONT}">\n<rect width="100%" height="100%" fill="white"/>\n${parts.join('\n')}\n</svg>\n`
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
