import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { sql } from 'kysely'
import { CountersignClient, developmentStatements } from '../src/client/index.ts'
import { developmentIssuer } from '../src/identity/statements.ts'
import type { LedgerDatabase } from '../src/ledger/database.ts'
import type { DataKeys } from '../src/privacy/data-keys.ts'
import { encryptedDataConverter } from '../src/privacy/encrypted.ts'
import { cpuOf } from './cpu.ts'
import { startServers } from './servers.ts'
import { type AppProcess, startWorker, type WorkerProcess } from './worker-process.ts'

/** The parts whose CPU time a batch is charged with. */
export type Cpu = Readonly<Record<'server' | 'worker' | 'database' | 'driver', number>>

/** What of that is a variant's own; the others share the database and the driver. */
export interface Processes {
  /** Process id of its server; none where the engine is a library. */
  readonly server: number | undefined
  readonly worker: AppProcess
}

/** One tuned dev server, one PostgreSQL and clients: what all variants share. Each has a worker process of its own. */
export interface Stage {
  readonly temporal: Client
  /** Starts a worker that ends with the stage; see `startWorker`. */
  worker(
    options:
      | { readonly kind: 'bare' }
      | { readonly kind: 'governed'; readonly window: 0 | 30; readonly masterKeys?: string | undefined },
    preload?: readonly string[],
  ): Promise<WorkerProcess>
  /** `keys`: encrypts what it sends. */
  readonly clientOf: (worker: WorkerProcess, keys?: DataKeys) => CountersignClient
  /** `host:port` of the dev server. */
  readonly address: string
  /** Process id of the dev server. */
  readonly server: number
  /** URL of the database. */
  readonly database: string
  readonly db: LedgerDatabase
  /** A folder that goes when the stage does. */
  readonly dir: string
  cpu(processes: Processes): Cpu
  /** How many refunds stand in the system of record. */
  refunds(): Promise<number>
  stop(): Promise<void>
}

/** The folder of the policies with an undo window of so many minutes. */
export const policiesOf = (window: number): string => join(import.meta.dirname, 'policies', `window-${window}`)

/** Starts everything; `runs` orders are there to be refunded. */
export async function openStage(runs: number): Promise<Stage> {
  const servers = await startServers(runs)
  const { temporal: server, postgres, db } = servers
  const workers: WorkerProcess[] = []
  let started = 0
  const governed = ({ window, masterKeys }: { readonly window: number; readonly masterKeys?: string | undefined }) => ({
    policies: policiesOf(window),
    issuer: servers.dir,
    ...(masterKeys !== undefined && { 'master-keys': masterKeys }),
  })
  const statements = developmentStatements(developmentIssuer(servers.dir))
  const connection = await Connection.connect({ address: server.address })
  const temporal = new Client({ connection })
  return {
    temporal,
    async worker(options, preload) {
      const policies = options.kind === 'governed' ? governed(options) : {}
      const at = { address: server.address, database: postgres.url, queue: `bench-${++started}` }
      const worker = await startWorker({ ...at, kind: options.kind, ...policies }, preload)
      workers.push(worker)
      return worker
    },
    clientOf: ({ taskQueue }, keys) =>
      new CountersignClient(
        keys === undefined ? temporal : new Client({ connection, dataConverter: encryptedDataConverter(keys) }),
        { taskQueue, statements },
      ),
    address: server.address,
    server: server.pid,
    database: postgres.url,
    db,
    dir: servers.dir,
    cpu: ({ server: engine = 0, worker }) => ({
      ...cpuOf({ server: engine, worker: worker.pid, database: postgres.pid }),
      driver: process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000,
    }),
    async refunds() {
      const { rows } = await sql<{ count: string }>`SELECT count(*) FROM records.refunds`.execute(db)
      return Number(rows[0]?.count)
    },
    async stop() {
      await connection.close()
      await Promise.all(workers.map((worker) => worker.stop()))
      await servers.stop()
    },
  }
}
