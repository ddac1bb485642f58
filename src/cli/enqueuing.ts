import { enqueue, type Enqueued } from '../audit/export/enqueue.ts'
import { recordInputOf } from '../audit/record/record-of-run.ts'
import { recordOf } from '../audit/record/record-of.ts'
import type { RunKey } from '../contract/evidence.ts'
import { fail } from '../contract/failures.ts'
import { runKeysOf } from '../ledger/audited.ts'
import type { CommonOptions, QueueOption } from './options.ts'
import { withSession } from './session.ts'
import { soundLog } from './sound-log.ts'
import { withLedger } from './with-ledger.ts'

/** Writes the events of the runs of a workflow id to the outbox. Fails with `run_not_found`. */
export async function enqueueRuns(
  workflowId: string,
  options: CommonOptions & QueueOption,
): Promise<readonly (Enqueued & { readonly runKey: RunKey })[]> {
  const runs: (Enqueued & { readonly runKey: RunKey })[] = []
  await withLedger(options, async (db) => {
    const keys = await runKeysOf(db, workflowId)
    await withSession(options, async ({ temporal: client, place }) => {
      for (const runKey of keys) {
        const input = await soundLog(() => recordInputOf({ client, db }, place.namespace, runKey))
        if (input.histories.length === 0) continue
        runs.push({ runKey, ...(await enqueue(db, await recordOf(input))) })
      }
    })
  })
  if (runs.length === 0) throw fail('run_not_found', `Temporal and the ledger know no run \`${workflowId}\``)
  return runs
}
