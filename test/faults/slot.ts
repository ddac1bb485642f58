import { Proxy } from './proxy.ts'
import { WorkerProcess, type WorkerOptions, type WorkerParts } from './worker-process.ts'

export const LINKS = ['temporal', 'database', 'provider'] as const
export type Link = (typeof LINKS)[number]

/** A place for a worker, with a proxy of its own before everything that it talks to. */
export class Slot {
  readonly links: Readonly<Record<Link, Proxy>>
  #worker: WorkerProcess | undefined
  #isPlain = false

  /** `ports`: of the servers themselves. */
  constructor(ports: Readonly<Record<Link, number>>) {
    this.links = {
      temporal: new Proxy(ports.temporal),
      database: new Proxy(ports.database),
      provider: new Proxy(ports.provider),
    }
  }

  async open(): Promise<void> {
    for (const name of LINKS) await this.links[name].start()
  }

  /** Undoes what was done to the network, and wakes a worker that was stopped. */
  async heal(): Promise<void> {
    this.#worker?.signal('SIGCONT')
    for (const name of LINKS) await this.links[name].heal()
  }

  get worker(): WorkerProcess {
    if (this.#worker === undefined) throw new Error('there is no worker in this slot')
    return this.#worker
  }

  /** Whether a worker polls here that nothing was done to. */
  get isPlain(): boolean {
    return this.#isPlain && this.#worker?.isOver === false
  }

  /** Puts another worker in the place of the one that is there, and returns once it polls. */
  async replace(parts: WorkerParts, options: WorkerOptions & { readonly isSpecial?: boolean } = {}): Promise<void> {
    const old = this.#worker
    const worker = new WorkerProcess(parts, options)
    await Promise.all([old?.stop(), worker.poll()])
    this.#worker = worker
    this.#isPlain = options.failpoints === undefined && options.isSpecial !== true
  }

  async close(): Promise<void> {
    await this.heal()
    await this.#worker?.stop()
    for (const name of LINKS) await this.links[name].close()
  }
}
