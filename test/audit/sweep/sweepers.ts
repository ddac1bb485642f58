import type { Client } from '@temporalio/client'
import { join } from 'node:path'
import { type Background, countersign, inBackground } from '../../cli/cli.ts'
import { requestFor } from '../../cli/waiting-run.ts'
import type { WorkerChild } from '../../cli/worker-child.ts'
import { query, until } from '../../support/world.ts'

const ORIGIN = 'acme.example/countersign'

/** Processes of the CLI that seal: a signer, and as many sweepers as a test starts. */
export class Sweepers {
  readonly #folder: string
  readonly #env: Readonly<Record<string, string>>
  readonly #taskQueue: string
  readonly #all: Background[] = []
  signer: Background | undefined

  constructor(folder: string, { env, taskQueue }: Pick<WorkerChild, 'env' | 'taskQueue'>) {
    this.#folder = folder
    this.#env = env
    this.#taskQueue = taskQueue
  }

  get signing(): readonly string[] {
    return ['--signer', `unix:${join(this.#folder, 'signer.sock')}`]
  }

  #start(args: readonly string[]): Background {
    const one = inBackground(['audit', ...args], { cwd: this.#folder, env: this.#env })
    this.#all.push(one)
    return one
  }

  async newKey(): Promise<void> {
    await countersign(['audit', 'new-key', '--out', join(this.#folder, 'signer')], { cwd: this.#folder })
  }

  async startSigner(): Promise<Background> {
    const [key, state] = [join(this.#folder, 'signer'), join(this.#folder, 'signer.state')]
    const more = ['--key-file', key, '--state', state, '--socket', join(this.#folder, 'signer.sock')]
    this.signer = this.#start(['signer', '--origin', ORIGIN, ...more])
    await this.signer.says('ready')
    return this.signer
  }

  async startSweeper(...more: readonly string[]): Promise<Background> {
    const pace = ['--every', '2s', '--partitions', '2', '--task-queue', this.#taskQueue]
    const sweeper = this.#start(['sweeper', ...pace, ...this.signing, ...more])
    await sweeper.says('ready')
    return sweeper
  }

  async stop(): Promise<void> {
    for (const one of this.#all.toReversed()) {
      one.signal('SIGTERM')
      await one.ended
    }
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
