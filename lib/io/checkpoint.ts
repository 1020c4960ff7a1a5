/**
 * Checkpoints: everything that a training run goes on from, in one safetensors file, to the bit.
 *
 * Tensors and typed arrays are tensors of the file, named by their path: 'model/blocks.0.norm1.weight', 'optimizer/state/0/exp_avg'.
 * All the rest is JSON in the metadata. What JSON cannot say is an object with the key '$' there: where an array is to be found, a
 * number that JSON has no word for, or an object whose own keys include '$'.
 */
import { constant } from '../autograd/op.ts'
import { Tensor } from '../autograd/tensor.ts'
import { DataError, messageOf, ValueError } from '../tensor/errors.ts'
import { NDArray, type DType } from '../tensor/ndarray.ts'
import { elements, float32Bytes, type ElementType } from './element-types.ts'
import { withFile, writeAtomically } from './files.ts'
import { isFree, layOut, readHeader, type Part } from './safetensors-header.ts'

/** What 'format' says in the metadata of a checkpoint. */
const FORMAT = 'vitgrad checkpoint 1'

const typedArrays = {
  Int8Array: { type: 'I8', make: (buffer: ArrayBuffer) => new Int8Array(buffer) },
  Uint8Array: { type: 'U8', make: (buffer: ArrayBuffer) => new Uint8Array(buffer) },
  Uint8ClampedArray: { type: 'U8', make: (buffer: ArrayBuffer) => new Uint8ClampedArray(buffer) },
  Int16Array: { type: 'I16', make: (buffer: ArrayBuffer) => new Int16Array(buffer) },
  Uint16Array: { type: 'U16', make: (buffer: ArrayBuffer) => new Uint16Array(buffer) },
  Int32Array: { type: 'I32', make: (buffer: ArrayBuffer) => new Int32Array(buffer) },
  Uint32Array: { type: 'U32', make: (buffer: ArrayBuffer) => new Uint32Array(buffer) },
  Float32Array: { type: 'F32', make: (buffer: ArrayBuffer) => new Float32Array(buffer) },
  Float64Array: { type: 'F64', make: (buffer: ArrayBuffer) => new Float64Array(buffer) },
  BigInt64Array: { type: 'I64', make: (buffer: ArrayBuffer) => new BigInt64Array(buffer) },
  BigUint64Array: { type: 'U64', make: (buffer: ArrayBuffer) => new BigUint64Array(buffer) },
} as const satisfies Record<string, { type: ElementType; make: (buffer: ArrayBuffer) => unknown }>

type TypedArrayName = keyof typeof typedArrays

const isTypedArrayName = (name: unknown): name is TypedArrayName => typeof name === 'string' && Object.hasOwn(typedArrays, name)

/** Values that JSON has no word for. */
const UNSPOKEN = { 'NaN': NaN, 'Infinity': Infinity, '-Infinity': -Infinity, '-0': -0, 'undefined': undefined }

/**
 * Writes `state`, a plain object or list of tensors, typed arrays, numbers, texts, booleans, null, and further objects and lists, to
 * one file. It is replaced as a whole: a full disk or the end of the process leave the old one as it was. Throws a ValueError that
 * names what cannot be kept, and a DataError when the file cannot be written.
 */
export function saveCheckpoint(path: string, state: object): void {
  const packing = new Packing()
  const json = JSON.stringify(packing.pack(state))
  writeAtomically('saveCheckpoint', path, layOut(packing.parts, { format: FORMAT, state: json }))
}

/**
 * What saveCheckpoint() wrote, to the bit: new tensors, which require no gradient, and new objects. `State` is what the caller knows
 * to have been saved; each loadStateDict() checks its part. Throws a DataError when the file cannot be read, is malformed, or no checkpoint.
 */
export function loadCheckpoint<State extends object = Record<string, unknown>>(path: string): State {
  return withFile('loadCheckpoint', path, (source) => {
    const { entries, metadata } = readHeader('loadCheckpoint', source)
    const refuse = (problem: string) => new DataError('loadCheckpoint', `${path} ${problem}`, 'give a file that saveCheckpoint() wrote; loadSafetensors() reads others')
    if (metadata.format !== FORMAT) throw refuse('is a safetensors file, but no checkpoint')
    const places = new Map(entries.map((entry) => [entry.name, entry]))
    const arrays = {
      take(key: unknown, type: ElementType) {
        const entry = places.get(String(key))
        if (entry?.type !== type) throw refuse(`lacks '${key}' of type ${type}`)
        return { shape: entry.shape, buffer: source.read(entry.begin, entry.end).buffer }
      },
      refuse,
    }
    try {
      return unpack(JSON.parse(metadata.state), arrays) as State
    } catch (error) {
      throw error instanceof DataError ? error : refuse(`holds no state (${messageOf(error)})`)
    }
  })
}

