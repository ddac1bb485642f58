import { sql } from 'kysely'
import type { LedgerDatabase } from '../ledger/database.ts'
import { migrateLedger } from '../ledger/migrations.ts'
import type { LedgerTables } from '../ledger/tables.ts'
import { CliError } from './errors.ts'

const TABLES: Readonly<Record<keyof LedgerTables, true>> = {
  'countersign.policies': true,
  'countersign.runs': true,
  'countersign.effects': true,
  'countersign.model_calls': true,
  'countersign.keys': true,
  'countersign.blobs': true,
}

async function appliedMigrations(db: LedgerDatabase): Promise<readonly string[]> {
  if (!(await exists(db, 'countersign.kysely_migration'))) return []
  const { rows } = await sql<{ name: string }>`SELECT name FROM countersign.kysely_migration ORDER BY name`.execute(db)
  return rows.map(({ name }) => name)
}

async function exists(db: LedgerDatabase, table: string): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`SELECT to_regclass(${table}) IS NOT NULL AS found`.execute(db)
  return rows[0]?.found === true
}

/** Brings the ledger up to date; returns the names of what was applied, none when it was up to date. */
export async function upgradeLedger(db: LedgerDatabase): Promise<readonly string[]> {
  const before = new Set(await appliedMigrations(db))
  await migrateLedger(db)
  return (await appliedMigrations(db)).filter((name) => !before.has(name))
}

/** Fails with `setup_needed` when the ledger lacks a table. */
export async function assertLedger(db: LedgerDatabase): Promise<void> {
  for (const table of Object.keys(TABLES)) {
    if (await exists(db, table)) continue
    throw new CliError('setup_needed', `The ledger lacks the table ${table}.`, 'Run `countersign setup`.')
  }
}
