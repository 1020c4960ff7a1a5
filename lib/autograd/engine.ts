/** backward(): gradients in reverse order of the recorded calls, without recursion. */
import { kernels } from '../tensor/kernels/active.ts'
import { GraphError, ShapeError, ValueError } from '../tensor/errors.ts'
import { NDArray } from '../tensor/ndarray.ts'
import { optionsOf } from '../tensor/options.ts'
import { sameShape, showShape } from '../tensor/shape.ts'
import { reclaim } from '../tensor/storage.ts'
import { checkAnomaly } from './anomaly.ts'
import { Arrivals, kept } from './arrivals.ts'
import { enableGrad, isGradEnabled, noGrad } from './grad-mode.ts'
import type { Edge, Node } from './graph.ts'
import { checkTensors, constant, edgeOf, named } from './op.ts'
import type { Tensor } from './tensor.ts'

export interface BackwardOptions {
  /** Keep the graph for another backward(). Default: createGraph. */
  readonly retainGraph?: boolean | null
  /** Record the backward pass itself, for gradients of gradients. */
  readonly createGraph?: boolean
}

export interface GradOptions extends BackwardOptions {
  /** Gradients of the outputs; may be left out for scalars. */
  readonly gradOutputs?: Tensor | readonly (Tensor | null)[]
  /** Return null for an input that the outputs do not depend on, instead of throwing. */
  readonly allowUnused?: boolean
}

/** All nodes from which the roots were computed, latest first. */
function nodesBehind(roots: readonly Tensor[]): Node[] {
  const seen = new Set<Node>()
  const stack: Node[] = []
  const visit = (edge: Edge) => {
    if (!edge || 'leaf' in edge || seen.has(edge.node)) return
    seen.add(edge.node)
    stack.push(edge.node)
  }
  roots.forEach((root) => visit(edgeOf(root)))
  for (let node = stack.pop(); node; node = stack.pop()) node.edges.forEach(visit)
  return [...seen].sort((a, b) => b.sequence - a.sequence)
}

/** The first gradient: the one given, or 1 for a scalar. */
function initialGradient(operation: string, root: Tensor, given: Tensor | null | undefined): Tensor {
  if (!root.requiresGrad)
    throw new GraphError(operation, `the tensor of shape ${showShape(root.shape)} was computed from nothing that requires a gradient`, 'set requiresGrad on a tensor it is computed from, and compute it outside of noGrad')
  if (!given) {
    if (root.numel() !== 1)
      throw new GraphError(operation, `without a gradient only a scalar can be differentiated, and this tensor has shape ${showShape(root.shape)}`, 'reduce it with sum() or mean(), or pass a gradient of its shape')
    return constant(NDArray.full(root.shape, 1))
  }
  if (!sameShape(given.shape, root.shape))
    throw new ShapeError(operation, `a gradient of shape ${showShape(given.shape)} was given for a tensor of shape ${showShape(root.shape)}`, 'pass a gradient of the same shape')
  return given
}

let accumulating = false
/** A backward rule may call grad() itself. */
let depth = 0

/** Whether backward() or grad() is running. */
export function isPassing(): boolean {
  return depth > 0
}

/** Whether gradients are on their way to the `grad` of leaves, by backward(), and not to the result of grad(). */
export function isAccumulating(): boolean {
  return accumulating
}

/** Runs a pass of backward() (accumulates) or of grad(), recorded or not. */
function pass(accumulates: boolean, { createGraph }: Required<BackwardOptions>, run: () => void): void {
  const before = accumulating
  accumulating = accumulates
  if (depth === 0) reclaim()
  depth++
  try {
    if (createGraph) enableGrad(run)
    else noGrad(run)
  } finally {
    accumulating = before
    depth--
  }
}

/** What a pass does with gradients that are complete: those of a node's outputs, and of a leaf. */
interface Receiver {
  node?(node: Node, grads: readonly (Tensor | null)[]): void
  readonly leaf: (leaf: Tensor, grad: Tensor) => void
}

