/** The files of cases that generate.py writes: their types, reading them, and comparing a tensor with what PyTorch says. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { Tensor, tensor } from 'vitgrad'

export type Value = number | 'NaN' | 'Infinity' | '-Infinity'

/** Numbers in row-major order; a computed tensor also says how far a float32 result may lie from it. */
export interface Expected {
  readonly dtype: 'float32' | 'int64' | 'bool'
  readonly shape: readonly number[]
  readonly data: readonly Value[]
  readonly tol?: number
}

export type ViewStep =
  | readonly ['transpose', number, number]
  | readonly ['permute' | 'expand' | 'reshape', readonly number[]]
  | readonly ['slice', number, number, number, number]
  | readonly ['select', number, number]
  | readonly ['unsqueeze', number]

/** The operand is `base` seen through the view steps; its gradient is asked with respect to `base`. */
export interface Operand {
  readonly name: string
  readonly base: Expected
  readonly view: readonly ViewStep[]
  readonly requires_grad: boolean
}

/** What an operation of the cases may be told. Each operation reads the attributes that its PyTorch namesake has. */
export interface Attributes {
  readonly approximate: 'none' | 'tanh'
  readonly average?: boolean
  readonly b: number
  readonly ceil_mode: boolean
  readonly chunks: number
  readonly count_include_pad: boolean
  readonly diagonal: number
  readonly dilation: number | readonly [number, number]
  readonly dim: number | readonly number[] | null
  readonly dim0: number
  readonly dim1: number
  readonly dims: number | readonly number[]
  readonly end_dim: number
  readonly eps: number
  readonly groups: number
  readonly has_pos_weight: 0 | 1
  readonly has_weight: 0 | 1
  readonly ignore_index?: number
  readonly index: number
  readonly is_causal?: boolean
  readonly keepdim?: boolean
  readonly kernel_size: readonly [number, number]
  readonly label_smoothing?: number
  readonly log_target: boolean
  readonly max: number | null
  readonly min: number | null
  readonly n: number
  readonly negative_slope: number
  readonly normalized_shape: readonly number[]
  readonly output_size: number | readonly [number, number]
  readonly outputs: readonly number[]
  readonly pad: readonly number[]
  readonly padding: number | readonly [number, number]
  readonly padding_idx: number | null
  readonly program: readonly Instruction[]
  readonly reduction: 'mean' | 'sum' | 'none' | 'batchmean'
  readonly repeats: readonly number[]
  readonly s: number
  readonly scale?: number
  readonly shape: readonly number[]
  readonly shifts: number
  readonly slices: readonly (readonly (number | null)[])[]
  readonly split_size_or_sections: number | readonly number[]
  readonly start_dim: number
  readonly stride: number | readonly [number, number]
  readonly unbiased: boolean
  readonly value: number
  /** Which operand is the attention mask or the key padding mask. */
  readonly am?: number
  readonly kpm?: number
}

/** The attributes of a call of a module: which operands are masks, and whether attention weights are averaged over heads. */
export type CallAttributes = Pick<Attributes, 'am' | 'kpm' | 'average'>

/** One step of a random program: the operation reads earlier values by their numbers and makes the next one. */
export interface Instruction {
  readonly op: string
  readonly in: readonly number[]
  readonly attrs: Attributes
}

export interface ModuleSpec {
  readonly type: string
  readonly args: ModuleArguments
  readonly training: boolean
}

/** The arguments of the modules of the cases, by PyTorch's names. */
export interface ModuleArguments {
  readonly act: string
  readonly activation: 'relu' | 'gelu'
  readonly affine?: boolean
  readonly batch_first?: boolean
  readonly bias?: boolean
  readonly channels: number
  readonly cin: number
  readonly classes: number
  readonly depth: number
  readonly dim: number
  readonly dim_feedforward: number
  readonly d_model: number
  readonly dropout: number
  readonly elementwise_affine?: boolean
  readonly embed_dim: number
  readonly embedding_dim: number
  readonly embeddings: number
  readonly eps?: number
  readonly groups?: number
  readonly h: number
  readonly heads: number
  readonly i: number
  readonly image: number
  readonly img_size: number
  readonly in_channels: number
  readonly in_features: number
  readonly kdim?: number
  readonly kernel_size: number | readonly [number, number]
  readonly mlp: number
  readonly momentum?: number | null
  readonly nhead: number
  readonly norm_first: boolean
  readonly normalized_shape: readonly number[]
  readonly num_blocks: number
  readonly num_embeddings: number
  readonly num_features: number
  readonly num_heads: number
  readonly num_hiddens: number
  readonly o: number
  readonly out_channels: number
  readonly out_features: number
  readonly padding?: number | readonly [number, number]
  readonly patch: number
  readonly patch_size: number
  readonly stride?: number | readonly [number, number]
  readonly track_running_stats?: boolean
  readonly vdim?: number
}

export type Named<T> = Readonly<Record<string, T>>

