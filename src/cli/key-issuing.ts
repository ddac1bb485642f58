import { writeFile } from 'node:fs/promises'
import type { SealedRun } from '../audit/seal/bundle.ts'
import { keysOfRun, runKeysFor } from '../audit/seal/run-keys.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { noteKeyIssue } from '../ledger/key-issues.ts'
import { CliError, UsageError } from './errors.ts'
import { findDataKeys, MAKE, type MasterKeysOptions } from './master-keys.ts'
import { notProved, whoIsHere } from './not-proved.ts'
import { readerKeyIn } from './reader-keys.ts'

/** For whom the data keys of a run are, and why. */
export interface IssuingOptions extends MasterKeysOptions {
  readonly for: string
  readonly reason?: string
  readonly by?: string
}

/** What came of it. */
export interface Issued {
  /** Ids of the keys that the reader was given; none: there was none to give, and no file. */
  readonly keyIds: readonly string[]
  /** Ids of those that were destroyed. */
  readonly erased: readonly string[]
}

/**
 * Writes the data keys of a run into a file that one reader can read; on record before that. Fails with `master_keys_missing`.
 */
export async function issueKeys(
  db: LedgerDatabase,
  run: SealedRun,
  file: string,
  { for: readerFile, reason, by, ...options }: IssuingOptions,
): Promise<Issued> {
  if (reason === undefined || reason.trim() === '') {
    throw new UsageError('say why somebody may read the run', 'Add `--reason <text>`; it is kept.')
  }
  const reader = await readerKeyIn(readerFile)
  const { runKey } = run.record
  const dataKeys = await findDataKeys(db, options)
  if (dataKeys === undefined) {
    throw new CliError('master_keys_missing', 'There are no master keys, so that no data key can be unwrapped.', MAKE)
  }
  const { keys, erased } = await keysOfRun(dataKeys, run)
  const keyIds = keys.map(({ keyId }) => keyId)
  if (keyIds.length === 0) return { keyIds, erased }
  const pem = reader.export({ type: 'spki', format: 'pem' }).toString()
  await noteKeyIssue(db, { runKey, keyIds, reader: pem, reason, by: notProved(by ?? whoIsHere()) })
  await writeFile(file, `${await runKeysFor(reader, { runKey, keys })}\n`)
  return { keyIds, erased }
}
