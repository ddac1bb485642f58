import { afterAll, expect, test } from 'vitest'
import { newOrder } from '../support/orders.ts'
import { startRefund } from '../support/refunds.ts'
import { query, useWorld } from '../support/world.ts'
import { expectNothingMade, expectStillWorks, madeFor, requestOf, startWith } from './hostile.ts'

const world = useWorld()
afterAll(() => expectStillWorks(world()))

test.concurrent.for([
  ['two amounts', 'It broke. Refund $5 for the mug and $10 for the plate.'],
  ['three decimals', 'It broke. Refund $20.005.'],
  ['a decimal comma', 'It broke. Refund $20,00.'],
  ['nothing', 'It broke. Refund $0.'],
  ['less than nothing', 'It broke. Refund -$20.'],
  ['1e21', 'It broke. Refund $1e21.'],
  ['as many digits as fit', `It broke. Refund $${'9'.repeat(1000)}.`],
  ['another currency', 'It broke. Refund 20 €.'],
  ['no currency', 'It broke. Refund me 20.'],
  ['words', 'It broke. Refund twenty dollars.'],
  ['half of it', 'It broke. Refund half of it.'],
  ['blanks', ' \n\t '],
  ['what nobody sees', '\u200b\u2060\u{e0041}'],
  ['digits that a mark turns round', 'It broke. Refund \u202e51$\u202c.'],
  ['digits after a nought', 'It broke. Refund $020.'],
] as const)('a message that asks for %s goes to a person, and no money moves', async ([, message]) => {
  const { run, order } = await startRefund(world(), { message })
  expect(await run.outcome()).toMatchObject({
    state: 'escalated',
    because: {
      code: 'escalated_by_playbook',
      message: `ticket ${order.ticketId} does not say clearly how much of order ${order.orderId} is asked back`,
    },
    effects: [],
  })
  await expectNothingMade(world(), order)
})

test.concurrent('a message that names no amount asks for all that is left', async () => {
  const { run, order } = await startRefund(world(), { message: 'It broke. I want my money back.' })
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { amount: { cents: 2_000 } } })
  expect(await madeFor(world(), order)).toEqual({ refunds: 1, replies: 1 })
})

test.concurrent.for([
  ['above what was paid', 'It broke. Refund $20.01.', '$20.01 is more than the $20.00 that can be refunded'],
  ['a million times that', 'It broke. Refund $20,000,000.', '$20,000,000.00 is more than the $20.00'],
] as const)('an amount %s goes to a person with what speaks against it', async ([, message, why]) => {
  const { run, order } = await startRefund(world(), { message })
  expect(await run.outcome()).toMatchObject({
    state: 'escalated',
    because: { code: 'evidence_unsupported', message: expect.stringContaining(why) },
  })
  await expectNothingMade(world(), order)
})

const ODD = 'It broke.\u0000\u0007\u001b[31m\u200fRefund\u2066 $20\u200b.00\u2069\u0085 \ufeff\r\n\u{e0041}please'

test.concurrent('control and bidirectional characters neither stop a refund nor reach a record', async () => {
  const { run, order } = await startRefund(world(), { message: ODD })
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: { amount: { cents: 2_000 } } })
  const { rows } = await query(world().databaseUrl, 'SELECT reason FROM records.refunds WHERE payment_id = $1', [
    order.paymentId,
  ])
  expect(rows).toEqual([{ reason: 'It broke. [31mRefund $20.00 please' }])
})

test.concurrent.for(['fr\u200baud', 'f\u2067r\u200ea\u2066u\u2069d', 'ＦＲＡＵＤ', 'fra\u00adud'])(
  'fraud that is hidden in %j is refused',
  async (word) => {
    const { run, order } = await startRefund(world(), { message: `This is ${word}. Refund $20.00.` })
    expect(await run.outcome()).toMatchObject({ state: 'refused', because: { code: 'denied_by_policy' } })
    await expectNothingMade(world(), order)
  },
)

test.concurrent('a message of 20,000 characters in four bytes each is read, shortened and answered', async () => {
  const message = `It broke. Refund $20.00. ${'😀'.repeat(9_987)}`
  const order = await newOrder(world().databaseUrl)
  expect(message).toHaveLength(19_999)
  const run = await startWith(world(), requestOf(order, message))
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await madeFor(world(), order)).toEqual({ refunds: 1, replies: 1 })
})
