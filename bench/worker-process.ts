import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Waiting } from './case.ts'

/** A worker process, and who waits for its runs. */
export interface WorkerProcess {
  readonly pid: number
  readonly taskQueue: string
  /** Resolves once a run waits for its approval; to be called before the run is started. */
  waiting(workflowId: string): Promise<Waiting>
  stop(): Promise<void>
}

/** Starts bench/worker.ts as a process of its own. It ends with this one. */
export async function startWorker(options: {
  readonly kind: 'bare' | 'governed'
  readonly address: string
  readonly database: string
  readonly queue: string
  /** The folder of the policies that a governed worker runs under. */
  readonly policies?: string
}): Promise<WorkerProcess> {
  const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
  const child: ChildProcess = fork(join(import.meta.dirname, 'worker.ts'), flags)
  const asked = new Map<string, (waiting: Waiting) => void>()
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the ${options.kind} worker ended with ${code}`)))
    child.on('message', (message: 'ready' | Waiting) => {
      if (message === 'ready') return resolve()
      asked.get(message.workflowId)?.(message)
      asked.delete(message.workflowId)
    })
  })
  return {
    pid: child.pid ?? 0,
    taskQueue: options.queue,
    waiting: (workflowId) => new Promise((resolve) => asked.set(workflowId, resolve)),
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.disconnect()
      await ended
    },
  }
}
