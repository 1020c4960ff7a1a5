/** What a person did wrong, or what went wrong on their machine: told in a line or two, without a stack. */

/** A command that cannot be meant: exit code 2. */
export class UsageError extends Error {}

/** A run that cannot begin or go on: exit code 1. */
export class RunError extends Error {}

/** Runs a program, tells its errors in words, and sets the exit code. `command` is what has a --help. */
export async function runProgram(command: string, program: () => void | Promise<void>): Promise<void> {
  try {
    await program()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    if (error instanceof UsageError) console.error(`${error.message}\n${command} --help lists the options`)
    else console.error(error instanceof RunError || isExpected(error) ? error.message : error.stack)
    process.exitCode = error instanceof UsageError ? 2 : 1
  }
}

/** Errors of the library and of the file system say what is wrong by themselves; the stack of any other is a fault of ours and wanted. */
function isExpected(error: Error): boolean {
  return 'syscall' in error || /^(Data|Value|Shape|Index|Graph|StateDict)Error$/.test(error.name)
}
