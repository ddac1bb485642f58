import { connectClient, connectDatabase } from '../connect.ts'
import type { CommonOptions, JsonOption, ProjectOption } from '../options.ts'
import { prepare } from '../prepare.ts'
import { loadProject } from '../project.ts'
import { out, outJson, say } from '../terminal.ts'
import { findDatabase, findTemporal, withoutPassword } from '../where.ts'

export type SetupOptions = CommonOptions & JsonOption & ProjectOption

/** Prepares the configured Temporal and database, and prints what it did and what was there. */
export async function setup(options: SetupOptions): Promise<void> {
  const { project } = await loadProject(options.config)
  const temporal = await findTemporal(options.stateDir)
  const database = await findDatabase(options.stateDir)
  say(`Temporal ${temporal.address}, namespace ${temporal.namespace} (${temporal.from})`)
  say(`database ${withoutPassword(database.url)} (${database.from})`)
  const connection = await connectClient(temporal)
  try {
    const db = await connectDatabase(database)
    try {
      const done = await prepare(connection, temporal.namespace, db, project)
      if (options.json) {
        outJson({ temporal: { address: temporal.address, namespace: temporal.namespace }, ...done })
        return
      }
      for (const { name, type, state } of done.searchAttributes) {
        out(`search attribute  ${name} (${type})  ${state === 'added' ? 'added' : 'was there'}`)
      }
      for (const name of done.ledgerMigrations) out(`ledger  ${name}  applied`)
      if (done.ledgerMigrations.length === 0) out('ledger  was up to date')
      if (done.projectTables) out('tables of the project  up to date')
    } finally {
      await db.destroy()
    }
  } finally {
    await connection.close()
  }
}
