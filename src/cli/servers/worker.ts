import type { Connection } from '@temporalio/client'
import { stripVTControlCharacters } from 'node:util'
import type { WorkerVersion } from '../../contract/version.ts'
import { bundlePlaybooks } from '../../worker/bundle.ts'
import { observers } from '../../worker/observer.ts'
import { type NotifyConfig, NotifyConfigError, readNotifyConfig } from '../../notify/config.ts'
import type { ExportsConfig } from '../../audit/export/config.ts'
import type { Project } from '../../worker/project.ts'
import type { MasterKeys } from '../../privacy/master-keys.ts'
import { readBundle } from '../../worker/prebuilt.ts'
import { tuned } from '../../worker/tuning.ts'
import { connectClient, connectDatabase } from '../connect.ts'
import { notCurrent, versionsOf } from '../deployment.ts'
import { drain, drainTimes } from '../draining.ts'
import { CliError, explain, UsageError } from '../errors.ts'
import { exportsConfigOf, exportsForDevelopment, wantedExports, withoutSink } from '../exports.ts'
import { EXIT } from '../exit.ts'
import { developmentIssuer } from '../../identity/statements.ts'
import { findHostKey, quietRuntime, startHost } from '../host.ts'
import { assertLedger } from '../ledger-schema.ts'
import { type JsonLog, jsonLog } from '../log.ts'
import { findMasterKeys, MAKE } from '../master-keys.ts'
import { namedDeployment } from '../options.ts'
import { loadProject } from '../project.ts'
import { RunningSteps } from '../running-steps.ts'
import { missingAttributes } from '../search-attributes.ts'
import { policyLines } from '../policy-lines.ts'
import { Closing, listenForStop } from '../stopping.ts'
import { say, sayTo } from '../terminal.ts'
import { findDatabase, findTemporal, type TemporalPlace, withoutPassword } from '../where.ts'
import { databaseName } from '../../privacy/residency.ts'
import { asConfig, findWorkspaces } from '../workspaces.ts'
import { workerChecks } from '../worker-checks.ts'
import { openHealth } from '../worker-health.ts'
import type { WorkerOptions } from '../worker-options.ts'

/** Runs a worker until SIGTERM or SIGINT, and says what it says as text or as a log of JSON. */
export async function work(options: WorkerOptions): Promise<void> {
  assertTuning(options)
  const { logFormat = process.stderr.isTTY ? 'text' : 'json', logLevel } = options
  if (logFormat === 'text') return await run(options)
  const log = jsonLog(logLevel)
  sayTo((line) => log.info(stripVTControlCharacters(line).trim()))
  try {
    await run(options, log)
  } catch (error) {
    const { message, help, code } = explain(error)
    log.fatal(message, { code, help })
    process.exitCode = EXIT.couldNotRun
  }
}

function assertTuning(options: WorkerOptions): void {
  try {
    tuned(options)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new UsageError(error.message, 'See `countersign worker --help`, and the variables COUNTERSIGN_*.')
  }
}

