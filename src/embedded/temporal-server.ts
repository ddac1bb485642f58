import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Connection } from '@temporalio/client'
import { lastWords } from './last-words.ts'
import { freePort, isListening, LOOPBACK, saysPortTaken } from './ports.ts'
import { startServer } from './server-process.ts'
import type { ServerProcess } from './server-process.ts'
import { reasonOf, StackError } from './stack-error.ts'

/** A search attribute to register at start; `type` is the dev server's word for it. */
export interface SearchAttribute {
  name: string
  type: 'Text' | 'Keyword' | 'Int' | 'Double' | 'Bool' | 'Datetime' | 'KeywordList'
}

/** What to start; everything but the executable has a default. */
export interface TemporalOptions {
  /** The Temporal CLI, absolute: `temporalCli()` finds it. */
  executable: string
  /** SQLite file that keeps the runs over restarts; default: in memory, gone at stop. */
  dbFile?: string
  /** Exactly this port; default: `preferPort` when free, else any free one. */
  port?: number
  preferPort?: number
  /** The same for the web UI. */
  uiPort?: number
  preferUiPort?: number
  /** No web UI; default false. */
  headless?: boolean
  /** Where the web UI has payloads decoded: `https://gateway.acme.example/codec`. Default: nowhere. */
  uiCodecEndpoint?: string
  /** Default `default`. Others are created. */
  namespace?: string
  searchAttributes?: readonly SearchAttribute[]
  /** The server's own settings, each as `name=value`, besides those that make it quick. */
  dynamicConfig?: readonly string[]
  /** The server's own log (warnings and worse) is appended here. */
  logFile?: string
  env?: NodeJS.ProcessEnv
}

/** A dev server that answers. */
export interface TemporalServer {
  /** `127.0.0.1:<port>`. */
  address: string
  port: number
  /** Undefined when headless. */
  uiUrl?: string
  uiPort?: number
  namespace: string
  pid: number
  /** SIGTERM to that process only, SIGKILL after five seconds; settles when it has ended. */
  stop: () => Promise<void>
}

const START_TIMEOUT_MS = 30_000
const POLL_MS = 50
const ATTEMPTS = 3

/**
 * The dev server has one shard and looks for work 20 times a second by default; that tick, not the code under test,
 * would set the pace of every step.
 */
const DYNAMIC_CONFIG = [
  'history.transferProcessorMaxPollRPS=2000',
  'history.timerProcessorMaxPollRPS=2000',
  'history.visibilityProcessorMaxPollRPS=2000',
  'system.enableActivityEagerExecution=true',
  'system.enableEagerWorkflowStart=true',
]

/**
 * Starts `temporal server start-dev` on 127.0.0.1 and returns once the namespace answers. The server dies with this
 * process. Fails with `temporal_failed`, which ends with the server's last lines; a free port that is lost to another
 * process before the server binds it is replaced and tried again.
 */
export async function startTemporal(options: TemporalOptions): Promise<TemporalServer> {
  if (options.dbFile !== undefined) await mkdir(dirname(options.dbFile), { recursive: true })
  for (let attempt = 1; ; attempt += 1) {
    const isRetry = attempt > 1
    const port = options.port ?? (await freePort(isRetry ? undefined : options.preferPort))
    const uiPort =
      options.headless === true
        ? undefined
        : (options.uiPort ?? (await freePort(isRetry ? undefined : options.preferUiPort)))
    const server = await spawnServer(options, port, uiPort)
    const failure = await untilHealthy(server, port, options.namespace ?? 'default')
    if (failure === undefined) return describe(server, port, uiPort, options.namespace ?? 'default')
    await server.stop()
    // Losing the port between the server's own check and its bind ends in a panic that does not name the port.
    const isLost = saysPortTaken(server.output()) || (await isListening(port))
    const isPicked = options.port === undefined && options.uiPort === undefined
    if (!isLost || !isPicked || attempt === ATTEMPTS) throw failed(options, failure, server)
  }
}

async function spawnServer(options: TemporalOptions, port: number, uiPort: number | undefined): Promise<ServerProcess> {
  const args = ['server', 'start-dev', '--ip', LOOPBACK, '--port', String(port)]
  // The server would pick these two itself, but on every interface's free list and not on 127.0.0.1's.
  args.push('--http-port', String(await freePort()), '--metrics-port', String(await freePort()))
  args.push(...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)]))
  if (options.uiCodecEndpoint !== undefined) args.push('--ui-codec-endpoint', options.uiCodecEndpoint)
  args.push('--ui-disable-news-fetch', '--log-level', 'warn', '--color', 'never')
  if (options.namespace !== undefined) args.push('--namespace', options.namespace)
  if (options.dbFile !== undefined) args.push('--db-filename', options.dbFile)
  for (const value of [...DYNAMIC_CONFIG, ...(options.dynamicConfig ?? [])]) args.push('--dynamic-config-value', value)
  for (const attribute of options.searchAttributes ?? []) {
    args.push('--search-attribute', `${attribute.name}=${attribute.type}`)
  }
  try {
    return await startServer({
      executable: options.executable,
      args,
      env: options.env ?? process.env,
      stopSignal: 'SIGTERM',
      ...(options.logFile === undefined ? {} : { logFile: options.logFile }),
    })
  } catch (error) {
    throw new StackError(
      'temporal_failed',
      `\`${options.executable}\` could not be started: ${reasonOf(error)}.`,
      'Check that it is the Temporal CLI for this machine.',
      { cause: error },
    )
  }
}

/** Undefined when the server answers; else why it never will. */
async function untilHealthy(server: ServerProcess, port: number, namespace: string): Promise<string | undefined> {
  const deadline = Date.now() + START_TIMEOUT_MS
  let lastReason = 'its port stayed closed'
  while (Date.now() < deadline) {
    if (server.hasExited()) return `ended with ${await server.exited}`
    // The banner comes after it has bound the port: without it, an answer there is another server's.
    if (server.output().includes('Temporal Server:') && (await isListening(port))) {
      const reason = await askNamespace(port, namespace)
      if (reason === undefined && !server.hasExited()) return undefined
      lastReason = reason ?? lastReason
    }
    await delay(POLL_MS)
  }
  return `did not answer within ${START_TIMEOUT_MS / 1000} s: ${lastReason}`
}

async function askNamespace(port: number, namespace: string): Promise<string | undefined> {
  // A channel that failed once waits a second before it tries again; a new one does not.
  const connection = Connection.lazy({ address: `${LOOPBACK}:${port}` })
  try {
    await connection.withDeadline(Date.now() + 2000, async () => {
      await connection.workflowService.describeNamespace({ namespace })
    })
    return undefined
  } catch (error) {
    return reasonOf(error)
  } finally {
    await connection.close()
  }
}

function describe(server: ServerProcess, port: number, uiPort: number | undefined, namespace: string): TemporalServer {
  return {
    address: `${LOOPBACK}:${port}`,
    port,
    ...(uiPort === undefined ? {} : { uiPort, uiUrl: `http://${LOOPBACK}:${uiPort}` }),
    namespace,
    pid: server.pid,
    stop: () => server.stop(),
  }
}

function failed(options: TemporalOptions, failure: string, server: ServerProcess): StackError {
  return new StackError(
    'temporal_failed',
    `The Temporal dev server ${failure}. Its last words:\n${lastWords(server.output())}`,
    options.dbFile === undefined
      ? `Check \`${options.executable} server start-dev\` by hand.`
      : `Is \`${options.dbFile}\` from a newer server? Move it away to start with an empty one.`,
  )
}
