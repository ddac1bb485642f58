import { enqueue, type Enqueued } from '../audit/export/enqueue.ts'
import { recordInputOf } from '../audit/record/record-of-run.ts'
import { recordOf } from '../audit/record/record-of.ts'
import type { RunKey } from '../contract/evidence.ts'
import { fail } from '../contract/failures.ts'
import { runKeysOf } from '../ledger/audited.ts'
import { sealerWhereKeyed } from '../privacy/sealed.ts'
import { readPlaybooks } from '../worker/registry.ts'
import type { CommonOptions, ProjectOption, QueueOption } from './options.ts'
import { findDataKeys } from './master-keys.ts'
import { loadProject } from './project.ts'
import { withSession } from './session.ts'
import { soundLog } from './sound-log.ts'
import { withLedger } from './with-ledger.ts'

export type EnqueueOptions = CommonOptions & QueueOption & ProjectOption

/** Writes the events of the runs of a workflow id to the outbox. Fails with `run_not_found`. */
export async function enqueueRuns(
  workflowId: string,
  options: EnqueueOptions,
): Promise<readonly (Enqueued & { readonly runKey: RunKey })[]> {
  const runs: (Enqueued & { readonly runKey: RunKey })[] = []
  const { project } = await loadProject(options.config)
  const contracts = await readPlaybooks(project.workflows)
  await withLedger(options, async (db) => {
    const runKeys = await runKeysOf(db, workflowId)
    const keys = await findDataKeys(db)
    await withSession(options, async ({ temporal: client, place }) => {
      for (const runKey of runKeys) {
        const sealer = await sealerWhereKeyed(db, keys, { namespace: place.namespace, workflowId })
        const input = await soundLog(() => recordInputOf({ client, db, keys }, place.namespace, runKey))
        if (input.histories.length === 0) continue
        runs.push({ runKey, ...(await enqueue(db, await recordOf(input), contracts, sealer)) })
      }
    })
  })
  if (runs.length === 0) throw fail('run_not_found', `Temporal and the ledger know no run \`${workflowId}\``)
  return runs
}
