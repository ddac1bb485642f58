import {
  DefaultLogger,
  type GrpcCompressionConfig,
  type LogEntry,
  type LogLevel,
  NativeConnection,
  Runtime,
  type Worker,
  type WorkerStatus,
} from '@temporalio/worker'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type HostKey, hostKeyFile, hostKeyOf } from '../identity/host-key.ts'
import type { DevelopmentIssuer } from '../identity/statements.ts'
import type { WorkerVersion } from '../contract/version.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import type { MasterKeys } from '../privacy/master-keys.ts'
import { loadModels } from '../tools/models/load.ts'
import { createThinker } from '../tools/models/thinker.ts'
import { bundlePlaybooks, type PlaybookBundle } from '../worker/bundle.ts'
import { observers, type PolicyStanding } from '../worker/observer.ts'
import { ownFields } from '../worker/own-log.ts'
import type { Project } from '../worker/project.ts'
import { textFor } from '../privacy/reader.ts'
import { DEFAULT_COMPRESSION } from '../worker/tuning.ts'
import { createWorker, type WorkerSettings } from '../worker/worker.ts'
import { unreachable } from './connect.ts'
import { CliError } from './errors.ts'
import { policyLines } from './policy-lines.ts'
import { plain, say } from './terminal.ts'
import { clock } from '../contract/moment.ts'
import type { TemporalPlace } from './where.ts'

/** A worker that polls. */
export interface Host {
  readonly version: WorkerVersion
  /** What is in force for new runs now. */
  readonly policies: () => PolicyStanding
  /** Settles when the worker has ended; rejects when it died. */
  readonly ended: Promise<void>
  /** What it is doing now. */
  readonly status: () => WorkerStatus
  /** Lets running steps finish for the grace, then closes. Safe to call twice. */
  readonly stop: () => Promise<void>
}

export interface HostParts {
  readonly temporal: TemporalPlace
  readonly db: LedgerDatabase
  readonly project: Project
  readonly taskQueue: string
  readonly deployment: string
  readonly key: HostKey
  /** Whose statements count although they prove nothing; default: nobody's. */
  readonly development?: DevelopmentIssuer | undefined
  /** With what payloads are encrypted; default: they stand in the clear. */
  readonly masterKeys?: MasterKeys | undefined
  /** Made ahead of time; default: made here. */
  readonly bundle?: Promise<PlaybookBundle>
  /** Of what goes to Temporal; default: `DEFAULT_COMPRESSION`. */
  readonly grpcCompression?: GrpcCompressionConfig
  /** Grace, tuning, who is told, and how often policies are looked at; default: those of `createWorker`. */
  readonly more?: Pick<
    WorkerSettings,
    | 'shutdownGraceMs'
    | 'shutdownForceMs'
    | 'tuning'
    | 'observer'
    | 'policyRefreshMs'
    | 'notify'
    | 'residency'
    | 'retention'
    | 'exports'
  >
}

interface OwnFields {
  readonly problems?: readonly string[]
  readonly policies?: PolicyStanding['inForce']
}

/** Says an entry of Temporal's own log on one line, with its time in UTC; of ours, what it lists below it. */
function sayEntry({ level, message, meta, timestampNanos }: LogEntry): void {
  const at = clock(new Date(Number(timestampNanos / 1_000_000n)).toISOString())
  const own = ownFields(meta)
  if (own !== undefined) {
    const { problems = [], policies = [] } = own as OwnFields
    say(`${at}  ${level.toLowerCase()}: ${message}`)
    for (const each of [...problems, ...policyLines(policies)]) say(`  ${plain(each)}`)
    return
  }
  const { workflowId, activityType, error } = (meta ?? {}) as Readonly<Record<string, unknown>>
  const about = [workflowId, activityType, error instanceof Error ? error.message : undefined]
  const words = about.filter((word): word is string => typeof word === 'string')
  // What a tool or a playbook logs, and what it failed with, may hold anything.
  say(`${at}  temporal ${level.toLowerCase()}: ${plain(textFor('log', [message, ...words].join('  ')))}`)
}

const LEVELS: readonly LogLevel[] = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR']

