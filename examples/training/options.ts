/** Options of a command: a table that reads flags and config files, and writes the help. */
import { parseArgs } from 'node:util'
import { UsageError } from './mistakes.ts'

export interface Option<T> {
  /** Under which heading the help shows it. */
  readonly group: string
  /** How the help names its value; '' for a switch. */
  readonly value: string
  readonly help: string
  /** What it is when left out, in words. */
  readonly otherwise?: string
  /** Its value from what was written. Throws a UsageError that tells what to write. */
  read(written: string): T
}

export type Options = Readonly<Record<string, Option<unknown>>>

/** What was given, by the option's name. */
export type Given<O extends Options> = { readonly [K in keyof O]?: ReturnType<O[K]['read']> }

type About = Omit<Option<unknown>, 'read' | 'value'>

export function text(value: string, about: About): Option<string> {
  return { ...about, value, read: (written) => require(written !== '', written, 'give a name') }
}

export function choice<const T extends string>(choices: readonly T[], about: About): Option<T> {
  return { ...about, value: choices.join('|'), read: (written) => choices.find((one) => one === written) ?? refuse(`${written}: give ${listed(choices)}`) }
}

/** Whole numbers of at least 1 with commas between them. */
export function sizes(about: About): Option<string> {
  return { ...about, value: 'N,N,...', read: (written) => require(/^[1-9]\d*(,[1-9]\d*)*$/.test(written), written, 'give whole numbers of at least 1 with commas between them, such as 32,64') }
}

/** A number from `least` to `most`; 'N' for whole ones, 'X' for any. */
export function number(value: 'N' | 'X', { least = 0, most = Infinity, ...about }: About & { readonly least?: number; readonly most?: number }): Option<number> {
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`
  const isRight = (parsed: number) => Number.isFinite(parsed) && parsed >= least && parsed <= most && (value === 'X' || Number.isSafeInteger(parsed))
  return { ...about, value, read: (written) => require(written.trim() !== '' && isRight(Number(written)), Number(written), `give a ${value === 'N' ? 'whole ' : ''}number ${range}`, written) }
}

export function toggle(about: About): Option<boolean> {
  return { ...about, value: '', read: (written) => require(written === 'true' || written === 'false', written === 'true', 'give true or false', written) }
}

function require<T>(isRight: boolean, value: T, advice: string, written: string = String(value)): T {
  return isRight ? value : refuse(`${written}: ${advice}`)
}

function refuse(problem: string): never {
  throw new UsageError(problem)
}

const listed = (choices: readonly string[]) => choices.join(', ').replace(/, ([^,]*)$/, ' or $1')

/** A text as a shell takes it for one word. */
export const asWord = (text: string) => (/^[\w./:@%+=,-]+$/.test(text) ? text : `"${text.replace(/["\\$`]/g, '\\$&')}"`)

/** 'labelSmoothing' -> 'label-smoothing' */
export const flagOf = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** Reads a command line. Without `positionals` anything that is no option is an error. */
export function readFlags<O extends Options>(options: O, argv: readonly string[], { positionals: allowPositionals = false } = {}): { given: Given<O>; help: boolean; positionals: string[] } {
  const flags = Object.fromEntries(Object.entries(options).map(([name, { value }]) => [flagOf(name), { type: value === '' ? ('boolean' as const) : ('string' as const) }]))
  const parsed = parsedArguments(argv, { ...flags, help: { type: 'boolean', short: 'h' } }, allowPositionals)
  const { help = false, ...written } = parsed.values
  return { given: readAll(options, written, (flag) => `--${flag}`), help: help === true, positionals: parsed.positionals }
}

function parsedArguments(argv: readonly string[], options: Record<string, { type: 'boolean' | 'string'; short?: string }>, allowPositionals: boolean) {
  try {
    return parseArgs({ args: withNegativeNumbers(argv), options, allowPositionals })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message.split(/\.\s/)[0] : String(error))
  }
}

/** ['--lr', '-1'] -> ['--lr=-1'], since parseArgs takes what begins with a dash for another flag. */
function withNegativeNumbers(argv: readonly string[]): string[] {
  return argv.reduce<string[]>((args, next) => {
    const flag = args.at(-1)
    if (/^-\.?\d/.test(next) && flag !== undefined && /^--[^=]+$/.test(flag)) args[args.length - 1] = `${flag}=${next}`
    else args.push(next)
    return args
  }, [])
}

/** Reads a config file's JSON: an object whose keys are the flags without their dashes. `file` is what errors call it. */
export function readConfig<O extends Options>(options: O, json: string, file: string): Given<O> {
  let config: unknown
  try {
    config = JSON.parse(json.replace(/^\uFEFF/, '')) // some editors mark a file's encoding so
  } catch (error) {
    throw new UsageError(`${file} is no JSON: ${String(error instanceof Error ? error.message : error).replace(/\s+/g, ' ')}`)
  }
  if (typeof config !== 'object' || config === null || Array.isArray(config)) throw new UsageError(`${file} holds no object: write { "epochs": 3, ... }`)
  return readAll(options, config, (key) => `${file}: ${key}`)
}

function readAll<O extends Options>(options: O, written: object, called: (flag: string) => string): Given<O> {
  const names = new Map(Object.keys(options).map((name) => [flagOf(name), name]))
  const entries = Object.entries(written).map(([flag, value]) => {
    const name = names.get(flag)
    if (name === undefined) throw new UsageError(`${called(flag)} is no option`)
    try {
      if (typeof value === 'object') refuse('is neither text, number, true nor false')
      return [name, options[name].read(String(value))]
    } catch (error) {
      throw error instanceof UsageError ? new UsageError(`${called(flag)} ${error.message}`) : error
    }
  })
  return Object.fromEntries(entries) as Given<O>
}

/** The options under their headings. */
export function describe(options: Options): string {
  const groups = new Map<string, [string, Option<unknown>][]>()
  for (const entry of Object.entries(options)) groups.set(entry[1].group, [...(groups.get(entry[1].group) ?? []), entry])
  return [...groups].map(([group, members]) => `${group}\n${members.map(([name, option]) => described(name, option)).join('\n')}`).join('\n\n')
}

const COLUMN = 28
const WIDTH = 116

function described(name: string, { value, help, otherwise }: Option<unknown>): string {
  const flag = `  --${flagOf(name)} ${value}`.trimEnd()
  const lines = wrapped(otherwise === undefined ? help : `${help} [${otherwise}]`, WIDTH - COLUMN)
  const indented = lines.map((line) => ' '.repeat(COLUMN) + line)
  return flag.length < COLUMN - 1 ? [flag.padEnd(COLUMN) + lines[0], ...indented.slice(1)].join('\n') : [flag, ...indented].join('\n')
}

function wrapped(text: string, width: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const longer = `${lines[lines.length - 1]} ${word}`.trimStart()
    if (longer.length <= width) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}
