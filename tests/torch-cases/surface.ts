/** Parts of the library that are found by name, because a case names them or because they may not be there yet. */
import { nn, optim, type Tensor } from 'vitgrad'

/** Thrown where a case needs a part that the library does not have; such a case is skipped and counted by the part's name. */
export class Missing extends Error {
  readonly part: string
  constructor(part: string) {
    super(`the library has no ${part}`)
    this.part = part
  }
}

/** A function or class exported under `name`. What it takes and gives is what the caller says: PyTorch's signature in vitgrad's conventions. */
function isPart<T>(value: unknown): value is T {
  return typeof value === 'function'
}

function isSpace(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function find<T>(space: object, spaceName: string, name: string): T {
  const value: unknown = Reflect.get(space, name)
  if (!isPart<T>(value)) throw new Missing(`${spaceName}.${name}`)
  return value
}

export interface AnyOptimizer {
  step(): void
  zeroGrad(): void
  readonly paramGroups: readonly { lr: number; momentum?: number; betas?: readonly number[] }[]
}

type Options = Readonly<Record<string, unknown>>
export type OptimizerClass = new (params: Iterable<Tensor> | readonly Options[], options: Options) => AnyOptimizer
export type SchedulerClass = new (optimizer: AnyOptimizer, options: Options) => { step(): void }

export const findOptimizer = (name: string) => find<OptimizerClass>(optim, 'optim', name)
export const findScheduler = (name: string) => find<SchedulerClass>('lrScheduler' in optim && isSpace(optim.lrScheduler) ? optim.lrScheduler : {}, 'optim.lrScheduler', name)
export const findClip = () =>
  find<(params: Iterable<Tensor>, maxNorm: number, options?: { readonly normType: number }) => Tensor>('utils' in nn && isSpace(nn.utils) ? nn.utils : {}, 'nn.utils', 'clipGradNorm_')
export const findFunction = <T>(name: string) => find<T>(nn.functional, 'F', name)
export const findModule = <T>(name: string) => find<T>(nn, 'nn', name)

const camelCase = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())

/** Python's keyword arguments as an options object: {weight_decay: 0.1} -> {weightDecay: 0.1}. */
export function options(keywords: Options): Record<string, unknown> {
  return Object.fromEntries(Object.entries(keywords).map(([name, value]) => [camelCase(name), value]))
}
