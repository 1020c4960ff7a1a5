/** Which engine runs, in words. */
import { availableParallelism } from 'node:os'
import { kernels } from '../lib/tensor/kernels/active.ts'
import { reference } from '../lib/tensor/kernels/reference/reference.ts'

/** What a run of this process measures: 'reference', or 'simd, 2 threads, revectorized'. */
export function engineSetting(): string {
  if (kernels() === reference) return 'reference'
  const threads = threadsWanted()
  return `simd, ${threads} thread${threads === 1 ? '' : 's'}${process.env.VITGRAD_REVECTORIZE === '1' ? ', revectorized' : ''}`
}

/** VITGRAD_THREADS, or one for each core. */
export function threadsWanted(): number {
  return Number(process.env.VITGRAD_THREADS ?? availableParallelism())
}
