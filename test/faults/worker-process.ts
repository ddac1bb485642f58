import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

/** What a worker of the suite is made of. */
export interface WorkerParts {
  /** `host:port`, of a proxy. */
  readonly temporal: string
  /** URLs, of proxies. */
  readonly database: string
  readonly provider: string
  readonly taskQueue: string
  /** A file with the bundled code, and the build id that the worker says it is of. */
  readonly bundle: string
  readonly buildId: string
  readonly workflows: string
  readonly policies: string
  readonly keyFile: string
  /** How many connections to the database it may have at once. */
  readonly connections: number
}

export interface WorkerOptions {
  /** As COUNTERSIGN_FAILPOINTS has it. */
  readonly failpoints?: string
  /** Module files that are imported before anything else. */
  readonly preload?: readonly string[]
}

/** A worker that is a process. It ends with this one. */
export class WorkerProcess {
  readonly #child: ChildProcess
  #said = ''
  #stopped = false
  readonly ended: Promise<string>
  isOver = false

  constructor(parts: WorkerParts, { failpoints, preload = [] }: WorkerOptions = {}) {
    const flags = preload.flatMap((file) => ['--import', file])
    this.#child = spawn(process.execPath, [...flags, join(import.meta.dirname, 'worker.ts'), JSON.stringify(parts)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, ...(failpoints === undefined ? {} : { COUNTERSIGN_FAILPOINTS: failpoints }) },
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#said = (this.#said + chunk).slice(-20_000)
    })
    this.ended = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        this.isOver = true
        resolve(signal ?? String(code))
      })
    })
    // A pipe that breaks says nothing that `ended` does not.
    this.#child.on('error', () => {})
  }

  get said(): string {
    return this.#said
  }

  /** Whether a failpoint has struck. */
  get struck(): boolean {
    return this.#said.includes('\nfailpoint ')
  }

  /** Resolves once it polls; fails with its last words when it ends before that. */
  async poll(): Promise<void> {
    await this.#hears('prepared')
    const ready = this.#hears('ready')
    this.#child.send('poll')
    await ready
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name)
  }

  /** Lets running steps finish; kills it when that takes too long. Safe to call twice. */
  async stop(): Promise<void> {
    if (!this.#stopped && this.#child.connected) {
      this.#stopped = true
      this.#child.kill('SIGCONT')
      this.#child.send('stop', () => {})
    }
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), 4_000)
    await this.ended
    clearTimeout(kill)
  }

  async #hears(word: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#child.on('message', (message) => {
        if (message === word) resolve()
      })
      void this.ended.then((how) =>
        reject(new Error(`a worker ended with ${how} before it was ${word}:\n${this.#said}`)),
      )
    })
  }
}
