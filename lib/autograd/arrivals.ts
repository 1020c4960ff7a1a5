/** Gradients on their way: what has arrived where in a backward pass, and the memory that it lies in. */
import type { NDArray } from '../tensor/ndarray.ts'
import { allocatingIn, discard, evict, Region, type Storage } from '../tensor/storage.ts'
import { isDetecting } from './anomaly.ts'
import { isGradEnabled } from './grad-mode.ts'
import { runHook, type Edge, type Node } from './graph.ts'
import { constant } from './op.ts'
import type { Tensor } from './tensor.ts'

/**
 * The gradients that have arrived so far, by the place they are gradients of. What was computed in this pass alone is taken back as
 * soon as the last gradient that lies in it has been used.
 */
export class Arrivals {
  readonly #nodes = new Map<Node, (Tensor | null)[]>()
  readonly #leaves = new Map<Tensor, Tensor>()
  /** How many nodes may still send a gradient to a leaf, counted by edges. */
  readonly #senders = new Map<Tensor, number>()
  /** How many arrived gradients lie in a storage that was made in this pass. */
  readonly #uses = new Map<Storage, number>()

  /** Computes gradients and takes note of the memory that they lie in. What was made on the way is taken back at once. */
  compute<T extends readonly (Tensor | null)[]>(rule: () => T): T {
    if (isGradEnabled()) return rule()
    const made = new Region('backward')
    const grads = allocatingIn(made, rule)
    for (const storage of made.storages) if (!this.#uses.has(storage)) this.#uses.set(storage, 0)
    for (const grad of grads) this.#use(grad)
    for (const storage of made.storages) this.#discardUnused(storage)
    return grads
  }
  #use(grad: Tensor | null): void {
    const uses = grad && this.#uses.get(grad.array.storage)
    if (grad && typeof uses === 'number') this.#uses.set(grad.array.storage, uses + 1)
  }
  /** A gradient that compute() returned, or that take() handed out, is not needed any more. */
  drop(grad: Tensor | null): void {
    const uses = grad && this.#uses.get(grad.array.storage)
    if (!grad || typeof uses !== 'number') return
    this.#uses.set(grad.array.storage, uses - 1)
    this.#discardUnused(grad.array.storage)
  }
  #discardUnused(storage: Storage): void {
    if (this.#uses.get(storage) !== 0) return
    this.#uses.delete(storage)
    discard(storage)
  }

  add(edge: Exclude<Edge, null>, grad: Tensor): void {
    if ('leaf' in edge) {
      this.#leaves.set(edge.leaf, this.#sum(this.#leaves.get(edge.leaf) ?? null, grad))
      return
    }
    let grads = this.#nodes.get(edge.node)
    if (!grads) this.#nodes.set(edge.node, (grads = edge.node.outputShapes.map(() => null)))
    grads[edge.output] = this.#sum(grads[edge.output], grad)
  }
  /** What has arrived at a node, as numbers that may be changed: where somebody else uses them too, a copy takes their place. */
  open(edge: Edge): NDArray | null {
    if (!edge || 'leaf' in edge || isGradEnabled() || isDetecting()) return null
    const grads = this.#nodes.get(edge.node)
    const sum = grads?.[edge.output]
    if (!grads || !sum) return null
    if (this.#isAlone(sum)) return sum.array
    const copy = constant(sum.array.copy())
    if (copy.array.storage.isTransient) this.#uses.set(copy.array.storage, 1)
    grads[edge.output] = copy
    this.drop(sum)
    return copy.array
  }
  #sum(before: Tensor | null, grad: Tensor): Tensor {
    if (!before) return grad
    const [sum] = this.compute(() => [before.add(grad)])
    this.drop(before)
    this.drop(grad)
    return sum
  }

  /** The complete gradients of a node's outputs, after their hooks; null when none has arrived. */
  take(node: Node): (Tensor | null)[] | null {
    const grads = this.#nodes.get(node)
    if (!grads) return null
    this.#nodes.delete(node)
    for (const { output, hook } of [...node.hooks]) {
      const grad = grads[output]
      if (grad) grads[output] = runHook(hook, kept(grad))
    }
    return grads
  }

  /** What has arrived at nodes that were not taken. */
  *rest(): Iterable<[Node, readonly (Tensor | null)[]]> {
    for (const node of [...this.#nodes.keys()]) yield [node, this.take(node) ?? []]
  }

  /** These nodes will be asked for gradients. */
  expect(nodes: readonly Node[]): void {
    for (const { edges } of nodes) for (const edge of edges) if (edge && 'leaf' in edge) this.#senders.set(edge.leaf, (this.#senders.get(edge.leaf) ?? 0) + 1)
  }
  /** Hands out the leaves whose gradient is complete now that `node` has been asked. */
  takeCompletedBy(node: Node, receive: (leaf: Tensor, grad: Tensor) => void): void {
    for (const edge of node.edges) {
      if (!edge || !('leaf' in edge)) continue
      const left = (this.#senders.get(edge.leaf) ?? 0) - 1
      this.#senders.set(edge.leaf, left)
      if (left === 0) this.#takeLeaf(edge.leaf, receive)
    }
  }
  /** Hands out the leaves that no node has completed. */
  takeLeaves(receive: (leaf: Tensor, grad: Tensor) => void): void {
    for (const leaf of [...this.#leaves.keys()]) this.#takeLeaf(leaf, receive)
  }
  #takeLeaf(leaf: Tensor, receive: (leaf: Tensor, grad: Tensor) => void): void {
    const sum = this.#leaves.get(leaf)
    if (!sum) return
    this.#leaves.delete(leaf)
    const grad = [...leaf.leafHooks].reduce((before, hook) => runHook(hook, kept(before)), sum)
    receive(leaf, grad)
    this.drop(grad)
  }

  /** Whether a gradient has its memory for itself; then that belongs to the receiver from now on. */
  give(grad: Tensor): boolean {
    return this.#isAlone(grad) && this.#uses.delete(grad.array.storage)
  }
  #isAlone({ array: { storage, numel, isContiguous } }: Tensor): boolean {
    return storage.isTransient && isContiguous && 4 * numel === storage.bytes && this.#uses.get(storage) === 1
  }
}

/** A gradient that a user sees is theirs to keep. */
export function kept(grad: Tensor): Tensor {
  evict(grad.array.storage)
  return grad
}
