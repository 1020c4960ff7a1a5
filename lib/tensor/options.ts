/**
 * Arguments as in Python: in their places, or by name in an object that comes last. A function lists them once, by name, in PyTorch's
 * order, with what each is when it is left out.
 */
import { ValueError } from './errors.ts'

/** Stands as the default of an argument that has to be given. */
export const required: unique symbol = Symbol('required')

/** Every option of T by name, with what it is when it is left out. */
type Defaults<T> = { readonly [K in keyof Required<T>]: T[K] | typeof required }

/** The options with their defaults; undefined only where that is the default. */
type Chosen<T, D> = { readonly [K in keyof Required<T>]: K extends keyof D ? (undefined extends D[K] ? T[K] : Exclude<T[K], undefined>) : never }

/** What may be left out: `Places` from the first on, as many as wanted, then the other options by name. conv2d(x, w, b, 2, { padding: 1 }). */
export type Given<Places extends readonly unknown[], Options> = Fronts<Places> extends infer Front extends readonly unknown[] ? Followed<Front, Options> : never

/** What has to be given, in its places, and then what may be left out; or everything by name. */
export type Arguments<Needed extends readonly unknown[], Places extends readonly unknown[], Options> = readonly [options: Options] | WithNeeded<Needed, Given<Places, Partial<Options>>>

type Fronts<P extends readonly unknown[]> = P extends readonly [...infer Before, unknown] ? P | Fronts<Before> : P
type Followed<Front extends readonly unknown[], Options> = Front extends readonly unknown[] ? readonly [...{ [K in keyof Front]: Front[K] | undefined }, options?: Options] : never
type WithNeeded<Needed extends readonly unknown[], Rest> = Rest extends readonly unknown[] ? readonly [...Needed, ...Rest] : never
type OptionsIn<G> = G extends readonly [unknown?] ? (G extends readonly [(infer O)?] ? NonNullable<O> : never) : never

/**
 * All arguments by name: `given` in their places, in the order of `defaults` (the first `places` of them), and those of a last object.
 * Throws as optionsOf, and where there are too many, or one is given twice.
 */
export function argumentsOf<G extends readonly unknown[], const D extends Defaults<OptionsIn<G>>>(operation: string, given: G, defaults: D, places?: number): Chosen<OptionsIn<G>, D> {
  const names = Object.keys(defaults)
  const last: unknown = given[given.length - 1]
  const byName = isOptions(last) ? last : undefined
  const count = byName ? given.length - 1 : given.length
  if (count > (places ?? names.length)) throw notOptions(operation, given[places ?? names.length])
  const chosen: Record<string, unknown> = { ...defaults }
  for (let i = 0; i < count; i++) choose(operation, chosen, names[i], given[i])
  for (const name in byName) {
    const place = names.indexOf(name)
    if (place >= 0 && place < count && given[place] !== undefined && byName[name] !== undefined) throw new ValueError(operation, `${name} is given twice`, 'give it in its place or by its name')
    choose(operation, chosen, name, byName[name])
  }
  return complete(operation, chosen) as Chosen<OptionsIn<G>, D>
}

/**
 * The options that were given over the defaults, which list every name that there is. Throws on a name that is not among them, where an
 * option that has to be given is missing, where one is true or false that is no such choice or is one and is neither, and where a number,
 * a tensor or the like stands in the place of options: all of it would pass unseen.
 */
export function optionsOf<T extends object, const D extends Defaults<T>>(operation: string, given: T, defaults: D): Chosen<T, D> {
  if (!isOptions(given)) throw notOptions(operation, given)
  const chosen: Record<string, unknown> = { ...defaults }
  for (const name in given) choose(operation, chosen, name, given[name])
  return complete(operation, chosen) as Chosen<T, D>
}

/** Takes a value for one of the defaults, which are the names that there are. */
function choose(operation: string, chosen: Record<string, unknown>, name: string, value: unknown): void {
  if (!Object.hasOwn(chosen, name)) throw new ValueError(operation, `${name} is no option of it`, `its options are ${Object.keys(chosen).join(', ')}`)
  const fallback = chosen[name]
  if (value === undefined || (value === null && isInstance(fallback))) return
  checkChoice(operation, name, value, fallback)
  chosen[name] = value
}

function complete(operation: string, chosen: Record<string, unknown>): Record<string, unknown> {
  for (const name in chosen) if (chosen[name] === required) throw new ValueError(operation, `${name} is missing`, `give it by name, as in { ${name}: value }`)
  return chosen
}

/** An object of a class, such as a generator: null stands for it where it is the default. */
const isInstance = (value: unknown): value is object => typeof value === 'object' && value !== null && Object.getPrototypeOf(value) !== Object.prototype && !Array.isArray(value)

/** Throws unless what is true or false by default is so, and what is an object of some class by default, such as a generator, is one of it. */
function checkChoice(operation: string, name: string, value: unknown, fallback: unknown): void {
  if (isInstance(fallback) && !(value instanceof fallback.constructor))
    throw new ValueError(operation, `${name} = ${shown(value)} is no ${fallback.constructor.name}`, `give a ${fallback.constructor.name}, or leave it out`)
  if (typeof fallback === 'boolean' && typeof value !== 'boolean') throw new ValueError(operation, `${name} = ${shown(value)} is neither true nor false`, `give { ${name}: true } or { ${name}: false }`)
  if (typeof value === 'boolean' && (typeof fallback === 'number' || typeof fallback === 'string')) throw new ValueError(operation, `${name} = ${value} is no ${typeof fallback}`, `give ${name} as a ${typeof fallback}`)
}

/** Whether a value is an object that holds options by name, and no list, tensor, generator or the like. */
export function isOptions(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value) || 'array' in value) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || Object.keys(value).length > 0
}

const notOptions = (operation: string, value: unknown) => new ValueError(operation, `${shown(value)} stands where options are expected`, 'give them by name, as in { name: value }')

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'function') return 'a function'
  if (typeof value !== 'object' || value === null) return String(value)
  if ('array' in value) return 'a tensor'
  return isOptions(value) ? 'an object' : `a ${value.constructor.name}`
}

/** The value, if it is a whole number of at least `least`. */
export function checkSize(operation: string, name: string, size: unknown, least = 1): number {
  if (typeof size !== 'number' || !Number.isInteger(size) || size < least) throw new ValueError(operation, `${name} = ${shown(size)} is not a whole number of at least ${least}`, `give ${name} as a whole number`)
  return size
}

/** The value, if it is a number. */
export function checkNumber(operation: string, name: string, value: unknown): number {
  if (typeof value !== 'number') throw new ValueError(operation, `${name} = ${shown(value)} is no number`, `give ${name} as a number`)
  return value
}

/** The value, if it is a probability. */
export function checkProbability(operation: string, p: unknown): number {
  if (typeof p !== 'number' || !(p >= 0 && p <= 1)) throw new ValueError(operation, `p = ${shown(p)} is not a probability`, 'give a number in [0, 1]')
  return p
}

/** The value, if it is one of the words that there are. */
export function checkWord<T extends string>(operation: string, name: string, value: T, words: readonly T[]): T {
  if (!words.includes(value)) throw new ValueError(operation, `${name} = ${shown(value)} is unknown`, `give '${words.slice(0, -1).join("', '")}' or '${words[words.length - 1]}'`)
  return value
}
