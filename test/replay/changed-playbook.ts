import { z } from 'zod'
import { getOrder, orderId, refund } from '../../activities/billing/contract.ts'
import { getCustomer } from '../../activities/crm/contract.ts'
import { reply } from '../../activities/helpdesk/contract.ts'
import { readClaim } from '../../activities/model/contract.ts'
import { ticketId } from '../../activities/records/contract.ts'
import { getParcel } from '../../activities/shipping/contract.ts'
import { playbook } from '../../workflows/kernel/index.ts'

/** What must not be deployed over running histories: the customer is told before the money is given back. */
export const refund_request = playbook(
  {
    name: 'refund_request',
    title: 'Refund request',
    request: z.strictObject({ orderId, ticketId, message: z.string() }),
    tools: [getOrder, getCustomer, getParcel, refund, reply],
    thoughts: [readClaim],
  },
  async (run, request) => {
    const order = await run.read(getOrder, { orderId: request.orderId })
    const customer = await run.read(getCustomer, { customerId: order.customerId })
    const claim = await run.think(readClaim, { message: request.message, order })
    const told = await run.act(
      reply,
      { ticketId: request.ticketId, body: 'We have it.' },
      { because: [order, customer] },
    )
    const amount = claim.amount ?? order.refundable
    await run.act(
      refund,
      { paymentId: order.paymentId, amount, reason: claim.reason, ticketId: request.ticketId },
      { because: [order, customer, claim, told] },
    )
    return null
  },
)

// The shipped policies are for all shipped playbooks.
export { supportRequest as support_request } from '../../workflows/support-request.ts'
