import type { Client } from '@temporalio/client'
import { join } from 'node:path'
import { type Background, countersign, inBackground } from '../../cli/cli.ts'
import { requestFor } from '../../cli/waiting-run.ts'
import type { WorkerChild } from '../../cli/worker-child.ts'
import { query, until } from '../../support/world.ts'

const ORIGIN = 'acme.example/countersign'

/** A command that is started again whenever it ends, as a supervisor would, until it is stopped. */
export class Supervised {
  readonly #start: () => Background
  #now: Background
  #isOver = false
  #restarts = 0

  constructor(start: () => Background) {
    this.#start = start
    this.#now = start()
    void this.#keep()
  }

  async #keep(): Promise<void> {
    for (;;) {
      await this.#now.ended
      if (this.#isOver) return
      await new Promise((resolve) => setTimeout(resolve, 300))
      this.#restarts += 1
      this.#now = this.#start()
    }
  }

  get restarts(): number {
    return this.#restarts
  }

  stderr(): string {
    return this.#now.stderr()
  }

  /** Once what runs now is ready. */
  ready(): Promise<true> {
    return until('a process to be ready', async () => (this.#now.stderr().includes('ready') ? true : undefined), 90_000)
  }

  kill(): void {
    this.#now.signal('SIGKILL')
  }

  async stop(): Promise<number> {
    this.#isOver = true
    this.#now.signal('SIGTERM')
    return (await this.#now.ended).code
  }
}

/** Processes of the CLI that seal: a signer, and as many sweepers as a test starts. */
export class Sweepers {
  readonly #folder: string
  readonly #child: Pick<WorkerChild, 'env' | 'taskQueue'>
  readonly #all: Supervised[] = []

  constructor(folder: string, child: Pick<WorkerChild, 'env' | 'taskQueue'>) {
    this.#folder = folder
    this.#child = child
  }

  at(name: string): string {
    return join(this.#folder, name)
  }

  #supervise(args: readonly string[]): Supervised {
    const one = new Supervised(() => inBackground(['audit', ...args], { cwd: this.#folder, env: this.#child.env }))
    this.#all.push(one)
    return one
  }

  async startSigner(): Promise<Supervised> {
    await countersign(['audit', 'new-key', '--out', this.at('signer')], { cwd: this.#folder })
    const more = [
      '--key-file',
      this.at('signer'),
      '--state',
      this.at('signer.state'),
      '--socket',
      this.at('signer.sock'),
    ]
    const signer = this.#supervise(['signer', '--origin', ORIGIN, ...more])
    await signer.ready()
    return signer
  }

  async startSweeper(...more: readonly string[]): Promise<Supervised> {
    const pace = [
      '--every',
      '2s',
      '--partitions',
      '2',
      '--task-queue',
      this.#child.taskQueue,
      '--health-address',
      '127.0.0.1:0',
    ]
    const sweeper = this.#supervise(['sweeper', ...pace, '--signer', `unix:${this.at('signer.sock')}`, ...more])
    await sweeper.ready()
    return sweeper
  }

  /** Stops all, and has Temporal order no more. */
  async stop(temporal: Client): Promise<void> {
    for (const one of this.#all.toReversed()) await one.stop()
    const schedule = temporal.schedule.getHandle(`countersign-sweep-${this.#child.taskQueue}`)
    // What was never made need not be deleted.
    await schedule.delete().catch(() => undefined)
  }
}

/** Starts a run and has it over at once: it is terminated once it has its outcome. Answers its run key. */
export async function overRun(child: WorkerChild, temporal: Client): Promise<string> {
  const { order, request } = await requestFor(child)
  const handle = await child.client.start('refund_request', request, {
    principal: { subject: 'ana@acme.example', workspace: 'acme' },
    workflowId: `swept-${order.orderId}`,
  })
  await until('its result', async () => (await handle.status()).result ?? undefined)
  const workflow = temporal.workflow.getHandle(handle.workflowId)
  const { runId } = await workflow.describe()
  await workflow.terminate('over')
  return `${handle.workflowId}/${runId}`
}

/** Waits until these runs are sealed, and a checkpoint is over them. */
export const untilSealed = (databaseUrl: string, runKeys: readonly string[], timeoutMs?: number): Promise<true> =>
  until(
    `${runKeys.length} runs to be sealed`,
    async () => {
      const { rows } = await query(
        databaseUrl,
        `SELECT count(DISTINCT run_key) AS n FROM countersign.log_leaves
         WHERE run_key = ANY($1) AND index < (SELECT max(size) FROM countersign.log_checkpoints)`,
        [runKeys],
      ).catch(() => ({ rows: [] }))
      return Number(rows[0]?.['n'] ?? 0) === runKeys.length ? true : undefined
    },
    timeoutMs,
  )
