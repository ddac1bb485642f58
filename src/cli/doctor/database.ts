import { sql } from 'kysely'
import type { LedgerDatabase } from '../../ledger/database.ts'
import { pendingMigrations } from '../../ledger/migrations.ts'
import { unsettledEffects } from '../../ledger/unsettled.ts'
import { type DatabasePlace, withoutPassword } from '../where.ts'
import { failed, type Finding, looked, ok, warn } from './finding.ts'

/** The oldest PostgreSQL that its makers still mend. */
const OLDEST_MAJOR = 14
/** Apart by more, receipts of two hosts stand in the wrong order, and leases end early. */
const CLOCK_WARN_MS = 2_000
const CLOCK_FAIL_MS = 60_000

/** What the host does to each table. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  policies: ['SELECT', 'INSERT'],
  runs: ['SELECT', 'INSERT', 'UPDATE'],
  effects: ['SELECT', 'INSERT', 'UPDATE'],
  counts: ['SELECT', 'INSERT', 'UPDATE'],
  model_calls: ['SELECT', 'INSERT', 'UPDATE'],
  keys: ['SELECT', 'INSERT'],
  blobs: ['SELECT', 'INSERT'],
  outbox: ['SELECT', 'INSERT', 'UPDATE'],
  outbox_cursors: ['SELECT', 'INSERT', 'UPDATE'],
  outbox_refused: ['SELECT', 'INSERT', 'UPDATE'],
  stops: ['SELECT'],
  data_keys: ['SELECT', 'INSERT', 'UPDATE'],
}

/** What a worker needs of its database, and what of the ledger waits. */
export async function lookAtDatabase(db: LedgerDatabase, place: DatabasePlace): Promise<readonly Finding[]> {
  const server = await looked('database', () => serverOf(db, place))
  const clock = await looked('clock', () => clockOf(db))
  const ledger = await looked('ledger', async () => {
    const pending = await pendingMigrations(db)
    if (pending.length === 0) return ok('ledger', 'is at the schema that this version needs')
    return failed('ledger', `lacks ${pending.join(', ')}`, 'Run `countersign setup`.')
  })
  if (ledger.some(({ state }) => state === 'FAIL')) return [...server, ...clock, ...ledger]
  const rights = await looked('ledger-writes', () => writesOf(db))
  const unsettled = await looked('ledger-effects', () => effectsIn(db))
  return [...server, ...clock, ...ledger, ...rights, ...unsettled]
}

async function serverOf(db: LedgerDatabase, place: DatabasePlace): Promise<Finding> {
  const { rows } = await sql<Record<'version' | 'fsync' | 'commit', string>>`
    SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
           current_setting('synchronous_commit') AS commit`.execute(db)
  const { version = '', fsync, commit } = rows[0] ?? {}
  const what = `${withoutPassword(place.url)} (${place.from}) answers, PostgreSQL ${version}`
  if (fsync === 'off' || commit === 'off') {
    const off = fsync === 'off' ? 'fsync' : 'synchronous_commit'
    return warn('database', `${what}, with ${off} off`, `Turn ${off} on: a claim that a crash loses can happen twice.`)
  }
  if (Number.parseInt(version, 10) >= OLDEST_MAJOR) return ok('database', what)
  return warn('database', what, `Upgrade to ${OLDEST_MAJOR} or later: nobody mends that one any more.`)
}

async function clockOf(db: LedgerDatabase): Promise<Finding> {
  const before = Date.now()
  const { rows } = await sql<{ ms: number }>`
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms`.execute(db)
  const after = Date.now()
  const apart = Math.abs(Number(rows[0]?.ms) - (before + after) / 2) - (after - before) / 2
  const seconds = Math.max(0, apart / 1000).toFixed(1)
  if (apart <= CLOCK_WARN_MS) return ok('clock', 'this machine and the database agree within two seconds')
  const what = `this machine and the database are ${seconds} s apart`
  const todo = 'Have both keep time by NTP: leases are of the database, the times of receipts of this machine.'
  return apart <= CLOCK_FAIL_MS ? warn('clock', what, todo) : failed('clock', what, todo)
}

/** The rights one by one, then a write that is taken back: a standby has all the rights. */
async function writesOf(db: LedgerDatabase): Promise<Finding> {
  const wanted = Object.entries(NEEDED).flatMap(([table, rights]) => rights.map((right) => ({ table, right })))
  const held = await Promise.all(
    wanted.map(async ({ table, right }) => {
      const { rows } = await sql<{ has: boolean }>`
        SELECT has_table_privilege(${`countersign.${table}`}, ${right}) AS has`.execute(db)
      return rows[0]?.has === true
    }),
  )
  const lacking = wanted.filter((_, at) => !held[at]).map(({ table, right }) => `${right} on ${table}`)
  if (lacking.length > 0) {
    const todo = 'GRANT them to the role of DATABASE_URL, in the schema `countersign`.'
    return failed('ledger-writes', `the role lacks ${lacking.join(', ')}`, todo)
  }
  const takenBack = new Error('taken back')
  try {
    await db.transaction().execute(async (tx) => {
      await tx.insertInto('countersign.keys').values({ key_id: 'doctor', public_key: '' }).execute()
      throw takenBack
    })
  } catch (error) {
    if (error === takenBack) return ok('ledger-writes', 'can be read and written')
    const why = error instanceof Error ? error.message : String(error)
    const todo = 'Name the primary, on which writes are allowed, in DATABASE_URL.'
    return failed('ledger-writes', `cannot be written: ${why}`, todo)
  }
  throw new Error('a transaction that threw was committed')
}

async function effectsIn(db: LedgerDatabase): Promise<Finding> {
  const { claimed, lapsed, unknown } = await unsettledEffects(db)
  const what = `${claimed} under way, ${lapsed} left behind by an attempt that ended, ${unknown} of unknown outcome`
  if (lapsed + unknown === 0) return ok('ledger-effects', what)
  const todo =
    'See the runs: their next attempt reconciles each, or it waits as an incident (`countersign list --state blocked`).'
  return warn('ledger-effects', what, todo)
}
