/** Ctrl-C and termination: noted, so that the program can end where nothing is lost. */
import { constants } from 'node:os'

type Signal = 'SIGINT' | 'SIGTERM'

export class Interruption {
  /** The signal that came, if one did. */
  signal: Signal | undefined
  readonly #noted = (signal: NodeJS.Signals) => {
    if (signal !== 'SIGINT' && signal !== 'SIGTERM') return
    if (this.signal) process.exit(exitCode(this.signal)) // a person who asks twice does not want to wait
    this.signal = signal
  }

  /** Signals are noted from now on. */
  constructor() {
    process.on('SIGINT', this.#noted).on('SIGTERM', this.#noted)
  }
  /** Signals end the process again. */
  end(): void {
    process.off('SIGINT', this.#noted).off('SIGTERM', this.#noted)
  }
  /** Lets signals in, which wait while the program computes. Returns whether one came. */
  async came(): Promise<boolean> {
    await new Promise((resolve) => setImmediate(resolve))
    return this.signal !== undefined
  }
}

/** What a shell reports of a process that the signal ended. */
export const exitCode = (signal: Signal) => 128 + constants.signals[signal]
