/** Modules made of modules. */
import type { Tensor } from '../autograd/tensor.ts'
import { ValueError } from '../tensor/errors.ts'
import { AnyModule, Module } from './module.ts'

/** A module that can stand in a row of others: called with one tensor, it returns one. */
export type Layer = AnyModule & ((x: Tensor) => Tensor)

/** Runs modules one after the other. `model[0]` is the first, also where addModule() gave it a name. Same as torch.nn.Sequential. */
export class Sequential extends Module {
  [index: number]: Layer

  constructor(...modules: Layer[]) {
    super()
    modules.forEach((module, i) => this.addModule(String(i), module))
  }
  override addModule(name: string, module: AnyModule): void {
    if (Object.hasOwn(this, name) && !isListed(this, name)) Reflect.deleteProperty(this, name)
    super.addModule(name, module)
    countNamed(this)
  }
  protected override blank(): this {
    const copy = super.blank()
    countNamed(this, copy)
    return copy
  }
  /** Adds a module at the end, under the next number. */
  append(module: Layer): this {
    this.addModule(String(this.length), module)
    return this
  }
  override get length(): number {
    return [...this.ownModules()].length
  }
  *[Symbol.iterator](): Generator<Layer> {
    for (const [, member] of this.ownModules()) if (isLayer(member)) yield member
  }
  forward(x: Tensor): Tensor {
    let y = x
    for (const module of this) y = module(y)
    return y
  }
}

/** Members are listed among the properties; the numbers under which named ones are found are not. */
const isListed = (sequential: Sequential, name: PropertyKey) => Object.prototype.propertyIsEnumerable.call(sequential, name)

/** Lets `on` find, and exchange, the members that `sequential` holds under names by their numbers, too. */
function countNamed(sequential: Sequential, on: Sequential = sequential): void {
  const member = (i: number) => [...on.ownModules()][i]
  for (let i = 0; i < sequential.length; i++)
    if (!isListed(sequential, i)) Object.defineProperty(on, i, { get: () => member(i)[1], set: (module) => on.addModule(member(i)[0], module), configurable: true })
}

/** Every module that can be called is a function. */
const isLayer = (module: AnyModule): module is Layer => typeof module === 'function'

/** A list of modules, whose parameters are found. It is no model itself: the one that holds it calls its members. */
export class ModuleList<M extends AnyModule = Module> extends AnyModule {
  [index: number]: M

  constructor(modules: Iterable<M> = []) {
    super()
    if (typeof modules !== 'object' || modules === null || !(Symbol.iterator in modules)) throw new ValueError('ModuleList', 'what it was given is no list of modules', 'give them as a list')
    for (const module of modules) this.append(module)
  }
  append(module: M): this {
    this.addModule(String(this.length), module)
    return this
  }
  get length(): number {
    return [...this.ownModules()].length
  }
  *[Symbol.iterator](): Generator<M> {
    for (let i = 0; i < this.length; i++) yield this[i]
  }
  protected override run(): never {
    throw new ValueError('ModuleList', 'a list of modules cannot be called', 'call its members one by one')
  }
}

/**
 * Modules by name, whose parameters are found: `parts.get('head')`. It is no model itself: the one that holds it calls its members. Same as
 * torch.nn.ModuleDict, but for a name that a module has already, such as 'train', which is refused. An object lists names that are
 * numbers before all others: give a list of [name, module] where there are such, to keep their order.
 */
export class ModuleDict<M extends AnyModule = Module> extends AnyModule {
  constructor(modules: Readonly<Record<string, M>> | Iterable<readonly [name: string, module: M]> = {}) {
    super()
    if (typeof modules !== 'object' || modules === null) throw new ValueError('ModuleDict', 'what it was given are no modules by name', "give them as in { name: module }, or as a list of [name, module]")
    for (const [name, module] of Symbol.iterator in modules ? modules : Object.entries(modules)) this.set(name, module)
  }
  /** Adds a module, or puts it in the place of the one of that name. */
  set(name: string, module: M): this {
    this.addModule(name, module)
    return this
  }
  get(name: string): M {
    const found = [...this.items()].find(([other]) => other === name)
    if (!found) throw new ValueError('ModuleDict', `it holds no module '${name}'`, `it holds ${[...this.keys()].join(', ')}`)
    return found[1]
  }
  has(name: string): boolean {
    return [...this.keys()].includes(name)
  }
  get length(): number {
    return [...this.ownModules()].length
  }
  *items(): Generator<[string, M]> {
    for (const [name, module] of this.ownModules()) yield [name, module as M]
  }
  *keys(): Generator<string> {
    for (const [name] of this.items()) yield name
  }
  *values(): Generator<M> {
    for (const [, module] of this.items()) yield module
  }
  [Symbol.iterator](): Generator<string> {
    return this.keys()
  }
  protected override run(): never {
    throw new ValueError('ModuleDict', 'modules by name cannot be called', 'call its members one by one')
  }
}
