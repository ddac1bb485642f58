import type { Digest } from '../contract/digest.ts'
import type { LedgerDatabase } from './database.ts'

/** Keeps a blob under its digest; the same one twice is one, and mends what was altered. `keyId`: of the data key that encrypted it. */
export async function storeBlob(
  db: LedgerDatabase,
  digest: Digest,
  content: Uint8Array,
  keyId: string | null = null,
): Promise<void> {
  await db
    .insertInto('countersign.blobs')
    .values({ digest, content: Buffer.from(content), key_id: keyId })
    .onConflict((conflict) => conflict.column('digest').doUpdateSet({ content: Buffer.from(content) }))
    .execute()
}

export async function findBlob(db: LedgerDatabase, digest: Digest): Promise<Uint8Array | undefined> {
  const row = await db.selectFrom('countersign.blobs').select('content').where('digest', '=', digest).executeTakeFirst()
  return row?.content
}
