/**
 * Module: the base of every layer and model.
 *
 * Submodules, parameters and buffers are plain properties, found by walking the module in the order of their definition.
 * A module is callable: `layer(x)` runs its hooks and `forward`.
 */
import { isGradEnabled, noGrad } from '../autograd/grad-mode.ts'
import { removable } from '../autograd/graph.ts'
import { Tensor } from '../autograd/tensor.ts'
import { zeroGrad, type ZeroGradOptions } from '../autograd/zero-grad.ts'
import { Callable, checkFunction } from '../tensor/callable.ts'
import { StateDictError, ValueError } from '../tensor/errors.ts'
import { argumentsOf, optionsOf, type Given } from '../tensor/options.ts'
import { sameShape, showShape } from '../tensor/shape.ts'
import { ObservedCall, type BackwardHook } from './backward-hooks.ts'
import { Parameter } from './parameter.ts'
import { asUser, withTemporaries } from './temporaries.ts'

/** PyTorch's keys with their tensors: 'blocks.0.norm1.weight'. */
export type StateDict = Record<string, Tensor>

type Naming = Given<[prefix: string, recurse: boolean], { readonly prefix?: string; readonly recurse?: boolean }>

/** What loadStateDict() did not find, and what it found and has no place for. */
export class IncompatibleKeys {
  readonly missingKeys: readonly string[]
  readonly unexpectedKeys: readonly string[]

