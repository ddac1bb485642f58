import type { LedgerDatabase } from '../ledger/database.ts'
import { appliedMigrations, migrateLedger, pendingMigrations } from '../ledger/migrations.ts'
import { CliError } from './errors.ts'

/** Brings the ledger up to date; returns the names of what was applied, none when it was up to date. */
export async function upgradeLedger(db: LedgerDatabase): Promise<readonly string[]> {
  const before = new Set(await appliedMigrations(db))
  await migrateLedger(db)
  return (await appliedMigrations(db)).filter((name) => !before.has(name))
}

/** Fails with `setup_needed` when the ledger is not at the schema that this code needs. */
export async function assertLedger(db: LedgerDatabase): Promise<void> {
  const pending = await pendingMigrations(db)
  if (pending.length === 0) return
  throw new CliError('setup_needed', `The ledger lacks ${pending.join(', ')}.`, 'Run `countersign setup`.')
}
