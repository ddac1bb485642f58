import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import { temporalCli } from './binaries.ts'
import { withLock } from './lock.ts'
import { startPostgres } from './postgres.ts'
import type { PostgresOptions, PostgresServer } from './postgres.ts'
import { progressOnStderr, slow } from './progress.ts'
import type { Progress } from './progress.ts'
import { readPorts, rememberPorts } from './remembered-ports.ts'
import type { RememberedPorts } from './remembered-ports.ts'
import { refuseOrphans, removeStackFile, runningStack, writeStackFile } from './stack-file.ts'
import type { StackInfo } from './stack-file.ts'
import { StackError } from './stack-error.ts'
import { startTemporal } from './temporal-server.ts'
import type { TemporalOptions, TemporalServer } from './temporal-server.ts'

/** What to start. */
export interface StackOptions {
  /** Holds the data, the ports and `stack.json` of this checkout. Made when absent (mode 0700). */
  stateDir: string
  /** Default: stderr. */
  progress?: Progress
  /** `executable` is found when absent; runs are kept in `<stateDir>/temporal.db` unless `inMemory`. */
  temporal?: Partial<
    Pick<TemporalOptions, 'executable' | 'port' | 'uiPort' | 'headless' | 'namespace' | 'searchAttributes'>
  > & { inMemory?: boolean }
  postgres?: Pick<PostgresOptions, 'port' | 'database'>
  /** Default: this process's environment. */
  env?: NodeJS.ProcessEnv
}

/** A running stack. `servers` has an entry only for what was started here. */
export interface Stack extends StackInfo {
  /** Stops what was started, in reverse, then forgets the stack. Safe to call twice. */
  stop: () => Promise<void>
}