/** Runs the worker, once Temporal and the ledger are found to be prepared. */
async function run(options: WorkerOptions, log?: JsonLog): Promise<void> {
  const { stateDir, taskQueue, grace } = options
  const { endMs, ...shutdown } = drainTimes(grace)
  const stopping = listenForStop('the worker finishes its running steps')
  const closing = new Closing()
  try {
    const health = await openHealth(options.healthAddress, stopping)
    closing.add(health.close)
    const { project } = await loadProject(options.config)
    const temporal = await findTemporal(stateDir)
    const database = await findDatabase(stateDir)
    const { key, from, own } = findHostKey(stateDir)
    if (own) say(`COUNTERSIGN_KEY_FILE is not set: receipts are signed with the development key in ${from}`)
    const development = options.development === true ? developmentIssuer(stateDir) : undefined
    if (development !== undefined) say('--development: whoever says to be somebody is taken for him')
    const masterKeys = await masterKeysOf(options)
    const connection = await connectClient(temporal)
    closing.add(() => connection.close())
    await assertAttributes(connection, temporal)
    const db = await connectDatabase(database, { max: options.databasePool })
    closing.add(() => db.destroy())
    await assertLedger(db)
    const { workflows } = project
    const bundle = options.bundle === undefined ? bundlePlaybooks(workflows) : readBundle(options.bundle, workflows)
    assertExpectedBuild((await bundle).buildId)
    const { metrics, temporalMetrics } = health
    quietRuntime('WARN', {
      ...(log && { log: log.temporal }),
      ...(health.address !== null && { metricsAddress: temporalMetrics }),
    })
    const running = new RunningSteps()
    const observer = observers(running.observer, metrics.observer, log?.attempts ?? {})
    const deployment = namedDeployment(options)
    const policyRefreshMs = options.policyRefreshSeconds * 1000
    const notify = options.notify === undefined ? undefined : notifyConfigOf(options.notify)
    const exports = await exportsOf(options, project)
    const workspaces = findWorkspaces(options.workspaces)
    const residency = workspaces && { workspaces, database: asConfig(() => databaseName(database.url)) }
    const retention = { everyMs: options.retentionMinutes * 60_000 }
    const more = { residency, retention, ...shutdown, tuning: options, observer, policyRefreshMs, notify, exports }
    const host = await startHost({
      temporal,
      db,
      project,
      taskQueue,
      deployment,
      key,
      development,
      masterKeys,
      bundle: Promise.resolve(bundle),
      grpcCompression: { codec: options.grpcCompression },
      more,
    })
    closing.add(() => drain(host, running, grace))
    metrics.watch(db)
    metrics.build(host.version.buildId)
    health.begin(host, workerChecks({ host, connection, place: temporal, taskQueue, db }))
    say(`ready  Temporal ${temporal.address}, namespace ${temporal.namespace}, task queue ${taskQueue}`)
    say(`       database ${withoutPassword(database.url)}, key ${key.keyId}`)
    say(
      `       payloads ${masterKeys === undefined ? 'in the clear' : `encrypted, master key ${masterKeys.currentId}`}`,
    )
    if (health.address !== null) say(`       health and metrics at http://${health.address}`)
    for (const line of policyLines(host.policies().inForce)) say(`       playbook ${line}`)
    for (const line of await standingOf(connection, temporal, host.version, taskQueue)) say(line)
    await Promise.race([stopping.asked, host.ended])
  } finally {
    await closing.closeWithin(endMs)
  }
}

/** Where audit records are exported to. For development they go to a file where nobody says where to; else a policy that asks for it keeps the worker from starting. */
async function exportsOf(
  { exports, development, stateDir }: WorkerOptions,
  project: Project,
): Promise<ExportsConfig | undefined> {
  if (exports !== undefined) {
    const config = exportsConfigOf(exports)
    for (const { workflow, target } of development === true ? withoutSink(await wantedExports(project), config) : []) {
      say(`no sink takes what the policy of ${workflow} exports to \`${target}\`: its events wait in the outbox`)
    }
    return config
  }
  if (development !== true) return undefined
  const { config, lines } = await exportsForDevelopment(project, stateDir)
  for (const line of lines) say(line)
  return config
}

/**
 * With what to encrypt; `undefined`: nothing is encrypted, which in production has to be asked for. Fails with `config_invalid`, and as
 * `findMasterKeys` does.
 */
async function masterKeysOf(options: WorkerOptions): Promise<MasterKeys | undefined> {
  const { payloads, development } = options
  const masterKeys = await findMasterKeys(options)
  if (masterKeys !== undefined && payloads === 'plain') {
    throw new CliError(
      'config_invalid',
      'There are master keys, and --payloads plain says not to use them.',
      'Leave one of them out. What is encrypted already can be read only with the keys.',
    )
  }
  if (masterKeys !== undefined) return masterKeys
  if (payloads === 'plain') say('--payloads plain: whoever can read the namespace or the database reads everything')
  else if (payloads === 'encrypted' || development !== true) {
    throw new CliError(
      'master_keys_missing',
      'There are no master keys, and without them everything would stand in the clear in Temporal and in the ledger.',
      `${MAKE} Or say \`--payloads plain\`.`,
    )
  } else say('--development without master keys: payloads stand in the clear')
  return undefined
}

/** Reads whom to tell; fails with `config_invalid`. */
function notifyConfigOf(file: string): NotifyConfig {
  try {
    return readNotifyConfig(file, process.env)
  } catch (error) {
    if (!(error instanceof NotifyConfigError)) throw error
    throw new CliError('config_invalid', error.message, 'Mend it as docs/notifications.md says.')
  }
}

/** Temporal's worker controller names the version that it waits for: another one would get no runs, and it no worker. */
function assertExpectedBuild(buildId: string): void {
  const expected = process.env['TEMPORAL_WORKER_BUILD_ID']
  if (expected === undefined || expected === '' || expected === buildId) return
  throw new CliError(
    'config_invalid',
    `TEMPORAL_WORKER_BUILD_ID is ${expected}, and the code of this worker is ${buildId}.`,
    'Set `unsafeCustomBuildID` of its WorkerDeployment to what `countersign build` printed for this image.',
  )
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
