import { z } from 'zod'
import { getOrder, orderId, refund } from '../../activities/billing/contract.ts'
import { getCustomer } from '../../activities/crm/contract.ts'
import { reply } from '../../activities/helpdesk/contract.ts'
import { readClaim } from '../../activities/model/contract.ts'
import { ticketId } from '../../activities/records/contract.ts'
import { getParcel } from '../../activities/shipping/contract.ts'
import { usd } from '../../src/contract/money.ts'
import { playbook } from '../../workflows/kernel/index.ts'

/** The shipped playbook but for a cent and a plan: every command is the same, and says something else. */
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
    const amount = usd((claim.amount ?? order.refundable).cents - 1)
    run.plan('refund all but a cent')
    const refunded = await run.act(
      refund,
      {
        paymentId: order.paymentId,
        amount,
        reason: claim.reason,
        ticketId: request.ticketId,
        statement: request.message,
      },
      { because: [order, customer, claim] },
    )
    await run.act(
      reply,
      { ticketId: request.ticketId, body: 'We have refunded you.' },
      { because: [order, customer, refunded] },
    )
    return null
  },
)
