/** Optimizer: parameters in groups, each with options of its own, and state for each parameter. */
import { enableGrad } from '../autograd/grad-mode.ts'
import { Tensor } from '../autograd/tensor.ts'
import { zeroGrad, type ZeroGradOptions } from '../autograd/zero-grad.ts'
import { pythonBool, pythonFloat } from '../nn/repr.ts'
import { checkFunction } from '../tensor/callable.ts'
import { ShapeError, StateDictError, ValueError } from '../tensor/errors.ts'
import { kernels } from '../tensor/kernels/active.ts'
import { NDArray } from '../tensor/ndarray.ts'
import { sameShape, showShape } from '../tensor/shape.ts'
import { pin } from '../tensor/storage.ts'

/** A group's parameters and its options: { params, lr: 0.1, ... }. Schedulers note the rate that they started from as initialLr. */
export type ParamGroup<Options> = Options & { params: Tensor[]; initialLr?: number }

/** Parameters, or groups of them whose options overrule the optimizer's. */
export type Params<Options> = Iterable<Tensor> | Iterable<Partial<Options> & { readonly params: Tensor | Iterable<Tensor> }>

/** What an optimizer keeps for a parameter: momentum buffers and step counts by name; null for a buffer that its options have no use for. */
type ParamState = Record<string, Tensor | number | null>

export interface OptimizerState<Options> {
  /** By the number of the parameter, counted through all groups. */
  readonly state: Record<number, ParamState>
  readonly paramGroups: readonly (Options & { readonly params: readonly number[] })[]
}

/** A parameter with a gradient, as dense arrays, and what the optimizer keeps for it. */
export interface Update {
  readonly param: NDArray
  readonly grad: NDArray
  readonly state: ParamState
}

/** The names that a parameter's state has from its first step on, and those that it has under some options only. */
interface StateNames {
  readonly always: readonly string[]
  readonly sometimes: readonly string[]
}

/** Any optimizer has a rate; some have a momentum, or Adam's. */
export interface Rates {
  lr: number
  momentum?: number
  betas?: readonly [number, number]
}

export abstract class Optimizer<Options extends object = Rates> {
  readonly paramGroups: ParamGroup<Options>[]
  readonly defaults: Options
  protected readonly state = new Map<Tensor, ParamState>()

  constructor(params: Params<Options>, defaults: Options) {
    this.defaults = defaults
    this.paramGroups = []
    if (!isIterable(params)) throw new ValueError(this.constructor.name, 'something that is no list of parameters was given', 'pass model.parameters()')
    const given = [...(params as Iterable<Tensor | (Partial<Options> & { readonly params: Tensor | Iterable<Tensor> })>)]
    if (given.length === 0) throw new ValueError(this.constructor.name, 'an empty list of parameters was given', 'pass model.parameters()')
    if (given.every((entry) => entry instanceof Tensor)) this.addParamGroup({ params: given } as Partial<Options> & { params: Tensor[] })
    else
      for (const group of given) {
        if (group instanceof Tensor) throw new ValueError(this.constructor.name, 'parameters and groups are mixed', 'give only parameters, or only groups { params, ... }')
        this.addParamGroup(group)
      }
  }

  /** Adds a group of parameters, or of a single one; options that it does not give are the optimizer's. */
  addParamGroup(group: Partial<Options> & { readonly params: Tensor | Iterable<Tensor> }): void {
    if (group?.params instanceof Tensor) return this.addParamGroup({ ...group, params: [group.params] })
    if (!isIterable(group?.params)) throw new ValueError(this.constructor.name, 'a group of parameters has no list of them', 'give groups as { params: [...], ... }')
    const params = [...group.params]
    const known = new Set(this.paramGroups.flatMap((other) => other.params))
    for (const param of params) {
      if (!(param instanceof Tensor)) throw new ValueError(this.constructor.name, 'something that is no tensor was given as a parameter', 'pass model.parameters()')
      if (!param.isLeaf) throw new ValueError(this.constructor.name, `a tensor of shape ${showShape(param.shape)} that was computed from others cannot be optimized`, 'give leaves, such as parameters')
      if (known.has(param)) throw new ValueError(this.constructor.name, 'a parameter stands in more than one group', 'give each parameter once')
      known.add(param)
    }
    const options: Options = { ...this.defaults, ...group }
    this.check(options)
    this.paramGroups.push({ ...options, params })
  }

