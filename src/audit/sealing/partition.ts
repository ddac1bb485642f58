import pMap from 'p-map'
import { shortened } from '../../contract/plain-text.ts'
import { textOf } from '../../contract/text.ts'
import { codeOf } from '../../contract/failures.ts'
import type { RunKey } from '../../contract/evidence.ts'
import {
  type DueRun,
  dueRuns,
  executionsOf,
  markAs,
  markFailed,
  markOpen,
  markSealed,
} from '../../ledger/sweep-runs.ts'
import type { DataKeys } from '../../privacy/data-keys.ts'
import { textFor } from '../../privacy/reader.ts'
import { sealerWhereKeyed } from '../../privacy/sealed.ts'
import { enqueue, isExported } from '../export/enqueue.ts'
import type { Contracts } from '../export/redaction.ts'
import type { AuditRecord } from '../record/types.ts'
import { recordOfRun } from '../record/record-of-run.ts'
import { archived } from '../seal/log.ts'
import { type Sealing, sealRun } from '../seal/seal-run.ts'
import { runKeyOfExecution } from './gather.ts'

/** What came of a run. `open`: nothing of it is over. */
export type SweptRun = 'sealed' | 'already' | 'open' | 'failed' | 'altered' | 'gone' | 'elsewhere'

/** With what runs are swept. */
export interface Sweeping extends Sealing {
  /** Rejects where signer, Temporal or the ledger is away: then it was not the run that failed. */
  readonly isUp: () => Promise<unknown>
  /** What of a record may leave. */
  readonly contracts: Contracts
  /** With which what is encrypted is read for it. Default: it leaves as `sealed`. */
  readonly keys?: DataKeys | undefined
  /** Is told what came of each run, but of those that are open or had been sealed. */
  readonly told?: (runKey: RunKey, came: SweptRun, why: string | null) => void
}

/** How many runs of a partition came to what. */
export type PartitionCounts = Readonly<Record<SweptRun, number>>
export const NO_COUNTS: PartitionCounts = {
  sealed: 0,
  already: 0,
  open: 0,
  failed: 0,
  altered: 0,
  gone: 0,
  elsewhere: 0,
}

/** Which part of the runs: by a hash of their keys. */
export interface Partition {
  readonly partition: number
  readonly of: number
}

const PAGE = 64
const AT_ONCE = 4

/**
 * Seals what is due of a partition, and writes what its records say to the outbox. A run that cannot be sealed keeps no other from it, and is
 * tried again later. Whoever is killed at any point leaves what was not done due, and what was done is not done twice. Rejects where `isUp` does.
 */
export async function sealPartition(
  sweeping: Sweeping,
  part: Partition,
  {
    signal,
    counted,
    before = NO_COUNTS,
  }: {
    readonly signal?: AbortSignal
    /** Is told how many there were so far. */
    readonly counted?: (counts: PartitionCounts) => void
    /** Of an attempt before, that was cut off. */
    readonly before?: PartitionCounts
  } = {},
): Promise<PartitionCounts> {
  const { db, namespace } = sweeping
  let counts = before
  for (;;) {
    const runs = await dueRuns(db, { namespace, ...part, most: PAGE })
    if (runs.length === 0) return counts
    await pMap(
      runs,
      async (run) => {
        signal?.throwIfAborted()
        const came = await sealDue(sweeping, run)
        counts = { ...counts, [came]: counts[came] + 1 }
        counted?.(counts)
      },
      { concurrency: AT_ONCE },
    )
  }
}

async function sealDue(sweeping: Sweeping, run: DueRun): Promise<SweptRun> {
  const { db, told } = sweeping
  try {
    const [came, why] = await swept(sweeping, run)
    if (came !== 'open' && came !== 'already') told?.(run.runKey, came, why)
    return came
  } catch (error) {
    if (codeOf(error) === 'workspace_elsewhere') {
      await markAs(db, run, 'elsewhere', null)
      return 'elsewhere'
    }
    await sweeping.isUp()
    const why = shortened(textFor('log', error instanceof Error ? error.message : textOf(error)), 500)
    await markFailed(db, run, why)
    told?.(run.runKey, 'failed', why)
    return 'failed'
  }
}

async function swept(sweeping: Sweeping, run: DueRun): Promise<readonly [SweptRun, string | null]> {
  const { db } = sweeping
  if (run.state === 'open' && (await isOpen(sweeping, run))) {
    await markOpen(db, run)
    return ['open', null]
  }
  const sealed = await sealRun(sweeping, run.runKey, await executionsOf(db, run.runKey))
  if (sealed.came === 'gone') {
    await markAs(db, run, 'gone', null)
    return ['gone', null]
  }
  if (sealed.came === 'altered') {
    const why = sealed.runIds.join(', ')
    await markAs(db, run, 'altered', why)
    return ['altered', why]
  }
  // Of one that goes on, once it is over.
  if (sealed.state !== 'running') await exported(sweeping, run, sealed)
  await markSealed(db, run, sealed.index)
  return [sealed.came, null]
}

/** Writes what may leave of a record to the outbox; without keys what the archive has. Done again, it makes the same events. */
async function exported(
  sweeping: Sweeping,
  { runKey, workflowId }: Pick<DueRun, 'runKey' | 'workflowId'>,
  sealed: { readonly index: number; readonly record?: AuditRecord },
): Promise<void> {
  const { db, namespace, keys, contracts } = sweeping
  if (!(await isExported(db, runKey))) return
  const sealer = await sealerWhereKeyed(db, keys, { namespace, workflowId })
  const record =
    keys === undefined
      ? (sealed.record ?? (await archived(db, sealed.index))?.record)
      : (await recordOfRun(sweeping, namespace, runKey))?.record
  if (record !== undefined) await enqueue(db, record, contracts, sealer)
}

/** Whether the newest execution of a workflow id is of this run, and open. */
async function isOpen(sweeping: Sweeping, { runKey, workflowId }: DueRun): Promise<boolean> {
  if ((await runKeyOfExecution(sweeping, { workflowId, runId: '' })) !== runKey) return false
  const { status } = await sweeping.client.workflow.getHandle(workflowId).describe()
  return status.name === 'RUNNING' || status.name === 'PAUSED'
}
