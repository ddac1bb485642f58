import type { RunKey } from '../../contract/evidence.ts'
import { attemptsAbout } from '../../ledger/attempts.ts'
import { auditedRun } from '../../ledger/audited.ts'
import { bulkCodec } from '../../ledger/bulk-codec.ts'
import { exportedHistories } from '../histories.ts'
import type { Sides } from '../sweep.ts'
import { keysIn } from './keys.ts'
import { recordOf } from './record-of.ts'
import type { AuditRecord, RecordInput } from './types.ts'

/**
 * All that a record of a run is derived from: its histories in Temporal, and what the ledger and the gateway's log have of it. No
 * histories: Temporal has none any more.
 */
export async function recordInputOf({ client, db }: Sides, namespace: string, runKey: RunKey): Promise<RecordInput> {
  const workflowId = runKey.slice(0, runKey.lastIndexOf('/'))
  return {
    namespace,
    histories: await exportedHistories({ client, codec: bulkCodec(db) }, runKey),
    keys: await keysIn(db),
    ledger: await auditedRun(db, runKey),
    gatewayLog: await attemptsAbout(db, { runKey, workflowId }),
  }
}

/** How often the sides of an open run are read, at most. */
const MOST_READ = 3

/**
 * The record of a run as it is now; `undefined`: Temporal has no history of it. An open one goes on between the reading of its
 * history and of the ledger, so it is read again where they differ.
 */
export async function recordOfRun(sides: Sides, namespace: string, runKey: RunKey): Promise<AuditRecord | undefined> {
  for (let read = 1; ; read += 1) {
    const input = await recordInputOf(sides, namespace, runKey)
    if (input.histories.length === 0) return undefined
    const record = await recordOf(input)
    const isSettled = record.state !== 'running' || !record.entries.some(({ kind }) => kind === 'difference')
    if (isSettled || read === MOST_READ) return record
  }
}
