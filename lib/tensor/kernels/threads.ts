/** The worker pool: threads that share the work of kernels. */

export interface Pool {
  /** How many threads share the work, the main one included. */
  readonly threads: number
  /** Runs `kernel(...args, begin, end, thread)` over units 0 ... count − 1 in chunks of `grain` on all threads; returns when all are done. */
  run(kernel: string, args: readonly number[], count: number, grain: number): void
}
