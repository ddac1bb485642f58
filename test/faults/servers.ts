import { join } from 'node:path'
import pg from 'pg'
import { SEARCH_ATTRIBUTES } from '../../src/contract/wire.ts'
import {
  type PostgresServer,
  startPostgres,
  startTemporal,
  temporalCli,
  type TemporalServer,
} from '../../src/embedded/index.ts'

/** What dies is found dead after three seconds, and not after ten. The rest makes room and keeps the pace. */
const DYNAMIC_CONFIG = [
  'history.defaultWorkflowTaskTimeout="3s"',
  'matching.maxDeployments=10000',
  'frontend.namespaceCount=5000',
]

/** A Temporal server on a SQLite file and a PostgreSQL, which can be killed and come back where they were. */
export class Servers {
  readonly #dir: string
  #temporal: TemporalServer | undefined
  #postgres: PostgresServer | undefined
  #executable = ''

  constructor(dir: string) {
    this.#dir = dir
  }

  get temporal(): TemporalServer {
    if (this.#temporal === undefined) throw new Error('the Temporal server does not run')
    return this.#temporal
  }

  get postgres(): PostgresServer {
    if (this.#postgres === undefined) throw new Error('PostgreSQL does not run')
    return this.#postgres
  }

  async start(): Promise<void> {
    this.#executable = await temporalCli()
    await Promise.all([this.startTemporal(), this.startPostgres()])
  }

  /** On the port and the file that it had. */
  async startTemporal(): Promise<void> {
    this.#temporal = await startTemporal({
      executable: this.#executable,
      headless: true,
      dbFile: join(this.#dir, 'temporal.db'),
      logFile: join(this.#dir, 'temporal.log'),
      ...(this.#temporal === undefined ? {} : { port: this.#temporal.port }),
      dynamicConfig: DYNAMIC_CONFIG,
      searchAttributes: Object.values(SEARCH_ATTRIBUTES).map(({ name, type }) => ({
        name,
        type: type === 'INT' ? 'Int' : 'Keyword',
      })),
    })
  }

  async startPostgres(): Promise<void> {
    this.#postgres = await startPostgres({
      dataDir: join(this.#dir, 'postgres'),
      logFile: join(this.#dir, 'postgres.log'),
      ...(this.#postgres === undefined ? {} : { port: this.#postgres.port }),
    })
  }

  /** SIGKILL, and back again after a pause. */
  async crashTemporal(pauseMs: number): Promise<void> {
    process.kill(this.temporal.pid, 'SIGKILL')
    await pause(pauseMs)
    await this.startTemporal()
  }

  /** What `pg_ctl stop -m immediate` sends: nothing is finished, and the next start recovers from the log. */
  async crashPostgres(pauseMs: number): Promise<void> {
    process.kill(this.postgres.pid, 'SIGQUIT')
    await pause(pauseMs)
    await this.startPostgres()
  }

  /** One query on a connection of its own, past every proxy. */
  async query<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    const client = new pg.Client({ connectionString: this.postgres.url })
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query<Row>(text, [...values])).rows
    } finally {
      await client.end()
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.#temporal?.stop(), this.#postgres?.stop()])
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