/** Turns values into JSON, and sets the arrays among them aside. */
class Packing {
  readonly parts: Part[] = []
  readonly #names = new Set<string>()
  /** Where the value at hand is, and the objects around it. */
  readonly #path: (string | number)[] = []
  readonly #around = new Set<object>()

  pack(value: unknown): unknown {
    if (value instanceof Tensor) return { $: 'Tensor', key: this.#keep('F32', value.shape, float32Bytes(value.array)), dtype: value.dtype }
    if (ArrayBuffer.isView(value)) return this.#packView(value)
    if (typeof value === 'object' && value !== null) return this.#packObject(value)
    if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value
    if (typeof value === 'number' && Number.isFinite(value) && !Object.is(value, -0)) return value
    if (typeof value === 'number' || value === undefined) return { $: Object.is(value, -0) ? '-0' : String(value) }
    throw this.#refusal(`is a ${typeof value}`)
  }

  #packView(view: ArrayBufferView): unknown {
    const name = Reflect.get(view, Symbol.toStringTag)
    if (!isTypedArrayName(name)) throw this.#refusal(`is a ${name}`)
    const { type } = typedArrays[name]
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    return { $: name, key: this.#keep(type, [bytes.length / elements[type].bytes], bytes) }
  }

  #packObject(value: object): unknown {
    if (this.#around.has(value)) throw this.#refusal('is one of the objects that it lies in')
    this.#around.add(value)
    const packed = Array.isArray(value) ? Array.from(value, (entry: unknown, i) => this.#packAt(i, entry)) : this.#packEntries(value)
    this.#around.delete(value)
    return packed
  }

  #packEntries(value: object): unknown {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null) throw this.#refusal(`is a ${value.constructor.name}`)
    const entries = Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, this.#packAt(key, entry)]))
    return Object.hasOwn(value, '$') ? { $: 'object', entries } : entries
  }

  #packAt(key: string | number, value: unknown): unknown {
    this.#path.push(key)
    const packed = this.pack(value)
    this.#path.pop()
    return packed
  }

  /** Sets an array aside, under its path or, where another has that name, one like it. Returns the name. */
  #keep(type: ElementType, shape: readonly number[], bytes: Uint8Array): string {
    let name = this.#path.join('/')
    while (this.#names.has(name) || !isFree(name)) name += "'"
    this.#names.add(name)
    this.parts.push({ name, type, shape, bytes })
    return name
  }

  #refusal(what: string): ValueError {
    return new ValueError('saveCheckpoint', `${this.#path.join('/') || 'the state'} ${what}`, 'keep tensors, typed arrays, numbers, texts, booleans, null, and plain objects and lists of them, such as stateDict() returns')
  }
}

/** Where the arrays of a checkpoint come from. */
interface Arrays {
  take(key: unknown, type: ElementType): { readonly shape: readonly number[]; readonly buffer: ArrayBuffer }
  refuse(problem: string): DataError
}

const isLabel = (name: unknown): name is DType => name === 'float32' || name === 'int64' || name === 'bool'

function unpack(json: unknown, arrays: Arrays): unknown {
  if (Array.isArray(json)) return json.map((entry) => unpack(entry, arrays))
  if (typeof json !== 'object' || json === null) return json
  const { $: kind, ...rest }: { $?: unknown; key?: unknown; dtype?: unknown; entries?: unknown } = json
  if (kind === undefined) return unpackEntries(rest, arrays)
  if (kind === 'object') return unpackEntries(Object(rest.entries), arrays)
  if (kind === 'Tensor' && isLabel(rest.dtype)) {
    const { shape, buffer } = arrays.take(rest.key, 'F32')
    return constant(NDArray.from(new Float32Array(buffer), shape, rest.dtype))
  }
  if (isTypedArrayName(kind)) return typedArrays[kind].make(arrays.take(rest.key, typedArrays[kind].type).buffer)
  if (typeof kind === 'string' && Object.hasOwn(UNSPOKEN, kind)) return Reflect.get(UNSPOKEN, kind)
  throw arrays.refuse(`holds a ${kind}, which this version does not know`)
}

const unpackEntries = (json: object, arrays: Arrays) => Object.fromEntries(Object.entries(json).map(([key, entry]) => [key, unpack(entry, arrays)]))
