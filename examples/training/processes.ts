/** Which processes are running, and so whose locks and unfinished files are still in use. */
import { readFileSync } from 'node:fs'

export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** A name for the process with this number, undefined where there is none. Numbers are used again, so where the system tells when a process began, its name says that too. */
export function processAt(pid: number): string | undefined {
  if (!Number.isInteger(pid) || !isRunning(pid)) return undefined
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
    return `${pid} since ${fields[19]}` // the 22nd field is the time since the system's start (proc(5)); two were cut off
  } catch {
    return String(pid)
  }
}
