/** What data files that are missing or broken lead to. */
import * as assert from 'uvu/assert'
import { DataError } from 'vitgrad'

/** Fails unless `run` throws a DataError whose message holds every one of `words`. */
export function assertDataError(run: () => unknown, ...words: string[]): void {
  assert.throws(run, (error: Error) => error instanceof DataError && words.every((word) => error.message.includes(word)))
}
