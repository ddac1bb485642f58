import { type Kysely, sql } from 'kysely'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { refund } from '../../activities/billing/contract.ts'
import { migrateRecords } from '../../activities/records/migrate.ts'
import { SAMPLE, seedRecords } from '../../activities/records/seed.ts'
import { recordsOf } from '../../activities/records/tables.ts'
import { money, usd } from '../../src/contract/money.ts'
import {
  act,
  actIn,
  emptyRecords,
  everything,
  failureOfAttempt,
  paymentNow,
  postgres,
  preview,
  race,
  refundsOf,
  undo,
  undoIn,
} from './harness.ts'

const server = postgres()
const { paymentId, ticketId } = SAMPLE.small
const ofDollars = (cents: number) => ({ paymentId, amount: usd(cents), reason: 'arrived broken', ticketId })
const times = <T>(count: number, what: T): T[] => Array.from({ length: count }, () => what)
let db: Kysely<unknown>

beforeAll(async () => {
  db = server.connect()
  await migrateRecords(db)
})
beforeEach(async () => {
  await emptyRecords(db)
  await seedRecords(db)
})

describe('a refund', () => {
  test('is pending for two days and lowers what can be refunded', async () => {
    const made = await act(db, refund, ofDollars(1_500))
    const [row] = await refundsOf(db, paymentId)
    expect(made).toMatchObject({ paymentId, amount: usd(1_500), status: 'pending', refundId: row?.id })
    expect(row).toMatchObject({ amount_cents: 1_500, currency: 'USD', reason: 'arrived broken', status: 'pending' })
    expect(row && row.settles_at.getTime() - row.created_at.getTime()).toBe(2 * 24 * 3_600_000)
    expect(await paymentNow(db, paymentId)).toMatchObject({ refunded_cents: 1_500, version: 2 })
  })

  test('beyond what is left of the payment is refused by the tool, and nothing changes', async () => {
    await act(db, refund, ofDollars(1_500))
    const before = await everything(db)
    expect(await failureOfAttempt(act(db, refund, ofDollars(501)))).toBe('precondition_failed')
    expect(await failureOfAttempt(preview(db, refund, ofDollars(501)))).toBe('precondition_failed')
    expect(await everything(db)).toEqual(before)
  })

  test('of all that is left, to the cent, is made', async () => {
    await act(db, refund, ofDollars(1_999))
    await act(db, refund, ofDollars(1))
    expect(await paymentNow(db, paymentId)).toMatchObject({ refunded_cents: 2_000 })
  })

  test('in another currency than the payment is refused', async () => {
    expect(await failureOfAttempt(act(db, refund, { ...ofDollars(1), amount: money('EUR', 1) }))).toBe(
      'precondition_failed',
    )
  })

  test('of an unknown payment is not found', async () => {
    expect(await failureOfAttempt(act(db, refund, { ...ofDollars(1), paymentId: 'pay_9999' }))).toBe('not_found')
    expect(await failureOfAttempt(preview(db, refund, { ...ofDollars(1), paymentId: 'pay_9999' }))).toBe('not_found')
  })

  test('twenty racing refunds of $15.00 on a payment of $20.00 move money once', async () => {
    const ends = await race(
      db,
      paymentId,
      times(20, () => act(db, refund, ofDollars(1_500))),
    )
    expect(ends).toEqual(['it did not fail', ...times(19, 'precondition_failed')])
    expect(await refundsOf(db, paymentId)).toHaveLength(1)
    expect(await paymentNow(db, paymentId)).toMatchObject({ refunded_cents: 1_500 })
  })

  test('twenty racing refunds of $3.00 on a payment of $20.00 stop at $18.00', async () => {
    const ends = await race(
      db,
      paymentId,
      times(20, () => act(db, refund, ofDollars(300))),
    )
    expect(ends.filter((end) => end === 'it did not fail')).toHaveLength(6)
    expect(await paymentNow(db, paymentId)).toMatchObject({ refunded_cents: 1_800, version: 7 })
  })

  test('twenty racing refunds that rest on one preview move money once', async () => {
    const shown = await preview(db, refund, ofDollars(100))
    const ends = await race(
      db,
      paymentId,
      times(20, () => act(db, refund, ofDollars(100), shown.expect)),
    )
    expect(ends).toEqual(['it did not fail', ...times(19, 'world_moved')])
    expect(await paymentNow(db, paymentId)).toMatchObject({ refunded_cents: 100, version: 2 })
  })

  test('leaves nothing behind when the transaction that it was given rolls back', async () => {
    const before = await everything(db)
    const attempt = db.transaction().execute(async (trx) => {
      await actIn(trx, refund, ofDollars(1_500))
      throw new Error('the ledger row was refused')
    })
    await expect(attempt).rejects.toThrow('the ledger row was refused')
    expect(await everything(db)).toEqual(before)
  })
})

describe('what a preview rested on', () => {
  test('a preview shows the change, and a refund that rests on it is made', async () => {
    const shown = await preview(db, refund, ofDollars(1_500))
    expect(shown).toEqual({
      changes: [
        { record: `payment/${paymentId}`, field: 'refundable', from: '$20.00', to: '$5.00' },
        { record: 'refund/new', field: 'status', from: 'none', to: 'pending: $15.00, settles in 48 hours' },
      ],
      expect: { refundableCents: 2_000, version: 1 },
    })
    await act(db, refund, ofDollars(1_500), shown.expect)
    expect(await paymentNow(db, paymentId)).toMatchObject({ refunded_cents: 1_500 })
  })

  test('a payment that changed after the preview refuses the refund, though the money would suffice', async () => {
    const shown = await preview(db, refund, ofDollars(500))
    await act(db, refund, ofDollars(300))
    const before = await everything(db)
    expect(await failureOfAttempt(act(db, refund, ofDollars(500), shown.expect))).toBe('world_moved')
    expect(await everything(db)).toEqual(before)
  })

  test('a payment that changed and changed back has moved, too', async () => {
    const shown = await preview(db, refund, ofDollars(500))
    await undo(db, refund, ofDollars(300), await act(db, refund, ofDollars(300)))
    expect(await failureOfAttempt(act(db, refund, ofDollars(500), shown.expect))).toBe('world_moved')
  })
})

