/** One process at a time in a run's folder: the name of the process that trains there, in a file. One that was killed leaves it behind, which does not matter. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { RunError } from './mistakes.ts'
import { processAt } from './processes.ts'

/** Makes `file` say that this process trains in `folder`, until it ends. Throws a RunError where another one does. */
export function lockRun(file: string, folder: string): void {
  const owner = readLock(file)
  if (owner !== undefined && owner !== me() && owner === processAt(pidOf(owner)))
    throw new RunError(`${folder} is in use: process ${pidOf(owner)} trains there. Wait until it ends, stop it (kill ${pidOf(owner)}), or choose another --out.`)
  if (owner !== undefined) rmSync(file, { force: true }) // else another process may be making it now
  try {
    writeFileSync(file, me(), { flag: 'wx' })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    throw new RunError(`${folder} is in use: another process has just begun to train there. Choose another --out.`)
  }
  process.once('exit', () => rmSync(file, { force: true }))
}

function readLock(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

const pidOf = (name: string) => Number.parseInt(name, 10)
const me = () => processAt(process.pid) ?? String(process.pid)
