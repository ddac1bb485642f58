import type { RunKey } from '../contract/evidence.ts'
import { shortened } from '../contract/plain-text.ts'
import type { LedgerDatabase } from './database.ts'

/** Somebody was given the data keys of a run. */
export interface KeyIssue {
  readonly runKey: RunKey
  readonly keyIds: readonly string[]
  /** His public key: PEM, SPKI. */
  readonly reader: string
  readonly reason: string
  readonly by: string
}

/** Writes it down; before the keys are handed out, so that nobody has any that is not on record. */
export async function noteKeyIssue(
  db: LedgerDatabase,
  { runKey, keyIds, reader, reason, by }: KeyIssue,
): Promise<void> {
  await db
    .insertInto('countersign.key_issues')
    .values({ run_key: runKey, key_ids: [...keyIds], reader, reason: shortened(reason, 1_000), issued_by: by })
    .execute()
}

/** Who was given keys, the first one first. */
export async function keyIssues(db: LedgerDatabase): Promise<readonly (KeyIssue & { readonly at: string })[]> {
  const rows = await db.selectFrom('countersign.key_issues').selectAll().orderBy('id').execute()
  return rows.map((row) => ({
    at: row.at.toISOString(),
    runKey: row.run_key as RunKey,
    keyIds: row.key_ids,
    reader: row.reader,
    reason: row.reason,
    by: row.issued_by,
  }))
}
