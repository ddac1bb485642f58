import type { LedgerDatabase } from '../ledger/database.ts'
import type { LedgerDataKeys } from '../privacy/data-keys.ts'
import { CliError } from './errors.ts'
import { findDataKeys, MAKE, type MasterKeysOptions } from './master-keys.ts'

/** The data keys of a ledger, where a command can do nothing without. Fails with `master_keys_missing`. */
export async function dataKeysOf(db: LedgerDatabase, options: MasterKeysOptions): Promise<LedgerDataKeys> {
  const keys = await findDataKeys(db, options)
  if (keys !== undefined) return keys
  throw new CliError('master_keys_missing', 'There are no master keys, so that nobody can be found by his name.', MAKE)
}
