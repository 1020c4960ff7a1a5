/** How far an epoch is: a bar on a terminal that can move its cursor, and elsewhere a line now and then. */
import cliProgress from 'cli-progress'

export interface Progress {
  /** `done` of the total is done; `text` says how it goes. */
  show(done: number, text: string): void
  /** Takes the bar away. */
  finish(): void
}

/** Lines in a log file are this far apart. */
const QUIET_MS = 30_000

/** Shows progress, of which `done` is done already, on standard error, so that standard output holds results alone. */
export function startProgress(title: string, total: number, done = 0): Progress {
  return process.stderr.isTTY && process.env.TERM !== 'dumb' ? bar(title, total, done) : lines(title, total)
}

function bar(title: string, total: number, done: number): Progress {
  const shown = new cliProgress.SingleBar({ format: `${title} {bar} {percentage} %  {text}`, barCompleteChar: '━', barIncompleteChar: '─', barsize: 16, hideCursor: true, clearOnComplete: true, fps: 8, gracefulExit: false })
  shown.start(total, done, { text: '' })
  return {
    show: (done, text) => shown.update(done, { text }),
    finish: () => shown.stop(),
  }
}

function lines(title: string, total: number): Progress {
  let told = performance.now()
  return {
    show(done, text) {
      if (performance.now() - told < QUIET_MS) return
      told = performance.now()
      console.error(`${title} ${Math.floor((100 * done) / total)} %  ${text}`.trimEnd())
    },
    finish() {},
  }
}

/** 75_000 -> '1 min 15 s' */
export function duration(ms: number): string {
  const [seconds, minutes] = [Math.round(ms / 1000), Math.round(ms / 60_000)]
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
