import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { type Kysely, sql } from 'kysely'
import { migrateRecords } from '../activities/records/migrate.ts'
import { CountersignClient } from '../src/client/index.ts'
import { SEARCH_ATTRIBUTES } from '../src/contract/wire.ts'
import { startPostgres, startTemporal, temporalCli } from '../src/embedded/index.ts'
import { openDatabase } from '../src/ledger/database.ts'
import { migrateLedger } from '../src/ledger/migrations.ts'
import { cpuOf } from './cpu.ts'
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

const SEED = `
  INSERT INTO records.customers SELECT 'cus_b' || n, 'Customer ' || n, n || '@example.com', 'standard' FROM generate_series(1, $1) n;
  INSERT INTO records.orders SELECT 'ord_b' || n, 'cus_b' || n, 'USD', 50000, now() - interval '9 days', 'delivered' FROM generate_series(1, $1) n;
  INSERT INTO records.order_lines SELECT 'ord_b' || n, 1, 'LMP-02', 'Desk lamp', 1, 50000 FROM generate_series(1, $1) n;
  INSERT INTO records.payments (id, order_id, currency, captured_cents) SELECT 'pay_b' || n, 'ord_b' || n, 'USD', 50000 FROM generate_series(1, $1) n;
  INSERT INTO records.tickets SELECT 'tkt_b' || n, 'cus_b' || n, 'ord_b' || n, 'It arrived broken', 'open' FROM generate_series(1, $1) n;
  CREATE SCHEMA bench;
  CREATE TABLE bench.effects (key text PRIMARY KEY, result jsonb, claimed_at timestamptz DEFAULT now(), done_at timestamptz)`

const policies = (window: number): string => join(import.meta.dirname, 'policies', `window-${window}`)

/** Starts everything; `runs` orders are there to be refunded. */
export async function openStage(runs: number): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), 'countersign-bench-'))
  const attributes = Object.values(SEARCH_ATTRIBUTES).map(({ name, type }) => ({
    name,
    type: type === 'INT' ? ('Int' as const) : ('Keyword' as const),
  }))
  const [server, postgres] = await Promise.all([
    startTemporal({
      executable: await temporalCli(),
      headless: true,
      searchAttributes: [...attributes, { name: 'BenchState', type: 'Keyword' }],
    }),
    startPostgres({ dataDir: join(dir, 'postgres') }),
  ])
  const db = openDatabase(postgres.url, () => {})
  await migrateLedger(db)
  await migrateRecords(db as unknown as Kysely<unknown>)
  for (const statement of SEED.split(';')) await sql.raw(statement.replaceAll('$1', String(runs))).execute(db)

  const at = { address: server.address, database: postgres.url }
  const governed = (window: 0 | 30) =>
    startWorker({ ...at, kind: 'governed', queue: `governed-${window}`, policies: policies(window) })
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
    server: server.pid,
    database: postgres.url,
    dir,
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
      await db.destroy()
      await Promise.all(Object.values(workers).map((worker) => worker.stop()))
      await Promise.all([server.stop(), postgres.stop()])
      await rm(dir, { recursive: true, force: true })
    },
  }
}
