import { Client, type ConnectionLike } from '@temporalio/client'
import type { NativeConnection, Worker } from '@temporalio/worker'
import { fixedSummaries } from '../contract/summaries.ts'
import { deploymentOf, isDeploymentName } from '../contract/version.ts'
import { textOf } from '../contract/text.ts'
import { DEFAULT_TASK_QUEUE } from '../contract/wire.ts'
import type { HostKey } from '../identity/host-key.ts'
import type { DevelopmentIssuer } from '../identity/statements.ts'
import { bulkCodec } from '../ledger/bulk-codec.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { storeIssuerKey } from '../ledger/issuer-keys.ts'
import { storeKey } from '../ledger/keys.ts'
import { workerCodec } from '../privacy/codec.ts'
import { ledgerDataKeys } from '../privacy/data-keys.ts'
import { encryptedDataConverter, FAILURE_CONVERTER } from '../privacy/encrypted.ts'
import type { MasterKeys } from '../privacy/master-keys.ts'
import type { Thinker, ToolImplementation } from '../tools/implementation.ts'
import { Residency, type Workspaces } from '../privacy/residency.ts'
import { Retention, type RetentionParts } from '../privacy/retention.ts'
import { standingIn } from '../privacy/standing.ts'
import { type SecretSource, secretSourcesOf } from '../privacy/secrets.ts'
import { PAYLOAD_CONVERTER } from './bundle-files.ts'
import { bundlePlaybooks, type PlaybookBundle } from './bundle.ts'
import { activitiesOf } from './host.ts'
import { exportLog } from './export-log.ts'
import { type Observer, observers } from './observer.ts'
import { type ExportsConfig, uncovered } from '../audit/export/config.ts'
import { Exporter } from '../audit/export/exporter.ts'
import type { NotifyConfig } from '../notify/config.ts'
import { Notifier } from '../notify/notifier.ts'
import { PlaybookWorker } from './playbook-worker.ts'
import { logOwn } from './own-log.ts'
import { longestRetention } from './longest-retention.ts'
import { isWaitingOn } from './still-waiting.ts'
import { DEFAULT_REFRESH_MS, PolicyFiles } from './policy-files.ts'
import { registryOf } from './registry.ts'
import { type Tuning, tuned } from './tuning.ts'

/** How long running steps may take to finish where nothing else is said. */
const DEFAULT_GRACE_MS = 10_000
const HOUR_MS = 3_600_000

/** What a worker is made of. */
export interface WorkerSettings {
  /** An open connection; close it once the worker has stopped. */
  readonly connection: NativeConnection
  /** Default: `default`. */
  readonly namespace?: string
  /** Default: `countersign`. */
  readonly taskQueue?: string
  /**
   * The worker deployment that this worker is a version of, by the build id of its bundle. A run goes on, and ends, on
   * the version that it began on; new runs go to the one of `makeCurrent`. Default: the name of the task queue.
   */
  readonly deployment?: string
  /** An absolute path of the file that exports the playbooks, or what `bundlePlaybooks` made of it. */
  readonly workflows: string | PlaybookBundle
  readonly tools: readonly ToolImplementation[]
  readonly thinker: Thinker
  /** The folder with one `<slug>.yaml` a playbook, and maybe a `<slug>.candidate.yaml`. */
  readonly policies: string
  /**
   * How often the policies are looked at while the worker runs; a change is in force for new runs once two looks found it.
   * At most an hour; 0: only at the start. Default: 5 seconds.
   */
  readonly policyRefreshMs?: number
  /** The ledger; migrated with `migrateLedger`. */
  readonly db: LedgerDatabase
  readonly key: HostKey
  /**
   * Wrap the keys with which payloads and the personal columns of the ledger are encrypted; see docs/privacy.md. Default: all stands
   * in the clear. What is encrypted already cannot be read without them.
   */
  readonly masterKeys?: MasterKeys | undefined
  /**
   * For development only: takes statements of this issuer, which prove nothing, and publishes its key. Default: they are refused.
   */
  readonly development?: DevelopmentIssuer | undefined
  /** Tells people of questions that wait for them. Default: nobody is told. */
  readonly notify?: NotifyConfig | undefined
  /**
   * Where audit records are exported to, as policies ask for it. Default: nowhere; then a policy that asks for it keeps a worker from
   * starting, unless it is for development: there, events wait in the outbox.
   */
  readonly exports?: ExportsConfig | undefined
  /**
   * Where references to secrets are looked up, the first first. Default: as the environment says, see `secretSourcesOf`.
   */
  readonly secrets?: readonly SecretSource[] | undefined
  /**
   * Where workspaces are at home, and which database this is, as `databaseName` names it. Default: nowhere in particular.
   */
  readonly residency?: { readonly workspaces: Workspaces; readonly database: string } | undefined
  /** How often what is past its time is deleted, by one of the workers of the database; 0: never. Default: an hour. */
  readonly retention?: { readonly everyMs?: number; readonly now?: RetentionParts['now'] } | undefined
  /** How long running steps may take to finish once the worker is told to stop. Default: 10 seconds. */
  readonly shutdownGraceMs?: number
  /**
   * How long after being told to stop the worker waits for steps that do not stop, before `run()` throws Temporal's
   * `GracefulShutdownPeriodExpiredError`. Default: for ever.
   */
  readonly shutdownForceMs?: number
  /** How much it does at once. Default: as `Tuning` says. */
  readonly tuning?: Tuning
  /** Is told of each attempt, effect and model call; see `prometheusOf`. */
  readonly observer?: Observer
}