/** One call of an operation or a module, with the gradients of the sum over outputs of sum(output * cotangent). */
export interface CallCase {
  readonly id: string
  readonly op: string
  readonly attrs: Attributes
  readonly inputs: readonly Operand[]
  readonly outputs: readonly Expected[]
  readonly cotangents: readonly (Expected | null)[]
  readonly grads: readonly (Expected | null)[]
  readonly module?: ModuleSpec
  readonly params?: Named<Expected>
  readonly buffers?: Named<Expected>
  readonly param_grads?: Named<Expected | null>
  readonly buffers_after?: Named<Expected>
}

type OptimizerArguments = Readonly<Record<string, number | boolean | readonly number[]>>

/** Explicit gradients, one list a step, and the parameters after each step. */
export interface OptimCase {
  readonly id: string
  readonly optimizer: string
  readonly args: OptimizerArguments
  readonly groups?: readonly { readonly params: readonly number[]; readonly args: OptimizerArguments }[]
  readonly params: readonly Expected[]
  readonly grads: readonly (readonly (Expected | null)[])[]
  readonly after: readonly (readonly Expected[])[]
}

export interface OptimizerSpec {
  readonly type: string
  readonly args: OptimizerArguments
}

/** The learning rate and the momentum (or first beta) in force before the first step and after each. */
export interface SchedCase {
  readonly id: string
  readonly scheduler: string
  readonly args: Readonly<Record<string, number | boolean | string | readonly number[]>>
  readonly steps: number
  readonly optimizer: OptimizerSpec
  readonly lr: readonly number[]
  readonly momentum: readonly (number | null)[]
  readonly tol_rel: number
}

export interface ClipCase {
  readonly id: string
  readonly max_norm: number
  readonly norm_type: number | 'inf'
  readonly grads: readonly Expected[]
  readonly total_norm: Expected
  readonly after: readonly Expected[]
}

export interface TrainCase {
  readonly id: string
  readonly module: ModuleSpec
  readonly params: Named<Expected>
  readonly buffers: Named<Expected>
  readonly optimizer: OptimizerSpec
  readonly clip: number | null
  readonly batches: readonly { readonly x: Expected; readonly y: Expected }[]
  readonly losses: Expected
  readonly params_after: Named<Expected>
  readonly buffers_after: Named<Expected>
}

export interface ErrorCase {
  readonly id: string
  readonly call: string
  readonly shapes: readonly (readonly number[])[]
  readonly raises: { readonly type: string; readonly message: string } | null
}

export type Family =
  | { readonly family: 'optim'; readonly cases: readonly OptimCase[] }
  | { readonly family: 'sched'; readonly cases: readonly SchedCase[] }
  | { readonly family: 'clip'; readonly cases: readonly ClipCase[] }
  | { readonly family: 'train'; readonly cases: readonly TrainCase[] }
  | { readonly family: 'errors'; readonly cases: readonly ErrorCase[] }
  | {
      readonly family:
        | 'binary' | 'unary' | 'matmul' | 'reduce' | 'softmax' | 'shape' | 'conv' | 'pool' | 'norm' | 'linear' | 'attention' | 'loss' | 'reuse' | 'graph' | 'module'
      readonly cases: readonly CallCase[]
    }

/** Every family of a folder: its files *.json, in the order of their names. */
export function readFolder(folder: string): Family[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name): Family => JSON.parse(readFileSync(join(folder, name), 'utf8')))
}

/** The families of a gzipped JSON list. */
export function readArchive(path: string): Family[] {
  const families: Family[] = JSON.parse(gunzipSync(readFileSync(path)).toString('utf8'))
  return families
}

const numbers = (expected: Expected) => Float32Array.from(expected.data, Number)

/** The tensor that the file describes, a leaf. */
export function decode(encoded: Expected, requiresGrad = false): Tensor {
  return tensor(numbers(encoded), { shape: encoded.shape, dtype: encoded.dtype, requiresGrad })
}

export function decodeAll(encoded: Named<Expected>): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(encoded).map(([name, value]) => [name, decode(value)]))
}

/** What differs between a tensor and the expected one, in words; nothing when each number is within the tolerance. */
export function differences(what: string, expected: Expected | null, actual: Tensor | null): string[] {
  if (expected === null || actual === null) {
    if (expected === null && actual === null) return []
    return [`${what}: ${actual === null ? 'none' : `a tensor (${actual.shape})`}, expected ${expected === null ? 'none' : `a tensor (${expected.shape})`}`]
  }
  if (String(actual.shape) !== String(expected.shape)) return [`${what}: shape (${actual.shape}), expected (${expected.shape})`]
  if (actual.dtype !== expected.dtype) return [`${what}: ${actual.dtype}, expected ${expected.dtype}`]
  const [want, got] = [numbers(expected), actual.data]
  const tolerance = expected.dtype === 'float32' ? (expected.tol ?? 0) : 0
  let worst = -1
  let distance = 0
  for (let i = 0; i < want.length; i++) {
    if (want[i] === got[i] || (Number.isNaN(want[i]) && Number.isNaN(got[i]))) continue
    const apart = Math.abs(want[i] - got[i])
    if (apart <= tolerance) continue
    if (worst < 0 || Number.isNaN(apart) || apart > distance) [worst, distance] = [i, Number.isNaN(apart) ? Infinity : apart]
  }
  return worst < 0 ? [] : [`${what}: ${got[worst]} at ${worst}, expected ${want[worst]}; off by ${distance}, allowed ${tolerance}`]
}
