import type { Digest } from '../contract/digest.ts'
import type { LedgerDatabase } from './database.ts'

/** Keeps a policy text under its digest; the same text twice is one row. */
export async function storePolicy(
  db: LedgerDatabase,
  policy: { readonly digest: Digest; readonly workflow: string; readonly text: string },
): Promise<void> {
  await db
    .insertInto('countersign.policies')
    .values({ ...policy })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Every text that was ever stored. */
export async function policyTexts(db: LedgerDatabase): Promise<readonly string[]> {
  const rows = await db.selectFrom('countersign.policies').select('text').execute()
  return rows.map(({ text }) => text)
}

/** The text under a digest; `undefined` when nobody ever stored it. */
export async function policyText(db: LedgerDatabase, digest: Digest): Promise<string | undefined> {
  const row = await db.selectFrom('countersign.policies').select('text').where('digest', '=', digest).executeTakeFirst()
  return row?.text
}
