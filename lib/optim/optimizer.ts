/** Optimizer: parameters in groups, each with options of its own, and state for each parameter. */
import { Tensor } from '../autograd/tensor.ts'
import { StateDictError, ValueError } from '../tensor/errors.ts'
import { sameShape, showShape } from '../tensor/shape.ts'

/** A group's parameters and its options: { params, lr: 0.1, ... }. */
export type ParamGroup<Options> = Options & { params: Tensor[] }

/** Parameters, or groups of them whose options overrule the optimizer's. */
export type Params<Options> = Iterable<Tensor> | Iterable<Partial<Options> & { readonly params: Iterable<Tensor> }>

/** What an optimizer keeps for a parameter: momentum buffers and step counts by name. */
export type ParamState = Record<string, Tensor | number>

export interface OptimizerState<Options> {
  /** By the number of the parameter, counted through all groups. */
  readonly state: Record<number, ParamState>
  readonly paramGroups: readonly (Options & { readonly params: readonly number[] })[]
}

export abstract class Optimizer<Options extends object> {
  readonly paramGroups: ParamGroup<Options>[]
  readonly defaults: Options
  protected readonly state = new Map<Tensor, ParamState>()

  constructor(params: Params<Options>, defaults: Options) {
    this.defaults = defaults
    this.paramGroups = []
    const given = [...(params as Iterable<Tensor | (Partial<Options> & { readonly params: Iterable<Tensor> })>)]
    if (given.length === 0) throw new ValueError(this.constructor.name, 'an empty list of parameters was given', 'pass model.parameters()')
    if (given.every((entry) => entry instanceof Tensor)) this.addParamGroup({ params: given } as Partial<Options> & { params: Tensor[] })
    else
      for (const group of given) {
        if (group instanceof Tensor) throw new ValueError(this.constructor.name, 'parameters and groups are mixed', 'give only parameters, or only groups { params, ... }')
        this.addParamGroup(group)
      }
  }

  /** Adds a group; options that it does not give are the optimizer's. */
  addParamGroup(group: Partial<Options> & { readonly params: Iterable<Tensor> }): void {
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

  /** Changes every parameter that has a gradient, in place. */
  abstract step(): void

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const { params } of this.paramGroups) for (const param of params) param.grad = null
  }

  /** Everything that the next steps depend on besides the parameters; tensors are copies. */
  stateDict(): OptimizerState<Options> {
    const all = this.paramGroups.flatMap(({ params }) => params)
    const copied = (state: ParamState) => Object.fromEntries(Object.entries(state).map(([name, value]) => [name, value instanceof Tensor ? value.detach().clone() : value]))
    return {
      state: Object.fromEntries(all.flatMap((param, i) => (this.state.has(param) ? [[i, copied(this.state.get(param) ?? {})]] : []))),
      paramGroups: this.paramGroups.map((group) => ({ ...group, params: group.params.map((param) => all.indexOf(param)) })),
    }
  }

  /** Takes over what stateDict() returned of an optimizer with as many parameters in each group. Nothing is changed when it throws. */
  loadStateDict({ state, paramGroups }: OptimizerState<Options>): void {
    const refuse = (problem: string) => new StateDictError(`${this.constructor.name}.loadStateDict`, problem, 'load the state of an optimizer of the same parameters in the same groups')
    const sizes = (groups: readonly { readonly params: readonly unknown[] }[]) => groups.map(({ params }) => params.length).join(', ')
    if (sizes(paramGroups) !== sizes(this.paramGroups)) throw refuse(`its groups have [${sizes(paramGroups)}] parameters, this optimizer's have [${sizes(this.paramGroups)}]`)
    const all = this.paramGroups.flatMap(({ params }) => params)
    for (const [i, entry] of Object.entries(state)) {
      const param = all[Number(i)]
      if (!param) throw refuse(`it holds state for parameter ${i}, of which there are ${all.length}`)
      for (const [name, value] of Object.entries(entry))
        if (value instanceof Tensor && value.ndim > 0 && !sameShape(value.shape, param.shape)) throw refuse(`${name} of parameter ${i} has shape ${showShape(value.shape)}, the parameter ${showShape(param.shape)}`)
    }
    this.state.clear()
    for (const [i, entry] of Object.entries(state))
      this.state.set(all[Number(i)], Object.fromEntries(Object.entries(entry).map(([name, value]) => [name, value instanceof Tensor ? value.detach().clone() : value])))
    paramGroups.forEach((group, i) => Object.assign(this.paramGroups[i], group, { params: this.paramGroups[i].params }))
  }
}
