/** Threads as the platform has them: worker_threads in Node, Web Workers in a browser. */
import type { MessagePort } from 'node:worker_threads'
import { ValueError } from '../errors.ts'
import { builtin, environment } from '../node.ts'

export interface Thread {
  /** False once the thread has ended for certain, so that it writes to no memory any more. Where that cannot be seen, always true. */
  isAlive(): boolean
  /** Ends the thread, whatever it does. */
  stop(): void
}

interface ThreadOptions {
  /** The text of a JavaScript function of one argument: a thread cannot be given a function. */
  readonly source: string
  /** What it is called with: a value that can be cloned or shared. */
  readonly data: unknown
  /** What of it is handed over rather than cloned; in Node only. */
  readonly transfer?: readonly MessagePort[]
  /** Called from the event loop when the thread has ended before its function returned, with the reason. */
  readonly ended: (reason: string) => void
}

/**
 * Starts a thread that does not keep the process alive. It runs some 50 ms later, in Node even while the caller goes on without
 * returning to the event loop. Throws where there are no threads to be had.
 */
export function startThread(options: ThreadOptions): Thread {
  const node = builtin('node:worker_threads')
  return node ? startNodeThread(node, options) : startWebThread(options)
}

/** How many threads to use: what VITGRAD_THREADS says, or else as many as the machine runs at once. */
export function defaultThreads(): number {
  const wanted = environment('VITGRAD_THREADS')
  if (!wanted) return builtin('node:os')?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1
  const threads = Number(wanted)
  if (Number.isSafeInteger(threads) && threads >= 1) return threads
  throw new ValueError('VITGRAD_THREADS', `«${wanted}» is no number of threads`, 'set it to a whole number from 1 on, or unset it')
}

/** Whether this thread may sleep in Atomics.wait; the main thread of a browser may not. */
export function maySleep(): boolean {
  try {
    return Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0) === 'not-equal'
  } catch {
    return false
  }
}

/**
 * Neither options nor environment of the process are handed on: a thread needs no loader and no tracing. It opens a file of no
 * content, which Node closes when the thread has ended: the only sign of that which can be seen without the event loop.
 */
function startNodeThread({ Worker }: typeof import('node:worker_threads'), { source, data, transfer = [], ended }: ThreadOptions): Thread {
  const file = new Int32Array(new SharedArrayBuffer(4)).fill(-1)
  const body = `
    const { file, data } = require('node:worker_threads').workerData
    Atomics.store(file, 0, require('node:fs').openSync(require('node:os').devNull))
    ;(${source})(data)`
  const worker = new Worker(body, { eval: true, execArgv: [], env: {}, trackUnmanagedFds: true, workerData: { file, data }, transferList: [...transfer] })
  worker.on('error', ({ message }) => ended(message))
  worker.on('exit', (code) => void (code !== 0 && ended(`exit code ${code}`)))
  worker.unref()
  return {
    isAlive() {
      const descriptor = Atomics.load(file, 0)
      try {
        return descriptor < 0 || builtin('node:fs')?.fstatSync(descriptor) !== undefined
      } catch (error) {
        return !(error instanceof Error && 'code' in error && error.code === 'EBADF')
      }
    },
    stop: () => void worker.terminate(),
  }
}

function startWebThread({ source, data, ended }: ThreadOptions): Thread {
  const url = URL.createObjectURL(new Blob([`onmessage = ({ data }) => (${source})(data)`], { type: 'text/javascript' }))
  const worker = new Worker(url)
  worker.onerror = ({ message }) => ended(message)
  worker.postMessage(data)
  return {
    isAlive: () => true,
    stop() {
      worker.terminate()
      URL.revokeObjectURL(url)
    },
  }
}
