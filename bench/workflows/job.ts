import type { BenchCase } from '../case.ts'
import { dollars, type PlainActivities } from './activities.ts'

/**
 * The job itself: two reads, a thought, an `if`, an approval, two writes. The plain variant of every engine is this;
 * what differs is how a step and the approval are made to last.
 */
export async function refundJob(
  { orderId, ticketId, message }: BenchCase,
  steps: PlainActivities,
  approval: () => Promise<unknown>,
): Promise<{ readonly refundId: string }> {
  const order = await steps.lookupOrder(orderId)
  const customer = await steps.lookupCustomer(order.customerId)
  const claim = await steps.classify(message, order)
  const amount = claim.amount ?? order.refundable
  if (/fraud|chargeback retaliation/i.test(claim.reason)) throw new Error('denied')
  if (amount.cents >= 5_000 || customer.tier === 'enterprise') await approval()
  const { refundId } = await steps.refund({ paymentId: order.paymentId, amount, reason: claim.reason, ticketId })
  await steps.notify({ ticketId, body: `We have refunded ${dollars(amount)} for order ${order.id}.` })
  return { refundId }
}