  constructor(missingKeys: readonly string[], unexpectedKeys: readonly string[]) {
    this.missingKeys = missingKeys
    this.unexpectedKeys = unexpectedKeys
  }
  /** As print() shows it in PyTorch. */
  toString(): string {
    if (this.missingKeys.length + this.unexpectedKeys.length === 0) return '<All keys matched successfully>'
    const list = (keys: readonly string[]) => `[${keys.map((key) => `'${key}'`).join(', ')}]`
    return `_IncompatibleKeys(missing_keys=${list(this.missingKeys)}, unexpected_keys=${list(this.unexpectedKeys)})`
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

/** Any module, whatever it is called with: a tree of parameters, buffers and submodules. */
export abstract class AnyModule extends Callable {
  /** Whether dropout drops and batch norm measures; set by train() and eval(). */
  training = true
  /** Names of the properties that are buffers, and whether they are saved. */
  readonly #buffers = new Map<string, boolean>()
  /** Names that are numbers, which JavaScript lists before all others, and how many others stood there when each came. */
  readonly #numbered = new Map<string, number>()

  // ---- what it is made of

  /** Makes the property `name` a buffer: a tensor that is saved with the module but not trained. */
  registerBuffer(name: string, tensor: Tensor | null, ...given: Given<[persistent: boolean], { readonly persistent?: boolean }>): void {
    const { persistent } = argumentsOf('registerBuffer', given, { persistent: true })
    if (tensor !== null && !(tensor instanceof Tensor)) throw new ValueError('registerBuffer', `what was given as '${name}' is no tensor`, 'give a tensor or null')
    this.#define(name, tensor, () => this.#buffers.has(name))
    this.#buffers.set(name, persistent)
  }
  registerParameter(name: string, parameter: Parameter | null): void {
    if (parameter !== null && !(parameter instanceof Parameter)) throw new ValueError('registerParameter', `what was given as '${name}' is no parameter`, 'give a Parameter or null')
    this.#define(name, parameter, (value) => value instanceof Parameter)
  }
  /** Makes `module` the property `name`, as `this.name = module` does where the name is known beforehand. */
  addModule(name: string, module: AnyModule): void {
    if (!(module instanceof AnyModule)) throw new ValueError(this.constructor.name, `what was given as '${name}' is no module`, 'give modules one by one, not as a list')
    this.#define(name, module, (value) => value instanceof AnyModule)
  }
  /** Sets a property, which must be new or of the same kind as what it replaces. */
  #define(name: string, value: unknown, isOfKind: (value: unknown) => boolean): void {
    this.#checkName(name, isOfKind)
    if (isNumber(name) && !Object.hasOwn(this, name)) this.#numbered.set(name, Object.keys(this).filter((other) => !isNumber(other)).length)
    Reflect.set(this, name, value)
  }
  #checkName(name: string, isOfKind: (value: unknown) => boolean): void {
    if (typeof name !== 'string' || name === '' || name.includes('.')) throw new ValueError(this.constructor.name, `'${name}' cannot be the name of a submodule, parameter or buffer`, 'give a name without dots')
    const before: unknown = Object.hasOwn(this, name) ? Reflect.get(this, name) : undefined
    if (name in this && !(Object.hasOwn(this, name) && (before === null || before === undefined || isOfKind(before))))
      throw new ValueError(this.constructor.name, `it has a property '${name}' already`, 'choose another name')
  }
  /** The properties of this module in the order of their definition. */
  #properties(): [string, unknown][] {
    const entries: [string, unknown][] = Object.entries(this)
    if (this.#numbered.size === 0) return entries
    const ordered = entries.filter(([name]) => !this.#numbered.has(name))
    const numbered = [...this.#numbered].filter(([name]) => Object.hasOwn(this, name))
    numbered.forEach(([name, before], i) => ordered.splice(before + i, 0, [name, Reflect.get(this, name)]))
    return ordered
  }

  /** The submodules of this module alone; one that stands there under two names comes twice, unlike among the children. */
  *ownModules(): Generator<[string, AnyModule]> {
    for (const [name, value] of this.#properties()) if (value instanceof AnyModule) yield [name, value]
  }
  /** The parameters of this module alone. */
  *ownParameters(): Generator<[string, Parameter]> {
    for (const [name, value] of this.#properties()) if (value instanceof Parameter) yield [name, value]
  }
  *namedChildren(): Generator<[string, AnyModule]> {
    const seen = new Set<AnyModule>()
    for (const [name, module] of this.ownModules())
      if (!seen.has(module)) {
        seen.add(module)
        yield [name, module]
      }
  }
  *children(): Generator<AnyModule> {
    for (const [, child] of this.namedChildren()) yield child
  }
  /** This module, named '', and all below it; a shared one once, under its first name. */
  *namedModules(...given: Given<[prefix: string], { readonly prefix?: string }>): Generator<[string, AnyModule]> {
    const { prefix } = argumentsOf('namedModules', given, { prefix: '' })
    for (const [module, name] of this.#collect(prefix, new Map())) yield [name, module]
  }
  /** The module of a name with dots, such as 'blocks.0.attn'; this one for ''. Throws where there is none. */
  getSubmodule(target: string): AnyModule {
    return target.split('.').reduce((module: AnyModule, part) => {
      const found = part === '' && target === '' ? module : [...module.ownModules()].find(([name]) => name === part)?.[1]
      if (!found) throw new ValueError(`${this.constructor.name}.getSubmodule`, `it has no submodule '${target}'`, 'namedModules() lists those that there are')
      return found
    }, this)
  }
  /** The parameter of a name with dots, such as 'head.weight'. Throws where there is none. */
  getParameter(target: string): Parameter {
    const dot = target.lastIndexOf('.')
    for (const [name, parameter] of this.getSubmodule(target.slice(0, Math.max(dot, 0))).ownParameters()) if (name === target.slice(dot + 1)) return parameter
    throw new ValueError(`${this.constructor.name}.getParameter`, `it has no parameter '${target}'`, 'namedParameters() lists those that there are')
  }
  *modules(): Generator<AnyModule> {
    yield* this.#collect('', new Map()).keys()
  }
  /** Lists this module and all below it with their names, outer ones first. A list is made, as models are walked at every call. */
  #collect(name: string, into: Map<AnyModule, string>): Map<AnyModule, string> {
    if (into.has(this)) return into
    into.set(this, name)
    for (const [own, value] of this.#properties()) if (value instanceof AnyModule) value.#collect(join(name, own), into)
    return into
  }
  /** The modules whose parameters or buffers are asked for, this one alone without `recurse`. */
  #named(operation: string, given: Naming): Iterable<[string, AnyModule]> {
    const { prefix, recurse } = argumentsOf(operation, given, { prefix: '', recurse: true })
    return recurse ? this.namedModules(prefix) : [[prefix, this]]
  }
  /** Parameters with their PyTorch names; a shared one once, under its first name. */
  *namedParameters(...given: Naming): Generator<[string, Parameter]> {
    const seen = new Set<Parameter>()
    for (const [prefix, module] of this.#named('namedParameters', given))
      for (const [name, parameter] of module.ownParameters())
        if (!seen.has(parameter)) {
          seen.add(parameter)
          yield [join(prefix, name), parameter]
        }
  }
  *parameters(...given: Given<[recurse: boolean], { readonly recurse?: boolean }>): Generator<Parameter> {
    const { recurse } = argumentsOf('parameters', given, { recurse: true })
    for (const [, parameter] of this.namedParameters({ recurse })) yield parameter
  }
  *namedBuffers(...given: Naming): Generator<[string, Tensor]> {
    for (const [prefix, module] of this.#named('namedBuffers', given)) for (const [name, buffer] of module.ownBuffers()) yield [join(prefix, name), buffer]
  }
  *buffers(): Generator<Tensor> {
    for (const [, buffer] of this.namedBuffers()) yield buffer
  }
  /** The buffers of this module alone. */
  *ownBuffers({ persistentOnly = false }: { readonly persistentOnly?: boolean } = {}): Generator<[string, Tensor]> {
    for (const [name, persistent] of this.#buffers) {
      const buffer: unknown = Reflect.get(this, name)
      if (buffer instanceof Tensor && (persistent || !persistentOnly)) yield [name, buffer]
    }
  }

  // ---- state

  /** All parameters and saved buffers by their PyTorch keys, detached, sharing their numbers. */
  stateDict(given: { readonly prefix?: string } = {}): StateDict {
    const { prefix } = optionsOf('stateDict', given, { prefix: '' })
    const state: StateDict = {}
    for (const [name, parameter] of this.ownParameters()) state[prefix + name] = parameter.detach()
    for (const [name, buffer] of this.ownBuffers({ persistentOnly: true })) state[prefix + name] = buffer.detach()
    for (const [name, module] of this.ownModules()) Object.assign(state, module.stateDict({ prefix: `${prefix}${name}.` }))
    return state
  }

  /**
   * Copies the numbers of `state` into the parameters and buffers of the same names. Keys that are missing or unexpected are an
   * error unless `strict` is false; wrong shapes always are. Nothing is changed by a call that throws.
   */
  loadStateDict(state: Readonly<StateDict>, ...given: Given<[strict: boolean], { readonly strict?: boolean }>): IncompatibleKeys {
    const { strict } = argumentsOf(`${this.constructor.name}.loadStateDict`, given, { strict: true })
    if (typeof state !== 'object' || state === null) throw new StateDictError(`${this.constructor.name}.loadStateDict`, `${String(state)} is no state dict`, 'pass what stateDict() or loadSafetensors() returned')
    const own = this.stateDict()
    const missingKeys = Object.keys(own).filter((key) => !Object.hasOwn(state, key))
    const unexpectedKeys = Object.keys(state).filter((key) => !Object.hasOwn(own, key))
    const common = Object.keys(own).filter((key) => Object.hasOwn(state, key))
    const problems: string[] = []
    if (strict && missingKeys.length > 0) problems.push(`missing keys: ${missingKeys.join(', ')}`)
    if (strict && unexpectedKeys.length > 0) problems.push(`unexpected keys: ${unexpectedKeys.join(', ')}`)
    for (const key of common) {
      if (!(state[key] instanceof Tensor)) problems.push(`${key} is no tensor`)
      else if (!sameShape(own[key].shape, state[key].shape)) problems.push(`${key} has shape ${showShape(state[key].shape)} in the state dict and ${showShape(own[key].shape)} in the model`)
    }
    if (problems.length > 0) {
      const isLenient = strict && missingKeys.length + unexpectedKeys.length > 0
      throw new StateDictError(`${this.constructor.name}.loadStateDict`, problems.join('; '), `load the state of a model built with the same arguments${isLenient ? ', or pass { strict: false } to ignore missing and unexpected keys' : ''}`)
    }
    noGrad(() => common.forEach((key) => own[key].copy_(state[key])))
    return new IncompatibleKeys(missingKeys, unexpectedKeys)
  }

  /**
   * A module of the same kind with copies of all parameters, buffers and submodules, which share nothing with these. Lists, plain
   * objects and numbers are copied, too; anything else, such as functions, is shared. Same as copy.deepcopy. Throws where a class
   * declares members with #, which nobody but its constructor can make: declare them private, or override clone().
   */
  clone(copies: Map<object, object> = new Map()): this {
    const copy = this.blank()
    copies.set(this, copy)
    for (const [name, persistent] of this.#buffers) copy.#buffers.set(name, persistent)
    for (const [name, before] of this.#numbered) copy.#numbered.set(name, before)
    for (const [name, value] of Object.entries(this)) Reflect.set(copy, name, copyOf(value, copies))
    return copy
  }
  /** A module of this kind whose own constructor has not run: it has no properties yet. */
  protected blank(): this {
    for (let kind = this.constructor; kind !== AnyModule && kind !== Module; kind = Object.getPrototypeOf(kind))
      if (/\.#\w/.test(Function.prototype.toString.call(kind)))
        throw new ValueError('clone', `${kind.name} declares members with #, which only its constructor can make`, 'declare them private, or override clone()')
    return Reflect.construct(this instanceof Module ? Module : AnyModule, [], this.constructor)
  }

  // ---- for all modules and parameters in it

  train(...given: Given<[mode: boolean], { readonly mode?: boolean }>): this {
    const { mode } = argumentsOf('train', given, { mode: true })
    for (const module of this.modules()) module.training = mode
    return this
  }
  eval(): this {
    return this.train(false)
  }
  /** Calls `fn` with every module below this one, inner ones first, then with this one. */
  apply(fn: (module: AnyModule) => void): this {
    checkFunction('apply', fn)
    for (const child of this.children()) child.apply(fn)
    fn(this)
    return this
  }
  requiresGrad_(...given: Given<[requiresGrad: boolean], { readonly requiresGrad?: boolean }>): this {
    for (const parameter of this.parameters()) parameter.requiresGrad_(...given)
    return this
  }
  /** This module: the only device is 'cpu', the only label of parameters float32. */
  to(target: 'cpu' | 'float32'): this {
    if (target !== 'cpu' && target !== 'float32') throw new ValueError(`${this.constructor.name}.to`, `'${String(target)}' is no device here and no label of parameters`, "give 'cpu', or leave the call out")
    return this
  }
  cpu(): this {
    return this
  }
  float(): this {
    return this
  }
  /** Forgets the gradients of all parameters. */
  zeroGrad(options?: ZeroGradOptions): void {
    zeroGrad(this.parameters(), options)
  }

  // ---- printing

  /** What stands between the brackets when the module is printed: 'in_features=3, out_features=4, bias=True'. */
  extraRepr(): string {
    return ''
  }
  /** As print() shows it in PyTorch. */
  override toString(): string {
    const indent = (text: string) => text.replaceAll('\n', '\n  ')
    const children = [...this.ownModules()].map(([name, child]) => `(${name}): ${indent(String(child))}`)
    const extra = this.extraRepr()
    const lines = extra === '' ? children : [...extra.split('\n'), ...children]
    if (children.length === 0 && lines.length < 2) return `${this.constructor.name}(${extra})`
    return `${this.constructor.name}(\n  ${lines.join('\n  ')}\n)`
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

export type ForwardHook<Args extends unknown[], Result> = (module: AnyModule, args: Args, output: Result) => Result | void
export type ForwardPreHook<Args extends unknown[]> = (module: AnyModule, args: Args) => Args | Args[0] | void

/** Typed by what it is called with and returns: a tensor each, unless said otherwise. */
export interface Module<Args extends unknown[] = [x: Tensor], Result = Tensor> {
  (...args: Args): Result
}

export abstract class Module<Args extends unknown[] = [x: Tensor], Result = Tensor> extends AnyModule {
  readonly #hooks: ForwardHook<Args, Result>[] = []
  readonly #preHooks: ForwardPreHook<Args>[] = []
  readonly #backwardHooks: BackwardHook[] = []

  /** What the module computes. Call the module itself, not this, so that hooks run. */
  abstract forward(...args: Args): Result

  /** What a call does: hooks and forward. */
  protected override run(args: Args): Result {
    return withTemporaries(this, args, () => this.#call(args))
  }
  #call(args: Args): Result {
    let given = args
    for (const hook of [...this.#preHooks]) {
      const replaced = asUser([given], () => hook(this, given))
      // A single argument may be returned by itself.
      if (replaced !== undefined && replaced !== null) given = (Array.isArray(replaced) ? replaced : [replaced]) as Args
    }
    const observed = this.#backwardHooks.length > 0 && isGradEnabled() ? new ObservedCall(this, [...this.#backwardHooks]) : null
    if (observed) given = observed.inputs(given)
    if (typeof this.forward !== 'function') throw new ValueError(this.constructor.name, 'it has no forward()', 'say what it computes in a method forward(x) of its class')
    let output = this.forward(...given)
    for (const hook of [...this.#hooks]) output = asUser([given, output], () => hook(this, given, output)) ?? output
    return observed ? observed.outputs(output) : output
  }

  protected override blank(): this {
    const copy = super.blank()
    copy.#hooks.push(...this.#hooks)
    copy.#preHooks.push(...this.#preHooks)
    copy.#backwardHooks.push(...this.#backwardHooks)
    return copy
  }

  /** Calls `hook(module, args, output)` after every forward; what it returns replaces the output. */
  registerForwardHook(hook: ForwardHook<Args, Result>): { remove(): void } {
    return removable(this.#hooks, hook)
  }
  /** Calls `hook(module, args)` before every forward; what it returns replaces the arguments. */
  registerForwardPreHook(hook: ForwardPreHook<Args>): { remove(): void } {
    return removable(this.#preHooks, hook)
  }
  /**
   * Calls `hook(module, gradInput, gradOutput)` when the gradients of the arguments are computed, one entry for each argument and each output, null
   * where there is none; what it returns replaces those of the arguments. Same as torch.nn.Module.register_full_backward_hook.
   */
  registerFullBackwardHook(hook: BackwardHook): { remove(): void } {
    return removable(this.#backwardHooks, hook)
  }
}

/** A copy of what a module holds; `copies` are those made so far, so that what is shared stays shared. */
function copyOf(value: unknown, copies: Map<object, object>): unknown {
  if (typeof value !== 'object' && typeof value !== 'function' || value === null) return value
  const known = copies.get(value)
  if (known) return known
  const made = <T extends object>(copy: T): T => {
    copies.set(value, copy)
    return copy
  }
  if (value instanceof AnyModule) return value.clone(copies)
  if (value instanceof Parameter) return made(new Parameter(value.detach().clone(), { requiresGrad: value.requiresGrad }))
  // A result that the module keeps, such as attention weights, belongs to its graph; the next call replaces it.
  if (value instanceof Tensor) return value.isLeaf ? made(value.detach().clone().requiresGrad_(value.requiresGrad)) : value
  if (Array.isArray(value)) {
    const list = made<unknown[]>([])
    for (const entry of value) list.push(copyOf(entry, copies))
    return list
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  const object = made({})
  for (const [key, entry] of Object.entries(value)) Reflect.set(object, key, copyOf(entry, copies))
  return object
}

const join = (prefix: string, name: string) => (prefix === '' ? name : `${prefix}.${name}`)

/** Whether JavaScript counts a property of this name among the elements, which come first. */
const isNumber = (name: string) => /^(0|[1-9]\d*)$/.test(name) && Number(name) < 2 ** 32 - 1
