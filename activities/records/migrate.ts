import type { Kysely } from 'kysely'
import { Migrator } from 'kysely/migration'
import { recordsMigrations } from './migrations.ts'
import { RECORDS_SCHEMA } from './tables.ts'

/**
 * Brings the schema `records` up to date. Several processes may call it at once: one works, the others wait for
 * it. Throws what the database said; then nothing was changed.
 */
export async function migrateRecords(db: Kysely<unknown>): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: recordsMigrations,
    migrationTableSchema: RECORDS_SCHEMA,
    migrationTableName: 'records_migration',
    migrationLockTableName: 'records_migration_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (error === undefined) return
  throw error instanceof Error ? error : new Error('The migration of the records failed.', { cause: error })
}
