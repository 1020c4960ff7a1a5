/** Safetensors files: beside Python's, malformed ones, and what happens to a file when writing fails. */
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { DataError, io, nn, tensor, Tensor, ValueError, zeros } from 'vitgrad'
import { isError } from '../is-error.ts'

const test = suite('safetensors')
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const golden: { tensors: Record<string, { shape: number[]; bits: (number | null)[] }>; halves: Record<string, string> } = JSON.parse(readFileSync(here('golden.json'), 'utf8'))

let folder = ''
test.before(() => void (folder = mkdtempSync(join(tmpdir(), 'vitgrad-io-'))))
test.after(() => rmSync(folder, { recursive: true }))
test.before.each(() => readdirSync(folder).forEach((name) => rmSync(join(folder, name), { recursive: true })))

/** A file of this header and so many bytes of data. */
function fileOf(header: object | string, data: number | Uint8Array = 0): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const body = typeof data === 'number' ? new Uint8Array(data) : data
  const bytes = new Uint8Array(8 + json.length + body.length)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true)
  bytes.set(json, 8)
  bytes.set(body, 8 + json.length)
  return bytes
}

const bitsOf = (x: Tensor) => Array.from(x.data, (value, i) => (Number.isNaN(value) ? null : new Uint32Array(x.data.slice().buffer)[i]))

test("every element type of Python's file is read as PyTorch reads it, in the order of the header", () => {
  const loaded = io.loadSafetensors(here('golden.safetensors'))
  assert.equal(Object.keys(loaded), Object.keys(golden.tensors))
  for (const [name, { shape, bits }] of Object.entries(golden.tensors)) {
    assert.equal(loaded[name].shape, shape, name)
    assert.equal(bitsOf(loaded[name]), bits, name)
  }
  assert.is(Object.getPrototypeOf(loaded), Object.prototype)
  assert.equal([loaded.BOOL, loaded.U8, loaded['a F16']].map(({ dtype }) => dtype), ['bool', 'int64', 'float32'])
})

test('all numbers of 16 bits become the float32 that PyTorch makes of them', () => {
  const every = new Uint8Array(Int16Array.from({ length: 65536 }, (_, i) => i - 32768).buffer)
  for (const [dtype, sha1] of Object.entries(golden.halves)) {
    const { x } = io.decodeSafetensors(fileOf({ x: { dtype, shape: [65536], data_offsets: [0, 131072] } }, every))
    const numbers = x.data.map((value) => (Number.isNaN(value) ? 0 : value))
    assert.is(createHash('sha1').update(new Uint8Array(numbers.buffer)).digest('hex'), sha1, dtype)
  }
})

const written = {
  mask: tensor([true, false, true]),
  '0.weight': tensor([[0, -0, 1.5], [Infinity, -Infinity, 1e-45]]),
  label: tensor([-7, 2 ** 40], { dtype: 'int64' }),
  ['__proto__']: tensor(0.1),
  'größe "q"': tensor([[0, 2, 4], [1, 3, 5]]).t(),
  nothing: zeros([0, 4]),
}
const metadata = { epoch: '3', note: 'ä\n' }

test('what is written is byte for byte what Python writes', () => {
  const expected = readFileSync(here('written.safetensors'))
  assert.ok(expected.equals(io.encodeSafetensors(written, metadata)))
  io.saveSafetensors(join(folder, 'x.safetensors'), written, metadata)
  assert.ok(expected.equals(readFileSync(join(folder, 'x.safetensors'))))
})

test('tensors come back to the bit, under their names, in their order, with their labels', () => {
  const path = join(folder, 'x.safetensors')
  io.saveSafetensors(path, written, metadata)
  for (const loaded of [io.loadSafetensors(path), io.decodeSafetensors(readFileSync(path))]) {
    assert.equal(Object.keys(loaded), Object.keys(written))
    for (const [name, x] of Object.entries(written)) {
      assert.equal([loaded[name].shape, loaded[name].dtype, bitsOf(loaded[name])], [x.shape, x.dtype, bitsOf(x)], name)
    }
  }
})

test('metadata are read from the header alone, and are empty where there are none', () => {
  assert.equal(Object.entries(io.safetensorsMetadata(here('golden.safetensors'))), [['format', 'pt'], ['note', 'ä "b"\n'], ['__proto__', 'text']])
  assert.equal(io.safetensorsMetadata(io.encodeSafetensors({}, metadata)), metadata)
  assert.equal(io.safetensorsMetadata(io.encodeSafetensors(written)), {})
})

test('a model goes on from its file as it was', () => {
  const [model, other] = [0, 1].map(() => new nn.Sequential(new nn.Linear(3, 4), new nn.Linear(4, 2)))
  other.loadStateDict(io.decodeSafetensors(io.encodeSafetensors(model.stateDict())))
  const x = tensor([[1, 2, 3]])
  assert.ok(other(x).equal(model(x)))
})

