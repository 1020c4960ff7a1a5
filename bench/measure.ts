/** Times training steps: one way for vitgrad and for its JavaScript peers. peers/pytorch.py does the same in Python. */
import type { Config } from './configs.ts'
import { stepFlops } from './configs.ts'
import { watchLoad } from './load.ts'

/** What one process measured. It is printed as one line of JSON. */
export interface Measurement {
  readonly name: string
  readonly version: string
  /** Node or Python, with its version. */
  readonly runtime: string
  /** Engine and threads, or whatever else was chosen. */
  readonly setting: string
  readonly config: string
  readonly batch: number
  readonly parameters: number
  readonly msMin: number
  readonly msMedian: number
  /** From the best step. */
  readonly imagesPerSecond: number
  readonly gflops: number
  readonly steps: number
  readonly warmupSteps: number
  readonly coresUsed: number
  readonly othersLoad: number | null
  readonly peakRssMiB: number
  /** Loss of the very first step, before any update, and of the last. */
  readonly losses: readonly [first: number, last: number]
}

type Subject = Pick<Measurement, 'name' | 'version' | 'setting' | 'parameters'>

/** Times have settled when so many steps in a row were no quicker than 0.98 of the best before them. */
const SETTLED_AFTER = 5
/** A first step of so many seconds is not repeated for warming up: it is the measurement. */
const TOO_SLOW = 30

/** Repeats `step`, which returns the loss: at most `budget` seconds until its time settles, then `budget` seconds that count. */
export async function measureSteps(subject: Subject, config: Config, budget: number, step: () => number | Promise<number>): Promise<Measurement> {
  const timed = async () => {
    const start = performance.now()
    const loss = await step()
    return { ms: performance.now() - start, loss }
  }
  let load = watchLoad()
  const first = await timed()
  let last = first
  let warmupSteps = 1
  let times: number[] = []
  if (first.ms > 1000 * TOO_SLOW) {
    warmupSteps = 0
    times = [first.ms]
  } else {
    const warmupEnd = performance.now() + 1000 * budget - first.ms
    for (let best = first.ms, unimproved = 0; unimproved < SETTLED_AFTER && performance.now() < warmupEnd; warmupSteps++) {
      last = await timed()
      unimproved = last.ms < 0.98 * best ? 0 : unimproved + 1
      best = Math.min(best, last.ms)
    }
    load = watchLoad()
    const end = performance.now() + 1000 * budget
    do {
      last = await timed()
      times.push(last.ms)
    } while (performance.now() < end)
  }
  const { own, others } = load()
  times.sort((a, b) => a - b)
  const msMin = times[0]
  return {
    ...subject,
    runtime: `Node ${process.versions.node}`,
    config: config.key,
    batch: config.batch,
    msMin,
    msMedian: median(times),
    imagesPerSecond: (1000 * config.batch) / msMin,
    gflops: stepFlops(config) / msMin / 1e6,
    steps: times.length,
    warmupSteps,
    coresUsed: own,
    othersLoad: others,
    peakRssMiB: process.resourceUsage().maxRSS / 1024,
    losses: [first.loss, last.loss],
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
