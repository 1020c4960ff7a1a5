/** The kernels in use. They are started when they are first asked for, so that importing the library costs nothing. */
import type { Kernels } from './kernels.ts'
import { reference } from './reference/reference.ts'

let active: Kernels | null = null
let starter: () => Kernels = () => reference

export function kernels(): Kernels {
  return (active ??= starter())
}

/** Puts other kernels in use; null starts them again when they are next asked for. */
export function useKernels(next: Kernels | null): void {
  active = next
}

/** What starts the kernels. Without it, it is the reference that works. */
export function startKernelsWith(start: () => Kernels): void {
  starter = start
}
