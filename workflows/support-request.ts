import { z } from 'zod'
import { getOrder, orderId, refund } from '../activities/billing/contract.ts'
import { getCustomer } from '../activities/crm/contract.ts'
import { reply } from '../activities/helpdesk/contract.ts'
import { nextStep } from '../activities/model/contract.ts'
import { ticketId } from '../activities/records/contract.ts'
import { getParcel } from '../activities/shipping/contract.ts'
import { pii } from '../src/contract/classes.ts'
import { digestOfText } from '../src/contract/digest.ts'
import { offer, playbook } from './kernel/index.ts'

/**
 * Lets a model settle what a customer writes about one order.
 *
 * Started by the helpdesk, for one order and one ticket. The model may look where the parcels of this order are, give
 * money back on its payment once, and answer in this ticket once, in its own words. It can name no other payment, parcel
 * or ticket. The same message is settled once. What needs a person is what the policy says; a reply that speaks of somebody else's records, or that has a
 * link in it, is handed over, and so is a case that the model does not answer. It leaves as evidence order and customer,
 * what the model looked at, and each of its proposals.
 */
export const supportRequest = playbook(
  {
    name: 'support_request',
    title: 'Support request',
    request: z.strictObject({ orderId, ticketId, message: pii(z.string().min(1).max(20_000), 'text') }),
    tools: [getOrder, getCustomer, getParcel, refund, reply],
    thoughts: [nextStep],
    // A customer may write again in the same ticket.
    businessKey: ({ orderId: order, ticketId: ticket, message }) => `${order}/${ticket}/${digestOfText(message)}`,
  },
  async (run, request) => {
    const order = await run.read(getOrder, { orderId: request.orderId })
    const customer = await run.read(getCustomer, { customerId: order.customerId })

    const { message } = request
    const because = [order, customer]
    const work = await run.delegate(nextStep, {
      goal: 'Settle what the customer asks for in `message`, as far as the records bear it out, and answer it.',
      seen: { message, order, customer: { name: customer.name } },
      maxSteps: 8,
      offers: [
        offer(getParcel, { among: { trackingNumber: order.parcels } }),
        offer(refund, {
          fixed: { paymentId: order.paymentId, ticketId: request.ticketId, statement: message },
          choose: ['amount', 'reason'],
          because,
        }),
        offer(reply, { fixed: { ticketId: request.ticketId }, choose: ['body'], because }),
      ],
    })

    const [answer] = work.of(reply)
    if (answer === undefined) return run.escalate(`the model did not answer the customer: ${work.summary}`)
    const [refunded] = work.of(refund)
    return { replyId: answer.replyId, refundId: refunded?.refundId ?? null, amount: refunded?.amount ?? null }
  },
)
