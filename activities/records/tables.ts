import type { ColumnType, Generated, Kysely } from 'kysely'
import type { Currency } from '../../src/contract/money.ts'
import type { CustomerTier } from '../crm/contract.ts'
import type { OrderStatus } from '../billing/contract.ts'
import type { ParcelStatus } from '../shipping/contract.ts'

/** `timestamptz`: read as a `Date`, written as a `Date`. */
type Timestamp = ColumnType<Date, Date, Date>
/** The moment of the insert unless told otherwise. */
type Now = ColumnType<Date, Date | undefined, never>

/** The tables of the schema `records`. Amounts are integer cents (at most 2,147,483,647) beside their currency. */
// An alias and not an interface: Kysely asks for an index signature.
export type RecordsTables = {
  customers: { id: string; name: string; email: string; tier: CustomerTier }
  orders: {
    id: string
    customer_id: string
    currency: Currency
    total_cents: number
    placed_at: Timestamp
    status: OrderStatus
  }
  order_lines: {
    order_id: string
    /** 1 is the first. */
    position: number
    sku: string
    title: string
    quantity: number
    /** Of one piece. */
    price_cents: number
  }
  parcels: {
    tracking_number: string
    order_id: string
    carrier: string
    status: ParcelStatus
    updated_at: Timestamp
  }
  payments: {
    id: string
    order_id: string
    currency: Currency
    captured_cents: number
    refunded_cents: Generated<number>
    /** Counts the changes: what a preview rested on is compared with it. */
    version: Generated<number>
  }
  refunds: {
    id: Generated<string>
    payment_id: string
    currency: Currency
    amount_cents: number
    reason: string
    /** A pending one counts as settled, too, once `settles_at` has passed. */
    status: Generated<'pending' | 'voided' | 'settled'>
    settles_at: Timestamp
    idempotency_key: string
    created_at: Now
  }
  tickets: { id: string; customer_id: string; order_id: string; subject: string; status: 'open' | 'closed' }
  replies: {
    id: Generated<string>
    ticket_id: string
    body: string
    retracted_at: ColumnType<Date | null, Date | undefined, Date>
    idempotency_key: string
    created_at: Now
  }
}

/** The PostgreSQL schema of the systems of record. */
export const RECORDS_SCHEMA = 'records'

/** The same connection or transaction, typed with the tables of the systems of record. */
export const recordsOf = (db: Kysely<unknown>): Kysely<RecordsTables> =>
  db.withSchema(RECORDS_SCHEMA).$extendTables<RecordsTables>()
