import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { sql } from 'kysely'
import { CountersignClient } from '../src/client/index.ts'
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

/** One tuned dev server, one PostgreSQL, one worker process a variant, and clients: what all variants share. */
export interface Stage {
  readonly temporal: Client
  readonly workers: Readonly<Record<'bare' | 'governed0' | 'governed30', WorkerProcess>>
  readonly clientOf: (worker: WorkerProcess) => CountersignClient
  /** `host:port` of the dev server. */
  readonly address: string
  /** Process id of the dev server. */
  readonly server: number
  /** URL of the database. */
  readonly database: string
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
  const at = { address: server.address, database: postgres.url }
  const governed = (window: 0 | 30) =>
    startWorker({ ...at, kind: 'governed', queue: `governed-${window}`, policies: policiesOf(window) })
  const workers = {
    bare: await startWorker({ ...at, kind: 'bare', queue: 'bare' }),
    governed0: await governed(0),
    governed30: await governed(30),
  }
  const connection = await Connection.connect({ address: server.address })
  const temporal = new Client({ connection })
  return {
    temporal,
    workers,
    clientOf: ({ taskQueue }) => new CountersignClient(temporal, { taskQueue }),
    address: server.address,
    server: server.pid,
    database: postgres.url,
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
      await Promise.all(Object.values(workers).map((worker) => worker.stop()))
      await servers.stop()
    },
  }
}
