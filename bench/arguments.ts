/** Arguments of the programs that measure one thing, read before anything is measured. */

/** What `read` makes of them. --help ends the process with the usage; what it throws for is told, and ends it with exit code 2. */
export function readArguments<T>(usage: string, read: (args: readonly string[]) => T): T {
  const args = process.argv.slice(2)
  if (args.includes('--help') || args.includes('-h')) {
    console.log(`usage: ${usage}`)
    process.exit(0)
  }
  try {
    return read(args)
  } catch (error) {
    console.error(`${error instanceof Error ? error.message.split(/\.\s/)[0] : error}\nusage: ${usage}`)
    process.exit(2)
  }
}

/** A single number above 0, or `otherwise`. */
export function oneNumber([text = '', ...rest]: readonly string[], otherwise: number): number {
  if (rest.length > 0) throw new Error(`${rest[0]}: give one number`)
  return text === '' ? otherwise : positive(text)
}

export function positive(text: string): number {
  const number = Number(text)
  if (!(number > 0 && Number.isFinite(number))) throw new Error(`${text}: give a number above 0`)
  return number
}
