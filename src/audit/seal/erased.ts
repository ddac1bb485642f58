import type { temporal } from '@temporalio/proto'
import { isDigest } from '../../contract/digest.ts'
import { findBlob } from '../../ledger/blobs.ts'
import { bulkDigestOf } from '../../ledger/bulk-codec.ts'
import { dataKeysById, type StoredKey } from '../../ledger/data-keys.ts'
import type { LedgerDatabase } from '../../ledger/database.ts'
import { keyIdOf } from '../../privacy/codec.ts'
import type { SealedRun } from './bundle.ts'
import { keyIdKept, payloadsIn } from './opened.ts'
import { keyIdsIn } from './run-keys.ts'

type History = temporal.api.history.v1.IHistory

/** Ids of the data keys of a run that were destroyed after it was sealed. */
export async function erasedSince(db: LedgerDatabase, sealed: SealedRun): Promise<readonly string[]> {
  const keys = await dataKeysById(db, await keyIdsIn(sealed))
  return destroyedOf(keys).filter((keyId) => !sealed.erased.includes(keyId))
}

/**
 * What is kept beside histories. What is missing there is missing in the bundle, unless it was erased: of what nobody can read any more the
 * ciphertext that was archived before goes on.
 */
export async function blobsOf(
  db: LedgerDatabase,
  stored: readonly History[],
  { archived: before, erased }: { readonly archived: SealedRun['blobs']; readonly erased: readonly string[] },
): Promise<SealedRun['blobs']> {
  const digests = stored.flatMap(payloadsIn).flatMap((payload) => bulkDigestOf(payload) ?? [])
  const blobs: Record<string, string> = {}
  for (const digest of new Set(digests)) {
    const content = isDigest(digest) ? await findBlob(db, digest) : undefined
    const known = before[digest]
    if (content !== undefined) blobs[digest] = Buffer.from(content).toString('base64')
    else if (known !== undefined && erased.includes(keyIdKept(known) ?? '')) blobs[digest] = known
  }
  return blobs
}

/** Ids of the data keys in histories that were destroyed. */
export async function erasedIn(db: LedgerDatabase, stored: readonly History[]): Promise<readonly string[]> {
  const keyIds = [...new Set(stored.flatMap(payloadsIn).flatMap((payload) => keyIdOf(payload) ?? []))]
  return destroyedOf(await dataKeysById(db, keyIds))
}

/** Anybody can send what names a key that never was: that is not ours, and was not erased. */
const destroyedOf = (keys: readonly StoredKey[]): readonly string[] =>
  keys.flatMap(({ keyId, wrapped }) => (wrapped === null ? [keyId] : [])).toSorted()
