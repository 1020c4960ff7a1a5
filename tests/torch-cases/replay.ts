/** Runs the cases that generate.py drew from PyTorch:  npm run torch-cases -- FOLDER */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { RunError, runProgram, UsageError } from '../../examples/training/mistakes.ts'
import { readFlags } from '../../examples/training/options.ts'
import { readFolder, type Family } from './cases.ts'
import { runs } from './families.ts'
import { Missing } from './surface.ts'

export interface Report {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** The parts for want of which cases were skipped. */
  readonly missing: readonly string[]
  readonly lines: readonly string[]
}

/** What came of one case: what differs, or the part of the library that it needs and that is not there. */
function outcome(run: () => string[]): { differences: string[] } | { missing: string } {
  try {
    return { differences: run() }
  } catch (error) {
    if (error instanceof Missing) return { missing: error.part }
    return { differences: [error instanceof Error ? (error.stack ?? error.message) : String(error)] }
  }
}

/** Runs every case of the folder, or of the families given, and reports in lines what passed, failed and was skipped. */
export function replay(source: string | readonly Family[]): Report {
  let [passed, failed] = [0, 0]
  const skips = new Map<string, number>()
  const lines: string[] = []
  for (const family of typeof source === 'string' ? readFolder(source) : source) {
    const failures: string[] = []
    let [right, left] = [0, 0]
    for (const { id, run } of runs(family)) {
      const result = outcome(run)
      if ('missing' in result) {
        left++
        skips.set(result.missing, (skips.get(result.missing) ?? 0) + 1)
      } else if (result.differences.length === 0) right++
      else failures.push(`  FAILED ${id}`, ...result.differences.map((line) => `    ${line}`))
    }
    const wrong = failures.filter((line) => line.startsWith('  FAILED')).length
    lines.push(`${family.family}  ${right} passed, ${wrong} failed, ${left} skipped`, ...failures)
    passed += right
    failed += wrong
  }
  for (const [part, count] of skips) lines.push(`skipped: ${part} (${count})`)
  const skipped = [...skips.values()].reduce((sum, count) => sum + count, 0)
  lines.push(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  return { passed, failed, skipped, missing: [...skips.keys()], lines }
}

if (process.argv[1] && import.meta.url === pathToFileURL(resolve(process.argv[1])).href) {
  await runProgram('npm run torch-cases --', () => {
    const { help, positionals } = readFlags({}, process.argv.slice(2), { positionals: true })
    if (help) return console.log('Compares vitgrad with cases from PyTorch, which tests/torch-cases/generate.py SEED FOLDER draws.\n\n  npm run torch-cases -- FOLDER')
    if (positionals.length !== 1) throw new UsageError('name one folder with cases')
    const report = replay(positionals[0])
    if (report.passed + report.failed + report.skipped === 0) throw new RunError(`${positionals[0]} holds no cases: draw some with tests/torch-cases/generate.py SEED ${positionals[0]}`)
    console.log(report.lines.join('\n'))
    process.exitCode = report.failed > 0 ? 1 : 0
  })
}
