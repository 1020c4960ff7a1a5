/** What assert.throws() asks of an error. */

/** Whether it is of that kind, holds these words, and ends with the way out. */
export const isError = (kind: new (...args: never[]) => Error, words = /./) => (error: unknown): boolean =>
  error instanceof kind && words.test(error.message) && /\n {2}help: .+\.$/.test(error.message)
