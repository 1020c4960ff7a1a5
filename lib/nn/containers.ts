/** Modules made of modules. */
import { Tensor } from '../autograd/tensor.ts'
import { IndexError, ValueError } from '../tensor/errors.ts'
import { AnyModule, Module } from './module.ts'
import { Parameter } from './parameter.ts'

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
  /** Adds modules at the end, under the next numbers. */
  extend(modules: Iterable<Layer>): this {
    for (const module of checkList('Sequential', modules)) this.append(module)
    return this
  }
  /** Puts a module before the one of that number; those from there on move up by one. Throws where members have names. */
  insert(index: number, module: Layer): this {
    return inserted(this, index, module)
  }
  override get length(): number {
    return [...this.ownModules()].length
  }
  *[Symbol.iterator](): Generator<Layer> {
    for (const [, member] of this.ownModules()) if (isLayer(member)) yield member
  }
  /** The module at a place, counted from the end where it is negative: at(-1) is Python's [-1]. */
  at(index: number): Layer {
    return memberAt('Sequential', [...this], index)
  }
  /** A new Sequential of the modules from `start` up to, not including, `end`, under their names: slice(1, -1) is Python's [1:-1]. */
  slice(start?: number, end?: number): Sequential {
    const part = new Sequential()
    for (const [name, module] of [...this.ownModules()].slice(start, end)) part.addModule(name, module)
    return part
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

function checkList<M>(container: string, modules: Iterable<M>): Iterable<M> {
  // A module that holds others is a function that can be iterated.
  if ((typeof modules !== 'object' && typeof modules !== 'function') || modules === null || !(Symbol.iterator in modules)) throw new ValueError(container, 'what it was given is no list of modules', 'give them as a list')
  return modules
}

function memberAt<M>(container: string, members: readonly M[], index: number): M {
  const member = members.at(index)
  if (!Number.isInteger(index) || member === undefined) throw new IndexError(container, `there is no module ${index} among ${members.length}`, `use a whole number from ${-members.length} to ${members.length - 1}`)
  return member
}

/** Moves the members from `index` on up by one. */
function inserted<C extends Sequential | ModuleList<AnyModule>>(container: C, index: number, module: AnyModule): C {
  const { length } = container
  if (!Number.isInteger(index) || index < -length || index > length) throw new IndexError(container.constructor.name, `there is no place ${index} among ${length} modules`, `give a whole number from ${-length} to ${length}`)
  const members = [...container.ownModules()]
  if (members.some(([name], i) => name !== String(i))) throw new ValueError(container.constructor.name, 'its members have names, so none can be put between them', 'build it anew')
  const moved = [...members.map(([, member]) => member)]
  moved.splice(index, 0, module)
  moved.forEach((member, i) => container.addModule(String(i), member))
  return container
}

/** A list of modules, whose parameters are found. It is no model itself: the one that holds it calls its members. */
export class ModuleList<M extends AnyModule = Module> extends AnyModule {
  [index: number]: M

  constructor(modules: Iterable<M> = []) {
    super()
    this.extend(modules)
  }
  append(module: M): this {
    this.addModule(String(this.length), module)
    return this
  }
  extend(modules: Iterable<M>): this {
    for (const module of checkList('ModuleList', modules)) this.append(module)
    return this
  }
  /** Puts a module before the one of that number; those from there on move up by one. */
  insert(index: number, module: M): this {
    return inserted(this, index, module)
  }
  get length(): number {
    return [...this.ownModules()].length
  }
  *[Symbol.iterator](): Generator<M> {
    for (let i = 0; i < this.length; i++) yield this[i]
  }
  /** The module at a place, counted from the end where it is negative: at(-1) is Python's [-1]. */
  at(index: number): M {
    return memberAt('ModuleList', [...this], index)
  }
  /** A new list of the modules from `start` up to, not including, `end`: slice(1, -1) is Python's [1:-1]. */
  slice(start?: number, end?: number): ModuleList<M> {
    return new ModuleList([...this].slice(start, end))
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
    this.update(modules)
  }
  /** Adds modules, or puts them in the place of those of the same names. */
  update(modules: Readonly<Record<string, M>> | Iterable<readonly [name: string, module: M]>): this {
    const refused = new ValueError('ModuleDict', 'what it was given are no modules by name', 'give them as in { name: module }, or as a list of [name, module]')
    if (typeof modules !== 'object' || modules === null) throw refused
    for (const entry of Symbol.iterator in modules ? modules : Object.entries(modules)) {
      if (!Array.isArray(entry) || entry.length !== 2) throw refused
      this.set(entry[0], entry[1])
    }
    return this
  }
  /** Takes a module out, and returns it. */
  pop(name: string): M {
    const module = this.get(name)
    Reflect.deleteProperty(this, name)
    return module
  }
  clear(): void {
    for (const name of [...this.keys()]) this.pop(name)
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

/** A list of parameters, which are found; tensors become some. It is no model itself: the one that holds it uses them. Same as torch.nn.ParameterList. */
export class ParameterList extends AnyModule {
  [index: number]: Parameter

  constructor(parameters: Iterable<Tensor> = []) {
    super()
    this.extend(parameters)
  }
  append(parameter: Tensor): this {
    if (!(parameter instanceof Tensor)) throw new ValueError('ParameterList', `what was given as '${this.length}' is no parameter`, 'give parameters or tensors')
    this.registerParameter(String(this.length), parameter instanceof Parameter ? parameter : new Parameter(parameter))
    return this
  }
  extend(parameters: Iterable<Tensor>): this {
    if (typeof parameters !== 'object' || parameters === null || !(Symbol.iterator in parameters)) throw new ValueError('ParameterList', 'what it was given is no list of parameters', 'give them as a list')
    for (const parameter of parameters) this.append(parameter)
    return this
  }
  get length(): number {
    return [...this.ownParameters()].length
  }
  *[Symbol.iterator](): Generator<Parameter> {
    for (let i = 0; i < this.length; i++) yield this[i]
  }
  override extraRepr(): string {
    return [...this.ownParameters()].map(([name, { dtype, shape }]) => `  (${name}): Parameter containing: [torch.${dtype} of size ${shape.join('x')}]`).join('\n')
  }
  protected override run(): never {
    throw new ValueError('ParameterList', 'a list of parameters cannot be called', 'use its members')
  }
}
