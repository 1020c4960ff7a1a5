/** Ctrl-C, termination, a terminal that was closed and a pipe that nobody reads any more: noted, so that the program can end where nothing is lost. */
import { constants } from 'node:os'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

type Signal = (typeof SIGNALS)[number] | 'SIGPIPE'

export class Interruption {
  /** The signal that came, if one did. */
  signal: Signal | undefined
  readonly #noted = (signal: NodeJS.Signals) => {
    if (this.signal) process.exit(exitCode(this.signal)) // a person who asks twice does not want to wait
    this.signal = SIGNALS.find((one) => one === signal)
  }
  readonly #unread = () => void (this.signal ??= 'SIGPIPE')

  /** Signals are noted from now on. */
  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#noted)
    process.stdout.on('error', this.#unread)
  }
  /** Signals end the process again. */
  end(): void {
    for (const signal of SIGNALS) process.off(signal, this.#noted)
    process.stdout.off('error', this.#unread)
  }
  /** Lets signals in, which wait while the program computes. Returns whether one came. */
  async came(): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve))
    return this.signal !== undefined
  }
}

/** What a shell reports of a process that the signal ended. */
export const exitCode = (signal: Signal) => 128 + constants.signals[signal]
