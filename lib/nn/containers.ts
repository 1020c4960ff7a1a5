/** Modules made of modules. */
import type { Tensor } from '../autograd/tensor.ts'
import { AnyModule, Module } from './module.ts'

/** Runs modules one after the other. `model[0]` is the first; named ones are added by addModule. Same as torch.nn.Sequential. */
export class Sequential extends Module {
  [index: number]: Module

  constructor(...modules: Module[]) {
    super()
    modules.forEach((module, i) => this.addModule(String(i), module))
  }
  override *children(): Generator<Module> {
    for (const child of super.children()) if (child instanceof Module) yield child
  }
  /** Adds a module at the end, under the next number. */
  append(module: Module): this {
    this.addModule(String(this.length), module)
    return this
  }
  override get length(): number {
    return [...this.children()].length
  }
  [Symbol.iterator](): Iterator<Module> {
    return this.children()
  }
  forward(x: Tensor): Tensor {
    let y = x
    for (const module of this) y = module(y)
    return y
  }
}

/** A list of modules, whose parameters are found. It is no model itself: the one that holds it calls its members. */
export class ModuleList<M extends AnyModule = Module> extends AnyModule {
  [index: number]: M

  constructor(modules: Iterable<M> = []) {
    super()
    for (const module of modules) this.append(module)
  }
  append(module: M): this {
    this.addModule(String(this.length), module)
    return this
  }
  get length(): number {
    return [...this.children()].length
  }
  *[Symbol.iterator](): Generator<M> {
    for (let i = 0; i < this.length; i++) yield this[i]
  }
  protected override run(): never {
    throw new TypeError('a ModuleList is no function: call its members')
  }
}
