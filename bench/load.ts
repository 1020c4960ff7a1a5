/** What else the machine is doing: a figure measured beside others' work is not worth much. */
import { readFileSync } from 'node:fs'

export interface Load {
  /** Seconds that passed. */
  readonly wall: number
  /** Cores that this process kept busy, on average. */
  readonly own: number
  /** Cores that everybody else kept busy; null where the system does not tell. */
  readonly others: number | null
}

/** Starts watching; the function returned tells what happened since. */
export function watchLoad(): () => Load {
  const start = { time: performance.now(), all: busySeconds(), own: process.cpuUsage() }
  return () => {
    const wall = (performance.now() - start.time) / 1000
    const { user, system } = process.cpuUsage(start.own)
    const own = (user + system) / 1e6
    const all = busySeconds()
    const others = all === null || start.all === null ? null : Math.max(0, all - start.all - own) / wall
    return { wall, own: own / wall, others }
  }
}

/** Processor time that all processes took since the machine started: /proc/stat counts in hundredths of a second. */
function busySeconds(): number | null {
  try {
    const [user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/\s+/).slice(1).map(Number)
    return (user + nice + system + irq + softirq) / 100
  } catch {
    return null
  }
}

/** Waits until others take less than a tenth of a core for half a second, but no longer than `seconds`. */
export async function waitForQuiet(seconds: number): Promise<void> {
  const end = performance.now() + 1000 * seconds
  while (performance.now() < end) {
    const load = watchLoad()
    await new Promise((resolve) => setTimeout(resolve, 500))
    if ((load().others ?? 0) < 0.1) return
  }
}
