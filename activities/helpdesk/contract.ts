import { z } from 'zod'
import { pii } from '../../src/contract/classes.ts'
import { booleanFact } from '../../src/contract/fact.ts'
import { mentionsIn } from '../../src/contract/mentions.ts'
import type { Money } from '../../src/contract/money.ts'
import { normaliseText } from '../../src/contract/plain-text.ts'
import { writeTool } from '../../src/contract/tool.ts'
import { getOrder, refund } from '../billing/contract.ts'
import { getCustomer } from '../crm/contract.ts'
import { ticketId } from '../records/contract.ts'

/** `rep_100001` */
const replyId = z.string().regex(/^rep_[a-z0-9]{1,40}$/, 'must look like `rep_100001`')

/** At most 4,000 characters that PostgreSQL and canonical JSON can hold. */
const body = z
  .string()
  .trim()
  .min(1)
  .max(4000)
  .refine((text) => text.isWellFormed() && !text.includes('\0'), 'must be well-formed text')

type Order = z.output<typeof getOrder.output>
type Refund = z.output<typeof refund.output>

const ID_PREFIXES = ['ord', 'pay', 'cus', 'tkt', 'ref', 'rep']

/** Stems of what promises money, in the languages that our customers write most. A model can find other words. */
const MONEY_BACK =
  /refund|reimburs|money back|compensat|voucher|gift card|store credit|credited|erstatt|gutschein|reembols|rembours|rimbors/

/** Whether a reply speaks of an amount, or of giving money back, that neither the order nor a refund bears out. */
function claimsMore(text: string, order: Order, refunds: readonly Refund[]): boolean {
  if (refunds.length === 0 && MONEY_BACK.test(normaliseText(text))) return true
  const left = order.refundable.cents - refunds.reduce((sum, { amount }) => sum + amount.cents, 0)
  const known: readonly Money[] = [
    order.total,
    order.captured,
    order.refundable,
    { ...order.refundable, cents: left },
    ...order.lines.flatMap(({ price, quantity }) => [price, { ...price, cents: price.cents * quantity }]),
    ...refunds.map(({ amount }) => amount),
  ]
  return mentionsIn(text, ID_PREFIXES).amounts.some(
    (said) => !known.some((one) => one.currency === said?.currency && one.cents === said.cents),
  )
}

/**
 * Answers the customer. What is sent speaks of nobody else's records: a foreign id or e-mail address, any link and
 * any card number speak against it. Unknown ticket → `not_found`; a closed one → `precondition_failed`. What was read cannot
 * be unread: the undo retracts the reply and says so in another one.
 */
export const reply = writeTool({
  name: 'helpdesk.reply',
  title: 'answer the customer',
  input: z.strictObject({ ticketId, body: pii(body, 'text') }),
  output: z.strictObject({ replyId, ticketId }),
  scopes: ['helpdesk:reply'],
  risk: 'low',
  reversibility: 'externally_reversible',
  idempotency: 'transaction',
  localPreview: true,
  startToCloseMs: 5_000,
  retry: { maximumAttempts: 5, initialIntervalMs: 200, maximumIntervalMs: 5_000, backoffCoefficient: 2 },
  nonRetryable: [],
  evidence: { kind: 'record', reference: (_input, output) => `reply/${output.replyId}` },
  needs: { order: getOrder, customer: getCustomer },
  mayCite: { refunds: refund },
  declares: {
    // Code reads what a model may have written, and a model may word it otherwise.
    reply_unbacked_claim: booleanFact('model'),
  },
  subjects: { customer: { is: (_input, { customer }) => customer.id } },
  facts: ({ body: text }, { order, refunds }) => ({ reply_unbacked_claim: claimsMore(text, order, refunds) }),
  supports: ({ ticketId: ticket, body: text }, { order, customer, refunds }) => {
    const against: string[] = []
    if (order.customerId !== customer.id) {
      against.push(`order \`${order.id}\` is not of customer \`${customer.id}\`, but of \`${order.customerId}\``)
    }
    if (!order.tickets.includes(ticket)) {
      against.push(`ticket \`${ticket}\` is not about order \`${order.id}\` of customer \`${order.customerId}\``)
    }
    const { emails, links, cardNumbers, ids } = mentionsIn(text, ID_PREFIXES)
    const own = [order.id, order.paymentId, customer.id, ticket, ...refunds.map(({ refundId: made }) => made)]
    const foreign = ids.find((id) => !own.includes(id))
    if (foreign !== undefined) against.push(`the reply names \`${foreign.slice(0, 50)}\`, which is not of this case`)
    if (emails.some((email) => email !== customer.email.toLowerCase())) {
      against.push("the reply names an e-mail address that is not the customer's")
    }
    if (links.length > 0) against.push('the reply has a link in it')
    const parcels = order.parcels.map((parcel) => parcel.replace(/\D/g, ''))
    if (cardNumbers.some((number) => !parcels.some((parcel) => parcel.includes(number)))) {
      against.push('the reply has a card number in it')
    }
    return against
  },
  describe: (input) => `answer the customer in ticket ${input.ticketId}`,
  undo: {
    does: 'retract the reply and tell the customer that it no longer holds',
    startToCloseMs: 5_000,
    retry: { maximumAttempts: 10, initialIntervalMs: 200, maximumIntervalMs: 10_000, backoffCoefficient: 2 },
  },
})
