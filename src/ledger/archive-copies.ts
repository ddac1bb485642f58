import { sql } from 'kysely'
import type { LedgerDatabase } from './database.ts'

/** Leaves below a size that a store has no copy of, in order, of one part of several. */
export async function leavesWithoutCopy(
  db: LedgerDatabase,
  store: string,
  which: { size: number; partition: number; of: number; after: number; most: number },
): Promise<readonly { readonly index: number; readonly runKey: string }[]> {
  const { rows } = await sql<{ index: number; run_key: string }>`
    SELECT index, run_key FROM countersign.log_leaves l
    WHERE index < ${which.size} AND index > ${which.after} AND mod(index, ${which.of}::integer) = ${which.partition}::integer
      AND NOT EXISTS (SELECT FROM countersign.archive_copies c WHERE c.store = ${store} AND c.index = l.index)
    ORDER BY index LIMIT ${which.most}`.execute(db)
  return rows.map(({ index, run_key }) => ({ index, runKey: run_key }))
}

export interface ArchiveCopy {
  readonly store: string
  readonly index: number
  readonly name: string
  /** 64 hex digits. */
  readonly sha256: string
}

export async function storeCopy(db: LedgerDatabase, copy: ArchiveCopy): Promise<void> {
  await db
    .insertInto('countersign.archive_copies')
    .values(copy)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export async function findCopy(db: LedgerDatabase, store: string, index: number): Promise<ArchiveCopy | undefined> {
  return await db
    .selectFrom('countersign.archive_copies')
    .select(['store', 'index', 'name', 'sha256'])
    .where('store', '=', store)
    .where('index', '=', index)
    .executeTakeFirst()
}
