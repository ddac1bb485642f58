import { z } from 'zod'
import { getOrder, orderId, refund } from '../activities/billing/contract.ts'
import { getCustomer } from '../activities/crm/contract.ts'
import { reply } from '../activities/helpdesk/contract.ts'
import { readClaim } from '../activities/model/contract.ts'
import { ticketId } from '../activities/records/contract.ts'
import { getParcel } from '../activities/shipping/contract.ts'
import { pii } from '../src/contract/classes.ts'
import { formatMoney } from '../src/contract/money.ts'
import { playbook } from './kernel/index.ts'

/**
 * Gives a customer's money back.
 *
 * Started by the helpdesk, for one order and one ticket. It reads order, customer and claim, refunds what the
 * customer asks for and the records bear out, and answers in the ticket. What needs a person is what the
 * policy says, and a message that does not say clearly how much it asks for. It can never refund more than was
 * captured, nor an order that the ticket is not about, nor the same order for the same ticket twice. It leaves as
 * evidence the order, the customer, each parcel that is said not to have arrived, and the model's reading.
 */
export const refundRequest = playbook(
  {
    name: 'refund_request',
    title: 'Refund request',
    request: z.strictObject({ orderId, ticketId, message: pii(z.string().min(1).max(20_000), 'text') }),
    tools: [getOrder, getCustomer, getParcel, refund, reply],
    thoughts: [readClaim],
    businessKey: (request) => `${request.orderId}/${request.ticketId}`,
    value: { of: getOrder, is: (order) => order.captured },
  },
  async (run, request) => {
    const order = await run.read(getOrder, { orderId: request.orderId })
    const customer = await run.read(getCustomer, { customerId: order.customerId })
    const claim = await run.think(readClaim, { message: request.message, order })
    if (claim.asksFor === 'unclear') {
      run.escalate(`ticket ${request.ticketId} does not say clearly how much of order ${order.id} is asked back`)
    }

    const parcels = []
    if (claim.category === 'not_received') {
      for (const trackingNumber of order.parcels) parcels.push(await run.read(getParcel, { trackingNumber }))
    }

    const amount = claim.amount ?? order.refundable
    const isRefunded = order.refundable.cents === 0
    run.plan(`refund ${formatMoney(amount)} of order ${order.id}, then tell the customer`)

    const refunded = await run.act(
      refund,
      {
        paymentId: order.paymentId,
        amount,
        reason: claim.reason,
        ticketId: request.ticketId,
        statement: request.message,
      },
      {
        because: [order, customer, claim, ...parcels],
        refuse: isRefunded ? `order ${order.id} has been refunded already; nothing of it is left` : undefined,
      },
    )
    await run.act(
      reply,
      {
        ticketId: request.ticketId,
        body: `We have refunded ${formatMoney(refunded.amount)} for order ${order.id}. It arrives within a few days.`,
      },
      { because: [order, customer, refunded] },
    )
    return { refundId: refunded.refundId, amount: refunded.amount }
  },
)
