/** What a person did wrong, or what went wrong on their machine: told in a line or two, without a stack. */
import { DataError, StateDictError, ValueError } from 'vitgrad'

/** A command that cannot be meant: exit code 2. */
export class UsageError extends Error {}

/** A run that cannot begin or go on: exit code 1. */
export class RunError extends Error {}

/** Of one part of a data set, more pictures were asked for than there are. */
export const tooFew = (part: 'train' | 'test', asked: number, found: number) => new UsageError(`--${part}-size ${asked}: there are ${found} pictures to ${part === 'train' ? 'learn from' : 'test with'}`)

/** Runs a program, tells its errors in words, and sets the exit code. `command` is what has a --help. */
export async function runProgram(command: string, program: () => void | Promise<void>): Promise<void> {
  process.stderr.on('error', () => {})
  let isFull = false
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return // a reader that is gone, such as head, is no fault
    if (!isFull) console.error(`the output cannot be written (${error.message})`)
    isFull = true
    process.exitCode = 1
  })
  try {
    await program()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    if (error instanceof UsageError) console.error(`${error.message}\n${command} --help lists the options`)
    else if (isOutOfMemory(error)) console.error(`the memory does not suffice (${error.message}): take fewer pictures, smaller ones, or a smaller model or --batch`)
    else console.error(error instanceof RunError || isExpected(error) ? error.message : error.stack)
    process.exitCode = error instanceof UsageError ? 2 : 1
  }
}

/** What V8 says of an array that is too large. */
const isOutOfMemory = (error: Error) => error instanceof RangeError && /array length|buffer allocation|out of memory/i.test(error.message)

/** What the library and the file system say of a user's files and numbers is told as it is; the stack of anything else is wanted, since it is a fault of ours. */
function isExpected(error: Error): boolean {
  return 'syscall' in error || error instanceof DataError || error instanceof ValueError || error instanceof StateDictError
}
