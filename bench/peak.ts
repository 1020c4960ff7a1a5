/** How fast a machine multiplies and adds in WebAssembly at best: in registers, without memory. No matrix product can be faster. */
import { RunError } from '../examples/training/mistakes.ts'
import { lastJson, nodeArgs, run } from './child.ts'

export interface Peak {
  /** GFLOP/s. */
  readonly oneThread: number
  readonly allThreads: number
  readonly threads: number
  readonly instruction: 'relaxed_madd' | 'mul and add'
  /** Whether V8 was asked to fuse neighbouring vectors. */
  readonly revectorized: boolean
}

/** Measures it with that Node binary; about 5 s. */
export async function measurePeak(node: string, threads: number, env: NodeJS.ProcessEnv): Promise<Peak> {
  const outcome = await run({ program: node, args: nodeArgs('peak-child.ts', [String(threads)]), env, timeout: 60 })
  if ('failure' in outcome) throw new RunError(`the peak could not be measured: ${outcome.failure}`)
  return lastJson(outcome.output, isPeak)
}

const isPeak = (value: unknown): value is Peak => typeof value === 'object' && value !== null && 'oneThread' in value

export function describePeak({ oneThread, allThreads, threads, instruction, revectorized }: Peak): string {
  const wide = revectorized ? ', revectorized' : ''
  return `${oneThread.toFixed(1)} GFLOP/s on one thread, ${allThreads.toFixed(1)} on ${threads} (${instruction}${wide})`
}
