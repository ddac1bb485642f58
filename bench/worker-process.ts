import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Ready, Waiting } from './case.ts'

/** A process that runs the job, and who waits for its runs. */
export interface AppProcess {
  readonly pid: number
  /** Resolves once a run waits for its approval; to be called before the run is started. */
  waiting(workflowId: string): Promise<Waiting>
  /** How many runs a worker of Temporal keeps in memory; `undefined` of another engine. */
  readonly maxCachedWorkflows: number | undefined
  stop(): Promise<void>
  /** SIGKILL: it finishes nothing. */
  kill(): Promise<void>
}

/** A worker of the Temporal server. */
export interface WorkerProcess extends AppProcess {
  readonly taskQueue: string
}

/** Starts a script with `--name=value` flags and resolves once it is ready. It ends with this process. */
export async function startApp(
  script: string,
  options: Readonly<Record<string, string>>,
  preload: readonly string[] = [],
): Promise<AppProcess> {
  const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
  const child: ChildProcess = fork(script, flags, { execArgv: preload.flatMap((file) => ['--import', file]) })
  const asked = new Map<string, (waiting: Waiting) => void>()
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const { maxCachedWorkflows } = await new Promise<Ready>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`${script} ended with ${code}`)))
    child.on('message', (message: Ready | Waiting) => {
      if ('ready' in message) return resolve(message)
      asked.get(message.workflowId)?.(message)
      asked.delete(message.workflowId)
    })
  })
  return {
    pid: child.pid ?? 0,
    waiting: (workflowId) => new Promise((resolve) => asked.set(workflowId, resolve)),
    maxCachedWorkflows,
    async stop() {
      if (child.connected) child.disconnect()
      await ended
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Starts bench/worker.ts; `preload`: modules that it imports before anything else. */
export async function startWorker(
  options: {
    readonly kind: 'bare' | 'governed'
    readonly address: string
    readonly database: string
    readonly queue: string
    /** The folder of the policies that a governed worker runs under. */
    readonly policies?: string
    /** The folder with the key that signs what people say. */
    readonly issuer?: string
    /** A file: everything is encrypted. */
    readonly 'master-keys'?: string
  },
  preload: readonly string[] = [],
): Promise<WorkerProcess> {
  const app = await startApp(join(import.meta.dirname, 'worker.ts'), options, preload)
  return { ...app, taskQueue: options.queue }
}
