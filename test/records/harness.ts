import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, vi } from 'vitest'
import type { z } from 'zod'
import { sampleTools } from '../../activities/index.ts'
import { recordsOf } from '../../activities/records/tables.ts'
import { codeOf } from '../../src/contract/failures.ts'
import type { JsonObject } from '../../src/contract/json.ts'
import type { ReadTool, Tool, WriteTool } from '../../src/contract/tool.ts'
import { type PostgresServer, startPostgres } from '../../src/embedded/postgres.ts'
import { principalNamed } from '../support/people.ts'
import type { ReadImplementation, WriteCall, WriteImplementation } from '../../src/tools/implementation.ts'

/** A real PostgreSQL for one test file, with an empty database. */
export function postgres() {
  const open: Kysely<unknown>[] = []
  let server: PostgresServer | undefined
  let folder = ''

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-records-'))
    server = await startPostgres({ dataDir: join(folder, 'data'), progress: () => undefined })
  })
  afterAll(async () => {
    for (const db of open) await db.destroy()
    await server?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  return {
    /** A pool of its own, as another process would have. */
    connect(database?: string): Kysely<unknown> {
      if (server === undefined) throw new Error('PostgreSQL has not been started')
      const url = new URL(server.url)
      if (database !== undefined) url.pathname = database
      // Fixed, since rows are compared as JSON texts.
      url.searchParams.set('options', '-c TimeZone=UTC')
      const pool = new pg.Pool({ connectionString: url.href, max: 25 })
      pool.on('error', () => undefined)
      const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
      open.push(db)
      return db
    },
  }
}

const TABLES = ['customers', 'orders', 'order_lines', 'parcels', 'payments', 'refunds', 'tickets', 'replies'] as const

/** Empties every table of the records. */
export async function emptyRecords(db: Kysely<unknown>): Promise<void> {
  const names = TABLES.map((table) => sql.table(`records.${table}`))
  await sql`truncate ${sql.join(names)}`.execute(db)
}

/** All rows of all tables, as JSON texts in a fixed order. */
export async function everything(db: Kysely<unknown>): Promise<Record<string, readonly string[]>> {
  const found: Record<string, readonly string[]> = {}
  for (const table of TABLES) {
    const { rows } = await sql<{ row: string }>`
      select to_jsonb(t)::text collate "C" as row from ${sql.table(`records.${table}`)} t order by 1`.execute(db)
    found[table] = rows.map(({ row }) => row)
  }
  return found
}

let calls = 0

/** What the host hands a tool: a step of its own each time. */
function callIn(db: Kysely<unknown>, shown: JsonObject = {}): WriteCall {
  calls += 1
  return {
    runKey: 'refund-1/0001',
    step: `step-${calls}`,
    principal: principalNamed('clerk', 'default'),
    credential: () => 'none',
    secret: () => Promise.reject(new Error('there is none')),
    fetch,
    idempotencyKey: `key_${calls}`,
    signal: new AbortController().signal,
    heartbeat: () => undefined,
    db,
    expect: shown,
  }
}

function implementationOf(contract: Tool): unknown {
  const found = sampleTools.find((tool) => tool.contract === contract)
  if (found === undefined) throw new Error(`no implementation of ${contract.name}`)
  return found
}

const writer = <T extends WriteTool>(contract: T) => implementationOf(contract) as WriteImplementation<T>

export async function read<T extends ReadTool>(db: Kysely<unknown>, contract: T, input: z.input<T['input']>) {
  const tool = implementationOf(contract) as ReadImplementation<T>
  const output = await tool.execute(contract.input.parse(input) as z.output<T['input']>, callIn(db))
  return contract.output.parse(output) as z.output<T['output']>
}

export const preview = <T extends WriteTool>(db: Kysely<unknown>, contract: T, input: z.input<T['input']>) =>
  writer(contract).preview(contract.input.parse(input) as z.output<T['input']>, callIn(db))

/** Executes a write in a transaction of the caller's, its output parsed as the host parses it. */
export async function actIn<T extends WriteTool>(
  trx: Kysely<unknown>,
  contract: T,
  input: z.input<T['input']>,
  shown: JsonObject = {},
) {
  const parsed = contract.input.parse(input) as z.output<T['input']>
  const output = await writer(contract).execute(parsed, callIn(trx, shown))
  return contract.output.parse(output) as z.output<T['output']>
}

export const act = <T extends WriteTool>(
  db: Kysely<unknown>,
  contract: T,
  input: z.input<T['input']>,
  shown: JsonObject = {},
) => db.transaction().execute((trx) => actIn(trx, contract, input, shown))

/** Undoes a write in a transaction of the caller's. */
export async function undoIn<T extends WriteTool>(
  trx: Kysely<unknown>,
  contract: T,
  input: z.input<T['input']>,
  output: z.output<T['output']>,
) {
  const parsed = contract.input.parse(input) as z.output<T['input']>
  const line = await writer(contract).undo?.(parsed, output, callIn(trx))
  if (line === undefined) throw new Error(`${contract.name} has no undo`)
  return line
}

export const undo = <T extends WriteTool>(
  db: Kysely<unknown>,
  contract: T,
  input: z.input<T['input']>,
  output: z.output<T['output']>,
) => db.transaction().execute((trx) => undoIn(trx, contract, input, output))

export const paymentNow = (db: Kysely<unknown>, id: string) =>
  recordsOf(db).selectFrom('payments').selectAll().where('id', '=', id).executeTakeFirstOrThrow()

export const refundsOf = (db: Kysely<unknown>, paymentId: string) =>
  recordsOf(db).selectFrom('refunds').selectAll().where('payment_id', '=', paymentId).execute()

export const repliesIn = (db: Kysely<unknown>, ticketId: string) =>
  recordsOf(db).selectFrom('replies').selectAll().where('ticket_id', '=', ticketId).orderBy('id').execute()

/**
 * Waits until so many transactions wait for a lock: a race is one only when all are in it. Throws after ten seconds.
 * `db` must not be a transaction: PostgreSQL shows it the same activity until it ends.
 */
export const untilWaiting = (db: Kysely<unknown>, count: number): Promise<void> =>
  vi.waitFor(
    async () => {
      const { rows } = await sql<{ waiting: number }>`
        select count(*)::int as waiting from pg_stat_activity where wait_event_type = 'Lock'`.execute(db)
      if (rows[0]?.waiting !== count) throw new Error(`${rows[0]?.waiting} of ${count} wait for a lock`)
    },
    { timeout: 10_000 },
  )

/** Starts so many attempts while the payment is locked, lets them go at once, and returns how they failed, sorted. */
export async function race(db: Kysely<unknown>, paymentId: string, attempts: readonly (() => Promise<unknown>)[]) {
  const ends = await db.transaction().execute(async (trx) => {
    await recordsOf(trx).selectFrom('payments').select('id').where('id', '=', paymentId).forUpdate().execute()
    const started = attempts.map((attempt) => failureOfAttempt(attempt()))
    await untilWaiting(db, attempts.length)
    return started
  })
  return (await Promise.all(ends)).toSorted()
}

/** The code that an attempt fails with; the words of a failure that has none. */
export const failureOfAttempt = (attempt: Promise<unknown>): Promise<string> =>
  attempt.then(
    () => 'it did not fail',
    (error: unknown) => codeOf(error) ?? String(error),
  )
