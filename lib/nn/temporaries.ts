/** What a model computes on the way to its result, without gradients: memory that can be used again as soon as it returns. */
import { Tensor } from '../autograd/tensor.ts'
import { allocatingIn, evict, Region, takeBack } from '../tensor/storage.ts'
import type { AnyModule } from './module.ts'

let isInside = false

/** Runs a call of `module` and takes back what it made, but for its result and what modules keep of it, such as attention weights. */
export function withTemporaries<T>(module: AnyModule, call: () => T): T {
  if (isInside) return call()
  const made = new Region(module.constructor.name)
  isInside = true
  try {
    const result = allocatingIn(made, call)
    keep(result)
    for (const part of module.modules()) Object.values(part).forEach(keep)
    return result
  } finally {
    isInside = false
    takeBack(made.storages)
  }
}

/** Moves tensors, also those in lists and plain objects, to memory of their own. */
function keep(value: unknown): void {
  if (value instanceof Tensor) evict(value.array.storage)
  else if (Array.isArray(value)) value.forEach(keep)
  else if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) Object.values(value).forEach(keep)
}
