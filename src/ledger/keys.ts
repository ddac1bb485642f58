import type { LedgerDatabase } from './database.ts'

/** Publishes a host's public key, so that every other host can verify its receipts. */
export async function storeKey(db: LedgerDatabase, keyId: string, publicKey: string): Promise<void> {
  await db
    .insertInto('countersign.keys')
    .values({ key_id: keyId, public_key: publicKey })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** The public key (PEM) of an id; `undefined` when no host published it. */
export async function findKey(db: LedgerDatabase, keyId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('countersign.keys')
    .select('public_key')
    .where('key_id', '=', keyId)
    .executeTakeFirst()
  return row?.public_key
}

/** The public keys (PEM) of all hosts that ever published one, by key id. */
export async function allKeys(db: LedgerDatabase): Promise<Readonly<Record<string, string>>> {
  const rows = await db.selectFrom('countersign.keys').select(['key_id', 'public_key']).orderBy('key_id').execute()
  return Object.fromEntries(rows.map(({ key_id, public_key }) => [key_id, public_key]))
}
