import type { Connection } from '@temporalio/client'
import type { WorkerVersion } from '../../contract/version.ts'
import { connectClient, connectDatabase } from '../connect.ts'
import { notCurrent, versionsOf } from '../deployment.ts'
import { CliError } from '../errors.ts'
import { findHostKey, quietRuntime, startHost } from '../host.ts'
import { assertLedger } from '../ledger-schema.ts'
import { type CommonOptions, type DeploymentOption, namedDeployment, type ProjectOption } from '../options.ts'
import { loadProject } from '../project.ts'
import { missingAttributes } from '../search-attributes.ts'
import { Closing, listenForStop } from '../stopping.ts'
import { say } from '../terminal.ts'
import { findDatabase, findTemporal, type TemporalPlace, withoutPassword } from '../where.ts'

export type WorkerOptions = CommonOptions & DeploymentOption & ProjectOption

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
    const connection = await connectClient(temporal)
    closing.add(() => connection.close())
    await assertAttributes(connection, temporal)
    const db = await connectDatabase(database)
    closing.add(() => db.destroy())
    await assertLedger(db)
    quietRuntime('WARN')
    const { taskQueue } = options
    const deployment = namedDeployment(options)
    const host = await startHost({ temporal, db, project, taskQueue, deployment, key })
    closing.add(host.stop)
    say(`ready  Temporal ${temporal.address}, namespace ${temporal.namespace}, task queue ${taskQueue}`)
    say(`       database ${withoutPassword(database.url)}, key ${key.keyId}`)
    for (const { workflow, digest } of host.policies) say(`       playbook ${workflow}, policy ${digest}`)
    for (const line of await standingOf(connection, temporal, host.version, taskQueue)) say(line)
    await Promise.race([stopping.asked, host.ended])
  } finally {
    await closing.close()
  }
}

/** An unregistered search attribute would fail the workflow tasks of every run, for ever. */
async function assertAttributes(connection: Connection, { namespace }: TemporalPlace): Promise<void> {
  const missing = await missingAttributes(connection, namespace)
  if (missing.length === 0) return
  throw new CliError(
    'setup_needed',
    `Namespace \`${namespace}\` lacks the search attributes ${missing.map(({ name }) => name).join(', ')}.`,
    'Run `countersign setup`.',
  )
}

/** Whether the version of a worker gets new runs; when it does not, nothing else would show it. */
async function standingOf(
  connection: Connection,
  place: TemporalPlace,
  { deployment, buildId }: WorkerVersion,
  taskQueue: string,
): Promise<readonly string[]> {
  const known = await versionsOf({ connection, place }, deployment)
  const line = `       version ${buildId} of deployment ${deployment}`
  const mine = known.find((version) => version.buildId === buildId)
  if (mine?.status === 'current') return [`${line}, current`]
  if (mine?.status === 'ramping') return [`${line}, which gets ${mine.percent} % of the new runs`]
  return [line, ...notCurrent(known, { deployment, buildId }, taskQueue)]
}