/** Sends gradients through `nodes`, latest first. */
function propagate(nodes: readonly Node[], arrivals: Arrivals, receiver: Receiver, { retainGraph }: Required<BackwardOptions>): void {
  arrivals.expect(nodes)
  for (const node of nodes) {
    const grads = arrivals.take(node)
    if (grads) {
      for (const { output, tensor } of node.retained) {
        const grad = grads[output]
        if (grad) accumulate(tensor, grad, arrivals)
      }
      receiver.node?.(node, grads)
      const inputGrads = arrivals.compute(() => node.backward(grads, (input) => arrivals.open(node.edges[input])))
      checkAnomaly(node, inputGrads)
      if (!retainGraph) node.release()
      inputGrads.forEach((grad, i) => {
        const edge = node.edges[i]
        if (edge && grad) arrivals.add(edge, grad)
        else arrivals.drop(grad)
      })
      grads.forEach((grad) => arrivals.drop(grad))
    }
    arrivals.takeCompletedBy(node, receiver.leaf)
  }
  for (const [node, grads] of arrivals.rest()) {
    receiver.node?.(node, grads)
    grads.forEach((grad) => arrivals.drop(grad))
  }
  arrivals.takeLeaves(receiver.leaf)
}

/** tensor.grad += grad. A gradient that is recorded makes a new sum; else the sum is made in place, as in PyTorch. */
function accumulate(tensor: Tensor, grad: Tensor, arrivals: Arrivals): void {
  const before = tensor.grad
  if (before && !sameShape(before.shape, tensor.shape))
    throw new GraphError('backward', `the grad of a tensor of shape ${showShape(tensor.shape)} has been set to a tensor of shape ${showShape(before.shape)}`, 'set it to null or to a tensor of the same shape')
  if (!before) tensor.grad = grad.requiresGrad ? named('CopyBackwards', grad.clone()) : tensor.newGrad(grad.array, arrivals.give(grad))
  else if (isGradEnabled() || !before.isContiguous()) tensor.grad = before.add(grad)
  else {
    const [sum] = arrivals.compute(() => [before.add(grad)])
    kernels().copy(before.array, sum.array)
    before.array.storage.version++
    arrivals.drop(sum)
  }
}

/** Adds the gradients of `root` to the `grad` of every leaf that it was computed from, each as soon as it is complete. */
export function backward(root: Tensor, gradient?: Tensor | null, given: BackwardOptions = {}): void {
  const { createGraph, retainGraph } = optionsOf('backward', given, { createGraph: false, retainGraph: undefined })
  const options = { createGraph, retainGraph: retainGraph ?? createGraph }
  checkTensors('backward', [root], [gradient])
  const arrivals = new Arrivals()
  const first = initialGradient('backward', root, gradient)
  const start = edgeOf(root)
  if (start) arrivals.add(start, first)
  pass(true, options, () => propagate(nodesBehind([root]), arrivals, { leaf: (leaf, grad) => accumulate(leaf, grad, arrivals) }, options))
}

/**
 * Gradients of (the sum of) `outputs` with respect to `inputs`, returned instead of accumulated: one Tensor for each input.
 * Throws a GraphError for an input that the outputs do not depend on, unless `allowUnused`. Same as torch.autograd.grad.
 */
