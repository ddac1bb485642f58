import { connectClient, connectDatabase } from '../connect.ts'
import { CliError } from '../errors.ts'
import { findHostKey, quietRuntime, startHost } from '../host.ts'
import { assertLedger } from '../ledger-schema.ts'
import type { CommonOptions, ProjectOption, QueueOption } from '../options.ts'
import { loadProject } from '../project.ts'
import { missingAttributes } from '../search-attributes.ts'
import { Closing, listenForStop } from '../stopping.ts'
import { say } from '../terminal.ts'
import { findDatabase, findTemporal, type TemporalPlace, withoutPassword } from '../where.ts'

export type WorkerOptions = CommonOptions & QueueOption & ProjectOption

/** Runs a worker until SIGTERM or SIGINT, once Temporal and the ledger are found to be prepared. */
export async function work(options: WorkerOptions): Promise<void> {
  const stopping = listenForStop('the worker finishes its running steps')
  const { project } = await loadProject(options.config)
  const temporal = await findTemporal(options.stateDir)
  const database = await findDatabase(options.stateDir)
  const { key, from, own } = findHostKey(options.stateDir)
  if (own) say(`COUNTERSIGN_KEY_FILE is not set: receipts are signed with the development key in ${from}`)
  const closing = new Closing()
  try {
    await assertAttributes(temporal)
    const db = await connectDatabase(database)
    closing.add(() => db.destroy())
    await assertLedger(db)
    quietRuntime('WARN')
    const { taskQueue } = options
    const host = await startHost({ temporal, db, project, taskQueue, key })
    closing.add(host.stop)
    say(`ready  Temporal ${temporal.address}, namespace ${temporal.namespace}, task queue ${taskQueue}`)
    say(`       database ${withoutPassword(database.url)}, key ${key.keyId}`)
    for (const { workflow, digest } of host.policies) say(`       playbook ${workflow}, policy ${digest}`)
    await Promise.race([stopping.asked, host.ended])
  } finally {
    await closing.close()
  }
}

/** An unregistered search attribute would fail the workflow tasks of every run, for ever. */
async function assertAttributes(temporal: TemporalPlace): Promise<void> {
  const connection = await connectClient(temporal)
  try {
    const missing = await missingAttributes(connection, temporal.namespace)
    if (missing.length === 0) return
    throw new CliError(
      'setup_needed',
      `Namespace \`${temporal.namespace}\` lacks the search attributes ${missing.map(({ name }) => name).join(', ')}.`,
      'Run `countersign setup`.',
    )
  } finally {
    await connection.close()
  }
}
