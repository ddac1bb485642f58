import { type Kysely, sql } from 'kysely'
import type { LedgerDatabase } from '../ledger/database.ts'
import { type Hold, namesHeld } from '../ledger/holds.ts'
import type { LedgerTables } from '../ledger/tables.ts'
import type { Standing } from './erase-workflow.ts'

const PAGE = 200

/** What finding them stands on. */
interface Parts {
  readonly db: LedgerDatabase
  readonly namespace: string
  readonly standingOf: (namespace: string, workflowId: string) => Promise<Standing>
}

/**
 * Live keys of before a time with which no run was ever opened: of starts that no worker took, of other workflows that closed before it, and
 * of what the codec server encrypted for a workflow that never came.
 */
export async function unopenedKeys({ db, namespace, standingOf }: Parts, before: Date): Promise<readonly string[]> {
  const found: string[] = []
  for (let last = ''; ;) {
    const rows = await db
      .selectFrom('countersign.data_keys as k')
      .select(['k.key_id', 'k.workflow_id'])
      .where('k.kind', '=', 'run')
      .where('k.namespace', '=', namespace)
      .where('k.destroyed_at', 'is', null)
      .where('k.made_at', '<', before)
      .where(isUnopened)
      .where('k.key_id', '>', last)
      .orderBy('k.key_id')
      .limit(PAGE)
      .execute()
    for (const { key_id: keyId, workflow_id: workflowId } of rows) {
      const standing: Standing =
        workflowId === null ? { is: 'closed', at: null } : await standingOf(namespace, workflowId)
      if (standing.is === 'closed' && (standing.at ?? before) <= before) found.push(keyId)
    }
    const end = rows.at(-1)
    if (end === undefined || rows.length < PAGE) return found
    last = end.key_id
  }
}

const isUnopened = sql<boolean>`NOT EXISTS (SELECT FROM countersign.runs r WHERE r.workflow_id = k.workflow_id)`

/** Destroys those of them that still are unopened and that no hold is on, with who has them and the blobs that they encrypted. Answers with rows by table. */
export async function destroyUnopened(
  tx: Kysely<LedgerTables>,
  keyIds: readonly string[],
  inForce: readonly Hold[],
): Promise<Readonly<Record<string, number>>> {
  if (keyIds.length === 0) return {}
  const { rows: destroyed } = await sql<{ key_id: string }>`
    UPDATE countersign.data_keys k
    SET wrapped = NULL, destroyed_at = clock_timestamp(), destroyed_why = 'retention: no run was opened with it'
    WHERE key_id = ANY(${[...keyIds]}) AND destroyed_at IS NULL AND ${isUnopened}
      AND coalesce(workflow_id, '') <> ALL(${namesHeld(inForce, 'run')})
      AND NOT EXISTS (SELECT FROM countersign.key_holders h
        WHERE h.key_id = k.key_id AND h.workspace = ANY(${namesHeld(inForce, 'workspace')}))
    RETURNING key_id`.execute(tx)
  const gone = destroyed.map(({ key_id }) => key_id)
  const { rows: holders } = await sql`
    DELETE FROM countersign.key_holders WHERE key_id = ANY(${gone}) RETURNING key_id`.execute(tx)
  const { rows: blobs } = await sql`
    DELETE FROM countersign.blobs WHERE key_id = ANY(${gone}) RETURNING digest`.execute(tx)
  return { data_keys: gone.length, key_holders: holders.length, blobs: blobs.length }
}
