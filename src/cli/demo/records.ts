import type { Kysely } from 'kysely'
import { recordsOf } from '../../../activities/records/tables.ts'
import { formatMoney, usd } from '../../contract/money.ts'
import type { LedgerDatabase } from '../../ledger/database.ts'

/** The refunds of a payment, as billing has them. */
export interface MoneyMoved {
  readonly paymentId: string
  /** On its way to the customer or there: what is pending or settled. Voided refunds do not count. */
  readonly cents: number
  readonly refunds: readonly { readonly refundId: string; readonly status: string; readonly cents: number }[]
}

/** Reads from the database what happened to a payment. */
export async function moneyMoved(db: LedgerDatabase, paymentId: string): Promise<MoneyMoved> {
  const rows = await recordsOf(db as unknown as Kysely<unknown>)
    .selectFrom('refunds')
    .select(['id', 'status', 'amount_cents'])
    .where('payment_id', '=', paymentId)
    .orderBy('id')
    .execute()
  const refunds = rows.map(({ id, status, amount_cents }) => ({ refundId: id, status, cents: amount_cents }))
  const moved = refunds.filter(({ status }) => status !== 'voided')
  return { paymentId, cents: moved.reduce((sum, { cents }) => sum + cents, 0), refunds }
}

/** `refunds on pay_1002: $120.00 pending (ref_100301)` */
export function moneyText({ paymentId, refunds }: MoneyMoved): string {
  const each = refunds.map(({ refundId, status, cents }) => `${formatMoney(usd(cents))} ${status} (${refundId})`)
  return `refunds on ${paymentId}: ${each.length === 0 ? 'none' : each.join(', ')}`
}

/** The same for a column of a table: `$25.00 out and back`. */
export function moneyWords({ cents, refunds }: MoneyMoved): string {
  if (cents > 0) return formatMoney(usd(cents))
  const back = refunds.reduce((sum, refund) => sum + refund.cents, 0)
  return back === 0 ? 'none' : `none: ${formatMoney(usd(back))} voided`
}
