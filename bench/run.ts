/** Measures training steps and kernels, alone or beside other frameworks: `npm run bench`, or `npm run bench -- --help`. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { runProgram, UsageError } from '../examples/training/mistakes.ts'
import { lastJson, nodeArgs, run } from './child.ts'
import { CONFIGS, configOf, type Config } from './configs.ts'
import { findPeers, vitgrad, type Contender } from './contenders.ts'
import { waitForQuiet } from './load.ts'
import type { Measurement } from './measure.ts'
import { describePeak, measurePeak } from './peak.ts'
import { LEGEND, machine, oursTable, peersTable, writeSection, type ConfigResults } from './report.ts'

const HELP = `Measures training steps of Vision Transformers and the kernels they are made of.

  npm run bench                        configurations A, B and C, then the kernels
  npm run bench -- --config A,B        some configurations
  npm run bench -- --peers             beside other frameworks, which are installed first (bench/peers)
  npx tsx bench/kernels.ts             the kernels alone
  npx tsx bench/profile.ts A B         where the time of a step goes

options, with what they are when left out:
  --config A,B,C       which configurations                                             all
  --repeats N          how many runs, each in a process of its own                      3
  --budget SECONDS     for measuring, and at most as many before for warming up         5
  --peers              run other frameworks in turn: ours, peer 1, ours, peer 2, ...
  --only TEXT          only peers whose name contains it; several with commas
  --no-kernels         without the kernels (as with --peers)
  --node PATH          the Node binary that runs vitgrad                                this one
  --engine NAME        reference or simd                                                the best there is
  --threads N          how many threads vitgrad uses                                    all cores
  --revectorize        let V8 fuse vectors to 256 bits (Node 24 or later)
  --wait SECONDS       before each run, wait so long at most for a quiet machine        0
  --timeout SECONDS    for one run                                                      600
  --write              put the tables into bench/RESULTS.md
  --help               this text`

const OPTIONS = {
  config: { type: 'string', default: CONFIGS.map(({ key }) => key).join() },
  repeats: { type: 'string', default: '3' },
  budget: { type: 'string', default: '5' },
  peers: { type: 'boolean', default: false },
  only: { type: 'string', default: '' },
  'no-kernels': { type: 'boolean', default: false },
  node: { type: 'string', default: process.execPath },
  engine: { type: 'string' },
  threads: { type: 'string' },
  revectorize: { type: 'boolean', default: false },
  wait: { type: 'string', default: '0' },
  timeout: { type: 'string', default: '600' },
  write: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

function parse(argv: readonly string[]) {
  try {
    const { values } = parseArgs({ args: [...argv], options: OPTIONS })
    const positive = (name: 'repeats' | 'budget' | 'wait' | 'timeout' | 'threads') => {
      const number = Number(values[name])
      if (!(number > 0 || (name === 'wait' && number === 0))) throw new Error(`--${name} ${values[name]}: give a number above 0`)
      return number
    }
    const threads = values.threads === undefined ? availableParallelism() : positive('threads')
    const configs = values.config.split(',').map(configOf)
    if (values.engine !== undefined && values.engine !== 'reference' && values.engine !== 'simd') throw new Error(`--engine ${values.engine}: give reference or simd`)
    return { ...values, configs, repeats: positive('repeats'), budget: positive('budget'), wait: positive('wait'), timeout: positive('timeout'), threads }
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message.split(/\.\s/)[0] : String(error))
  }
}
type Settings = ReturnType<typeof parse>

const isMeasurement = (value: unknown): value is Measurement => typeof value === 'object' && value !== null && 'msMin' in value

/** A run of a contender: its quickest way counts. */
async function measure(contender: Contender, config: Config, wait: number): Promise<Measurement | string> {
  if (contender.unavailable) return contender.unavailable
  const found: Measurement[] = []
  let failure = ''
  for (const command of contender.commands(config)) {
    await waitForQuiet(wait)
    const outcome = await run(command)
    if ('failure' in outcome) failure = outcome.failure
    else found.push(lastJson(outcome.output, isMeasurement))
  }
  return found.length === 0 ? failure : found.reduce((a, b) => (b.imagesPerSecond > a.imagesPerSecond ? b : a))
}

