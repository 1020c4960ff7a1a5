/** samples.png: the worst mistakes with what is right and what the model said. */
import type { Mistake } from '../evaluation.ts'
import { Canvas, fitted, grey, lineHeight, right, widthOf, wrong, type Picture } from './canvas.ts'

const COLUMNS = 6
const SIZE = 128
const GAP = 14
const MARGIN = 16
const TITLE = 34

/** The worst mistakes in rows of six. `pictureOf` gives the picture of a number. */
export function drawSamples(title: string, mistakes: readonly Mistake[], classes: readonly string[], pictureOf: (index: number) => Picture): Uint8Array {
  const rows = Math.max(1, Math.ceil(mistakes.length / COLUMNS))
  const cell = { width: SIZE + GAP, height: SIZE + 2 * lineHeight + GAP }
  const canvas = new Canvas(2 * MARGIN + COLUMNS * cell.width - GAP, TITLE + MARGIN + rows * cell.height)
  canvas.text(MARGIN, 12, title)
  if (mistakes.length === 0) canvas.text(MARGIN, TITLE + MARGIN, 'no mistake at all', grey)
  mistakes.forEach(({ index, label, predicted, said }, i) => {
    const left = MARGIN + (i % COLUMNS) * cell.width
    const top = TITLE + Math.floor(i / COLUMNS) * cell.height
    canvas.picture(left, top, SIZE, pictureOf(index))
    canvas.text(left, top + SIZE + 3, fitted(classes[label], SIZE), right)
    canvas.text(left, top + SIZE + 3 + lineHeight, besides(classes[predicted], ` ${Math.round(100 * said)} %`), wrong)
  })
  return canvas.toPng()
}

/** As much of the name as leaves room for what follows. */
const besides = (name: string, rest: string) => fitted(name, SIZE - widthOf(rest)) + rest
