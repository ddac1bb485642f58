import { type Selectable, sql } from 'kysely'
import type { LedgerDatabase } from './database.ts'
import type { DataKeyTable } from './tables.ts'

/** A data key as the database has it: wrapped, or destroyed. */
export interface StoredKey {
  readonly keyId: string
  /** Empty for the index key. */
  readonly namespace: string
  /** `null`: of no workflow, or not of one yet. */
  readonly workflowId: string | null
  readonly kind: 'run' | 'index'
  readonly masterKeyId: string
  /** `null`: it was destroyed. */
  readonly wrapped: Uint8Array | null
  readonly madeAt: Date
  readonly adoptedAt: Date | null
  readonly destroyedAt: Date | null
  readonly destroyedWhy: string | null
}

const keyOf = (row: Selectable<DataKeyTable>): StoredKey => ({
  keyId: row.key_id,
  namespace: row.namespace,
  workflowId: row.workflow_id,
  kind: row.kind,
  masterKeyId: row.master_key_id,
  wrapped: row.wrapped,
  madeAt: row.made_at,
  adoptedAt: row.adopted_at,
  destroyedAt: row.destroyed_at,
  destroyedWhy: row.destroyed_why,
})

/** A key that was just made. */
export type NewKey = Pick<StoredKey, 'keyId' | 'namespace' | 'workflowId' | 'kind' | 'masterKeyId'> & {
  readonly wrapped: Uint8Array
}

