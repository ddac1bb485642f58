import { z } from 'zod'
import { pii, subject } from '../../src/contract/classes.ts'
import { enumFact, moneyFact, textFact } from '../../src/contract/fact.ts'
import { formatMoney, type Money, moneySchema, usd } from '../../src/contract/money.ts'
import { readTool, writeTool } from '../../src/contract/tool.ts'
import { CUSTOMER_TIERS, customerId, getCustomer } from '../crm/contract.ts'
import { ticketId } from '../records/contract.ts'
import { trackingNumber } from '../shipping/contract.ts'

const ORDER_STATUSES = ['paid', 'shipped', 'delivered'] as const
export type OrderStatus = (typeof ORDER_STATUSES)[number]

/** `ord_1001` */
export const orderId = z.string().regex(/^ord_[a-z0-9]{1,40}$/, 'must look like `ord_1001`')
/** `pay_1001` */
const paymentId = z.string().regex(/^pay_[a-z0-9]{1,40}$/, 'must look like `pay_1001`')
/** `ref_100001` */
const refundId = z.string().regex(/^ref_[a-z0-9]{1,40}$/, 'must look like `ref_100001`')

const positiveMoney = moneySchema().refine((amount) => amount.cents > 0, 'must be more than nothing')

/** At most 500 characters that PostgreSQL and canonical JSON can hold. */
const reason = z
  .string()
  .trim()
  .min(1)
  .max(500)
  .refine((text) => text.isWellFormed() && !text.includes('\0'), 'must be well-formed text')

/** An amount in dollars and so many cents more; unknown in another currency. */
const dollars = ({ currency, cents }: Money, more = 0) => (currency === 'USD' ? usd(cents + more) : undefined)

/** What the customer wrote, word for word but for NUL, which PostgreSQL cannot hold. At most 20,000 characters. */
const statement = z
  .string()
  .max(20_000)
  .refine((text) => text.isWellFormed(), 'must be well-formed text')
  .overwrite((text) => text.replaceAll('\0', ' '))

/** The reason as policies look for words in it: what a model made of the statement, and the statement. */
const given = (said: string, wrote: string = said) => (wrote.includes(said) ? wrote : `${said}\n${wrote}`)

/** An order with its payment, lines, parcels and tickets, as of one moment. Unknown → `not_found`. */
export const getOrder = readTool({
  name: 'billing.getOrder',
  title: 'look the order up',
  input: z.strictObject({ orderId }),
  output: z.strictObject({
    id: orderId,
    customerId: subject(customerId),
    paymentId,
    status: z.enum(ORDER_STATUSES),
    placedAt: z.iso.datetime(),
    total: moneySchema(),
    captured: moneySchema(),
    /** Captured less refunded; a pending refund counts as refunded. */
    refundable: moneySchema(),
    /** `price` is that of one piece. */
    lines: z.array(
      z.strictObject({ sku: z.string(), title: z.string(), quantity: z.int().positive(), price: moneySchema() }),
    ),
    parcels: z.array(trackingNumber),
    /** The tickets in which its customer writes about it, open and closed. */
    tickets: z.array(ticketId),
  }),
  scopes: ['billing:read'],
  risk: 'low',
  local: true,
  startToCloseMs: 5_000,
  retry: { maximumAttempts: 5, initialIntervalMs: 200, maximumIntervalMs: 5_000, backoffCoefficient: 2 },
  nonRetryable: [],
  evidence: { kind: 'record', reference: (input) => `order/${input.orderId}` },
})

/**
 * Gives money back. `reason` is kept with the refund; policies look for words in `statement` as well, so that a model
 * that words the reason cannot take them away. The refund is pending for two days and can be voided until then. Unknown payment →
 * `not_found`; more than is refundable or another currency → `precondition_failed`. Undo of a settled refund →
 * `precondition_failed`.
 */
export const refund = writeTool({
  name: 'billing.refund',
  title: 'refund the payment',
  /** `ticketId`: where it was asked for. */
  input: z.strictObject({
    paymentId,
    amount: positiveMoney,
    reason: pii(reason, 'text'),
    ticketId,
    statement: pii(statement, 'text').optional(),
  }),
  output: z.strictObject({
    refundId,
    paymentId,
    amount: moneySchema(),
    status: z.literal('pending'),
    settlesAt: z.iso.datetime(),
  }),
  scopes: ['billing:refund'],
  risk: 'high',
  reversibility: 'reversible',
  idempotency: 'transaction',
  localPreview: true,
  startToCloseMs: 5_000,
  retry: { maximumAttempts: 5, initialIntervalMs: 200, maximumIntervalMs: 5_000, backoffCoefficient: 2 },
  nonRetryable: [],
  evidence: { kind: 'record', reference: (_input, output) => `refund/${output.refundId}` },
  needs: { order: getOrder, customer: getCustomer },
  declares: {
    // How much and why is a model's reading of what the customer wrote.
    refund_amount_usd: moneyFact('USD', 'model'),
    // What the payment is then refunded in all: small refunds add up.
    refunded_total_usd: moneyFact('USD', 'model'),
    customer_tier: enumFact(CUSTOMER_TIERS, 'record'),
    reason: textFact('model'),
  },
  subjects: { customer: { is: (_input, { customer }) => customer.id } },
  facts: (input, { order, customer }) => ({
    refund_amount_usd: dollars(input.amount),
    refunded_total_usd: dollars(input.amount, order.captured.cents - order.refundable.cents),
    customer_tier: customer.tier,
    reason: given(input.reason, input.statement),
  }),
  supports: ({ paymentId: payment, amount, ticketId: ticket }, { order, customer }) => {
    const against: string[] = []
    if (order.paymentId !== payment) {
      against.push(`payment \`${payment}\` is not that of order \`${order.id}\`, which is \`${order.paymentId}\``)
    }
    if (order.customerId !== customer.id) {
      against.push(`order \`${order.id}\` is not of customer \`${customer.id}\`, but of \`${order.customerId}\``)
    }
    if (!order.tickets.includes(ticket)) {
      against.push(`ticket \`${ticket}\` is not about order \`${order.id}\` of customer \`${order.customerId}\``)
    }
    if (amount.currency !== order.refundable.currency) {
      against.push(`order \`${order.id}\` was paid in ${order.refundable.currency}, not in ${amount.currency}`)
    } else if (amount.cents > order.refundable.cents) {
      against.push(`${formatMoney(amount)} is more than the ${formatMoney(order.refundable)} that can be refunded`)
    }
    return against
  },
  describe: (input) => `refund ${formatMoney(input.amount)} of payment ${input.paymentId}`,
  undo: {
    does: 'void the refund, as long as it has not settled',
    startToCloseMs: 5_000,
    retry: { maximumAttempts: 10, initialIntervalMs: 200, maximumIntervalMs: 10_000, backoffCoefficient: 2 },
  },
})
