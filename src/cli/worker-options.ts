import { type Command, InvalidArgumentError, Option } from 'commander'
import type { HealthAddress } from '../worker/health-server.ts'
import { DEFAULT_COMPRESSION, type Tuning } from '../worker/tuning.ts'
import { type MasterKeysOptions, withMasterKeys } from './master-keys.ts'
import { type CommonOptions, type DeploymentOption, type ProjectOption, wholeNumber } from './options.ts'

/** How `countersign worker` is run; each option but `--development` can be given as an environment variable, too. */
export interface WorkerOptions extends CommonOptions, DeploymentOption, ProjectOption, MasterKeysOptions, Tuning {
  /** A folder that `countersign build` wrote; without one, the playbooks are bundled at the start. */
  readonly bundle?: string
  /** Seconds. */
  readonly grace: number
  /** `null`: no server. */
  readonly healthAddress: HealthAddress | null
  readonly logFormat?: LogFormat
  readonly logLevel: LogLevel
  /** 0: only at the start. */
  readonly policyRefreshSeconds: number
  /** Connections. */
  readonly databasePool: number
  /** A file that says whom to tell of questions. */
  readonly notify?: string
  /** A file that says where audit records are exported to. */
  readonly exports?: string
  /** A file that says where workspaces are at home. */
  readonly workspaces?: string
  /** 0: never. */
  readonly retentionMinutes: number
  /** Takes statements that prove nothing: those of the development issuer of the state directory. */
  readonly development?: boolean
  /** `plain`: without master keys everything stands in the clear, also in production. */
  readonly payloads?: 'encrypted' | 'plain'
  /** How messages to Temporal are compressed. */
  readonly grpcCompression: 'none' | 'gzip'
}

export type LogFormat = 'text' | 'json'
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Where health and metrics are served unless told otherwise: nobody but this machine. */
export const DEFAULT_HEALTH_ADDRESS = '127.0.0.1:9464'
export const DEFAULT_GRACE_SECONDS = 10
const DEFAULT_REFRESH_SECONDS = 5

const option = (flags: string, variable: string, description: string): Option =>
  new Option(flags, description).env(`COUNTERSIGN_${variable}`)

/** An option that is a whole number from `least` to `most`. */
const count = (name: string, variable: string, description: string, [least, most]: readonly [number, number]): Option =>
  option(`--${name} <number>`, variable, description).argParser(wholeNumber(least, most))

/** Each option of the worker that is its own, with the variable that stands for it. */
const OPTIONS: readonly Option[] = [
  option('--bundle <folder>', 'BUNDLE', 'run what `countersign build` wrote there'),
  option('--notify <file>', 'NOTIFY', 'whom to tell of questions that wait for people, such as notify.yaml'),
  option('--exports <file>', 'EXPORTS', 'where audit records are exported to, such as exports.yaml'),
  option(
    '--workspaces <file>',
    'WORKSPACES',
    'where workspaces are at home (default: workspaces.yaml, if it is there)',
  ),
  option('--retention-minutes <minutes>', 'RETENTION_MINUTES', 'how often what is past its time is deleted; 0: never')
    .default(60)
    .argParser(wholeNumber(0, 10_080)),
  // By no variable: one that is set to `false` must not turn it on.
  new Option('--development', 'take what the development issuer of the state directory signs, which proves nothing'),
  option('--payloads <how>', 'PAYLOADS', 'default: encrypted, or plain with --development and no master keys').choices([
    'encrypted',
    'plain',
  ]),
  option('--grace <seconds>', 'GRACE', 'how long running steps may take to finish after SIGTERM')
    .default(DEFAULT_GRACE_SECONDS)
    .argParser(wholeNumber(0, 3600)),
  option('--health-address <host:port>', 'HEALTH_ADDRESS', 'where /healthz, /readyz and /metrics are served, or `off`')
    .default(healthAddress(DEFAULT_HEALTH_ADDRESS), DEFAULT_HEALTH_ADDRESS)
    .argParser(healthAddress),
  option('--log-format <format>', 'LOG_FORMAT', 'default: text on a terminal, else json').choices(['text', 'json']),
  option('--log-level <level>', 'LOG_LEVEL', 'from which level on there is a line of JSON')
    .choices(['debug', 'info', 'warn', 'error'])
    .default('info'),
  option(
    '--policy-refresh-seconds <seconds>',
    'POLICY_REFRESH_SECONDS',
    'how often policy files are looked at; 0: once',
  )
    .default(DEFAULT_REFRESH_SECONDS)
    .argParser(wholeNumber(0, 3600)),
  count('max-activities', 'MAX_ACTIVITIES', 'activities at once (Temporal: 100)', [1, 10_000]),
  count('max-local-activities', 'MAX_LOCAL_ACTIVITIES', 'local activities at once (Temporal: 100)', [1, 10_000]),
  count('max-workflow-tasks', 'MAX_WORKFLOW_TASKS', 'workflow tasks at once (Temporal: 40)', [2, 10_000]),
  count('max-cached-workflows', 'MAX_CACHED_WORKFLOWS', 'runs in memory (Temporal: by the heap)', [0, 1_000_000]),
  count('activity-pollers', 'ACTIVITY_POLLERS', 'open polls for activities (Temporal: 10)', [1, 1_000]),
  count('workflow-task-pollers', 'WORKFLOW_TASK_POLLERS', 'open polls for workflow tasks (Temporal: 10)', [2, 1_000]),
  count('database-pool', 'DATABASE_POOL', 'connections to the database', [2, 1_000]).default(10),
  option('--grpc-compression <codec>', 'GRPC_COMPRESSION', 'how messages to Temporal are compressed')
    .choices(['none', 'gzip'])
    .default(DEFAULT_COMPRESSION.codec),
]

export function withWorkerOptions(command: Command): Command {
  for (const each of OPTIONS) command.addOption(each)
  return withMasterKeys(command)
}

/** Reads `127.0.0.1:9464`, `[::]:9464`, or `off`. */
export function healthAddress(text: string): HealthAddress | null {
  if (text === 'off') return null
  const address = addressIn(text)
  if (address !== undefined) return address
  throw new InvalidArgumentError('It must be a host and a port, such as 0.0.0.0:9464, or `off`.')
}

/** Reads `127.0.0.1:9465` or `[::]:9465`. */
export function listenAddress(text: string): HealthAddress {
  const address = addressIn(text)
  if (address !== undefined) return address
  throw new InvalidArgumentError('It must be a host and a port, such as 0.0.0.0:9465.')
}

function addressIn(text: string): HealthAddress | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  const host = match?.[1] ?? match?.[2]
  return host === undefined || port > 65_535 ? undefined : { host, port }
}
