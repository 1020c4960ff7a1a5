/**
 * What stands before the numbers in a safetensors file (github.com/huggingface/safetensors, "Format"): the length of the header in 8
 * bytes, little-endian, and the header, JSON that gives type, shape and place of each tensor. The rest is their bytes, without gaps.
 */
import { DataError, messageOf } from '../tensor/errors.ts'
import { showShape, type Shape } from '../tensor/shape.ts'
import { elements, isElementType, type ElementType } from './element-types.ts'
import type { ByteSource } from './files.ts'

export type Metadata = Record<string, string>

/** A tensor on its way into a file. */
export interface Part {
  readonly name: string
  readonly type: ElementType
  readonly shape: Shape
  readonly bytes: Uint8Array
}

/** Where a tensor lies in a file. */
interface Entry {
  readonly name: string
  readonly type: ElementType
  readonly shape: Shape
  readonly begin: number
  readonly end: number
}

interface Header {
  /** In the order of the header. */
  readonly entries: readonly Entry[]
  readonly metadata: Metadata
}

const METADATA = '__metadata__'

/** The length of the header's length. */
const PREFIX = 8

/** Whether a tensor may have this name. */
export const isFree = (name: string): boolean => name !== METADATA

/**
 * A file, cut into pieces: length and header, then the bytes of each part. The header lists parts in the given order; their bytes lie
 * there by the width of their elements, so that every number is aligned.
 */
export function layOut(parts: readonly Part[], metadata: Readonly<Metadata>): Uint8Array[] {
  const laid = [...parts].sort((a, b) => elements[b.type].bytes - elements[a.type].bytes)
  const places = new Map<Part, [begin: number, end: number]>()
  let end = 0
  for (const part of laid) places.set(part, [end, (end += part.bytes.length)])
  const fields: [string, object][] = parts.map((part) => [part.name, { dtype: part.type, shape: part.shape, data_offsets: places.get(part) }])
  if (Object.keys(metadata).length > 0) fields.unshift([METADATA, metadata])
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(fields)))
  const head = new Uint8Array(PREFIX + 8 * Math.ceil(json.length / 8)).fill(0x20)
  new DataView(head.buffer).setBigUint64(0, BigInt(head.length - PREFIX), true)
  head.set(json, PREFIX)
  return [head, ...laid.map(({ bytes }) => bytes)]
}

/** Reads and checks a header. Throws a DataError that names file and reason where it is malformed. */
export function readHeader(operation: string, source: ByteSource): Header {
  const refuse = (problem: string): DataError => new DataError(operation, `${source.name} is no whole safetensors file: ${problem}`, 'save or fetch it anew')
  if (source.size < PREFIX) throw refuse(`it has ${source.size} bytes, but a file begins with ${PREFIX} that give the length of its header`)
  const length = new DataView(source.read(0, PREFIX).buffer).getBigUint64(0, true)
  if (length > source.size - PREFIX) throw refuse(`a header of ${length} bytes does not fit into its ${source.size} bytes`)
  const start = PREFIX + Number(length)
  const json = parse(source.read(PREFIX, start), refuse)
  const { [METADATA]: metadata = {}, ...tensors } = json
  if (!isObject(metadata) || !isMetadata(metadata)) throw refuse(`its ${METADATA} are no texts by name`)
  const entries = Object.entries(tensors).map(([name, value]) => {
    const { begin, end, ...entry } = entryOf(name, value, refuse)
    return { ...entry, begin: start + begin, end: start + end }
  })
  checkPlaces(entries, start, source.size, refuse)
  return { entries, metadata }
}

type Refuse = (problem: string) => DataError

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const isMetadata = (value: Record<string, unknown>): value is Metadata => Object.values(value).every((text) => typeof text === 'string')
const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

function parse(bytes: Uint8Array, refuse: Refuse): Record<string, unknown> {
  let text: string
  let json: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    json = JSON.parse(text)
  } catch (error) {
    throw refuse(`its header is no JSON (${messageOf(error)})`)
  }
  if (!isObject(json)) throw refuse('its header is no JSON object')
  const repeated = repeatedKey(text)
  if (repeated !== undefined) throw refuse(`its header holds ${repeated} twice`)
  return json
}

/** A key, in quotes, that an object in this valid JSON holds twice. JSON.parse would take the last one and say nothing. */
function repeatedKey(json: string): string | undefined {
  const open: Set<unknown>[] = []
  for (let i = 0; i < json.length; i++) {
    if (json[i] === '{') open.push(new Set())
    else if (json[i] === '}') open.pop()
    else if (json[i] === '"') {
      const begin = i++
      while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1
      const text = json.slice(begin, i + 1)
      let next = i + 1
      while (json[next] === ' ' || json[next] === '\n' || json[next] === '\r' || json[next] === '\t') next++
      if (json[next] !== ':') continue
      const keys = open[open.length - 1]
      const key: unknown = JSON.parse(text)
      if (keys.has(key)) return text
      keys.add(key)
    }
  }
  return undefined
}

/** Type, shape and place of a tensor, where the three agree. Places are counted from the end of the header. */
function entryOf(name: string, value: unknown, refuse: Refuse): Entry {
  const { dtype: type, shape, data_offsets: offsets } = isObject(value) ? value : {}
  if (!isElementType(type)) throw refuse(`'${name}' has the dtype ${JSON.stringify(type)}, which is none of ${Object.keys(elements).join(', ')}`)
  if (!Array.isArray(shape) || !shape.every(isSize)) throw refuse(`'${name}' has the shape ${JSON.stringify(shape)}, which is no list of whole numbers of at least 0`)
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize) || offsets[0] > offsets[1])
    throw refuse(`'${name}' has the data_offsets ${JSON.stringify(offsets)}, which are no begin and end`)
  const [begin, end]: number[] = offsets
  let bytes = elements[type].bytes
  for (const size of shape) {
    bytes *= size
    if (!Number.isSafeInteger(bytes)) throw refuse(`'${name}' has the shape ${showShape(shape)}, which holds more numbers than can be counted`)
  }
  if (bytes !== end - begin) throw refuse(`'${name}' has ${end - begin} bytes, but ${type} of shape ${showShape(shape)} needs ${bytes}`)
  return { name, type, shape, begin, end }
}

/** Throws unless the tensors fill the file from the header to its end, each byte once. */
function checkPlaces(entries: readonly Entry[], start: number, size: number, refuse: Refuse): void {
  let reached = start
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < reached) throw refuse(`'${name}' overlaps the tensor before it`)
    if (begin > reached) throw refuse(`${begin - reached} bytes before '${name}' belong to no tensor`)
    reached = end
  }
  if (reached > size) throw refuse(`its tensors end at byte ${reached}, the file at byte ${size}`)
  if (reached < size) throw refuse(`its last ${size - reached} bytes belong to no tensor`)
}
