import { condition, defineSignal, log, proxyActivities, setHandler } from '@temporalio/workflow'
import { type BenchCase, WAITING } from '../case.ts'
import { dollars, type PlainActivities } from './activities.ts'

const approve = defineSignal('approve')

const { lookupOrder, lookupCustomer, classify, refund, notify } = proxyActivities<PlainActivities>({
  startToCloseTimeout: '5 seconds',
  retry: { maximumAttempts: 5 },
})

/** What one writes first: five ordinary activities, an `if`, and a signal that anybody may send. */
export async function plainRefund({ orderId, ticketId, message }: BenchCase): Promise<{ readonly refundId: string }> {
  let approved = false
  setHandler(approve, () => void (approved = true))

  const order = await lookupOrder(orderId)
  const customer = await lookupCustomer(order.customerId)
  const claim = await classify(message, order)
  const amount = claim.amount ?? order.refundable
  if (/fraud|chargeback retaliation/i.test(claim.reason)) throw new Error('denied')
  if (amount.cents >= 5_000 || customer.tier === 'enterprise') {
    log.info(WAITING, { step: 'refund', digest: '' })
    await condition(() => approved)
  }
  const { refundId } = await refund({ paymentId: order.paymentId, amount, reason: claim.reason, ticketId })
  await notify({ ticketId, body: `We have refunded ${dollars(amount)} for order ${order.id}.` })
  return { refundId }
}