/**
 * Starts a Temporal dev server and a PostgreSQL for one checkout, both at once, and describes them in
 * `<stateDir>/stack.json`. Neither is started when the environment names one: `DATABASE_URL`, or a Temporal address
 * (`TEMPORAL_ADDRESS`, or the profile that Temporal's own tools would use). Fails with `stack_running` when this state
 * directory already has one, and with the error of the part that did not start, after stopping the other.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const stateDir = resolve(options.stateDir)
  const progress = options.progress ?? progressOnStderr
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  const waitingFor = `waiting: another process starts the stack in ${stateDir}`
  return await withLock(join(stateDir, 'stack'), { waitingFor, progress }, async () => {
    const running = await runningStack(stateDir)
    if (running !== undefined) throw alreadyRunning(stateDir, running)
    await refuseOrphans(stateDir)
    return await startLocked({ ...options, stateDir, progress })
  })
}

async function startLocked(options: StackOptions & { progress: Progress }): Promise<Stack> {
  const { stateDir } = options
  const env = options.env ?? process.env
  const remembered = await readPorts(stateDir)
  const named = temporalFromEnvironment(env)
  const [temporal, postgres] = await bothOrNeither(
    named === undefined ? startOwnTemporal(options, env, remembered) : Promise.resolve(undefined),
    env['DATABASE_URL'] ? Promise.resolve(undefined) : startOwnPostgres(options, remembered),
  )
  const stopServers = async (): Promise<void> => {
    await postgres?.stop()
    await temporal?.stop()
  }
  const info: StackInfo = {
    temporalAddress: temporal?.address ?? named?.address ?? '',
    namespace: temporal?.namespace ?? named?.namespace ?? 'default',
    ...(temporal?.uiUrl === undefined ? {} : { uiUrl: temporal.uiUrl }),
    databaseUrl: postgres?.url ?? env['DATABASE_URL'] ?? '',
    pid: process.pid,
    startedAt: new Date().toISOString(),
    servers: {
      ...(temporal === undefined ? {} : { temporalPid: temporal.pid, temporalPort: temporal.port }),
      ...(postgres === undefined ? {} : { postgresPid: postgres.pid, postgresPort: postgres.port }),
    },
  }
  try {
    await rememberPorts(stateDir, {
      temporal: temporal?.port ?? remembered.temporal,
      temporalUi: temporal?.uiPort ?? remembered.temporalUi,
      postgres: postgres?.port ?? remembered.postgres,
    })
    await writeStackFile(stateDir, info)
  } catch (error) {
    await stopServers()
    throw error
  }
  const stopAll = async (): Promise<void> => {
    await stopServers()
    await removeStackFile(stateDir)
  }
  let stopping: Promise<void> | undefined
  return { ...info, stop: () => (stopping ??= stopAll()) }
}

async function startOwnTemporal(
  options: StackOptions & { progress: Progress },
  env: NodeJS.ProcessEnv,
  remembered: RememberedPorts,
): Promise<TemporalServer> {
  const { executable, inMemory = false, ...rest } = options.temporal ?? {}
  const found = await temporalCli({
    env,
    progress: options.progress,
    ...(executable === undefined ? {} : { path: executable }),
  })
  const start = startTemporal({
    ...rest,
    executable: found,
    env,
    logFile: join(options.stateDir, 'temporal.log'),
    ...(inMemory ? {} : { dbFile: join(options.stateDir, 'temporal.db') }),
    ...(remembered.temporal === undefined ? {} : { preferPort: remembered.temporal }),
    ...(remembered.temporalUi === undefined ? {} : { preferUiPort: remembered.temporalUi }),
  })
  return await slow(start, 'starting the Temporal dev server', options.progress)
}

async function startOwnPostgres(
  options: StackOptions & { progress: Progress },
  remembered: RememberedPorts,
): Promise<PostgresServer> {
  return await startPostgres({
    ...options.postgres,
    dataDir: join(options.stateDir, 'postgres'),
    logFile: join(options.stateDir, 'postgres.log'),
    progress: options.progress,
    ...(remembered.postgres === undefined ? {} : { preferPort: remembered.postgres }),
  })
}

/** When one part fails, the other is stopped as soon as it stands, and the failure is passed on. */
async function bothOrNeither(
  temporal: Promise<TemporalServer | undefined>,
  postgres: Promise<PostgresServer | undefined>,
): Promise<[TemporalServer | undefined, PostgresServer | undefined]> {
  try {
    return await Promise.all([temporal, postgres])
  } catch (error) {
    const parts = await Promise.allSettled([temporal, postgres])
    for (const part of parts) {
      if (part.status === 'fulfilled') await part.value?.stop()
    }
    throw error
  }
}

/** The Temporal that the environment or the user's profile names; undefined when neither does. */
function temporalFromEnvironment(env: NodeJS.ProcessEnv): { address: string; namespace: string } | undefined {
  const variables = Object.entries(env).filter((entry): entry is [string, string] => {
    return entry[1] !== undefined
  })
  const config = loadClientConnectConfig({ overrideEnvVars: Object.fromEntries(variables) })
  const address = config.connectionOptions.address
  if (!address) return undefined
  return { address, namespace: config.namespace ?? 'default' }
}

function alreadyRunning(stateDir: string, running: StackInfo): StackError {
  const ui = running.uiUrl === undefined ? '' : `, UI ${running.uiUrl}`
  return new StackError(
    'stack_running',
    `A stack already runs in \`${stateDir}\`: process ${running.pid}, ` +
      `Temporal ${running.temporalAddress}${ui}, ` +
      `database ${withoutPassword(running.databaseUrl)}, since ${running.startedAt}.`,
    `Use it (\`runningStack\` reads its addresses), or end process ${running.pid} first.`,
  )
}

function withoutPassword(url: string): string {
  try {
    const parsed = new URL(url)
    return `${parsed.host}${parsed.pathname}`
  } catch {
    // Not a URL, so we cannot tell which part of it is the password.
    return '(from DATABASE_URL)'
  }
}
