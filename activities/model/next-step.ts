import { z } from 'zod'
import { formatMoney } from '../../src/contract/money.ts'
import type { Proposal, ProposalInput } from '../../src/contract/proposal.ts'
import { getOrder, refund } from '../billing/contract.ts'
import { reply } from '../helpdesk/contract.ts'
import { getParcel } from '../shipping/contract.ts'
import { claimByRules } from './index.ts'

const seenOf = z.object({ message: z.string(), order: getOrder.output })

const propose = (tool: string, input: object, summary: string): Proposal => ({
  tool,
  input: JSON.stringify(input),
  summary,
})

/**
 * Proposes the next step of a support request with plain code, the same on every machine. A parcel that is said not to
 * have arrived is looked up; what is lost, or reported broken or wrong, is refunded as far as the message
 * says clearly how much; then the customer is answered.
 */
export function nextStepByRules({ seen, offers, steps, left }: ProposalInput): Proposal {
  const { message, order } = seenOf.parse(seen)
  const offered = (name: string) => left > 1 && offers.some(({ tool }) => tool === name)
  const done = (name: string) => steps.filter(({ tool, became }) => tool === name && became === 'done')
  const claim = claimByRules({ message, order })

  const looked = done(getParcel.name).map(({ result }) => getParcel.output.parse(result))
  const next = order.parcels.find((parcel) => !looked.some(({ trackingNumber }) => trackingNumber === parcel))
  if (claim.category === 'not_received' && next !== undefined && offered(getParcel.name)) {
    return propose(getParcel.name, { trackingNumber: next }, 'The customer says that it did not arrive.')
  }

  const lost = looked.some(({ status }) => status === 'lost')
  const owed = claim.category === 'damaged' || claim.category === 'wrong_item' || lost
  const amount = claim.amount ?? order.refundable
  const isClear = claim.asksFor !== 'unclear' && amount.cents > 0
  if (owed && isClear && offered(refund.name)) {
    return propose(refund.name, { amount, reason: claim.reason }, `The records bear out ${claim.category}.`)
  }

  const [made] = done(refund.name)
  if (done(reply.name).length === 0 && offered(reply.name)) {
    const body =
      made === undefined
        ? `Thank you for writing about order ${order.id}. A colleague will look at it and come back to you.`
        : `We have refunded ${formatMoney(amount)} for order ${order.id}. It arrives within a few days.`
    return propose(reply.name, { body }, 'Tell the customer what was done.')
  }
  return {
    tool: null,
    input: '{}',
    summary: made === undefined ? 'The customer was answered.' : 'Refunded and answered.',
  }
}
