/** confusion.svg: which classes are taken for which. */
import * as Plot from '@observablehq/plot'
import { svgOf } from './svg.ts'

/** Of more classes than this, numbers would not be readable. */
const MOST_NUMBERS = 20

/** `confusion[row][column]` tells how often pictures of class `row` were taken for class `column`. */
export function drawConfusion(confusion: readonly (readonly number[])[], classes: readonly string[]): string {
  const cells = confusion.flatMap((row, label) => row.map((count, predicted) => ({ label: classes[label], predicted: classes[predicted], count, share: count / Math.max(1, row.reduce((sum, n) => sum + n, 0)) })))
  const isReadable = classes.length <= MOST_NUMBERS
  const longest = Math.max(...classes.map((name) => name.length))
  const margin = 30 + Math.min(longest, 24) * (isReadable ? 7 : 5.5)
  const side = classes.length * (isReadable ? 46 : 10)
  const names = { domain: classes, tickSize: 0, labelAnchor: 'center', labelArrow: 'none' } as const
  const axis = isReadable ? {} : { fontSize: 7 }
  return svgOf([{
    title: 'Confusion',
    legend: [{ name: 'share of the pictures of a class; numbers count them', colour: '#6b7280' }].slice(0, isReadable ? 1 : 0),
    plot: {
      width: margin + side + 24,
      height: margin + side + 24,
      marginLeft: margin,
      marginBottom: margin,
      marginTop: 4,
      marginRight: 24,
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