  /** Throws on options that the rule cannot take. */
  protected abstract check(options: Options): void

  protected abstract readonly stateNames: StateNames

  /** Applies the rule to the parameters of a group that have a gradient. */
  protected abstract update(updates: readonly Update[], group: ParamGroup<Options>): void

  /**
   * Changes every parameter that has a gradient, in place. A closure that computes the loss and its gradients is called before, with gradients
   * recorded, and what it returns is what step() returns.
   */
  step(): void
  step<Loss>(closure: () => Loss): Loss
  step<Loss>(closure?: () => Loss): Loss | void {
    if (closure !== undefined) checkFunction(`${this.constructor.name}.step`, closure)
    const loss = closure && enableGrad(closure)
    for (const { params } of this.paramGroups)
      for (const { grad, shape } of params)
        if (grad && !sameShape(grad.shape, shape))
          throw new ShapeError(`${this.constructor.name}.step`, `a parameter of shape ${showShape(shape)} has a gradient of shape ${showShape(grad.shape)}`, 'they must be equal: assign a gradient of the same shape, or let backward() compute it')
    for (const group of this.paramGroups) {
      const changing = group.params.flatMap((param) => (param.grad ? [{ param, dense: param.array.contiguous(), grad: param.grad.array }] : []))
      this.update(changing.map(({ param, dense, grad }) => ({ param: dense, grad, state: this.#stateOf(param) })), group)
      for (const { param, dense } of changing) {
        if (dense !== param.array) kernels().copy(param.array, dense)
        param.array.storage.version++
      }
    }
    return loss
  }
  #stateOf(param: Tensor): ParamState {
    const known = this.state.get(param)
    if (known) return known
    const fresh: ParamState = {}
    this.state.set(param, fresh)
    return fresh
  }

  /** Forgets all gradients. */
  zeroGrad(options?: ZeroGradOptions): void {
    zeroGrad(this.paramGroups.flatMap(({ params }) => params), options)
  }

  /** As print() shows it in PyTorch, with the options that there are here. */
  toString(): string {
    const shown = (value: unknown): string => {
      if (Array.isArray(value)) return `(${value.map(pythonFloat).join(', ')})`
      if (typeof value === 'boolean') return pythonBool(value)
      return typeof value === 'number' && !Number.isInteger(value) ? pythonFloat(value) : String(value)
    }
    const lines = this.paramGroups.flatMap((group, i) => {
      const options = Object.entries(group).filter(([name]) => name !== 'params').map(([name, value]) => `    ${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}: ${shown(value)}`)
      return [...(i > 0 ? [''] : []), `Parameter Group ${i}`, ...options.sort()]
    })
    return `${this.constructor.name} (\n${lines.join('\n')}\n)`
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }

  /** Everything that the next steps depend on besides the parameters; its tensors share their numbers with the optimizer's, as in PyTorch. */
  stateDict(): OptimizerState<Options> {
    const all = this.paramGroups.flatMap(({ params }) => params)
    const kept = (param: Tensor) => Object.entries(this.state.get(param) ?? {})
    return {
      state: Object.fromEntries(all.flatMap((param, i) => (kept(param).length > 0 ? [[i, Object.fromEntries(kept(param).map(([name, value]) => [name, value instanceof Tensor ? value.detach() : value]))]] : []))),
      paramGroups: this.paramGroups.map((group) => ({ ...group, params: group.params.map((param) => all.indexOf(param)) })),
    }
  }

  /** Takes over what stateDict() returned of an optimizer with as many parameters in each group. Nothing is changed when it throws. */
  loadStateDict(given: OptimizerState<Options>): void {
    const refuse = (problem: string) => new StateDictError(`${this.constructor.name}.loadStateDict`, problem, 'load the state of an optimizer of the same kind, of the same parameters in the same groups')
    if (!given?.state || !Array.isArray(given.paramGroups)) throw refuse('what it was given has no state or no paramGroups')
    const { state, paramGroups } = given
    const sizes = (groups: readonly { readonly params: readonly unknown[] }[]) => groups.map(({ params }) => params.length).join(', ')
    if (sizes(paramGroups) !== sizes(this.paramGroups)) throw refuse(`its groups have [${sizes(paramGroups)}] parameters, this optimizer's have [${sizes(this.paramGroups)}]`)
    paramGroups.forEach((group, i) => this.check({ ...this.paramGroups[i], ...group }))
    const all = this.paramGroups.flatMap(({ params }) => params)
    const order = paramGroups.flatMap(({ params }) => params)
    const loaded = Object.entries(state).map(([number, entry]): [Tensor, ParamState] => {
      const param = all[order.indexOf(Number(number))]
      if (!param) throw refuse(`it holds state for parameter ${number}, of which there are ${all.length}`)
      this.#checkState(refuse, number, entry, param)
      return [param, Object.fromEntries(Object.entries(entry).map(([name, value]) => [name, name === 'step' && value instanceof Tensor ? value.item() : resident(copied(value))]))]
    })
    this.state.clear()
    for (const [param, entry] of loaded) this.state.set(param, entry)
    paramGroups.forEach((group, i) => Object.assign(this.paramGroups[i], group, { params: this.paramGroups[i].params }))
  }
  #checkState(refuse: (problem: string) => Error, number: string, entry: ParamState, param: Tensor): void {
    const { always, sometimes } = this.stateNames
    for (const name of always) if (!Object.hasOwn(entry, name)) throw refuse(`${name} of parameter ${number} is missing`)
    for (const [name, value] of Object.entries(entry)) {
      if (!always.includes(name) && !sometimes.includes(name)) throw refuse(`it holds ${name} of parameter ${number}, which ${this.constructor.name} does not know`)
      if (value === null && sometimes.includes(name)) continue
      const shape = value instanceof Tensor ? value.shape : []
      if (!sameShape(shape, name === 'step' ? [] : param.shape)) throw refuse(`${name} of parameter ${number} has shape ${showShape(shape)}, the parameter ${showShape(param.shape)}`)
    }
  }
}

const isIterable = (value: unknown): boolean => typeof value === 'object' && value !== null && Symbol.iterator in value

const copied = (value: Tensor | number | null) => (value instanceof Tensor ? new Tensor(NDArray.from(value.array.values().slice(), value.shape)) : value)

/** A buffer of a parameter's state, which starts from zeros. */
export function buffer(state: ParamState, name: string, { shape }: NDArray): NDArray {
  const known = state[name]
  if (known instanceof Tensor) return known.array
  const fresh = NDArray.zeros(shape)
  state[name] = resident(new Tensor(fresh))
  return fresh
}

/** State is used in every step, so it lies where kernels work. */
function resident<T extends Tensor | number | null>(value: T): T {
  if (value instanceof Tensor) pin(value.array.storage)
  return value
}

/** Counts a step of a parameter; the first is 1. */
export function countStep(state: ParamState): number {
  const step = Number(state.step ?? 0) + 1
  state.step = step
  return step
}

/** Throws unless each of the options is a number of at least 0. */
export function checkNotNegative(optimizer: string, options: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(options))
    if (typeof value !== 'number' || !(value >= 0)) throw new ValueError(optimizer, `${name} = ${String(value)} is not a number of at least 0`, `give ${name} >= 0`)
}
