/** Figures as tables, and RESULTS.md. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { describe, type Config } from './configs.ts'
import { median, type Measurement } from './measure.ts'
import type { Peak } from './peak.ts'
import { digits, percent, table } from './table.ts'

/** All runs of one contender on one configuration. */
export interface Result {
  readonly name: string
  readonly runs: readonly Measurement[]
  /** The run of vitgrad just before each of them. */
  readonly paired: readonly Measurement[]
  readonly failures: readonly string[]
}

export interface ConfigResults {
  readonly config: Config
  readonly ours: Result
  readonly peers: readonly Result[]
}

const HEAD = ['ms min', 'median', 'images/s', 'GFLOP/s', 'of peak', 'RSS MiB', 'cores', 'others']

/** The best step of all runs, the median of their medians, and what went with them. */
function figures(runs: readonly Measurement[], peak: Peak): string[] {
  if (runs.length === 0) return HEAD.map(() => '–')
  const best = runs.reduce((a, b) => (b.msMin < a.msMin ? b : a))
  const others = runs.map(({ othersLoad }) => othersLoad).filter((load) => load !== null)
  return [
    digits(best.msMin),
    digits(median(runs.map(({ msMedian }) => msMedian))),
    digits(best.imagesPerSecond),
    digits(best.gflops),
    percent(best.gflops / peak.allThreads),
    String(Math.round(Math.max(...runs.map(({ peakRssMiB }) => peakRssMiB)))),
    median(runs.map(({ coresUsed }) => coresUsed)).toFixed(2),
    others.length === 0 ? '–' : median(others).toFixed(2),
  ]
}

export const LEGEND = `ms: a whole training step (forward, cross entropy, backward, SGD with momentum); min: the best step of all runs, median: the median of
the runs' medians. images/s and GFLOP/s are those of the best step. of peak: of WebAssembly's peak above. RSS: the most memory of any run. cores: how
many the program kept busy; others: how many everybody else did meanwhile; figures with much of that are not to be trusted.`

export function oursTable(results: readonly ConfigResults[], peak: Peak): string {
  const rows = results.map(({ config, ours }) => [`${config.key}: ${describe(config)}`, ...figures(ours.runs, peak)])
  const failures = results.flatMap(({ config, ours }) => ours.failures.map((failure) => `- ${config.key}: vitgrad ${failure}`))
  return [table(['configuration', ...HEAD], rows), failures.join('\n')].filter((part) => part !== '').join('\n\n')
}

/** vitgrad beside its peers on one configuration; a ratio above 1 says that vitgrad is faster. */
export function peersTable({ config, ours, peers }: ConfigResults, peak: Peak): string {
  const row = ({ name, runs, paired }: Result): string[] => [name, ratio(runs, paired, 'msMin'), ratio(runs, paired, 'msMedian'), ...figures(runs, peak), runs[0]?.losses[0].toFixed(4) ?? '–', String(runs.length)]
  return [
    `### ${config.key}: ${describe(config)}`,
    table(['', 'ours / theirs', 'by medians', ...HEAD, 'first loss', 'runs'], [ours, ...peers].map(row)),
    [ours, ...peers].map((result) => remarks(result, ours, config)).join('\n'),
  ].join('\n\n')
}

/** Images per second, ours over theirs: the median of the pairs. */
function ratio(runs: readonly Measurement[], paired: readonly Measurement[], of: 'msMin' | 'msMedian'): string {
  if (paired.length === 0 || runs.length === 0) return ''
  return digits(median(runs.map((run, i) => paired[i].batch / paired[i][of] / (run.batch / run[of]))))
}

/** What was run, and what is to be known about it. */
function remarks({ name, runs, failures }: Result, ours: Result, config: Config): string {
  const lines = failures.map((failure) => `- ${name}: ${runs.length === 0 ? 'no figures: ' : ''}${failure}`)
  if (runs.length > 0) {
    const settings = [...new Set(runs.map((run) => `${run.name} ${run.version}, ${run.runtime}, ${run.setting}`))]
    lines.unshift(`- ${name}: ${settings.join('; or ')}`)
    const reference = ours.runs[0]
    if (runs[0].name === 'PyTorch' && !runs[0].setting.includes('OpenBLAS')) lines.push(`- ${name} runs without OpenBLAS: do not compare`)
    if (reference && runs[0].parameters !== reference.parameters) lines.push(`- ${name} has ${runs[0].parameters} parameters, vitgrad ${reference.parameters}: do not compare`)
    if (reference && runs[0].batch === config.batch && Math.abs(runs[0].losses[0] - reference.losses[0]) > 1e-3) lines.push(`- ${name} starts with another loss than vitgrad: do not compare`)
  }
  return lines.join('\n')
}

export function machine(): string {
  const all = cpus()
  return `${all[0]?.model.trim() ?? 'unknown processor'}, ${all.length} core${all.length === 1 ? '' : 's'}`
}

const INTRODUCTION = `# Measured

What \`npm run bench -- --write\` printed, by machine and command; the same command on the same machine replaces its section.
`

/** Adds a section to RESULTS.md, or replaces the one with the same title. */
export function writeSection(title: string, text: string): void {
  const file = new URL('./RESULTS.md', import.meta.url)
  const [introduction, ...sections] = (existsSync(file) ? readFileSync(file, 'utf8') : INTRODUCTION).split(/^(?=## )/m)
  const section = `## ${title}\n\n${text}\n`
  const place = sections.findIndex((one) => one.startsWith(`## ${title}\n`))
  if (place === -1) sections.push(section)
  else sections[place] = section
  writeFileSync(file, [introduction, ...sections].map((part) => part.trimEnd()).join('\n\n') + '\n')
}
