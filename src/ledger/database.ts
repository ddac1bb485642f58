import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { fail, failureOf } from '../contract/failures.ts'
import type { LedgerTables } from './tables.ts'

export type LedgerDatabase = Kysely<LedgerTables>

/**
 * Opens a pool on a PostgreSQL URL. `onError` hears of connections that broke while idle: without a listener
 * a restart of the database would end the process.
 */
export function openDatabase(
  url: string,
  onError: (error: Error) => void,
  { max = 10 }: { readonly max?: number } = {},
): LedgerDatabase {
  const pool = new pg.Pool({ connectionString: url, max, connectionTimeoutMillis: 5_000 })
  pool.on('error', onError)
  // The pool listens to idle clients only; one that breaks inside a transaction would end the process.
  pool.on('connect', (client) => client.on('error', onError))
  const db = new Kysely<LedgerTables>({ dialect: new PostgresDialect({ pool }) })
  pools.set(db, pool)
  return db
}

const pools = new WeakMap<LedgerDatabase, pg.Pool>()

/** Connections of a pool, and who waits for one. */
export interface PoolUse {
  readonly busy: number
  readonly idle: number
  readonly waiting: number
}

/** How a database that `openDatabase` opened is used; `undefined` for any other. */
export function poolUseOf(db: LedgerDatabase): PoolUse | undefined {
  const pool = pools.get(db)
  if (pool === undefined) return undefined
  const { totalCount, idleCount, waitingCount } = pool
  return { busy: totalCount - idleCount, idle: idleCount, waiting: waitingCount }
}

/**
 * SQLSTATE classes after which trying again makes sense: connection (08), rollback by a deadlock or a
 * serialisation failure (40), resources (53), operator intervention (57), a database closed to connections (55000).
 * PostgreSQL manual, appendix A.
 */
const AGAIN = /^(08|40|53|57|55000)/
const BROKEN_CONNECTION =
  /ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|Connection terminated|timeout exceeded when trying to connect/

/** A database error that may pass becomes `database_unavailable`; every other error stays what it is. */
export function databaseFailure(error: unknown): unknown {
  if (failureOf(error) !== undefined || !(error instanceof Error)) return error
  const { code } = error as { code?: unknown }
  const text = `${typeof code === 'string' ? code : ''} ${error.message}`
  const passing = (typeof code === 'string' && AGAIN.test(code)) || BROKEN_CONNECTION.test(text)
  return passing ? fail('database_unavailable', `the database did not answer: ${error.message}`) : error
}
