/**
 * A picture on its way through transforms. What only moves pixels (a crop, a flip, padding) or replaces each value by another
 * (normalisation) is noted, not done: which row and column of the source each pixel comes from, and what each byte stands for. However
 * long such a chain is, the pixels are read once, when they are written to a batch.
 */
import { numelOf } from '../tensor/shape.ts'

/** (channels, height, width) */
export type Size = readonly [channels: number, height: number, width: number]

/** What each of the 256 bytes stands for, channel by channel. */
export type ByteValues = readonly Float32Array[]

/** What a value of a channel becomes. Told apart by its identity: the same function must always say the same. */
export type ChannelMap = (value: number, channel: number) => number

/** The index of a row or column that lies outside the source. */
export const OUTSIDE = -1

/** Where the pixels lie, row by row, and what they mean: bytes through a table, floats as they are. */
type Source = { readonly at: number; readonly size: Size } & (
  | { readonly bytes: Uint8Array; readonly values: ByteValues }
  | { readonly floats: Float32Array; readonly values?: undefined }
)

/** How the result is had from the source: an index for each row and column, null for all in order, and each channel's value outside. */
interface Reading {
  readonly rows: Int32Array | null
  readonly columns: Int32Array | null
  readonly outside: readonly number[] | null
}

const AS_IT_IS: Reading = { rows: null, columns: null, outside: null }

export class Picture {
  readonly size: Size
  readonly #source: Source
  readonly #reading: Reading

  private constructor(source: Source, reading: Reading) {
    const [channels, height, width] = source.size
    this.size = [channels, reading.rows?.length ?? height, reading.columns?.length ?? width]
    this.#source = source
    this.#reading = reading
  }

  /** The bytes from place `at` on, (C, H, W) row by row, and what they stand for. */
  static ofBytes(bytes: Uint8Array, at: number, size: Size, values: ByteValues): Picture {
    return new Picture({ bytes, at, size, values }, AS_IT_IS)
  }

  /** The numbers from place `at` on, (C, H, W) row by row. Nobody may change them any more. */
  static ofFloats(floats: Float32Array, size: Size, at = 0): Picture {
    return new Picture({ floats, at, size }, AS_IT_IS)
  }

  get numel(): number {
    return numelOf(this.size)
  }

  /**
   * The picture whose row i is this one's row rows[i], likewise for columns; null takes all in order. Where an index is OUTSIDE, `fill` is
   * the value, one for each channel; null says that there is no such place.
   */
  gather(rows: Int32Array | null, columns: Int32Array | null, fill: readonly number[] | null = null): Picture {
    const { outside } = this.#reading
    if (fill && outside && fill.some((value, c) => value !== outside[c])) return this.#settled().gather(rows, columns, fill)
    return new Picture(this.#source, { rows: through(this.#reading.rows, rows), columns: through(this.#reading.columns, columns), outside: fill ?? outside })
  }

  /** The picture with every value replaced. */
  mapped(map: ChannelMap): Picture {
    const { values, size } = this.#source
    if (values) {
      const outside = this.#reading.outside?.map((value, channel) => Math.fround(map(value, channel))) ?? null
      return new Picture({ ...this.#source, values: mappedTable(values, map) }, { ...this.#reading, outside })
    }
    const floats = this.floats().slice()
    const pixels = this.size[1] * this.size[2]
    for (let channel = 0; channel < size[0]; channel++) for (let i = channel * pixels; i < (channel + 1) * pixels; i++) floats[i] = map(floats[i], channel)
    return Picture.ofFloats(floats, this.size)
  }

  /** The numbers, (C, H, W) row by row, to be read only. */
  floats(): Float32Array {
    const { numel } = this
    if (!this.#source.values && this.#reading === AS_IT_IS) return this.#source.floats.subarray(this.#source.at, this.#source.at + numel)
    const out = new Float32Array(numel)
    this.writeTo(out, 0)
    return out
  }

  /** Writes the numbers to `out` from place `to` on. */
  writeTo(out: Float32Array, to: number): void {
    const source = this.#source
    const [channels, height, width] = this.size
    const plane = source.size[1] * source.size[2]
    const rows = this.#reading.rows ?? inOrder(height)
    const columns = this.#reading.columns ?? inOrder(width)
    for (let channel = 0; channel < channels; channel++) {
      const fill = this.#reading.outside?.[channel] ?? 0
      const from = source.at + channel * plane
      if (source.values) readBytes(source.bytes, from, source.size[2], rows, columns, source.values[channel], fill, out, to + channel * height * width)
      else readFloats(source.floats, from, source.size[2], rows, columns, fill, out, to + channel * height * width)
    }
  }

  /** The same picture with its pixels in place. */
  #settled(): Picture {
    return Picture.ofFloats(this.floats(), this.size)
  }
}

/** Writes one channel of what rows and columns choose; the source has rows of `width`, from place `from` on. */
function readBytes(bytes: Uint8Array, from: number, width: number, rows: Int32Array, columns: Int32Array, values: Float32Array, fill: number, out: Float32Array, to: number): void {
  for (let y = 0; y < rows.length; y++, to += columns.length) {
    const row = from + rows[y] * width
    if (rows[y] === OUTSIDE) out.fill(fill, to, to + columns.length)
    else for (let x = 0; x < columns.length; x++) out[to + x] = columns[x] === OUTSIDE ? fill : values[bytes[row + columns[x]]]
  }
}

function readFloats(floats: Float32Array, from: number, width: number, rows: Int32Array, columns: Int32Array, fill: number, out: Float32Array, to: number): void {
  for (let y = 0; y < rows.length; y++, to += columns.length) {
    const row = from + rows[y] * width
    if (rows[y] === OUTSIDE) out.fill(fill, to, to + columns.length)
    else for (let x = 0; x < columns.length; x++) out[to + x] = columns[x] === OUTSIDE ? fill : floats[row + columns[x]]
  }
}

/** Indices into what `first` has chosen, as indices into what it has chosen from. */
function through(first: Int32Array | null, then: Int32Array | null): Int32Array | null {
  if (!first || !then) return first ?? then
  const indices = new Int32Array(then.length)
  for (let i = 0; i < then.length; i++) indices[i] = then[i] === OUTSIDE ? OUTSIDE : first[then[i]]
  return indices
}

const orders = new Map<number, Int32Array>()

/** 0, 1, ... n − 1; to be read only. */
function inOrder(n: number): Int32Array {
  let order = orders.get(n)
  if (!order) orders.set(n, (order = Int32Array.from({ length: n }, (_, i) => i)))
  return order
}

const byteFractions = Float32Array.from({ length: 256 }, (_, byte) => byte / 255)
const unitTables = new Map<number, ByteValues>()

/** A byte stands for byte / 255, as torchvision's ToTensor has it. */
export function unitValues(channels: number): ByteValues {
  let table = unitTables.get(channels)
  if (!table) unitTables.set(channels, (table = Array.from({ length: channels }, () => byteFractions)))
  return table
}

/** Tables that a map was applied to, kept as long as the map: they are the same for all pictures of a dataset. */
const mappedTables = new WeakMap<ChannelMap, WeakMap<ByteValues, ByteValues>>()

function mappedTable(values: ByteValues, map: ChannelMap): ByteValues {
  let known = mappedTables.get(map)
  if (!known) mappedTables.set(map, (known = new WeakMap()))
  let table = known.get(values)
  if (!table) known.set(values, (table = values.map((channel, c) => channel.map((value) => map(value, c)))))
  return table
}
