import { randomUUID } from 'node:crypto'
import type { SampleOrder } from '../../activities/records/sample.ts'
import type { Currency } from '../../src/contract/money.ts'
import { query } from './world.ts'

/** What an order of a test is like. Defaults: 20 US dollars, a standard customer, one parcel, an open ticket. */
export interface OrderOptions {
  readonly amountCents?: number
  readonly currency?: Currency
  readonly tier?: 'standard' | 'plus' | 'enterprise'
  readonly parcels?: number
  readonly ticket?: 'open' | 'closed'
}

/** A paid order that no other test knows, with its customer, payment, parcels and ticket. */
export async function newOrder(url: string, options: OrderOptions = {}): Promise<SampleOrder> {
  const { amountCents = 2_000, currency = 'USD', tier = 'standard', parcels = 1, ticket = 'open' } = options
  const id = randomUUID().replaceAll('-', '')
  const order: SampleOrder = {
    orderId: `ord_${id}`,
    ticketId: `tkt_${id}`,
    customerId: `cus_${id}`,
    paymentId: `pay_${id}`,
    amountCents,
  }
  const { orderId, ticketId, customerId, paymentId } = order
  const insert = (table: string, ...values: readonly unknown[]) =>
    query(url, `INSERT INTO records.${table} VALUES (${values.map((_, at) => `$${at + 1}`).join(', ')})`, values)
  await insert('customers', customerId, 'Ana', `${id}@acme.example`, tier)
  await insert('orders', orderId, customerId, currency, amountCents, '2026-10-01T09:00:00Z', 'delivered')
  await insert('order_lines', orderId, 1, 'GFT-00', 'Gift box', 1, amountCents)
  await insert('payments', paymentId, orderId, currency, amountCents)
  await addParcels(url, orderId, parcels)
  await insert('tickets', ticketId, customerId, orderId, 'It arrived broken', ticket)
  return order
}

/** Adds lost parcels to an order. */
export async function addParcels(url: string, orderId: string, count: number): Promise<void> {
  const text = "INSERT INTO records.parcels VALUES ($1, $2, 'UPS', 'lost', now())"
  for (let parcel = 1; parcel <= count; parcel += 1) {
    await query(url, text, [`UPS-${randomUUID().slice(0, 23).toUpperCase()}`, orderId])
  }
}

/** What somebody else does to a payment while an action on it waits: gives a part of it back. */
export const refundElsewhere = (url: string, paymentId: string, cents: number) =>
  query(url, 'UPDATE records.payments SET refunded_cents = refunded_cents + $2, version = version + 1 WHERE id = $1', [
    paymentId,
    cents,
  ])

/** Lets the refunds of a payment settle, so that they can be voided no more. */
export const settleRefunds = (url: string, paymentId: string) =>
  query(url, "UPDATE records.refunds SET settles_at = now() - interval '1 minute' WHERE payment_id = $1", [paymentId])

/** Gives the refunds of a payment their two days back. */
export const unsettleRefunds = (url: string, paymentId: string) =>
  query(url, "UPDATE records.refunds SET settles_at = now() + interval '1 day' WHERE payment_id = $1", [paymentId])

/** So many orders like those of `newOrder`, without parcels; one query a table. */
export async function newOrders(url: string, count: number, amountCents: number): Promise<readonly SampleOrder[]> {
  const ids = Array.from({ length: count }, () => randomUUID().replaceAll('-', ''))
  const insert = (table: string, values: string) =>
    query(url, `INSERT INTO records.${table} SELECT ${values} FROM unnest($1::text[]) AS id`, [ids])
  await insert('customers', "'cus_' || id, 'Ana', id || '@acme.example', 'standard'")
  await insert('orders', `'ord_' || id, 'cus_' || id, 'USD', ${amountCents}, '2026-10-01T09:00:00Z', 'delivered'`)
  await insert('order_lines', `'ord_' || id, 1, 'GFT-00', 'Gift box', 1, ${amountCents}`)
  await insert('payments', `'pay_' || id, 'ord_' || id, 'USD', ${amountCents}`)
  await insert('tickets', "'tkt_' || id, 'cus_' || id, 'ord_' || id, 'It arrived broken', 'open'")
  return ids.map((id) => ({
    orderId: `ord_${id}`,
    ticketId: `tkt_${id}`,
    customerId: `cus_${id}`,
    paymentId: `pay_${id}`,
    amountCents,
  }))
}
