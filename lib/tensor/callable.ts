/** Objects that can be called, as in Python, and what has to be a function. */
import { ValueError } from './errors.ts'

/** Makes `new` return a function whose prototype is the class: what lets a module or a transform be called. */
export abstract class Callable {
  constructor() {
    const self = (...args: unknown[]): unknown => (self as unknown as Callable).run(args)
    Object.setPrototypeOf(self, new.target.prototype)
    // A function's own properties would hide, and protect, properties of these names in an object.
    Reflect.deleteProperty(self, 'name')
    Reflect.deleteProperty(self, 'length')
    return self as unknown as this
  }
  protected abstract run(args: unknown[]): unknown
}

/** Throws unless `fn` is a function. */
export function checkFunction(operation: string, fn: unknown): void {
  if (typeof fn !== 'function') throw new ValueError(operation, `${typeof fn === 'object' && fn !== null ? 'an object' : String(fn)} is no function`, `give one, as in ${operation}(() => ...)`)
}
