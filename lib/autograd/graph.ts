/** The graph: one Node for each recorded call of an operation, pointing to the nodes that made its inputs. */
import { GraphError } from '../tensor/errors.ts'
import type { NDArray } from '../tensor/ndarray.ts'
import { sameShape, showShape, type Shape } from '../tensor/shape.ts'
import { retire, type Region } from '../tensor/storage.ts'
import type { Tensor } from './tensor.ts'

/** Where a gradient flows on to: an output of another node, or a leaf. null where it is not wanted. */
export type Edge = { readonly node: Node; readonly output: number } | { readonly leaf: Tensor } | null

export type Hook = (grad: Tensor) => Tensor | void

/** Appends an entry to a list; `remove` takes it out again. Who goes through such a list goes through a copy: a hook may remove itself. */
export function removable<T>(list: T[], entry: T): { remove(): void } {
  list.push(entry)
  let present = true
  return {
    remove: () => {
      if (present) list.splice(list.indexOf(entry), 1)
      present = false
    },
  }
}

/** What `hook` makes of a gradient. */
export function runHook(hook: Hook, grad: Tensor): Tensor {
  const replaced = hook(grad) ?? grad
  if (!sameShape(replaced.shape, grad.shape))
    throw new GraphError('registerHook', `a hook returned a gradient of shape ${showShape(replaced.shape)} for one of shape ${showShape(grad.shape)}`, 'a hook must keep the shape')
  return replaced
}

/** Most calls are not recorded and keep nothing: they share this. */
const NOTHING: readonly never[] = []

/** What a backward rule may know of its call. */
export class Context {
  /** Which inputs want a gradient. */
  readonly needs: readonly boolean[]
  /** Shapes of the inputs; () stands for an input that was left out. */
  readonly shapes: readonly Shape[]
  readonly #name: string
  #arrays: readonly NDArray[] = NOTHING
  #saved: readonly { tensor: Tensor; version: number }[] | 'released' = NOTHING

  constructor(name: string, needs: readonly boolean[], shapes: readonly Shape[]) {
    this.#name = name
    this.needs = needs
    this.shapes = shapes
  }

  /** Keeps arrays for the backward rule: inputs, outputs, or others, which count as constants. */
  save(...arrays: NDArray[]): void {
    this.#arrays = arrays
  }

  /** Turns what was saved into tensors, so that an input or output is still connected to its own history. */
  seal(tensorOf: (array: NDArray) => Tensor): void {
    if (this.#arrays.length === 0) return
    this.#saved = this.#arrays.map((array) => ({ tensor: tensorOf(array), version: array.storage.version }))
    for (const { storage } of this.#arrays) storage.holders++
    this.#arrays = NOTHING
  }

  /** The saved tensors. Throws when they were released by an earlier backward() or changed in place since. */
  get saved(): readonly Tensor[] {
    if (this.#saved === 'released')
      throw new GraphError('backward', `the values that ${this.#name} saved for its gradient were released by an earlier backward() through this graph`, 'pass { retainGraph: true } to the earlier call, or run the forward pass again')
    for (const { tensor, version } of this.#saved)
      if (tensor.array.storage.version !== version)
        throw new GraphError('backward', `a tensor of shape ${showShape(tensor.shape)} that ${this.#name} needs for its gradient was changed by an in-place operation (version ${tensor.array.storage.version}, expected ${version})`, 'use the operation without the underscore, or clone() the tensor before changing it')
    return this.#saved.map(({ tensor }) => tensor)
  }

  release(): void {
    if (this.#saved === 'released' || this.#saved.length === 0) return
    for (const { tensor } of this.#saved) tensor.array.storage.holders--
    this.#saved = 'released'
  }
}

/**
 * What has arrived for an input on other ways, where it may be changed: a rule may add its own gradient to it, and return null for that
 * input, instead of making a gradient that is then added. null where it may not, or nothing has arrived.
 */
export type Arrived = (input: number) => NDArray | null

type Backward = (grads: readonly (Tensor | null)[], arrived: Arrived) => readonly (Tensor | null)[]

let created = 0

export class Node {
  /** Nodes are numbered in order of creation, so every node has a greater number than those that made its inputs. */
  readonly sequence = created++
  /** The name PyTorch prints: MulBackward0. */
  name: string
  readonly edges: readonly Edge[]
  readonly outputShapes: readonly Shape[]
  readonly context: Context
  readonly #backward: Backward
  /** The memory that the call's results lie in. */
  readonly #made: Region | undefined
  /** Called with the complete gradient of an output; each may replace it. */
  readonly hooks: { readonly output: number; readonly hook: Hook }[] = []
  /** Tensors whose gradient is kept although they are no leaves. */
  readonly retained: { readonly output: number; readonly tensor: Tensor }[] = []
  /** Where the operation was called, kept while anomalies are being looked for. */
  trace: string | undefined

  constructor(name: string, edges: readonly Edge[], outputShapes: readonly Shape[], context: Context, backward: Backward, made?: Region) {
    this.name = name
    this.edges = edges
    this.outputShapes = outputShapes
    this.context = context
    this.#backward = backward
    this.#made = made
  }

  /** Nothing will be computed from this node again: what it saved is forgotten, and its memory taken back when the next pass begins. */
  release(): void {
    this.context.release()
    if (this.#made) retire(this.#made.storages.splice(0))
  }

  /** Gradients of the inputs from gradients of the outputs. */
  backward(grads: readonly (Tensor | null)[], arrived: Arrived): readonly (Tensor | null)[] {
    const result = this.#backward(grads, arrived)
    this.edges.forEach((edge, i) => {
      const grad = result[i]
      if (edge && grad && !sameShape(grad.shape, this.context.shapes[i]))
        throw new GraphError(this.name, `the gradient of input ${i} has shape ${showShape(grad.shape)}, the input has ${showShape(this.context.shapes[i])}`, 'a backward rule must return one gradient of the same shape for each input')
    })
    return result
  }
}
