/** curves.svg: how loss, accuracy and learning rate went. */
import * as Plot from '@observablehq/plot'
import { colours, svgOf, type Panel } from './svg.ts'

/** A step of the training: what it was on its batch, and, where an epoch ended, what it was on the test pictures. */
export interface Point {
  /** In epochs: 1.5 is the middle of the second one. */
  readonly epoch: number
  readonly loss: number
  readonly accuracy: number
  readonly lr: number
  readonly testLoss: number | null
  readonly testAccuracy: number | null
}

export function drawCurves(points: readonly Point[]): string {
  const every = thinned(points, 600)
  return svgOf([
    panel('Loss', every, smoothed(points, ({ loss }) => loss), ({ loss }) => loss, points.filter(({ testLoss }) => testLoss !== null), ({ testLoss }) => testLoss, {}),
    panel('Accuracy', every, smoothed(points, ({ accuracy }) => accuracy), ({ accuracy }) => accuracy, points.filter(({ testAccuracy }) => testAccuracy !== null), ({ testAccuracy }) => testAccuracy, { percent: true }),
    rates(every),
  ])
}

const size = { width: 420, height: 300, marginLeft: 52, marginRight: 18, marginBottom: 40, marginTop: 12 }
const epochs = { label: 'epoch', labelAnchor: 'center', labelArrow: 'none', zero: true, ticks: 6 } as const

interface Smooth {
  readonly epoch: number
  readonly value: number
}

function panel(title: string, every: readonly Point[], smooth: readonly Smooth[], value: (point: Point) => number, tested: readonly Point[], testValue: (point: Point) => number | null, { percent = false }): Panel {
  const test = tested.map((point) => ({ epoch: point.epoch, value: testValue(point) }))
  return {
    title,
    legend: [{ name: 'training', colour: colours.smoothed }, { name: 'single steps', colour: colours.training }, { name: 'test', colour: colours.test }],
    plot: {
      ...size,
      x: epochs,
      y: { label: null, grid: true, nice: true, zero: true, ticks: 6, ...(percent ? { percent, tickFormat: (tick: number) => `${tick} %`, domain: [0, 100] } : {}) },
      marks: [
        Plot.lineY(every, { x: 'epoch', y: value, stroke: colours.training, strokeOpacity: 0.45, strokeWidth: 1 }),
        Plot.lineY(smooth, { x: 'epoch', y: 'value', stroke: colours.smoothed, strokeWidth: 2 }),
        Plot.lineY(test, { x: 'epoch', y: 'value', stroke: colours.test, strokeWidth: 2 }),
        Plot.dot(test, { x: 'epoch', y: 'value', fill: colours.test, stroke: 'white', r: test.length > 30 ? 2 : 4 }),
        Plot.ruleY([0]),
      ],
    },
  }
}

function rates(points: readonly Point[]): Panel {
  return {
    title: 'Learning rate',
    plot: { ...size, width: 300, x: epochs, y: { label: null, grid: true, zero: true, nice: true, ticks: 6 }, marks: [Plot.lineY(points, { x: 'epoch', y: 'lr', stroke: colours.smoothed, strokeWidth: 2 }), Plot.ruleY([0])] },
  }
}

/** At most `most` of the points, evenly chosen, with the last. */
function thinned<T>(points: readonly T[], most: number): readonly T[] {
  const every = Math.ceil(points.length / most)
  return points.filter((_, i) => i % every === 0 || i === points.length - 1)
}

/** A mean over a fortieth of all steps, around each of them. */
function smoothed(points: readonly Point[], value: (point: Point) => number): readonly Smooth[] {
  const half = Math.max(1, Math.round(points.length / 80))
  const sums = [0]
  for (const point of points) sums.push(sums[sums.length - 1] + value(point))
  const means = points.map(({ epoch }, i) => {
    const [from, to] = [Math.max(0, i - half), Math.min(points.length, i + half + 1)]
    return { epoch, value: (sums[to] - sums[from]) / (to - from) }
  })
  return thinned(means, 300)
}
