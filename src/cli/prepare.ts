import type { Connection } from '@temporalio/client'
import type { LedgerDatabase } from '../ledger/database.ts'
import type { Project } from '../worker/project.ts'
import { upgradeLedger } from './ledger-schema.ts'
import { registerAttributes, WANTED } from './search-attributes.ts'

/** What `setup` did, and what it found done. */
export interface Prepared {
  readonly searchAttributes: readonly {
    readonly name: string
    readonly type: string
    readonly state: 'added' | 'present'
  }[]
  /** The migrations that were applied now; none: the ledger was up to date. */
  readonly ledgerMigrations: readonly string[]
  /** Whether the project has tables of its own; they are up to date then. */
  readonly projectTables: boolean
}

/** Registers search attributes and migrates the ledger and the project's own tables. Safe to repeat. */
export async function prepare(
  connection: Connection,
  namespace: string,
  db: LedgerDatabase,
  project: Project,
): Promise<Prepared> {
  const added = new Set((await registerAttributes(connection, namespace)).map(({ name }) => name))
  const ledgerMigrations = await upgradeLedger(db)
  await project.migrate?.(db)
  return {
    searchAttributes: WANTED.map(({ name, word }) => ({
      name,
      type: word,
      state: added.has(name) ? ('added' as const) : ('present' as const),
    })),
    ledgerMigrations,
    projectTables: project.migrate !== undefined,
  }
}
