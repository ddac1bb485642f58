import { afterAll, expect, test } from 'vitest'
import type { SampleOrder } from '../../activities/records/sample.ts'
import { newOrder, refundElsewhere } from '../support/orders.ts'
import { query, useWorld } from '../support/world.ts'
import { expectNothingMade, expectStillWorks, madeFor, newTicket, requestOf, startWith } from './hostile.ts'

const world = useWorld()
afterAll(() => expectStillWorks(world()))

const url = () => world().databaseUrl
const EVERYTHING = 'It arrived broken. I want my money back.'

test.concurrent('an order that nobody knows ends the run as not found', async () => {
  const order = await newOrder(url())
  const run = await startWith(world(), requestOf({ ...order, orderId: 'ord_unheardof' }))
  expect(await run.outcome()).toMatchObject({
    state: 'failed',
    because: { code: 'not_found', message: 'There is no order `ord_unheardof`.' },
    effects: [],
  })
  await expectNothingMade(world(), order)
})

test.concurrent('the order of another customer than the one who wrote the ticket is not refunded', async () => {
  const [theirs, mine] = [await newOrder(url()), await newOrder(url())]
  const run = await startWith(world(), requestOf({ ...theirs, ticketId: mine.ticketId }))
  expect(await run.outcome()).toMatchObject({
    state: 'escalated',
    because: {
      code: 'evidence_unsupported',
      message: `ticket \`${mine.ticketId}\` is not about order \`${theirs.orderId}\` of customer \`${theirs.customerId}\``,
      action: { tool: 'billing.refund', input: { ticketId: mine.ticketId, paymentId: theirs.paymentId } },
    },
    effects: [],
  })
  await expectNothingMade(world(), theirs)
  await expectNothingMade(world(), mine)
})

/** Another order of the customer of one, with a ticket of its own. */
async function secondOrder(first: SampleOrder): Promise<SampleOrder> {
  const second = await newOrder(url())
  const owned = [first.customerId, second.orderId]
  await query(url(), 'DELETE FROM records.tickets WHERE order_id = $1', [second.orderId])
  await query(url(), 'UPDATE records.orders SET customer_id = $1 WHERE id = $2', owned)
  return {
    ...second,
    customerId: first.customerId,
    ticketId: await newTicket(world(), { ...second, customerId: first.customerId }),
  }
}

test.concurrent('a ticket about another order of the same customer does not do either', async () => {
  const first = await newOrder(url())
  const second = await secondOrder(first)
  const run = await startWith(world(), requestOf({ ...second, ticketId: first.ticketId }))
  expect(await run.outcome()).toMatchObject({ state: 'escalated', because: { code: 'evidence_unsupported' } })
  await expectNothingMade(world(), first)
  await expectNothingMade(world(), second)
})

test.concurrent('a ticket that nobody knows is found out before the money moves', async () => {
  const order = await newOrder(url())
  const run = await startWith(world(), requestOf({ ...order, ticketId: 'tkt_unheardof' }))
  expect(await run.outcome()).toMatchObject({
    state: 'escalated',
    because: { code: 'evidence_unsupported', message: expect.stringContaining('`tkt_unheardof` is not about order') },
    effects: [],
  })
  await expectNothingMade(world(), order)
})

test.concurrent.for([
  ['all of it', EVERYTHING],
  ['an amount', 'It arrived broken, please refund $20.00.'],
  ['a cent', 'It arrived broken, please refund $0.01.'],
] as const)('an order that has been refunded in full is refused to whoever asks for %s', async ([, message]) => {
  const order = await newOrder(url())
  await refundElsewhere(url(), order.paymentId, 2_000)
  const run = await startWith(world(), requestOf(order, message))
  expect(await run.outcome()).toMatchObject({
    state: 'refused',
    because: {
      code: 'refused_by_playbook',
      message: `order ${order.orderId} has been refunded already; nothing of it is left`,
    },
    effects: [],
  })
  await expectNothingMade(world(), order)
})

test.concurrent('of an order that was refunded in part all means the rest', async () => {
  const order = await newOrder(url())
  await refundElsewhere(url(), order.paymentId, 1_500)
  const run = await startWith(world(), requestOf(order, EVERYTHING))
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { amount: { cents: 500 } } })
  expect(await world().refunded(order.paymentId)).toBe(500)
  expect(await madeFor(world(), order)).toEqual({ refunds: 1, replies: 1 })
})

test.concurrent('of an order that was refunded in part more than the rest goes to a person', async () => {
  const order = await newOrder(url())
  await refundElsewhere(url(), order.paymentId, 1_500)
  const run = await startWith(world(), requestOf(order, 'It arrived broken, please refund $5.01.'))
  expect(await run.outcome()).toMatchObject({
    state: 'escalated',
    because: { code: 'evidence_unsupported', message: '$5.01 is more than the $5.00 that can be refunded' },
  })
  await expectNothingMade(world(), order)
})

test.concurrent.for(['£20.00', '20 pounds'])(
  '%s of an order in pounds are denied: no rule can tell what it is in dollars',
  async (asked) => {
    const order = await newOrder(url(), { currency: 'GBP' })
    const run = await startWith(world(), requestOf(order, `It arrived broken, please refund ${asked}.`))
    expect(await run.outcome()).toMatchObject({
      state: 'refused',
      because: { code: 'denied_by_policy', message: 'refund_amount_usd is not known' },
    })
    await expectNothingMade(world(), order)
  },
)

test.concurrent('dollars of an order in pounds go to a person', async () => {
  const order = await newOrder(url(), { currency: 'GBP' })
  const run = await startWith(world(), requestOf(order))
  expect(await run.outcome()).toMatchObject({ state: 'escalated', because: { code: 'escalated_by_playbook' } })
  await expectNothingMade(world(), order)
})