describe('voiding a refund', () => {
  test('gives the money back to what can be refunded', async () => {
    const made = await act(db, refund, ofDollars(1_500))
    expect(await undo(db, refund, ofDollars(1_500), made)).toBe(
      `voided refund ${made.refundId}: $15.00 of payment ${paymentId} can be refunded again`,
    )
    expect(await paymentNow(db, paymentId)).toMatchObject({ refunded_cents: 0, version: 3 })
    expect(await refundsOf(db, paymentId)).toMatchObject([{ status: 'voided' }])
  })

  test('twice gives the money back once, and says so', async () => {
    const made = await act(db, refund, ofDollars(1_500))
    await undo(db, refund, ofDollars(1_500), made)
    expect(await undo(db, refund, ofDollars(1_500), made)).toBe(`refund ${made.refundId} was voided before`)
    expect(await paymentNow(db, paymentId)).toMatchObject({ refunded_cents: 0 })
  })

  test('ten times at once gives the money back once', async () => {
    const made = await act(db, refund, ofDollars(1_000))
    await act(db, refund, ofDollars(1_000))
    const ends = await race(
      db,
      paymentId,
      times(10, () => undo(db, refund, ofDollars(1_000), made)),
    )
    expect(ends).toEqual(times(10, 'it did not fail'))
    expect(await paymentNow(db, paymentId)).toMatchObject({ refunded_cents: 1_000 })
  })

  test('after its settlement date is refused, and nothing changes', async () => {
    const made = await act(db, refund, ofDollars(1_500))
    await recordsOf(db)
      .updateTable('refunds')
      .set({ settles_at: sql<Date>`now()` })
      .where('id', '=', made.refundId)
      .execute()
    const before = await everything(db)
    expect(await failureOfAttempt(undo(db, refund, ofDollars(1_500), made))).toBe('precondition_failed')
    expect(await everything(db)).toEqual(before)
  })

  test('that was marked settled before its date is refused', async () => {
    const made = await act(db, refund, ofDollars(1_500))
    await recordsOf(db).updateTable('refunds').set({ status: 'settled' }).where('id', '=', made.refundId).execute()
    expect(await failureOfAttempt(undo(db, refund, ofDollars(1_500), made))).toBe('precondition_failed')
  })

  test('of another payment than it was made of is not found, and nothing changes', async () => {
    const made = await act(db, refund, ofDollars(1_500))
    const before = await everything(db)
    const other = { ...ofDollars(1_500), paymentId: SAMPLE.large.paymentId }
    expect(await failureOfAttempt(undo(db, refund, other, made))).toBe('not_found')
    expect(await everything(db)).toEqual(before)
  })

  test('leaves the refund pending when the transaction that it was given rolls back', async () => {
    const made = await act(db, refund, ofDollars(1_500))
    const before = await everything(db)
    const attempt = db.transaction().execute(async (trx) => {
      await undoIn(trx, refund, ofDollars(1_500), made)
      throw new Error('the ledger row was refused')
    })
    await expect(attempt).rejects.toThrow('the ledger row was refused')
    expect(await everything(db)).toEqual(before)
  })
})

describe('the database itself refuses', () => {
  const payments = () => recordsOf(db).updateTable('payments').where('id', '=', paymentId)
  const another = {
    payment_id: paymentId,
    currency: 'USD',
    amount_cents: 100,
    reason: 'x',
    settles_at: new Date(),
    idempotency_key: 'k',
  } as const
  const refunds = (values: object) =>
    recordsOf(db)
      .insertInto('refunds')
      .values({ ...another, ...values })

  test('more refunded than was captured', async () => {
    await payments().set({ refunded_cents: 2_000 }).execute()
    await expect(payments().set({ refunded_cents: 2_001 }).execute()).rejects.toThrow('refunded_within_captured')
  })

  test('a refunded amount below nothing', async () => {
    await expect(payments().set({ refunded_cents: -1 }).execute()).rejects.toThrow('refunded_within_captured')
  })

  test('a negative captured amount', async () => {
    await expect(payments().set({ captured_cents: -1, refunded_cents: -1 }).execute()).rejects.toThrow(
      'check constraint',
    )
  })

  test('a refund of nothing or less', async () => {
    await expect(refunds({ amount_cents: 0 }).execute()).rejects.toThrow('amount_cents_check')
    await expect(refunds({ amount_cents: -5 }).execute()).rejects.toThrow('amount_cents_check')
  })

  test('a refund in another currency than its payment', async () => {
    await expect(refunds({ currency: 'EUR' }).execute()).rejects.toThrow('foreign key')
  })

  test('a second refund with the same idempotency key', async () => {
    await refunds({}).execute()
    await expect(refunds({}).execute()).rejects.toThrow('refunds_idempotency_key_key')
  })

  test('a ticket about the order of another customer', async () => {
    const wrong = recordsOf(db).updateTable('tickets').set({ customer_id: SAMPLE.large.customerId })
    await expect(wrong.where('id', '=', SAMPLE.small.ticketId).execute()).rejects.toThrow('foreign key')
  })
})
