import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { SampleOrder } from '../../activities/records/sample.ts'
import type { RunHandle } from '../../src/client/index.ts'
import { activitiesIn, eventsOf, reset, workflowTasksIn } from '../support/history.ts'
import { newOrder, type OrderOptions } from '../support/orders.ts'
import { approvalOf, pendingOf, REQUESTER, shownResult } from '../support/refunds.ts'
import { query, until, useWorld } from '../support/world.ts'

// No model is configured: plain code proposes.
const world = useWorld()

async function ask(message: string, options: OrderOptions = {}): Promise<{ run: RunHandle; order: SampleOrder }> {
  const order = await newOrder(world().databaseUrl, options)
  return { run: await again(order, message), order }
}
const again = ({ orderId, ticketId }: SampleOrder, message: string): Promise<RunHandle> =>
  world().client.start(
    'support_request',
    { orderId, ticketId, message },
    { principal: REQUESTER, workflowId: `support-${randomUUID()}` },
  )
const repliesIn = async (ticketId: string) => {
  const text = 'SELECT body FROM records.replies WHERE ticket_id = $1 AND retracted_at IS NULL ORDER BY id'
  return (await query(world().databaseUrl, text, [ticketId])).rows.map(({ body }) => body)
}

test.concurrent('what arrived broken is refunded, and the customer is told', async () => {
  const { run, order } = await ask('It arrived broken, please refund $20.00.')
  expect(await run.outcome()).toMatchObject({
    state: 'completed',
    outcome: {
      refundId: expect.stringMatching(/^ref_/),
      replyId: expect.stringMatching(/^rep_/),
      amount: { cents: 2000 },
    },
    effects: [{ step: 'billing.refund-1' }, { step: 'helpdesk.reply-1' }],
    spend: { toolCalls: 4 },
  })
  expect(await world().refunded(order.paymentId)).toBe(2000)
  expect(await repliesIn(order.ticketId)).toEqual([expect.stringContaining('$20.00')])
})

test.concurrent('what did not arrive is looked for first, and what was looked at stands in the warrant', async () => {
  const { run, order } = await ask('My parcels never arrived.', { parcels: 2 })
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { amount: { cents: 2000 } } })
  const refund = activitiesIn(await eventsOf(world().temporal, run)).find(({ type }) => type === 'billing.refund')
  const { warrant } = (refund as { readonly input: { readonly warrant: { readonly evidence: readonly unknown[] } } })
    .input
  expect(warrant.evidence).toMatchObject([
    { receipt: { reference: `order/${order.orderId}` } },
    { receipt: { reference: `customer/${order.customerId}` } },
    { receipt: { kind: 'model', reference: 'support.nextStep by deterministic' } },
    { receipt: { reference: expect.stringMatching(/^parcel\//) } },
    { receipt: { reference: expect.stringMatching(/^parcel\//) } },
  ])
})

test.concurrent('what the records do not bear out is not refunded, and the customer is answered', async () => {
  const { run, order } = await ask('I changed my mind.')
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { refundId: null, amount: null } })
  expect(await world().refunded(order.paymentId)).toBe(0)
  expect(await repliesIn(order.ticketId)).toEqual([expect.stringContaining('A colleague will look at it')])
})

test.concurrent('small refunds of one payment add up over runs: from the limit on, somebody is asked', async () => {
  const { run, order } = await ask('It arrived broken, refund $30.00 now.', { amountCents: 12_000 })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  const second = await again(order, 'It arrived broken, refund another $30.00 now.')
  const pending = await pendingOf(second)
  expect(pending.decision.matches).toMatchObject([
    { rule: 'requires_approval_if.refunded_total_usd_gte', value: { cents: 6_000 } },
  ])
  expect(await world().refunded(order.paymentId)).toBe(3_000)
  await second.decide({ ...approvalOf(pending), decision: 'reject' })
  expect(await second.result()).toMatchObject({ state: 'refused', because: { code: 'approval_rejected' } })
  expect(await world().refunded(order.paymentId)).toBe(3_000)
})

test.concurrent('a refund whose ticket cannot be answered is voided', async () => {
  const { run, order } = await ask('It arrived broken.', { ticket: 'closed' })
  expect(await run.result()).toMatchObject({ state: 'reverted', because: { code: 'precondition_failed' } })
  expect(await world().refunded(order.paymentId)).toBe(0)
})

test.concurrent('after a reset the model proposes anew, and nothing happens twice', async () => {
  const { run, order } = await ask('It arrived broken, please refund $20.00.')
  const first = await run.outcome()
  const [begin] = workflowTasksIn(await eventsOf(world().temporal, run))
  const runId = async () => (await world().temporal.workflow.getHandle(run.workflowId).describe()).runId
  const before = await runId()
  await reset(world().temporal, run, begin ?? 0)
  await until('the run after the reset', async () => ((await runId()) === before ? undefined : true))
  expect(await shownResult(run)).toMatchObject({ state: 'completed', outcome: first.outcome })
  expect(await world().refunded(order.paymentId)).toBe(2000)
  expect(await repliesIn(order.ticketId)).toHaveLength(1)
})
