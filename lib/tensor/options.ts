/** Options by name: where PyTorch takes keyword arguments, the last argument is an object. */
import { ValueError } from './errors.ts'

/** Stands as the default of an option that has to be given. */
export const required: unique symbol = Symbol('required')

/** Every option of T by name, with what it is when it is left out. */
export type Defaults<T> = { readonly [K in keyof Required<T>]: T[K] | typeof required }

/** The options with their defaults; undefined only where that is the default. */
export type Chosen<T, D> = { readonly [K in keyof Required<T>]: K extends keyof D ? (undefined extends D[K] ? T[K] : Exclude<T[K], undefined>) : never }

/**
 * The options that were given over the defaults, which list every name that there is. Throws on a name that is not among them, where an
 * option that has to be given is missing, and where a number, a tensor or the like stands in the place of options: all of it would pass unseen.
 */
export function optionsOf<T extends object, const D extends Defaults<T>>(operation: string, given: T, defaults: D): Chosen<T, D> {
  checkOptions(operation, given)
  const chosen: Record<string, unknown> = { ...defaults }
  for (const name in given) {
    if (!Object.hasOwn(defaults, name)) throw new ValueError(operation, `${name} is no option of it`, `its options are ${Object.keys(defaults).join(', ')}`)
    if (given[name] !== undefined) chosen[name] = given[name]
  }
  for (const name in chosen) if (chosen[name] === required) throw new ValueError(operation, `${name} is missing`, `give it by name, as in { ${name}: value }`)
  return chosen as Chosen<T, D>
}

/** A number in its place or by name: softmax(1) or softmax({ dim: 1 }). */
export type Named<Name extends string> = number | { readonly [N in Name]?: number }

/** The number that was given in its place or by name. Without a fallback it has to be given. */
export function numberOf<Name extends string>(operation: string, name: Name, given: Named<Name>, fallback: number | typeof required = required): number {
  if (typeof given === 'number') return given
  const options: Readonly<Record<string, number | undefined>> = given
  return optionsOf(operation, options, { [name]: fallback })[name]
}

/** Options of which the first may be given in its place before the others. */
export type FirstOr<First, Options> = First | Options

/** All options by name. What stands in the place of the others and is none is returned as it is, for optionsOf to refuse. */
export function withFirst<First, Options extends object>(name: keyof Options, first: FirstOr<First, Options>, options: Partial<Options>): Partial<Options> {
  if (isOptions(first)) return first
  return isOptions(options) ? ({ [name]: first ?? undefined, ...options } as Partial<Options>) : options
}

function isOptions<First, Options extends object>(value: FirstOr<First, Options>): value is Options {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function checkOptions(operation: string, given: unknown): void {
  if (typeof given === 'object' && given !== null && !Array.isArray(given) && !('array' in given)) return
  throw new ValueError(operation, `${shown(given)} stands where options are expected`, 'give them by name, as in { name: value }')
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'function') return 'a function'
  return typeof value === 'object' && value !== null ? 'a tensor' : String(value)
}