/**
 * Makes a worker: checks contracts, implementations and policies, publishes policy texts and its public key,
 * then registers the playbooks and each tool behind its guard. Nothing is polled, and no file looked at again, before
 * `run()`, nor after it.
 * Fails with `contract_incomplete`, `policy_not_found`, `policy_invalid` or `export_unconfigured`, naming what and where.
 */
export async function createWorker(settings: WorkerSettings): Promise<Worker> {
  const { db, key, tools, thinker, workflows } = settings
  const { taskQueue = DEFAULT_TASK_QUEUE, deployment = deploymentOf(taskQueue) } = settings
  if (!isDeploymentName(deployment)) {
    throw new RangeError(
      `a deployment cannot be named \`${deployment}\`: 1 to 200 letters, digits, \`-\`, \`_\` and \`/\``,
    )
  }
  const { policyRefreshMs = DEFAULT_REFRESH_MS } = settings
  if (!Number.isInteger(policyRefreshMs) || policyRefreshMs < 0 || policyRefreshMs > HOUR_MS) {
    throw new RangeError(`policyRefreshMs must be a whole number from 0 to ${HOUR_MS}, got ${policyRefreshMs}`)
  }
  const built = typeof workflows === 'string' ? await bundlePlaybooks(workflows) : workflows
  const registry = registryOf(built.playbooks, tools)
  const observer = observers(settings.observer ?? {})
  const { development, exports } = settings
  const sinks = exports?.sinks ?? []
  const policies = await PolicyFiles.open({
    folder: settings.policies,
    contracts: [...built.playbooks.values()],
    db,
    refreshMs: policyRefreshMs,
    observer,
    ...(development === undefined && { isExported: (target) => uncovered([target], sinks).length === 0 }),
  })
  await storeKey(db, key.keyId, key.publicKey)
  if (development !== undefined) await storeIssuerKey(db, development.published)
  const { masterKeys, namespace = 'default' } = settings
  const keys = masterKeys === undefined ? undefined : ledgerDataKeys(db, masterKeys)
  // So that it says at once that a key is missing, and not at the first run.
  if (keys !== undefined) await keys.hiddenName('')
  const notifier =
    settings.notify === undefined
      ? undefined
      : new Notifier({
          db,
          sealed: keys && { keys, namespace },
          config: settings.notify,
          isWaiting: isWaitingOn(settings.connection, namespace, keys && encryptedDataConverter(keys, { namespace })),
          told: (channel, end) => observer.notified?.(channel, end),
        })
  const logExport = exportLog()
  const exporter =
    exports === undefined
      ? undefined
      : new Exporter({
          db,
          keys,
          config: exports,
          told(sink, end, events, why) {
            logExport(sink, end, events, why)
            observer.exported?.(sink, end, events, why)
          },
        })
  const { residency } = settings
  const retention = new Retention({
    db,
    key,
    keys,
    namespace,
    standingOf: standingIn(
      new Client({ connection: settings.connection as unknown as ConnectionLike, namespace }),
      namespace,
    ),
    longestDays: () => longestRetention(db, built.playbooks, (workflow) => policies.pinned(workflow)),
    now: settings.retention?.now,
    told(swept) {
      if ('failed' in swept) logOwn('ERROR', 'what is past its time was not deleted', { error: textOf(swept.failed) })
      else if (swept.certificate !== null) logOwn('INFO', 'what is past its time was deleted', { runs: swept.runs })
    },
  })
  const worker = await PlaybookWorker.create({
    connection: settings.connection,
    namespace,
    taskQueue,
    workerDeploymentOptions: {
      version: { deploymentName: deployment, buildId: built.buildId },
      useWorkerVersioning: true,
      defaultVersioningBehavior: 'PINNED',
    },
    workflowBundle: built.bundle,
    dataConverter: {
      payloadConverterPath: PAYLOAD_CONVERTER,
      // In this order, so that what is kept beside the history is encrypted, too.
      payloadCodecs: [
        ...(keys === undefined ? [] : [workerCodec(keys, namespace, fixedSummaries(built.playbooks.values()))]),
        bulkCodec(db, key),
      ],
      ...(keys !== undefined && { failureConverterPath: FAILURE_CONVERTER }),
    },
    activities: activitiesOf({
      db,
      key,
      registry,
      thinker,
      pinned: (workflow) => policies.pinned(workflow),
      buildId: built.buildId,
      observer,
      development,
      notifier,
      keys,
      residency:
        residency && new Residency(residency.workspaces, { namespace, taskQueue, database: residency.database }),
      secrets: settings.secrets ?? secretSourcesOf(process.env),
    }),
    shutdownGraceTime: settings.shutdownGraceMs ?? DEFAULT_GRACE_MS,
    ...(settings.shutdownForceMs !== undefined && { shutdownForceTime: settings.shutdownForceMs }),
    ...tuned(settings.tuning ?? {}),
  })
  return (worker as PlaybookWorker).beside(() => {
    const ends = [policies.watch(), retention.watch(settings.retention?.everyMs ?? HOUR_MS)]
    for (const beside of [notifier, exporter]) if (beside !== undefined) ends.push(beside.watch())
    return () => ends.forEach((end) => end())
  })
}
