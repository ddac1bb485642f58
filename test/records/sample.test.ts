import { sql } from 'kysely'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { getOrder } from '../../activities/billing/contract.ts'
import { getCustomer } from '../../activities/crm/contract.ts'
import { migrateRecords } from '../../activities/records/migrate.ts'
import { SAMPLE, seedRecords } from '../../activities/records/seed.ts'
import { recordsOf } from '../../activities/records/tables.ts'
import { getParcel } from '../../activities/shipping/contract.ts'
import { digestOf } from '../../src/contract/digest.ts'
import { usd } from '../../src/contract/money.ts'
import { emptyRecords, everything, failureOfAttempt, postgres, read } from './harness.ts'

const server = postgres()

describe('migrations', () => {
  test('eight processes that migrate an empty database at once leave it migrated once', async () => {
    await sql`create database at_once`.execute(server.connect())
    const processes = Array.from({ length: 8 }, () => server.connect('at_once'))
    await Promise.all(processes.map(migrateRecords))
    await migrateRecords(server.connect('at_once'))
    const { rows } = await sql`select name from records.records_migration`.execute(server.connect('at_once'))
    expect(rows).toEqual([{ name: '0001_systems_of_record' }, { name: '0002_tickets_of_an_order' }])
  })

  test('a migration that fails is thrown and changes nothing', async () => {
    await sql`create database in_the_way`.execute(server.connect())
    const db = server.connect('in_the_way')
    await sql`create schema records`.execute(db)
    await sql`create table records.tickets (id text)`.execute(db)
    await expect(migrateRecords(db)).rejects.toThrow('"tickets" already exists')
    const { rows } = await sql`select to_regclass('records.customers') as made`.execute(db)
    expect(rows).toEqual([{ made: null }])
  })
})

describe('the sample', () => {
  let db: ReturnType<typeof server.connect>
  beforeAll(async () => {
    db = server.connect()
    await migrateRecords(db)
  })
  beforeEach(async () => {
    await emptyRecords(db)
    await seedRecords(db)
  })

  test('the sample is the same on every machine', async () => {
    expect(digestOf(await everything(db))).toBe(
      'sha256:04ffc511b411cb2e713580abf5983fa6362392f1614af1596c221b983c4a048a',
    )
  })

  test('seeding again, by four processes at once, adds nothing and leaves what has changed as it is', async () => {
    await recordsOf(db).updateTable('tickets').set({ status: 'closed' }).where('id', '=', 'tkt_1001').execute()
    const before = await everything(db)
    await Promise.all(Array.from({ length: 4 }, () => seedRecords(server.connect())))
    expect(await everything(db)).toEqual(before)
  })

  test('the sample has the size and the variety of a small shop', async () => {
    const { rows } = await sql<Record<string, number>>`select
      (select count(*)::int from records.customers) as customers,
      (select count(distinct tier)::int from records.customers) as tiers,
      (select count(*)::int from records.orders) as orders,
      (select count(*)::int from records.tickets where status = 'open') as open_tickets,
      (select count(*)::int from records.payments where refunded_cents = 0) as kept,
      (select count(*)::int from records.payments where refunded_cents between 1 and captured_cents - 1) as partly,
      (select count(*)::int from records.payments where refunded_cents = captured_cents) as fully
    `.execute(db)
    expect(rows[0]).toMatchObject({ customers: 120, tiers: 3, orders: 400 })
    const counted = rows[0] ?? {}
    expect(counted['open_tickets']).toBeGreaterThanOrEqual(50)
    expect(counted['open_tickets']).toBeLessThanOrEqual(70)
    expect(counted['partly']).toBeGreaterThanOrEqual(15)
    expect(counted['fully']).toBeGreaterThanOrEqual(15)
    expect(counted['kept']).toBeGreaterThanOrEqual(300)
  })

  test('every total is the sum of its lines, and every refunded amount the sum of its refunds', async () => {
    const { rows: totals } = await sql`
      select o.id from records.orders o join records.order_lines l on l.order_id = o.id
      group by o.id having sum(l.quantity * l.price_cents) <> o.total_cents`.execute(db)
    const { rows: refunded } = await sql`
      select p.id from records.payments p left join records.refunds r on r.payment_id = p.id and r.status <> 'voided'
      group by p.id having coalesce(sum(r.amount_cents), 0) <> p.refunded_cents`.execute(db)
    const { rows: shapes } = await sql`
      select o.id from records.orders o
      where (select count(*) from records.order_lines l where l.order_id = o.id) not between 1 and 5
         or (select count(*) from records.parcels p where p.order_id = o.id) not between 1 and 6`.execute(db)
    expect({ totals, refunded, shapes }).toEqual({ totals: [], refunded: [], shapes: [] })
  })

  test.each(Object.entries(SAMPLE))('the named order `%s` is as its name says', async (name, sample) => {
    const order = await read(db, getOrder, { orderId: sample.orderId })
    const customer = await read(db, getCustomer, { customerId: order.customerId })
    const ticket = await recordsOf(db)
      .selectFrom('tickets')
      .selectAll()
      .where('id', '=', sample.ticketId)
      .executeTakeFirstOrThrow()
    expect(order).toMatchObject({ customerId: sample.customerId, paymentId: sample.paymentId })
    expect(order.captured).toEqual(usd(sample.amountCents))
    expect(order.refundable).toEqual(usd(name === 'refunded' ? 0 : sample.amountCents))
    expect(order.parcels).toHaveLength(name === 'manyParcels' ? 6 : 1)
    expect(customer.tier).toBe(name === 'enterprise' ? 'enterprise' : 'standard')
    expect(ticket).toMatchObject({ customer_id: customer.id, order_id: order.id })
    expect(ticket.status).toBe(name === 'closedTicket' ? 'closed' : 'open')
  })

  test('every order, customer and parcel of the sample can be read and fits its contract', async () => {
    const orders = await recordsOf(db).selectFrom('orders').select('id').execute()
    expect(orders).toHaveLength(400)
    for (const { id } of orders) {
      const order = await read(db, getOrder, { orderId: id })
      await read(db, getCustomer, { customerId: order.customerId })
      for (const trackingNumber of order.parcels) await read(db, getParcel, { trackingNumber })
    }
  })

  test('what does not exist is not found', async () => {
    expect(await failureOfAttempt(read(db, getOrder, { orderId: 'ord_9999' }))).toBe('not_found')
    expect(await failureOfAttempt(read(db, getCustomer, { customerId: 'cus_9999' }))).toBe('not_found')
    expect(await failureOfAttempt(read(db, getParcel, { trackingNumber: 'UPS-9999-1' }))).toBe('not_found')
  })
})
