import type { WorkerVersion } from '../../contract/version.ts'
import { bundlePlaybooks } from '../../worker/bundle.ts'
import { connectClient, connectDatabase } from '../connect.ts'
import { type Adopted, adoptVersion } from '../deployment.ts'
import {
  type CommonOptions,
  type DeploymentOption,
  type JsonOption,
  namedDeployment,
  type ProjectOption,
} from '../options.ts'
import { prepare } from '../prepare.ts'
import { loadProject } from '../project.ts'
import { out, outJson, say } from '../terminal.ts'
import { findDatabase, findTemporal, withoutPassword } from '../where.ts'

export type SetupOptions = CommonOptions & JsonOption & DeploymentOption & ProjectOption

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
      const { buildId } = await bundlePlaybooks(project.workflows)
      const version = { deployment: namedDeployment(options), buildId }
      const adopted = await adoptVersion({ connection, place: temporal }, version)
      if (options.json) {
        const { address, namespace } = temporal
        outJson({ temporal: { address, namespace }, ...done, version: { ...version, ...adopted } })
        return
      }
      for (const { name, type, state } of done.searchAttributes) {
        out(`search attribute  ${name} (${type})  ${state === 'added' ? 'added' : 'was there'}`)
      }
      for (const name of done.ledgerMigrations) out(`ledger  ${name}  applied`)
      if (done.ledgerMigrations.length === 0) out('ledger  was up to date')
      if (done.projectTables) out('tables of the project  up to date')
      for (const line of versionLines(version, adopted)) out(line)
    } finally {
      await db.destroy()
    }
  } finally {
    await connection.close()
  }
}

function versionLines({ deployment, buildId }: WorkerVersion, { state, current }: Adopted): readonly string[] {
  const line = `version  ${buildId} of deployment ${deployment}`
  if (state === 'made current') return [`${line}  made current`]
  if (state === 'current') return [`${line}  was current`]
  return [
    `${line}  is not current: new runs go to ${current}`,
    'Start a worker of it beside the others, then send new runs to it with `countersign rollout`.',
  ]
}