test('what the format cannot hold is refused before anything is written', () => {
  const path = join(folder, 'x.safetensors')
  const refuses = (tensors: Record<string, Tensor>, pattern: RegExp, texts: Record<string, string> = {}) =>
    assert.throws(() => io.saveSafetensors(path, tensors, texts), isError(ValueError, pattern))
  refuses({ x: JSON.parse('[1, 2]') }, /^saveSafetensors: 'x' is no tensor/)
  refuses({ __metadata__: zeros([1]) }, /'__metadata__' cannot be the name of a tensor/)
  /** A number written into a tensor whose label does not say so. */
  const mislabelled = (dtype: 'int64' | 'bool', number: number) => {
    const x = zeros([1], { dtype })
    x.data[0] = number
    return x
  }
  refuses({ x: mislabelled('int64', 0.5) }, /'x' is labelled int64, but holds 0\.5/)
  refuses({ x: mislabelled('int64', NaN) }, /'x' is labelled int64, but holds NaN/)
  refuses({ x: mislabelled('bool', 2) }, /'x' is labelled bool, but holds 2/)
  refuses({}, /the metadata 'epoch' are no text/, JSON.parse('{"epoch": 3}'))
  assert.not.ok(existsSync(path))
})

const entry = (fields: object = {}) => ({ dtype: 'F32', shape: [2], data_offsets: [0, 8], ...fields })
const malformed: Record<string, [file: Uint8Array, problem: RegExp]> = {
  'an empty file': [new Uint8Array(0), /it has 0 bytes/],
  'fewer bytes than a length': [new Uint8Array(7), /it has 7 bytes/],
  'a header longer than the file': [fileOf('{}').subarray(0, 9), /a header of 2 bytes does not fit into its 9 bytes/],
  'a header of 2^64 − 1 bytes': [new Uint8Array(100).fill(255), /a header of 18446744073709551615 bytes does not fit into its 100 bytes/],
  'a header that is no JSON': [fileOf('{"x": '), /its header is no JSON/],
  'a header that is no UTF-8': [Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0, 0x22, 0xff, 0x22), /its header is no JSON/],
  'a header that is a list': [fileOf('[]'), /its header is no JSON object/],
  'a key that is there twice': [fileOf(`{"x": ${JSON.stringify(entry())}, "\\u0078" :${JSON.stringify(entry())}}`, 8), /its header holds "\\u0078" twice/],
  'a field that is there twice': [fileOf('{"x":{"dtype":"F32","shape":[2],"shape":[1,2],"data_offsets":[0,8]}}', 8), /its header holds "shape" twice/],
  'metadata that are no texts': [fileOf({ __metadata__: { epoch: 3 } }), /its __metadata__ are no texts/],
  'metadata that are a list': [fileOf({ __metadata__: ['a'] }), /its __metadata__ are no texts/],
  'a tensor that is null': [fileOf({ x: null }), /'x' has the dtype undefined/],
  'an unknown dtype': [fileOf({ x: entry({ dtype: 'F8_E4M3' }) }, 8), /'x' has the dtype "F8_E4M3", which is none of F64, F32,/],
  'a dtype that is a property of objects': [fileOf({ x: entry({ dtype: 'constructor' }) }, 8), /'x' has the dtype "constructor"/],
  'a negative size': [fileOf({ x: entry({ shape: [-2] }) }, 8), /'x' has the shape \[-2\]/],
  'a fractional size': [fileOf({ x: entry({ shape: [0.5, 4] }) }, 8), /'x' has the shape \[0\.5,4\]/],
  'a size that is text': [fileOf({ x: entry({ shape: ['2'] }) }, 8), /'x' has the shape \["2"\]/],
  'a shape that is no list': [fileOf({ x: entry({ shape: 2 }) }, 8), /'x' has the shape 2/],
  'sizes whose product cannot be counted': [fileOf({ x: entry({ shape: [2 ** 40, 2 ** 40] }) }, 8), /'x' has the shape \(1099511627776, 1099511627776\), which holds more/],
  'sizes whose product cannot be counted, and none': [fileOf({ x: entry({ shape: [2 ** 50, 2 ** 50, 0], data_offsets: [0, 0] }) }), /which holds more/],
  'offsets that are missing': [fileOf({ x: { dtype: 'F32', shape: [2] } }, 8), /'x' has the data_offsets undefined/],
  'three offsets': [fileOf({ x: entry({ data_offsets: [0, 4, 8] }) }, 8), /'x' has the data_offsets \[0,4,8\]/],
  'offsets that go backwards': [fileOf({ x: entry({ data_offsets: [8, 0] }) }, 8), /'x' has the data_offsets \[8,0\]/],
  'negative offsets': [fileOf({ x: entry({ data_offsets: [-8, 0] }) }, 8), /'x' has the data_offsets \[-8,0\]/],
  'fewer bytes than the shape needs': [fileOf({ x: entry({ shape: [3] }) }, 8), /'x' has 8 bytes, but F32 of shape \(3,\) needs 12/],
  'more bytes than the shape needs': [fileOf({ x: entry({ dtype: 'F16' }) }, 8), /'x' has 8 bytes, but F16 of shape \(2,\) needs 4/],
  'a tensor beyond the end': [fileOf({ x: entry() }, 7), /its tensors end at byte \d+, the file at byte \d+\./],
  'a tensor far beyond the end': [fileOf({ x: entry({ shape: [2 ** 50], data_offsets: [0, 2 ** 52] }) }, 8), /its tensors end at byte 45035996\d+, the file at byte \d+\./],
  'bytes after the last tensor': [fileOf({ x: entry() }, 9), /its last 1 bytes belong to no tensor/],
  'bytes but no tensor': [fileOf({}, 3), /its last 3 bytes belong to no tensor/],
  'a hole': [fileOf({ x: entry(), y: entry({ data_offsets: [12, 20] }) }, 20), /4 bytes before 'y' belong to no tensor/],
  'tensors that overlap': [fileOf({ y: entry({ data_offsets: [4, 12] }), x: entry() }, 12), /'y' overlaps the tensor before it/],
  'tensors in the same place': [fileOf({ x: entry(), y: entry() }, 8), /'y' overlaps/],
}

