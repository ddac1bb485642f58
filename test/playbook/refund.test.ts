import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { SAMPLE, type SampleOrder } from '../../activities/records/sample.ts'
import type { RunHandle } from '../../src/client/index.ts'
import { until, useWorld } from '../support/world.ts'

const world = useWorld()

const start = (order: SampleOrder, message: string, subject = 'ana@acme.example'): Promise<RunHandle> =>
  world().client.start(
    'refund_request',
    { orderId: order.orderId, ticketId: order.ticketId, message },
    { principal: { subject, workspace: 'acme' }, workflowId: `refund-${randomUUID()}` },
  )

const pendingOf = (run: RunHandle) => until('a pending approval', async () => (await run.status()).pending[0])

test('a refund below every threshold goes through by itself, and the customer is told', async () => {
  const run = await start(SAMPLE.small, 'The mug arrived broken, please refund $20.00.')
  const result = await run.outcome()
  console.log(JSON.stringify(await run.status(), null, 1))
  expect(result).toMatchObject({ state: 'completed', outcome: { amount: { currency: 'USD', cents: 2000 } } })
  expect(await world().refunded(SAMPLE.small.paymentId)).toBe(2000)
  expect(await world().count('replies', `ticket_id = '${SAMPLE.small.ticketId}'`)).toBe(1)
})

test('a refund above the threshold waits for somebody else and then happens once', async () => {
  const run = await start(SAMPLE.large, 'It arrived damaged. I want my $120.00 back.')
  const pending = await pendingOf(run)
  expect(await world().refunded(SAMPLE.large.paymentId)).toBe(0)
  const answer = await run.decide({
    step: pending.step,
    decision: 'approve',
    by: 'ben@acme.example',
    actionDigest: pending.actionDigest,
  })
  expect(answer).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(SAMPLE.large.paymentId)).toBe(12_000)
})

test('a refund whose reason is fraud is refused, and no money moves', async () => {
  const run = await start(SAMPLE.fraud, 'This is fraud, I never bought it. Give me $35.00.')
  const result = await run.outcome()
  expect(result).toMatchObject({ state: 'refused', because: { code: 'denied_by_policy' } })
  expect(await world().refunded(SAMPLE.fraud.paymentId)).toBe(0)
})
