import type { LedgerDatabase } from '../ledger/database.ts'
import type { RunSummary } from '../client/summary.ts'
import { CliError, type CliErrorCode } from './errors.ts'
import type { CommonOptions } from './options.ts'
import { withLedger } from './with-ledger.ts'

/** Why the ledger cannot be asked from here. */
export const NOT_HERE: readonly CliErrorCode[] = ['database_not_configured', 'database_unreachable', 'setup_needed']

/** When and why the keys of a closed run were destroyed. */
export interface Erasure {
  /** ISO 8601, UTC. */
  readonly at: string
  readonly why: string
}

/** When and why a run was erased; `null`: it was not, or the ledger cannot be asked from here. */
export async function erasureIn(
  namespace: string,
  { workflowId, closedAt, startedAt }: RunSummary,
  options: CommonOptions,
): Promise<Erasure | null> {
  if (closedAt === null) return null
  try {
    return await withLedger(options, async (db) => {
      const { erasureOf } = await import('../ledger/data-keys.ts')
      const erasure = await erasureOf(db, namespace, workflowId)
      if (erasure === undefined) return await erasedInLedger(db, workflowId)
      // A workflow id that is used again has another key.
      if (erasure.at.getTime() < Date.parse(startedAt)) return null
      return { at: erasure.at.toISOString(), why: erasure.why }
    })
  } catch (error) {
    if (error instanceof CliError && NOT_HERE.includes(error.code)) return null
    throw error
  }
}

/** Of a run that was never encrypted only the ledger says it: its history stays readable until Temporal deletes it. */
async function erasedInLedger(db: LedgerDatabase, workflowId: string): Promise<Erasure | null> {
  const row = await db
    .selectFrom('countersign.runs')
    .select('erased_at')
    .where('workflow_id', '=', workflowId)
    .orderBy('opened_at', 'desc')
    .executeTakeFirst()
  const at = row?.erased_at
  return at === undefined || at === null ? null : { at: at.toISOString(), why: 'erased in the ledger' }
}
