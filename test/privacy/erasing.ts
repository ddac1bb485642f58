import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { ledgerDataKeys } from '../../src/privacy/data-keys.ts'
import type { SigningParts } from '../../src/privacy/erase.ts'
import type { MasterKeys } from '../../src/privacy/master-keys.ts'
import { standingIn } from '../../src/privacy/standing.ts'
import { approvalOf, pendingOf, type Refund, startRefund } from '../support/refunds.ts'
import { until, type World } from '../support/world.ts'

/** Has runs of `refund_request` close as soon as they are done, and leaves the rest of the shipped policy. */
export async function withoutWindow(folder: string, more = ''): Promise<void> {
  const file = join(folder, 'refund-request.yaml')
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace('enabled: true', 'enabled: false') + more)
}

/** What erasing stands on in a world. */
export const partsOf = (world: World, masterKeys: MasterKeys) =>
  ({
    db: world.db,
    keys: ledgerDataKeys(world.db, masterKeys),
    key: world.key,
    standingOf: standingIn(world.temporal, 'default'),
  }) satisfies SigningParts

/** A refund that was approved, done and closed. */
export async function closedRefund(world: World, message?: string): Promise<Refund> {
  const refund = await startRefund(world, {
    amountCents: 12_000,
    ...(message === undefined ? {} : { message }),
  })
  await refund.run.decide(approvalOf(await pendingOf(refund.run)))
  await refund.run.result()
  await isClosed(world, refund)
  return refund
}

export const isClosed = (world: World, { run }: Refund) =>
  until(`${run.workflowId} to be closed`, async () => {
    const { status } = await world.temporal.workflow.getHandle(run.workflowId).describe()
    return status.name === 'RUNNING' ? undefined : true
  })

/** All that the ledger has of a run, as text. */
export async function rowsOf({ db }: World, workflowId: string): Promise<string> {
  const { rows } = await sql<{ row: string }>`
    SELECT row_to_json(r)::text AS row FROM countersign.runs r WHERE workflow_id = ${workflowId}
    UNION ALL SELECT row_to_json(e)::text FROM countersign.effects e WHERE run_key LIKE ${workflowId} || '/%'
    UNION ALL SELECT row_to_json(s)::text FROM countersign.statements s WHERE run_key LIKE ${workflowId} || '/%'
    UNION ALL SELECT row_to_json(k)::text FROM countersign.data_keys k WHERE workflow_id = ${workflowId}`.execute(db)
  return rows.map(({ row }) => row).join('\n')
}
