import getPort from 'get-port'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { codeOf, fail } from '../../src/contract/failures.ts'
import { databaseFailure, openDatabase } from '../../src/ledger/database.ts'
import { storeKey } from '../../src/ledger/keys.ts'
import { freshDatabase } from '../support/world.ts'
import { useLedger } from './ledger-case.ts'

const ledger = useLedger()
const failed = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => undefined,
    (error: unknown) => error,
  )
const unavailable = { type: 'database_unavailable', nonRetryable: false }

test('a database that ends the connection (57P01) is unavailable, and may be asked again', async () => {
  // Its own pool: this one keeps the dead connection for a moment.
  const { url, drop } = await freshDatabase()
  const own = openDatabase(url, () => {})
  const error = await failed(sql`SELECT pg_terminate_backend(pg_backend_pid())`.execute(own))
  await own.destroy()
  await drop()
  expect(error).toMatchObject({ code: '57P01' })
  expect(databaseFailure(error)).toMatchObject(unavailable)
})

test('a database that nobody runs (ECONNREFUSED) is unavailable, by name and by address', async () => {
  const port = await getPort()
  for (const host of ['127.0.0.1', 'localhost']) {
    const nobody = openDatabase(`postgres://nobody@${host}:${port}/none`, () => {})
    const error = await failed(storeKey(nobody, 'key', 'pem'))
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
    expect(databaseFailure(error)).toMatchObject(unavailable)
    await nobody.destroy()
  }
})

test.each(['40001', '40P01', '53300', '57P03', '08006'])('a database that answers %s is unavailable', async (code) => {
  const raise = `DO $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '${code}'; END $$`
  const error = await failed(sql.raw(raise).execute(ledger()))
  expect(error).toMatchObject({ code })
  expect(databaseFailure(error)).toMatchObject({ ...unavailable, message: expect.stringContaining('not now') })
})

test('a row that is there already (23505) stays what it is', async () => {
  await storeKey(ledger(), 'key', 'pem')
  const insert = sql`INSERT INTO countersign.keys (key_id, public_key) VALUES ('key', 'other')`
  const error = await failed(insert.execute(ledger()))
  expect(error).toMatchObject({ code: '23505' })
  expect(databaseFailure(error)).toBe(error)
})

test.each(['22P02', '23503', '42P01'])('a database that answers %s stays what it is', async (code) => {
  const raise = `DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '${code}'; END $$`
  const error = await failed(sql.raw(raise).execute(ledger()))
  expect(databaseFailure(error)).toBe(error)
})

test('a failure of a tool stays what it is, whatever it says of a database', () => {
  const known = fail('precondition_failed', 'ECONNREFUSED')
  expect(databaseFailure(known)).toBe(known)
  expect(codeOf(databaseFailure(known))).toBe('precondition_failed')
  expect(databaseFailure('ECONNREFUSED')).toBe('ECONNREFUSED')
})
