import { type Kysely, sql } from 'kysely'
import { jsonArrayFrom } from 'kysely/helpers/postgres'
import { fail } from '../../src/contract/failures.ts'
import { formatMoney, type Money, money } from '../../src/contract/money.ts'
import { implement, type ToolImplementation } from '../../src/tools/implementation.ts'
import { type RecordsTables, recordsOf } from '../records/tables.ts'
import { assertUnmoved } from '../records/unmoved.ts'
import { getOrder, refund } from './contract.ts'

/** Until then a refund can be voided. Hours, since a day of daylight saving is not 24 of them. */
const SETTLES_AFTER_HOURS = 48

interface Payment {
  readonly id: string
  readonly refundable: Money
  readonly version: number
}

const payments = (db: Kysely<RecordsTables>, paymentId: string) =>
  db
    .selectFrom('payments')
    .select(['id', 'currency', 'captured_cents', 'refunded_cents', 'version'])
    .where('id', '=', paymentId)

async function paymentOf(query: ReturnType<typeof payments>, paymentId: string): Promise<Payment> {
  const row = await query.executeTakeFirst()
  if (row === undefined) throw fail('not_found', `There is no payment \`${paymentId}\`.`)
  const { id, currency, captured_cents, refunded_cents, version } = row
  return { id, refundable: money(currency, captured_cents - refunded_cents), version }
}

/** The payment, locked until the transaction ends: refunds and voids of it wait in line. */
const lockPayment = (db: Kysely<RecordsTables>, paymentId: string) =>
  paymentOf(payments(db, paymentId).forUpdate(), paymentId)

const restsOn = ({ refundable, version }: Payment) => ({ refundableCents: refundable.cents, version })

function assertRefundable({ id, refundable }: Payment, amount: Money): void {
  if (amount.currency === refundable.currency && amount.cents <= refundable.cents) return
  throw fail(
    'precondition_failed',
    `Only ${formatMoney(refundable)} of payment \`${id}\` can be refunded, not ${formatMoney(amount)}.`,
  )
}

/** Changes what is refunded of a locked payment. */
const addRefunded = (db: Kysely<RecordsTables>, paymentId: string, cents: number) =>
  db
    .updateTable('payments')
    .set((row) => ({ refunded_cents: row('refunded_cents', '+', cents), version: row('version', '+', 1) }))
    .where('id', '=', paymentId)
    .executeTakeFirstOrThrow()

/** Orders and the money that was paid for them. */
export const billingTools: readonly ToolImplementation[] = [
  implement(getOrder, {
    async execute(input, call) {
      const order = await recordsOf(call.db)
        .selectFrom('orders')
        .innerJoin('payments', 'payments.order_id', 'orders.id')
        .select(['orders.id', 'orders.customer_id', 'orders.status', 'orders.placed_at', 'orders.total_cents'])
        .select(['orders.currency', 'payments.id as payment_id', 'captured_cents', 'refunded_cents'])
        .select((from) => [
          jsonArrayFrom(
            from
              .selectFrom('order_lines')
              .select(['sku', 'title', 'quantity', 'price_cents'])
              .whereRef('order_id', '=', 'orders.id')
              .orderBy('position'),
          ).as('lines'),
          jsonArrayFrom(
            from
              .selectFrom('parcels')
              .select('tracking_number')
              .whereRef('order_id', '=', 'orders.id')
              .orderBy('tracking_number'),
          ).as('parcels'),
          jsonArrayFrom(
            from
              .selectFrom('tickets')
              .select('id')
              .whereRef('order_id', '=', 'orders.id')
              .whereRef('customer_id', '=', 'orders.customer_id')
              .orderBy('id'),
          ).as('tickets'),
        ])
        .where('orders.id', '=', input.orderId)
        .executeTakeFirst()
      if (order === undefined) throw fail('not_found', `There is no order \`${input.orderId}\`.`)

      const { currency } = order
      return {
        id: order.id,
        customerId: order.customer_id,
        paymentId: order.payment_id,
        status: order.status,
        placedAt: order.placed_at.toISOString(),
        total: money(currency, order.total_cents),
        captured: money(currency, order.captured_cents),
        refundable: money(currency, order.captured_cents - order.refunded_cents),
        lines: order.lines.map(({ price_cents, ...line }) => ({ ...line, price: money(currency, price_cents) })),
        parcels: order.parcels.map((parcel) => parcel.tracking_number),
        tickets: order.tickets.map(({ id }) => id),
      }
    },
  }),

  implement(refund, {
    async preview({ paymentId, amount }, call) {
      const payment = await paymentOf(payments(recordsOf(call.db), paymentId), paymentId)
      assertRefundable(payment, amount)
      const left = money(amount.currency, payment.refundable.cents - amount.cents)
      return {
        changes: [
          {
            record: `payment/${paymentId}`,
            field: 'refundable',
            from: formatMoney(payment.refundable),
            to: formatMoney(left),
          },
          {
            record: 'refund/new',
            field: 'status',
            from: 'none',
            to: `pending: ${formatMoney(amount)}, settles in ${SETTLES_AFTER_HOURS} hours`,
          },
        ],
        expect: restsOn(payment),
      }
    },

    async execute({ paymentId, amount, reason }, call) {
      const db = recordsOf(call.db)
      const payment = await lockPayment(db, paymentId)
      assertUnmoved(`payment/${paymentId}`, call.expect, restsOn(payment))
      assertRefundable(payment, amount)

      await addRefunded(db, paymentId, amount.cents)
      const made = await db
        .insertInto('refunds')
        .values({
          payment_id: paymentId,
          currency: amount.currency,
          amount_cents: amount.cents,
          reason,
          settles_at: sql<Date>`now() + make_interval(hours => ${SETTLES_AFTER_HOURS})`,
          idempotency_key: call.idempotencyKey,
        })
        .returning(['id', 'settles_at'])
        .executeTakeFirstOrThrow()
      return {
        refundId: made.id,
        paymentId,
        amount,
        status: 'pending' as const,
        settlesAt: made.settles_at.toISOString(),
      }
    },

    async undo({ paymentId }, { refundId }, call) {
      const db = recordsOf(call.db)
      await lockPayment(db, paymentId)
      const made = await db
        .selectFrom('refunds')
        .select(['status', 'currency', 'amount_cents', 'settles_at'])
        // Not `now()`: the transaction may have waited for the lock.
        .select(sql<boolean>`settles_at <= clock_timestamp()`.as('is_due'))
        .where('id', '=', refundId)
        .where('payment_id', '=', paymentId)
        .executeTakeFirst()
      if (made === undefined) throw fail('not_found', `There is no refund \`${refundId}\` of payment \`${paymentId}\`.`)
      if (made.status === 'voided') return `refund ${refundId} was voided before`
      if (made.status === 'settled' || made.is_due) {
        throw fail(
          'precondition_failed',
          `Refund \`${refundId}\` settled at \`${made.settles_at.toISOString()}\`; ask the customer for the money instead.`,
        )
      }

      await db.updateTable('refunds').set({ status: 'voided' }).where('id', '=', refundId).executeTakeFirstOrThrow()
      await addRefunded(db, paymentId, -made.amount_cents)
      const amount = formatMoney(money(made.currency, made.amount_cents))
      return `voided refund ${refundId}: ${amount} of payment ${paymentId} can be refunded again`
    },
  }),
]
