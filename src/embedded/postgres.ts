import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { lastWords } from './last-words.ts'
import { withLock } from './lock.ts'
import { freePort, LOOPBACK, saysPortTaken } from './ports.ts'
import { CLUSTER_USER, ensureCluster } from './postgres-cluster.ts'
import { withPlace } from './postgres-place.ts'
import type { PostgresPlace } from './postgres-place.ts'
import { untilDataDirIsFree } from './postmaster.ts'
import { progressOnStderr, slow } from './progress.ts'
import type { Progress } from './progress.ts'
import { startServer } from './server-process.ts'
import type { ServerProcess } from './server-process.ts'
import { reasonOf, StackError } from './stack-error.ts'

/** What to start. */
export interface PostgresOptions {
  /** The cluster lives here; `<dataDir>.password` is written beside it. Made when absent. */
  dataDir: string
  /** Exactly this port; default: `preferPort` when free, else any free one. */
  port?: number
  preferPort?: number
  /** Default: stderr. */
  progress?: Progress
  /** Created when absent; default `countersign`. */
  database?: string
  /** The server's own log is appended here. */
  logFile?: string
}

/** A PostgreSQL that answers. */
export interface PostgresServer {
  /** `postgres://…@127.0.0.1:<port>/<database>`, with the password. */
  url: string
  port: number
  pid: number
  /** Fast shutdown of that process only, SIGKILL after five seconds; settles when it has ended. */
  stop: () => Promise<void>
}

const START_TIMEOUT_MS = 60_000
const POLL_MS = 20
const ATTEMPTS = 3

/**
 * Starts a PostgreSQL 18 on 127.0.0.1, with its cluster made on first use, and returns once it takes connections and
 * the database exists. What was committed survives restarts and kills. The server dies with this process. Fails with
 * `postgres_busy` when a live server holds the data directory, with `postgres_failed` and the server's last words
 * else.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const dataDir = resolve(options.dataDir)
  const progress = options.progress ?? progressOnStderr
  const waitingFor = `waiting: another process starts PostgreSQL in ${dataDir}`
  return await withLock(dataDir, { waitingFor, progress }, async () => {
    const start = startLocked({ ...options, dataDir, progress })
    return await slow(start, 'starting PostgreSQL', progress)
  })
}

async function startLocked(options: PostgresOptions & { progress: Progress }): Promise<PostgresServer> {
  const { dataDir, progress } = options
  const { password, server, port } = await withPlace(dataDir, progress, async (place) => {
    await untilDataDirIsFree(dataDir)
    return { password: await ensureCluster(dataDir, place), ...(await startOnFreePort(options, place)) }
  })
  const urlOf = (database: string): string =>
    `postgres://${CLUSTER_USER}:${password}@${LOOPBACK}:${port}/${encodeURIComponent(database)}`
  try {
    const database = options.database ?? 'countersign'
    await ensureDatabase(urlOf('postgres'), database)
    return { url: urlOf(database), port, pid: server.pid, stop: () => server.stop() }
  } catch (error) {
    await server.stop()
    throw new StackError(
      'postgres_failed',
      `PostgreSQL started but refused us: ${reasonOf(error)}`,
      `Does \`${dataDir}.password\` belong to this data directory?`,
      { cause: error },
    )
  }
}

async function startOnFreePort(
  options: PostgresOptions,
  place: PostgresPlace,
): Promise<{ server: ServerProcess; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const preferred = attempt > 1 ? undefined : options.preferPort
    const port = options.port ?? (await freePort(preferred))
    const server = await spawnPostgres(options, port, place)
    const failure = await untilReady(server)
    if (failure === undefined) return { server, port }
    await server.stop()
    const isLost = saysPortTaken(server.output()) && options.port === undefined
    if (!isLost || attempt === ATTEMPTS) {
      throw new StackError(
        'postgres_failed',
        `PostgreSQL ${failure}. Its last words:\n${lastWords(server.output())}`,
        `The cluster is in \`${options.dataDir}\`; or set DATABASE_URL to a PostgreSQL of your own.`,
      )
    }
  }
}

async function spawnPostgres(options: PostgresOptions, port: number, place: PostgresPlace): Promise<ServerProcess> {
  const { binaries, folder, user } = place
  const settings = [
    `listen_addresses=${LOOPBACK}`,
    // No socket file: it would stand in a directory that every checkout shares.
    'unix_socket_directories=',
    'logging_collector=off',
    'log_checkpoints=off',
  ]
  const args = ['-D', join(folder, basename(options.dataDir)), '-p', String(port)]
  for (const setting of settings) args.push('-c', setting)
  return await startServer({
    executable: binaries.postgres,
    args,
    env: { ...process.env, LC_ALL: 'C' },
    // Ours may be closed to the user that the server runs as.
    cwd: dirname(binaries.postgres),
    stopSignal: 'SIGINT',
    ...(options.logFile === undefined ? {} : { logFile: options.logFile }),
    ...user,
  }).catch((error: unknown) => {
    throw new StackError(
      'postgres_failed',
      `\`${binaries.postgres}\` could not be started: ${reasonOf(error)}`,
      'Reinstall the dependencies for this machine, or set DATABASE_URL.',
      { cause: error },
    )
  })
}

/** Undefined when it takes connections; its own word for it, so another server's open port does not count. */
async function untilReady(server: ServerProcess): Promise<string | undefined> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (Date.now() < deadline) {
    if (server.output().includes('ready to accept connections')) return undefined
    if (server.hasExited()) return `ended with ${await server.exited}`
    await delay(POLL_MS)
  }
  return `was not ready within ${START_TIMEOUT_MS / 1000} s`
}

async function ensureDatabase(adminUrl: string, database: string): Promise<void> {
  const client = new Client({ connectionString: adminUrl })
  // Without a listener a lost connection would end the whole process.
  client.on('error', () => undefined)
  await client.connect()
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [database])
    if (found.rowCount === 0) {
      await client.query(`create database ${client.escapeIdentifier(database)}`)
    }
  } finally {
    await client.end()
  }
}
