import { randomUUID } from 'node:crypto'
import type { refundRequest } from '../workflows/refund-request.ts'
import { caseOf } from './case.ts'
import type { Processes, Stage } from './stage.ts'
import type { WorkerProcess } from './worker-process.ts'

/** What a run left on record in its engine. */
export interface History {
  readonly events: number
  readonly bytes: number
}

/** One way to do the same job. */
export interface Variant {
  readonly name: string
  readonly processes: Processes
  /** Does one run: start, approve, outcome. Returns its workflow id. */
  run(number: number): Promise<string>
  /** Ends what a batch left open, and tells the history of its last run. Only the variants on Temporal have one. */
  leave?(workflowIds: readonly string[]): Promise<History>
}

/** The variants on Temporal. */
export type OnTemporal =
  | 'plain'
  | 'plain again'
  | 'by hand, 0 min'
  | 'by hand, 30 min'
  | 'governed, 0 min'
  | 'governed, 30 min'

/**
 * Some of the variants, each with a worker of its own, so that all are equally warm. A window of 0: the driver waits for
 * the run to close; else for the `outcome` update.
 */
export async function variantsOf(stage: Stage, names: readonly OnTemporal[]): Promise<readonly Variant[]> {
  const { temporal, clientOf, server } = stage
  const historyOf = async (workflowIds: readonly string[]): Promise<History> => {
    const { historyLength, raw } = await temporal.workflow.getHandle(workflowIds.at(-1) ?? '').describe()
    return { events: historyLength, bytes: Number(raw.workflowExecutionInfo?.historySizeBytes ?? 0) }
  }
  /** Runs in their undo window would stay for half an hour. */
  const terminated = async (workflowIds: readonly string[]): Promise<History> => {
    const history = await historyOf(workflowIds)
    // A run that has closed cannot be terminated, and need not be.
    await Promise.all(
      workflowIds.map((id) =>
        temporal.workflow
          .getHandle(id)
          .terminate()
          .catch(() => {}),
      ),
    )
    return history
  }
  const plain = (name: OnTemporal, worker: WorkerProcess): Variant => ({
    name,
    processes: { server, worker },
    leave: historyOf,
    async run(number) {
      const workflowId = `plain-${randomUUID()}`
      const { taskQueue } = worker
      const waiting = worker.waiting(workflowId)
      const handle = await temporal.workflow.start('plainRefund', { workflowId, taskQueue, args: [caseOf(number)] })
      await waiting
      await handle.signal('approve')
      await handle.result()
      return workflowId
    },
  })
  const byHand = (name: OnTemporal, worker: WorkerProcess, window: 0 | 30): Variant => ({
    name,
    processes: { server, worker },
    leave: terminated,
    async run(number) {
      const workflowId = `by-hand-${randomUUID()}`
      const { taskQueue } = worker
      const waiting = worker.waiting(workflowId)
      const args = [caseOf(number), window]
      const handle = await temporal.workflow.start('byHandRefund', { workflowId, taskQueue, args })
      const { digest } = await waiting
      await handle.executeUpdate('approve', { args: [{ by: 'dana', digest }] })
      await (window === 0 ? handle.result() : handle.executeUpdate('outcome', { updateId: 'outcome' }))
      return workflowId
    },
  })
  const variant = async (name: OnTemporal): Promise<Variant> => {
    if (name === 'plain' || name === 'plain again') return plain(name, await stage.worker({ kind: 'bare' }))
    const window = name.endsWith('30 min') ? 30 : 0
    if (name.startsWith('by hand')) return byHand(name, await stage.worker({ kind: 'bare' }), window)
    const worker = await stage.worker({ kind: 'governed', window })
    return { ...governedOn({ clientOf, server }, worker, name, window), leave: terminated }
  }
  return await Promise.all(names.map(variant))
}

/** The playbook of this package on a worker whose policy gives it so many minutes for undoing. */
export function governedOn(
  { clientOf, server }: Pick<Stage, 'clientOf' | 'server'>,
  worker: WorkerProcess,
  name: string,
  window: 0 | 30,
  client = clientOf(worker),
): Variant {
  const principal = { subject: 'bench', workspace: 'bench' }
  return {
    name,
    processes: { server, worker },
    async run(number) {
      const workflowId = `governed-${randomUUID()}`
      const waiting = worker.waiting(workflowId)
      const run = await client.start<typeof refundRequest>('refund_request', caseOf(number), { workflowId, principal })
      const { step, digest } = await waiting
      const said = { step, decision: 'approve', by: 'dana', comment: '', actionDigest: digest } as const
      const answer = await run.decide(said)
      const result = await (window === 0 ? run.result() : run.outcome())
      if (!answer.accepted || result.state !== 'completed') throw new Error(`${workflowId}: ${JSON.stringify(result)}`)
      return workflowId
    },
  }
}
