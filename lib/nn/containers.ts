/** Modules made of modules. */
import type { Tensor } from '../autograd/tensor.ts'
import { ValueError } from '../tensor/errors.ts'
import { AnyModule, Module } from './module.ts'

/** A module that can stand in a row of others: called with one tensor, it returns one. */
export type Layer = AnyModule & ((x: Tensor) => Tensor)

/** Runs modules one after the other. `model[0]` is the first; named ones are added by addModule. Same as torch.nn.Sequential. */
export class Sequential extends Module {
  [index: number]: Layer

  constructor(...modules: Layer[]) {
    super()
    modules.forEach((module, i) => this.addModule(String(i), module))
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
