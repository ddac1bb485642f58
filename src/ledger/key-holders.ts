import { sql } from 'kysely'
import { addDataKey, type NewKey } from './data-keys.ts'
import type { LedgerDatabase } from './database.ts'

/** In which workspace somebody acts. */
interface Place {
  readonly workspace: string
  readonly subject: string
  readonly issuer: string
}

/** Whose a data key is. */
export interface KeyFacts {
  readonly keyId: string
  readonly namespace: string
  /** `null`: no workflow has taken it yet. */
  readonly workflowId: string | null
  readonly isDestroyed: boolean
  /** For whom the gateway made it; `null`: a worker made it, or another process with the database. */
  readonly holder: { readonly workspace: string | null; readonly subject: string; readonly issuer: string } | null
  /** Who started the runs of its workflow id, and where; none: no worker has opened one. */
  readonly runs: readonly Place[]
}

/** Whose the data keys of runs are; what is no such key is left out. */
export async function keyFactsOf(
  db: LedgerDatabase,
  keyIds: readonly string[],
): Promise<ReadonlyMap<string, KeyFacts>> {
  if (keyIds.length === 0) return new Map()
  const { rows } = await sql<KeyFacts>`
    SELECT k.key_id AS "keyId", k.namespace, k.workflow_id AS "workflowId", k.wrapped IS NULL AS "isDestroyed",
      (SELECT jsonb_build_object('workspace', h.workspace, 'subject', h.subject, 'issuer', h.issuer)
        FROM countersign.key_holders h WHERE h.key_id = k.key_id) AS holder,
      coalesce((SELECT jsonb_agg(DISTINCT jsonb_build_object('workspace', r.principal->>'workspace',
          'subject', r.principal->>'subject', 'issuer', r.principal->>'issuer'))
        FROM countersign.runs r WHERE r.workflow_id = k.workflow_id), '[]') AS runs
    FROM countersign.data_keys k WHERE k.kind = 'run' AND k.key_id = ANY(${keyIds})`.execute(db)
  return new Map(rows.map((row) => [row.keyId, row]))
}

/** Writes down for whom a key was made; the first one counts. */
export async function holdKey(
  db: LedgerDatabase,
  keyId: string,
  { workspace, subject, issuer }: NonNullable<KeyFacts['holder']>,
): Promise<void> {
  await db
    .insertInto('countersign.key_holders')
    .values({ key_id: keyId, workspace, subject, issuer })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Who started the runs of a workflow id, and where. */
export async function startersOf(db: LedgerDatabase, workflowId: string): Promise<KeyFacts['runs']> {
  const { rows } = await sql<Place>`
    SELECT DISTINCT principal->>'workspace' AS workspace, principal->>'subject' AS subject, principal->>'issuer' AS issuer
    FROM countersign.runs WHERE workflow_id = ${workflowId}`.execute(db)
  return rows
}

/** Stores a key that was made for somebody, and that it was; `false`: there is a live one for the workflow already. */
export async function addHeldKey(
  db: LedgerDatabase,
  key: NewKey,
  holder: NonNullable<KeyFacts['holder']>,
): Promise<boolean> {
  return await db.transaction().execute(async (within) => {
    const isAdded = await addDataKey(within, key)
    if (isAdded) await holdKey(within, key.keyId, holder)
    return isAdded
  })
}