/** Stores a key; `false`: there is a live one for the workflow already, or an index key. */
export async function addDataKey(db: LedgerDatabase, key: NewKey): Promise<boolean> {
  const added = await db
    .insertInto('countersign.data_keys')
    .values({
      key_id: key.keyId,
      namespace: key.namespace,
      workflow_id: key.workflowId,
      kind: key.kind,
      master_key_id: key.masterKeyId,
      wrapped: Buffer.from(key.wrapped),
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('key_id')
    .executeTakeFirst()
  return added !== undefined
}

/** The keys with these ids, live and destroyed. */
export async function dataKeysById(db: LedgerDatabase, keyIds: readonly string[]): Promise<readonly StoredKey[]> {
  if (keyIds.length === 0) return []
  const rows = await db.selectFrom('countersign.data_keys').selectAll().where('key_id', 'in', keyIds).execute()
  return rows.map(keyOf)
}

/** Which of these keys were destroyed, or are not there. */
export async function goneKeys(db: LedgerDatabase, keyIds: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('countersign.data_keys')
    .select('key_id')
    .where('key_id', 'in', keyIds)
    .where('wrapped', 'is not', null)
    .execute()
  const live = new Set(rows.map(({ key_id }) => key_id))
  return new Set(keyIds.filter((keyId) => !live.has(keyId)))
}

/** The live key of a workflow that was made for it. */
export async function liveKeyOf(
  db: LedgerDatabase,
  namespace: string,
  workflowId: string,
): Promise<StoredKey | undefined> {
  const row = await db
    .selectFrom('countersign.data_keys')
    .selectAll()
    .where('kind', '=', 'run')
    .where('namespace', '=', namespace)
    .where('workflow_id', '=', workflowId)
    .where('destroyed_at', 'is', null)
    .where('adopted_at', 'is', null)
    .executeTakeFirst()
  return row === undefined ? undefined : keyOf(row)
}

/** Whether a workflow had keys, and none of them is live. */
export async function isWithoutLiveKey(db: LedgerDatabase, namespace: string, workflowId: string): Promise<boolean> {
  const { live } = await db
    .selectFrom('countersign.data_keys')
    .select(({ fn }) => fn<boolean | null>('bool_or', [sql`destroyed_at IS NULL`]).as('live'))
    .where('kind', '=', 'run')
    .where('namespace', '=', namespace)
    .where('workflow_id', '=', workflowId)
    .executeTakeFirstOrThrow()
  return live === false
}

/** The live index key. */
export async function liveIndexKey(db: LedgerDatabase): Promise<StoredKey | undefined> {
  const row = await db
    .selectFrom('countersign.data_keys')
    .selectAll()
    .where('kind', '=', 'index')
    .where('destroyed_at', 'is', null)
    .executeTakeFirst()
  return row === undefined ? undefined : keyOf(row)
}

/** Gives a key of no workflow to the first one that decrypts with it. `false`: it has one, or is of another namespace. */
export async function adoptDataKey(
  db: LedgerDatabase,
  keyId: string,
  namespace: string,
  workflowId: string,
): Promise<boolean> {
  const row = await db
    .updateTable('countersign.data_keys')
    .set({ workflow_id: workflowId, adopted_at: sql<Date>`now()` })
    .where('key_id', '=', keyId)
    .where('kind', '=', 'run')
    .where('namespace', '=', namespace)
    .where('workflow_id', 'is', null)
    .where('destroyed_at', 'is', null)
    .returning('key_id')
    .executeTakeFirst()
  return row !== undefined
}

/**
 * Destroys the live keys of a workflow, in every namespace or in one; answers with their ids. The rows stay, and say why. It is in
 * force in every process within a second or so.
 */
export async function destroyDataKeys(
  db: LedgerDatabase,
  of: { readonly namespace?: string; readonly workflowId: string },
  why: string,
): Promise<readonly string[]> {
  const rows = await db
    .updateTable('countersign.data_keys')
    .set({ wrapped: null, destroyed_at: sql<Date>`clock_timestamp()`, destroyed_why: why })
    .where('kind', '=', 'run')
    .where('workflow_id', '=', of.workflowId)
    .where('destroyed_at', 'is', null)
    .$if(of.namespace !== undefined, (query) => query.where('namespace', '=', of.namespace ?? ''))
    .returning('key_id')
    .execute()
  return rows.map(({ key_id }) => key_id)
}

/** The last time that keys of a workflow were destroyed, and why; `undefined`: never. */
export async function erasureOf(
  db: LedgerDatabase,
  namespace: string,
  workflowId: string,
): Promise<{ readonly at: Date; readonly why: string } | undefined> {
  const row = await db
    .selectFrom('countersign.data_keys')
    .select(['destroyed_at', 'destroyed_why'])
    .where('namespace', '=', namespace)
    .where('workflow_id', '=', workflowId)
    .where('destroyed_at', 'is not', null)
    .orderBy('destroyed_at', 'desc')
    .executeTakeFirst()
  if (row === undefined || row.destroyed_at === null) return undefined
  return { at: row.destroyed_at, why: row.destroyed_why ?? '' }
}

/** Live keys that another master key than this one has wrapped, from a key id on, in the order of their ids. */
export async function wrappedOtherwise(
  db: LedgerDatabase,
  masterKeyId: string,
  after: string,
  limit: number,
): Promise<readonly StoredKey[]> {
  const rows = await db
    .selectFrom('countersign.data_keys')
    .selectAll()
    .where('wrapped', 'is not', null)
    .where('master_key_id', '<>', masterKeyId)
    .where('key_id', '>', after)
    .orderBy('key_id')
    .limit(limit)
    .execute()
  return rows.map(keyOf)
}

/** Puts a key that was wrapped anew in the place of what it was; `false`: it has changed since, or was destroyed. */
export async function replaceWrapped(
  db: LedgerDatabase,
  was: StoredKey,
  now: { readonly masterKeyId: string; readonly wrapped: Uint8Array },
): Promise<boolean> {
  if (was.wrapped === null) return false
  const row = await db
    .updateTable('countersign.data_keys')
    .set({ master_key_id: now.masterKeyId, wrapped: Buffer.from(now.wrapped) })
    .where('key_id', '=', was.keyId)
    .where('wrapped', '=', Buffer.from(was.wrapped))
    .returning('key_id')
    .executeTakeFirst()
  return row !== undefined
}

/** How many live keys a master key has wrapped, and how many of those that it last wrapped were destroyed. */
export interface MasterKeyUse {
  readonly masterKeyId: string
  readonly live: number
  readonly destroyed: number
}

/** What each master key has wrapped. */
export async function countDataKeys(db: LedgerDatabase): Promise<readonly MasterKeyUse[]> {
  const rows = await db
    .selectFrom('countersign.data_keys')
    .select([
      'master_key_id',
      sql<string>`count(*) FILTER (WHERE wrapped IS NOT NULL)`.as('live'),
      sql<string>`count(*) FILTER (WHERE wrapped IS NULL)`.as('destroyed'),
    ])
    .groupBy('master_key_id')
    .orderBy('master_key_id')
    .execute()
  return rows.map((row) => ({
    masterKeyId: row.master_key_id,
    live: Number(row.live),
    destroyed: Number(row.destroyed),
  }))
}
