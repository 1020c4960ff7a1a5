/** confusion.svg: which classes are taken for which. */
import * as Plot from '@observablehq/plot'
import { svgOf } from './svg.ts'

/** Of more classes than this, numbers would not be readable. */
const MOST_NUMBERS = 20

/** Of a longer name only the beginning is shown. */
const LONGEST_NAME = 24

/** What the title and its legend take, which begin where the plot does. */
const TITLE_WIDTH = 440

/** `confusion[row][column]` tells how often pictures of class `row` were taken for class `column`. */
export function drawConfusion(confusion: readonly (readonly number[])[], classes: readonly string[]): string {
  const cells = confusion.flatMap((row, label) => row.map((count, predicted) => ({ label: classes[label], predicted: classes[predicted], count, share: count / Math.max(1, row.reduce((sum, n) => sum + n, 0)) })))
  const isReadable = classes.length <= MOST_NUMBERS
  const longest = Math.max(...classes.map((name) => shortened(name).length)) * (isReadable ? 7 : 5.5)
  const marginLeft = 30 + longest
  const marginBottom = 40 + 0.75 * longest // names are turned by 45 degrees
  const side = classes.length * (isReadable ? 46 : 10)
  const marginRight = Math.max(24, TITLE_WIDTH - side)
  const names = { domain: classes, tickSize: 0, labelAnchor: 'center', labelArrow: 'none' } as const
  const axis = { tickFormat: shortened, ...(isReadable ? {} : { fontSize: 7 }) }
  return svgOf([{
    title: 'Confusion',
    legend: [{ name: 'share of the pictures of a class; numbers count them', colour: '#6b7280' }].slice(0, isReadable ? 1 : 0),
    plot: {
      width: marginLeft + side + marginRight,
      height: 4 + side + marginBottom,
      marginLeft,
      marginBottom,
      marginTop: 4,
      marginRight,
      padding: isReadable ? 0.04 : 0,
      x: { ...names, axis: null },
      y: { ...names, axis: null },
      color: { type: 'sqrt', domain: [0, 1], range: ['#f4f6f9', '#174a8b'], interpolate: 'lab' },
      marks: [
        Plot.axisX({ ...axis, tickSize: 0, tickRotate: -45, label: 'predicted class', labelAnchor: 'center', labelArrow: 'none', textAnchor: 'end' }),
        Plot.axisY({ ...axis, tickSize: 0, label: 'true class', labelAnchor: 'center', labelArrow: 'none' }),
        Plot.frame({ fill: '#f4f6f9', stroke: 'none' }),
        Plot.cell(isReadable ? cells : cells.filter(({ count }) => count > 0), { x: 'predicted', y: 'label', fill: 'share' }),
        ...(isReadable ? [Plot.text(cells.filter(({ count }) => count > 0), { x: 'predicted', y: 'label', text: 'count', fill: ({ share }: { share: number }) => (share > 0.3 ? 'white' : '#1c1c1e'), fontSize: 12 })] : []),
      ],
    },
  }])
}

const shortened = (name: string) => (name.length <= LONGEST_NAME ? name : `${name.slice(0, LONGEST_NAME - 1).trimEnd()}…`)