for (const [what, [bytes, problem]] of Object.entries(malformed))
  test(`${what}: refused with file and reason`, () => {
    const path = join(folder, 'broken.safetensors')
    writeFileSync(path, bytes)
    const refusal = (name: string) => (error: unknown) => error instanceof DataError && error.message.includes(`: ${name} is no whole safetensors file: `) && problem.test(error.message)
    assert.throws(() => io.loadSafetensors(path), refusal(path))
    assert.throws(() => io.decodeSafetensors(bytes, 'the upload'), refusal('the upload'))
    assert.throws(() => io.safetensorsMetadata(path), refusal(path))
  })

test('whatever byte is missing or added at the end, the file is refused', () => {
  const whole = readFileSync(here('golden.safetensors'))
  for (let length = 0; length < whole.length; length += 13) assert.throws(() => io.decodeSafetensors(whole.subarray(0, length)), isError(DataError))
  assert.throws(() => io.decodeSafetensors(Buffer.concat([whole, Buffer.of(0)])), /its last 1 bytes/)
})

test('a file that is not there, and a folder, are refused by name', () => {
  assert.throws(() => io.loadSafetensors(join(folder, 'none')), isError(DataError, /^loadSafetensors: .*none cannot be read \(ENOENT/))
  assert.throws(() => io.loadSafetensors(folder), isError(DataError, /cannot be read \(EISDIR/))
})

test('where a file cannot be written, the error says so and nothing is left behind', () => {
  const refuses = (path: string, pattern: RegExp) => assert.throws(() => io.saveSafetensors(path, written), isError(DataError, pattern))
  refuses(join(folder, 'none', 'x'), /none\/x cannot be written \(ENOENT/)
  mkdirSync(join(folder, 'taken', 'inside'), { recursive: true })
  refuses(join(folder, 'taken'), /taken cannot be written/)
  assert.equal(readdirSync(folder), ['taken'])
})

const saver = here('saver.fixture.ts')

test('a file that grows too large for the disk leaves the old one whole', () => {
  const path = join(folder, 'x.safetensors')
  io.saveSafetensors(path, written)
  const before = readFileSync(path)
  // The limit on the size of files stands in for a full disk: write() fails half way.
  const said = execFileSync('sh', ['-c', 'ulimit -f 16; exec "$0" --import tsx "$1" "$2" once', process.execPath, saver, path], { encoding: 'utf8' })
  assert.match(said, /^DataError: saveSafetensors: .*x\.safetensors cannot be written \(EFBIG/)
  assert.ok(before.equals(readFileSync(path)))
  assert.equal(readdirSync(folder), ['x.safetensors'])
})

test('a program that is killed while it saves leaves a whole file, and the next save removes what it left beside it', async () => {
  const path = join(folder, 'x.safetensors')
  for (let kill = 0; kill < 4; kill++) {
    const program = spawn(process.execPath, ['--import', 'tsx', saver, path, 'forever'], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(program.stdout, 'data')
    await new Promise((resolve) => setTimeout(resolve, 20 + 31 * kill))
    program.kill('SIGKILL')
    await once(program, 'exit')
    const { x } = io.loadSafetensors(path)
    assert.ok(x.data.every((value) => value === x.data[0]))
    assert.is(statSync(path).size, io.encodeSafetensors({ x }).length)
  }
  writeFileSync(join(folder, `.vitgrad-${process.pid}-a1.tmp`), 'being written')
  io.saveSafetensors(path, written)
  assert.equal(readdirSync(folder).sort(), [`.vitgrad-${process.pid}-a1.tmp`, 'x.safetensors'])
})

test.run()
