/** The element types of safetensors files, and how the numbers of each become float32. */
import { ValueError } from '../tensor/errors.ts'
import type { DType, NDArray } from '../tensor/ndarray.ts'

export type ElementType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U64' | 'U32' | 'U16' | 'U8' | 'BOOL'

interface Element {
  readonly bytes: number
  /** What a tensor of such numbers is labelled. */
  readonly dtype: DType
  /** The nearest float32 of each number. `buffer` holds nothing else, and may become part of the result. */
  decode(buffer: ArrayBuffer): Float32Array
}

export const elements: Readonly<Record<ElementType, Element>> = {
  F64: { bytes: 8, dtype: 'float32', decode: (buffer) => new Float32Array(new Float64Array(buffer)) },
  F32: { bytes: 4, dtype: 'float32', decode: (buffer) => new Float32Array(buffer) },
  F16: { bytes: 2, dtype: 'float32', decode: (buffer) => mapped(new Uint16Array(buffer), halfToNumber) },
  BF16: { bytes: 2, dtype: 'float32', decode: (buffer) => upperHalves(new Uint16Array(buffer)) },
  I64: { bytes: 8, dtype: 'int64', decode: (buffer) => mapped(new BigInt64Array(buffer), wideToNumber) },
  I32: { bytes: 4, dtype: 'int64', decode: (buffer) => new Float32Array(new Int32Array(buffer)) },
  I16: { bytes: 2, dtype: 'int64', decode: (buffer) => new Float32Array(new Int16Array(buffer)) },
  I8: { bytes: 1, dtype: 'int64', decode: (buffer) => new Float32Array(new Int8Array(buffer)) },
  U64: { bytes: 8, dtype: 'int64', decode: (buffer) => mapped(new BigUint64Array(buffer), wideToNumber) },
  U32: { bytes: 4, dtype: 'int64', decode: (buffer) => new Float32Array(new Uint32Array(buffer)) },
  U16: { bytes: 2, dtype: 'int64', decode: (buffer) => new Float32Array(new Uint16Array(buffer)) },
  U8: { bytes: 1, dtype: 'int64', decode: (buffer) => new Float32Array(new Uint8Array(buffer)) },
  BOOL: { bytes: 1, dtype: 'bool', decode: (buffer) => mapped(new Uint8Array(buffer), (byte) => (byte === 0 ? 0 : 1)) },
}

export const isElementType = (name: unknown): name is ElementType => typeof name === 'string' && Object.hasOwn(elements, name)

function mapped<T>(values: ArrayLike<T>, toNumber: (value: T) => number): Float32Array {
  const out = new Float32Array(values.length)
  for (let i = 0; i < out.length; i++) out[i] = toNumber(values[i])
  return out
}

/** A bfloat16 is the upper half of a float32. */
function upperHalves(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length)
  for (let i = 0; i < bits.length; i++) bits[i] = halves[i] << 16
  return new Float32Array(bits.buffer)
}

/** What float32 rounds rightly. Beyond 2^53 a double would round before it: there, all bits below its last are kept as one, which decides ties. */
function wideToNumber(value: bigint): number {
  const near = Number(value)
  return Math.abs(near) < 2 ** 53 ? near : Number((value >> 11n) | ((value & 0x7ffn) === 0n ? 0n : 1n)) * 2 ** 11
}

/** What the fraction of a float16 counts in, by its exponent. */
const HALF_UNITS = Float64Array.from({ length: 31 }, (_, exponent) => 2 ** (Math.max(exponent, 1) - 25))

/** IEEE 754 binary16: a sign, 5 bits of exponent, 10 of fraction. */
function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN
  return sign * (exponent === 0 ? fraction : 0x400 + fraction) * HALF_UNITS[exponent]
}

/** The bytes of the numbers themselves: float32, whatever the label. */
export function float32Bytes(array: NDArray): Uint8Array {
  const { buffer, byteOffset, byteLength } = array.values()
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** The numbers as the type that their label stands for in Python. Throws where they are none of its numbers. */
export function encode(operation: string, name: string, array: NDArray): { readonly type: ElementType; readonly bytes: Uint8Array } {
  const check = (holds: (value: number) => boolean) => {
    const odd = array.values().find((value) => !holds(value))
    if (odd !== undefined) throw new ValueError(operation, `'${name}' is labelled ${array.dtype}, but holds ${odd}`, 'make it anew without the label, as tensor(x.data, { shape: x.shape }) does')
  }
  switch (array.dtype) {
    case 'float32':
      return { type: 'F32', bytes: float32Bytes(array) }
    case 'int64':
      check((value) => Number.isInteger(value) && Math.abs(value) < 2 ** 63)
      return { type: 'I64', bytes: new Uint8Array(BigInt64Array.from(Array.from(array.values(), BigInt)).buffer) }
    case 'bool':
      check((value) => value === 0 || value === 1)
      return { type: 'BOOL', bytes: Uint8Array.from(array.values()) }
  }
}
