import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Kysely, sql } from 'kysely'
import { migrateRecords } from '../activities/records/migrate.ts'
import { SEARCH_ATTRIBUTES } from '../src/contract/wire.ts'
import { startPostgres, startTemporal, temporalCli } from '../src/embedded/index.ts'
import { type LedgerDatabase, openDatabase } from '../src/ledger/database.ts'
import { migrateLedger } from '../src/ledger/migrations.ts'

/** One tuned dev server, and one PostgreSQL that holds the ledger and the sample records. */
export interface Servers {
  readonly temporal: { readonly address: string; readonly pid: number }
  readonly postgres: { readonly url: string; readonly pid: number }
  readonly db: LedgerDatabase
  /** A folder that goes when they do. */
  readonly dir: string
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

/** Starts both; `runs` orders are there to be refunded. */
export async function startServers(runs: number): Promise<Servers> {
  const dir = await mkdtemp(join(tmpdir(), 'countersign-bench-'))
  const attributes = Object.values(SEARCH_ATTRIBUTES).map(({ name, type }) => ({
    name,
    type: type === 'INT' ? ('Int' as const) : ('Keyword' as const),
  }))
  const [temporal, postgres] = await Promise.all([
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
  return {
    temporal,
    postgres,
    db,
    dir,
    async stop() {
      await db.destroy()
      await Promise.all([temporal.stop(), postgres.stop()])
      await rm(dir, { recursive: true, force: true })
    },
  }
}
