import { readCopy } from '../audit/archive/copies.ts'
import { type BlobStore, StoreError, StoreUrlError } from '../audit/archive/store.ts'
import { storeAt } from '../audit/archive/store-at.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { CliError } from './errors.ts'

/** Names the store of a URL; fails with `config_invalid`. */
export function storeFrom(url: string): BlobStore {
  try {
    return storeAt(url, process.env)
  } catch (error) {
    if (!(error instanceof StoreUrlError)) throw error
    throw new CliError('config_invalid', `${error.message}.`, 'See “The sweep” in docs/audit.md.', { cause: error })
  }
}

/** The copy of a leaf, which is what was written. Fails with `copy_unusable`. */
export async function copyIn(db: LedgerDatabase, url: string, index: number): Promise<Uint8Array> {
  const store = storeFrom(url)
  const bytes = await readCopy({ db, store }, index).catch((error: unknown) => {
    if (!(error instanceof StoreError)) throw error
    throw new CliError('copy_unusable', `${error.message}.`, 'Leave out --archive: the database has it, too.', {
      cause: error,
    })
  })
  if (bytes !== undefined) return bytes
  throw new CliError(
    'copy_unusable',
    `${store.url} has no copy of leaf ${index}.`,
    'Leave out --archive, or wait for the next sweep.',
  )
}
