/** Programs run in a process of their own, from whose output the last line of JSON is taken. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

export type Outcome = { readonly output: string } | { readonly failure: string }

export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Seconds after which it is ended. */
  readonly timeout: number
}

/** What Node needs to run a program of this folder. */
export function nodeArgs(script: string, args: readonly string[], flags: readonly string[] = []): string[] {
  return [...flags, '--import', 'tsx', `bench/${script}`, ...args]
}

export function run({ program, args, env, timeout }: Command): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', (data) => (stdout += data))
    child.stderr.on('data', (data) => (stderr += data))
    let late = false
    const timer = setTimeout(() => {
      late = true
      child.kill('SIGKILL')
    }, 1000 * timeout)
    child.on('error', (error) => {
      clearTimeout(timer)
      resolve({ failure: error.message })
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (late) resolve({ failure: `did not finish in ${timeout} s` })
      else if (code === 0) resolve({ output: stdout.trim() })
      else resolve({ failure: `ended with ${signal ?? `exit code ${code}`}: ${reasonIn(stderr)}` })
    })
  })
}

/** The value that the last line of `output` holds in JSON. */
export function lastJson<T>(output: string, isWanted: (value: unknown) => value is T): T {
  const line = output.split('\n').findLast((one) => one.startsWith('{'))
  const value: unknown = line === undefined ? undefined : JSON.parse(line)
  if (!isWanted(value)) throw new Error(`no figures in ${JSON.stringify(output.slice(-200))}`)
  return value
}

/** The line that says what went wrong, of all that a failing program prints. */
function reasonIn(stderr: string): string {
  const lines = stderr.split('\n').map((line) => line.trim()).filter((line) => line !== '')
  const telling = lines.findLast((line) => /^\w*(Error|Exception)\b/.test(line)) ?? lines.at(-1) ?? 'it printed nothing'
  return telling.slice(0, 200)
}