export function grad(outputs: Tensor | readonly Tensor[], inputs: Tensor | readonly Tensor[], options?: GradOptions & { allowUnused?: false }): Tensor[]
export function grad(outputs: Tensor | readonly Tensor[], inputs: Tensor | readonly Tensor[], options: GradOptions): (Tensor | null)[]
export function grad(outputs: Tensor | readonly Tensor[], inputs: Tensor | readonly Tensor[], choice: GradOptions = {}): (Tensor | null)[] {
  const chosen = optionsOf('grad', choice, { createGraph: false, retainGraph: undefined, gradOutputs: undefined, allowUnused: false })
  const options = { ...chosen, retainGraph: chosen.retainGraph ?? chosen.createGraph }
  const roots: readonly Tensor[] = Array.isArray(outputs) ? outputs : [outputs as Tensor]
  const wanted: readonly Tensor[] = Array.isArray(inputs) ? inputs : [inputs as Tensor]
  checkTensors('grad', [...roots, ...wanted])
  const given = options.gradOutputs === undefined ? [] : Array.isArray(options.gradOutputs) ? options.gradOutputs : [options.gradOutputs]
  const targets = wanted.map((input, i) => {
    const edge = edgeOf(input)
    if (!edge) throw new GraphError('grad', `input ${i} of shape ${showShape(input.shape)} does not require a gradient`, 'call requiresGrad_() on it before computing the outputs')
    return edge
  })
  if (given.length > roots.length) throw new ValueError('grad', `${given.length} gradOutputs were given for ${roots.length} outputs`, 'give one for each output')
  const arrivals = new Arrivals()
  roots.forEach((root, i) => {
    const first = initialGradient('grad', root, given[i])
    const start = edgeOf(root)
    if (start) arrivals.add(start, first)
  })
  const found: (Tensor | null)[] = targets.map(() => null)
  const collect = (place: Node | Tensor, grads: readonly (Tensor | null)[]) =>
    targets.forEach((target, i) => {
      if (('leaf' in target ? target.leaf : target.node) !== place) return
      const grad = grads['leaf' in target ? 0 : target.output]
      found[i] = grad && kept(grad)
    })
  pass(false, options, () => propagate(nodesLeadingTo(targets, nodesBehind(roots)), arrivals, { node: collect, leaf: (leaf, sum) => collect(leaf, [sum]) }, options))
  found.forEach((sum, i) => {
    if (!sum && !options.allowUnused)
      throw new GraphError('grad', `the outputs do not depend on input ${i} of shape ${showShape(wanted[i].shape)}`, 'pass { allowUnused: true } to get null for it')
  })
  return found
}

/** Those of `nodes` (latest first) through which a gradient must pass to reach a target; a target itself is passed only on the way to another. */
function nodesLeadingTo(targets: readonly Exclude<Edge, null>[], nodes: readonly Node[]): Node[] {
  const places = new Set<Node | Tensor>(targets.map((target) => ('leaf' in target ? target.leaf : target.node)))
  const passed = new Set<Node>()
  for (const node of nodes.toReversed())
    if (node.edges.some((edge) => edge && ('leaf' in edge ? places.has(edge.leaf) : places.has(edge.node) || passed.has(edge.node)))) passed.add(node)
  return nodes.filter((node) => passed.has(node))
}

/**
 * The second derivative of a fused backward operation: gradients of `formula(...inputs)`, the same computation composed of
 * plain operations, with respect to the inputs. `grads` are those of its results; null where none arrived. An input may have been
 * computed from another one: each goes in as a view, so that no gradient passes through what lies behind it.
 */
export function gradThrough(formula: (...inputs: Tensor[]) => Tensor[], inputs: readonly Tensor[], grads: readonly (Tensor | null)[]): (Tensor | null)[] {
  const createGraph = isGradEnabled()
  return enableGrad(() => {
    const entries = inputs.map((input) => input.view(input.shape))
    const results = formula(...entries)
    const used = results.flatMap((result, i) => (grads[i] && result.requiresGrad ? [i] : []))
    const wanted = entries.filter((entry) => entry.requiresGrad)
    const found = used.length === 0 || wanted.length === 0 ? [] : grad(used.map((i) => results[i]), wanted, { gradOutputs: used.map((i) => grads[i]), createGraph, allowUnused: true })
    return entries.map((entry) => (entry.requiresGrad ? found[wanted.indexOf(entry)] ?? null : null))
  })
}