/**
 * Takes Temporal's own log from `level` on, and all that we say in it, one line an entry on stderr unless `log` takes it, and
 * leaves signals to us.
 * `metricsAddress` is where Temporal serves its own metrics; default: nowhere.
 */
export function quietRuntime(
  level: LogLevel,
  {
    log = sayEntry,
    metricsAddress,
  }: { readonly log?: (entry: LogEntry) => void; readonly metricsAddress?: string } = {},
): void {
  const prometheus = { countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true }
  Runtime.install({
    logger: new DefaultLogger('INFO', (entry) => {
      if (ownFields(entry.meta) !== undefined || LEVELS.indexOf(entry.level) >= LEVELS.indexOf(level)) log(entry)
    }),
    shutdownSignals: [],
    telemetryOptions: {
      logging: { forward: {}, filter: 'WARN' },
      ...(metricsAddress !== undefined && { metrics: { prometheus: { bindAddress: metricsAddress, ...prometheus } } }),
    },
  })
}

/** The key in the file of COUNTERSIGN_KEY_FILE; without it one of this state directory, made when absent. */
export function findHostKey(stateDir: string): { readonly key: HostKey; readonly from: string; readonly own: boolean } {
  const named = process.env['COUNTERSIGN_KEY_FILE']
  if (named === undefined || named === '') {
    const file = resolve(stateDir, 'host-key.pem')
    return { key: hostKeyFile(file), from: file, own: true }
  }
  try {
    return { key: hostKeyOf(readFileSync(named, 'utf8')), from: named, own: false }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CliError(
      'config_invalid',
      `The key file \`${named}\`, which COUNTERSIGN_KEY_FILE names, cannot be used: ${reason}`,
      'Make one with `openssl genpkey -algorithm ed25519 -out <file>`.',
      { cause: error },
    )
  }
}

async function thinkerOf(project: Project) {
  const { deterministic = {} } = project
  const file = process.env['COUNTERSIGN_MODELS']
  if (file === undefined || file === '') {
    say('COUNTERSIGN_MODELS is not set: the deterministic extractor answers in place of a model')
    return createThinker({ deterministic, env: process.env })
  }
  return createThinker({ models: await loadModels(file), deterministic, env: process.env })
}

async function runToTheEnd(worker: Worker, connection: NativeConnection): Promise<void> {
  try {
    await worker.run()
  } catch (error) {
    // A worker that was given up still holds it; what it died of is what counts.
    await connection.close().catch(() => undefined)
    throw error
  }
  await connection.close()
}

/** Starts a worker on a prepared Temporal and database; returns once it polls. */
export async function startHost({
  temporal,
  db,
  project,
  key,
  development,
  masterKeys,
  bundle,
  more,
  ...rest
}: HostParts): Promise<Host> {
  const { grpcCompression = DEFAULT_COMPRESSION, ...where } = rest
  const thinker = await thinkerOf(project)
  const workflows = await (bundle ?? bundlePlaybooks(project.workflows))
  const { address, namespace, options } = temporal
  const connection = await NativeConnection.connect({ address, grpcCompression, ...options }).catch(
    (error: unknown) => {
      throw unreachable(temporal, error)
    },
  )
  try {
    const { tools, policies } = project
    let standing: PolicyStanding = { inForce: [], trouble: null, refreshMs: 0 }
    const keep = { policies: (told: PolicyStanding) => void (standing = told) }
    const observer = observers(keep, more?.observer ?? {})
    const parts = {
      connection,
      namespace,
      ...where,
      workflows,
      tools,
      thinker,
      policies,
      db,
      key,
      development,
      masterKeys,
      ...more,
      observer,
    }
    const worker = await createWorker(parts)
    const ended = runToTheEnd(worker, connection)
    // Whoever waits for it hears of a failure; before that it must not end the process.
    ended.catch(() => undefined)
    return {
      version: { deployment: where.deployment, buildId: workflows.buildId },
      policies: () => standing,
      ended,
      status: () => worker.getStatus(),
      stop: async () => {
        if (worker.getState() === 'RUNNING') worker.shutdown()
        await ended
      },
    }
  } catch (error) {
    await connection.close()
    throw error
  }
}
