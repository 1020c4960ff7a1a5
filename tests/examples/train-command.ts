/** Runs the commands of the examples as a person does, in processes of their own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Outcome {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export type Command = 'train' | 'evaluate' | 'predict' | 'export'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Runs a command to its end; `meanwhile` may look at the process and end it. */
export async function command(name: Command, args: readonly string[], meanwhile?: (child: ChildProcess, out: () => string) => void | Promise<void>): Promise<Outcome> {
  const child = spawn(process.execPath, ['--import', 'tsx', join('examples', `${name}.ts`), ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const written = { out: '', err: '' }
  child.stdout.on('data', (text) => (written.out += text))
  child.stderr.on('data', (text) => (written.err += text))
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  await meanwhile?.(child, () => written.out)
  return { code: await ended, ...written }
}

export const newFolder = (): string => join(mkdtempSync(join(tmpdir(), 'vitgrad-')), 'run')

/** Lines of the run's metrics.csv that are whole: none while the run has not made the file, or is making it anew. */
export function linesIn(folder: string): number {
  try {
    return readFileSync(join(folder, 'metrics.csv'), 'utf8').split('\n').length - 1
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0
    throw error
  }
}

/** A run of a few seconds in which everything random takes part. */
export const shortRun: readonly string[] = [
  '--train-size', '96', '--test-size', '20', '--batch', '16', '--epochs', '2', '--dim', '16', '--depth', '1', '--heads', '2', '--dropout', '0.1', '--drop-path', '0.1',
  '--augment', 'flip-crop', '--mixup', '0.4', '--cutmix', '1', '--ema', '0.9', '--label-smoothing', '0.1', '--seed', '3',
]
