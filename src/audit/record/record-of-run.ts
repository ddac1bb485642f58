import type { RunKey } from '../../contract/evidence.ts'
import { attemptsAbout } from '../../ledger/attempts.ts'
import { auditedRun } from '../../ledger/audited.ts'
import { bulkCodec } from '../../ledger/bulk-codec.ts'
import type { Sides } from '../sweep.ts'
import { exportedHistories } from '../histories.ts'
import { keysIn } from './keys.ts'
import type { RecordInput } from './types.ts'

/**
 * All that a record of a run is derived from: its histories in Temporal, and what the ledger and the gateway's log have of it. No history:
 * Temporal does not have it any more.
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