/** A peer whose run took longer is measured only once. */
const LONG_RUN = 60

/** Ours and theirs in turn, so that both meet the machine in the same mood. */
async function measureConfig(config: Config, ours: Contender, peers: readonly Contender[], { repeats, wait }: Settings): Promise<ConfigResults> {
  const results = [ours, ...peers].map(({ name }) => ({ name, runs: [] as Measurement[], paired: [] as Measurement[], failures: [] as string[] }))
  const [own, ...theirs] = results
  const done = new Set<Contender>()
  const runOnce = async (contender: Contender, repeat: number) => {
    const result = await measure(contender, config, wait)
    const text = typeof result === 'string' ? result : `${result.msMin.toFixed(1)} ms, ${result.imagesPerSecond.toFixed(1)} images/s, others ${result.othersLoad?.toFixed(2) ?? '?'}`
    console.error(`${config.key} ${repeat + 1}/${repeats} ${contender.name}: ${text}`)
    return result
  }
  for (let repeat = 0; repeat < repeats; repeat++)
    for (const peer of peers.length === 0 ? [null] : peers) {
      if (peer && done.has(peer)) continue
      const our = await runOnce(ours, repeat)
      if (typeof our === 'string') own.failures.push(our)
      else own.runs.push(our)
      if (!peer) continue
      const result = theirs[peers.indexOf(peer)]
      const start = performance.now()
      const their = await runOnce(peer, repeat)
      if (typeof their === 'string') {
        result.failures.push(their)
        done.add(peer)
      } else {
        result.runs.push(their)
        if (typeof our !== 'string') result.paired.push(our)
      }
      if (performance.now() - start > 1000 * LONG_RUN * peer.commands(config).length) done.add(peer)
    }
  return { config, ours: own, peers: theirs }
}

async function bench(settings: Settings): Promise<void> {
  const { node, engine, threads, revectorize, only, configs } = settings
  const env = {
    ...process.env,
    ...(engine === undefined ? {} : { VITGRAD_ENGINE: engine }),
    ...(settings.threads === availableParallelism() ? {} : { VITGRAD_THREADS: String(threads) }),
    ...(revectorize ? { VITGRAD_REVECTORIZE: '1' } : {}),
  }
  const peak = await measurePeak(node, threads, env)
  const ours = vitgrad(node, env, settings)
  const wanted = only.split(',')
  const peers = settings.peers ? (await findPeers(settings)).filter(({ name }) => wanted.some((text) => name.includes(text))) : []
  if (settings.peers && peers.length === 0) throw new UsageError(`--only ${only}: there is no such peer`)

  const results: ConfigResults[] = []
  for (const config of configs) results.push(await measureConfig(config, ours, peers, settings))
  const first = results.flatMap((result) => result.ours.runs).at(0)
  const parts = [
    `${new Date().toISOString().slice(0, 10)}, ${machine()}; vitgrad ${first ? `${first.version}, ${first.runtime}, ${first.setting}` : 'did not run'}; peak of WebAssembly: ${describePeak(peak)}.`,
    LEGEND,
    ...(settings.peers ? results.map((result) => peersTable(result, peak)) : [oursTable(results, peak)]),
  ]
  if (!settings.peers && !settings['no-kernels']) {
    const outcome = await run({ program: node, args: nodeArgs('kernels.ts', [String(settings.budget / 50)]), env, timeout: settings.timeout })
    parts.push('output' in outcome ? outcome.output : `The kernels could not be measured: ${outcome.failure}`)
  }
  const text = parts.join('\n\n')
  console.log(text)
  if (results.some(({ ours }) => ours.runs.length === 0)) process.exitCode = 1
  if (settings.write) writeSection(`${machine()}, ${first?.runtime ?? node}: \`${['npm run bench --', ...process.argv.slice(2).filter((arg) => arg !== '--write')].join(' ')}\``, text)
}

await runProgram('npm run bench --', async () => {
  const settings = parse(process.argv.slice(2))
  if (settings.help) console.log(HELP)
  else await bench(settings)
})
