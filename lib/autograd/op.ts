/** defineOp: an operation as one object, forward and backward side by side. */
import { ValueError } from '../tensor/errors.ts'
import { NDArray, type DType } from '../tensor/ndarray.ts'
import { allocatingIn, Region } from '../tensor/storage.ts'
import { anomalyTrace, checkResults } from './anomaly.ts'
import { isGradEnabled } from './grad-mode.ts'
import { Context, Node, type Arrived, type Edge } from './graph.ts'
import type { Tensor } from './tensor.ts'

/** What a backward rule returns: one gradient for each input, null where there is none. */
export type Gradients = (Tensor | null)[]

type Arrays = readonly (NDArray | null)[]
type TensorsOf<I extends Arrays> = { [K in keyof I]: null extends I[K] ? Tensor | null : Tensor }
type TensorFor<R> = R extends NDArray ? Tensor : Tensor[]
type GradientFor<R> = R extends NDArray ? Tensor : readonly (Tensor | null)[]

interface OpRule<I extends Arrays, R extends NDArray | NDArray[], O> {
  /** Whether null may stand for inputs that have been left out. */
  readonly optional?: boolean
  /** Numbers in, numbers out. `ctx.save` keeps what the backward rule needs. */
  forward(ctx: Context, inputs: I, options: O): R
  /** Gradients of the inputs, written with tensor operations so that it can be differentiated again; null where there is none. */
  backward(ctx: Context, grad: GradientFor<R>, options: O, arrived: Arrived): Gradients
}

/** An operation: called with its input tensors and its options, it computes and, where a gradient is wanted, records. */
export interface Op<I extends Arrays, R extends NDArray | NDArray[], O> {
  (inputs: TensorsOf<I>, options: O): TensorFor<R>
  readonly opName: string
}

/** The names of all operations, in order of definition: what the gradient checks iterate. */
export const opNames: string[] = []

let createTensor: (array: NDArray) => Tensor

/** tensor.ts hands its constructor in here, so that operations need not import the class whose methods call them. */
export function setTensorFactory(factory: (array: NDArray) => Tensor): void {
  createTensor = factory
}

/** A tensor without history. */
export function constant(array: NDArray): Tensor {
  return createTensor(array)
}

/** A vector of whole numbers. */
export function indexVector(indices: ArrayLike<number>): Tensor {
  return constant(NDArray.from(Float32Array.from(indices), [indices.length], 'int64'))
}

/** A 0-dimensional tensor, which broadcasts against any shape. */
export function scalar(value: number, dtype: DType = 'float32'): Tensor {
  return constant(NDArray.full([], value, dtype))
}

/** Whether it is a tensor, for those that cannot import the class. */
export const isTensor = (value: unknown): value is Tensor => typeof value === 'object' && value !== null && 'array' in value && value.array instanceof NDArray

/** Throws unless every input is a tensor; `optional` ones may be left out. */
export function checkTensors(operation: string, inputs: readonly unknown[], optional: readonly unknown[] = []): void {
  for (const input of inputs) if (!isTensor(input)) throw noTensor(operation, input)
  for (const input of optional) if (input !== null && input !== undefined && !isTensor(input)) throw noTensor(operation, input)
}

const noTensor = (operation: string, value: unknown) => new ValueError(operation, `${describe(value)} is no tensor`, 'make a tensor() of it')

/** A value that is no tensor, in a few words. */
function describe(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

/** 'relu_backward' -> 'ReluBackwardBackward0', as PyTorch names its graph nodes. */
function nodeNameOf(name: string): string {
  return name.split('_').map((word) => word[0].toUpperCase() + word.slice(1)).join('') + 'Backward0'
}

/** The edge along which a gradient of `tensor` flows on. */
export function edgeOf(tensor: Tensor | null): Edge {
  if (!tensor?.requiresGrad) return null
  return tensor.gradFn ? { node: tensor.gradFn, output: tensor.outputIndex } : { leaf: tensor }
}

export function defineOp<const I extends Arrays, R extends NDArray | NDArray[], O = void>(name: string, rule: OpRule<I, R, O>): Op<I, R, O> {
  opNames.push(name)
  const nodeName = nodeNameOf(name)
  const op = (inputs: readonly (Tensor | null)[], options: O): Tensor | Tensor[] => {
    checkTensors(name, rule.optional ? [] : inputs, rule.optional ? inputs : [])
    const recording = isGradEnabled()
    const needs = inputs.map((input) => recording && input !== null && input.requiresGrad)
    const context = new Context(name, needs, inputs.map((input) => input?.shape ?? []))
    const made = needs.includes(true) ? new Region(name) : null
    const arrays = inputs.map((input) => input && input.array) as Arrays as I
    const result = made ? allocatingIn(made, () => rule.forward(context, arrays, options)) : rule.forward(context, arrays, options)
    const single = result instanceof NDArray
    const outputs = single ? [constant(result)] : (result as NDArray[]).map(constant)
    if (made) record(nodeName, inputs, outputs, context, (grads, arrived) => rule.backward(context, (single ? grads[0] : grads) as GradientFor<R>, options, arrived), made)
    linkView(op, inputs[0], outputs, options)
    return single ? outputs[0] : outputs
  }
  return Object.assign(op as (inputs: TensorsOf<I>, options: O) => TensorFor<R>, { opName: name })
}

/** Puts a node behind `outputs`, whose gradients `backward` turns into gradients of `inputs`. `made` is the memory that goes with it. */
export function record(name: string, inputs: readonly (Tensor | null)[], outputs: readonly Tensor[], context: Context, backward: (grads: readonly (Tensor | null)[], arrived: Arrived) => readonly (Tensor | null)[], made?: Region): void {
  checkResults(name, inputs, outputs)
  const node = new Node(name, inputs.map(edgeOf), outputs.map((output) => output.shape), context, backward, made)
  node.trace = anomalyTrace()
  outputs.forEach((output, i) => output.attach(node, i))
  context.seal((array) => inputs.find((input) => input?.array === array) ?? outputs.find((output) => output.array === array) ?? constant(array))
}

/** Remembers how a view was made, so that it can be made again from its base after an in-place change. */
function linkView<O>(op: (inputs: readonly Tensor[], options: O) => Tensor | Tensor[], input: Tensor | null, outputs: readonly Tensor[], options: O): void {
  if (!input) return
  outputs.forEach((output, i) => {
    if (output.array.storage === input.array.storage) output.linkView(input, (from) => [op([from], options)].flat()[i])
  })
}

/** Gives the graph node of a composed result the name that PyTorch's own operation has. */
export function named(name: string, tensor: Tensor): Tensor {
  if (tensor.gradFn) tensor.gradFn.name = name
  return tensor
}

/** named() for a composed result that is no view of an input, though its last step was one of something made on the way. */
export function own(name: string, tensor: Tensor): Tensor {
  tensor.unlinkView()
  return named(name, tensor)
}
