/** What a model computes on the way to its result, and which of it the user can see. */
import { isPassing } from '../autograd/engine.ts'
import { isGradEnabled } from '../autograd/grad-mode.ts'
import { Tensor } from '../autograd/tensor.ts'
import { allocatingIn, copyOutSmall, evict, hiding, reclaimHidden, Region, show, takeBack, type Storage } from '../tensor/storage.ts'
import type { AnyModule } from './module.ts'

/** Whether gradients are recorded in the outermost call that is running; null outside of all calls. */
let recorded: boolean | null = null

/**
 * Runs a call of `module` with `args`. What it makes, but for its result and what modules keep of it, such as attention weights, is
 * memory that can be used again: without gradients as soon as the call returns, with gradients as soon as backward() has been there and
 * the next call begins.
 */
export function withTemporaries<T>(module: AnyModule, args: readonly unknown[], call: () => T): T {
  const records = isGradEnabled()
  if (records === recorded) return call()
  const before = recorded
  recorded = records
  try {
    return records ? recordedCall(module, args, call) : unrecordedCall(module, call)
  } finally {
    recorded = before
  }
}

function recordedCall<T>(module: AnyModule, args: readonly unknown[], call: () => T): T {
  eachStorage(args, show)
  // In the middle of backward(), where checkpoint() calls a part of a model again, what was released may still be read later.
  if (!isPassing()) reclaimHidden()
  const result = hiding(true, call)
  eachStorage([result, kept(module)], show)
  return result
}

function unrecordedCall<T>(module: AnyModule, call: () => T): T {
  const made = new Region(module.constructor.name)
  try {
    const result = allocatingIn(made, call)
    eachStorage([result, kept(module)], evict)
    return result
  } finally {
    takeBack(made.storages)
    copyOutSmall()
  }
}

/** Runs a hook, which is the user's: what it is given and what it makes can be read as long as a module's result. */
export function asUser<T>(given: readonly unknown[], hook: () => T): T {
  eachStorage(given, recorded ? show : evict)
  return allocatingIn(null, () => hiding(false, hook))
}

/** What the modules of a model have as properties. */
const kept = (module: AnyModule): unknown[] => [...module.modules()].flatMap((part) => Object.values(part))

/** The memory of tensors, also of those in lists, maps and objects. Modules are functions, and passed over. */
function eachStorage(value: unknown, use: (storage: Storage) => void, seen = new Set<object>()): void {
  if (value instanceof Tensor) return use(value.array.storage)
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || seen.has(value)) return
  seen.add(value)
  const parts: Iterable<unknown> = Array.isArray(value) || value instanceof Set ? value : value instanceof Map ? value.values() : Object.values(value)
  for (const part of parts) eachStorage(part, use, seen)
}
