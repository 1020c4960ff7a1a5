/** Options by name: where PyTorch takes keyword arguments, the last argument is an object. */
import { ValueError } from './errors.ts'

/** The options as they were given. Throws where a number, a tensor or the like stands in their place, which would pass unseen. */
export function optionsOf<T extends object>(operation: string, options: T): T {
  const given: unknown = options
  if (typeof given === 'object' ? given === null || Array.isArray(given) || 'array' in given : typeof given !== 'function')
    throw new ValueError(operation, `${shown(given)} stands where options are expected`, 'give them by name, as in { name: value }')
  return options
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' && value !== null ? 'a tensor' : String(value)
}
