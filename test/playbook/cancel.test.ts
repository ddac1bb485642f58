import pg from 'pg'
import { expect, test } from 'vitest'
import { activitiesIn, endOf, eventsOf } from '../support/history.ts'
import { approvalOf, codeOfAnswer, pendingOf, shownResult, startRefund } from '../support/refunds.ts'
import { until, useWorld } from '../support/world.ts'

const world = useWorld()

/** Holds a ticket as somebody who is just answering in it does, until it is let go: a reply waits for that. */
async function holdTicket(ticketId: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: world().databaseUrl })
  await client.connect()
  await client.query('BEGIN')
  await client.query('SELECT 1 FROM records.tickets WHERE id = $1 FOR UPDATE', [ticketId])
  return async () => {
    await client.query('ROLLBACK')
    await client.end()
  }
}

test.concurrent('a run that is cancelled while it waits for approval is reverted, and nothing was done', async () => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  await pendingOf(run)
  await run.cancel()
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    because: { code: 'cancelled', message: 'the run was cancelled' },
    effects: [],
  })
  expect(await world().refunded(order.paymentId)).toBe(0)
  expect(await world().count('refunds', `payment_id = '${order.paymentId}'`)).toBe(0)
  expect(await run.status()).toMatchObject({ pending: [], state: 'reverted', waitingFor: null })
})

test.concurrent('whoever waits for the outcome of a run that is cancelled is told the result', async () => {
  const { run } = await startRefund(world(), { amountCents: 12_000 })
  await pendingOf(run)
  const waiting = run.outcome()
  await run.cancel()
  expect(await waiting).toMatchObject({ state: 'reverted', because: { code: 'cancelled' } })
  expect(await run.outcome()).toMatchObject({ state: 'reverted' })
})

test.concurrent('a cancellation after the refund voids it once the reply under way has ended', async () => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  const letGo = await holdTicket(order.ticketId)
  await run.decide(approvalOf(await pendingOf(run)))
  const reply = await until('the reply under way', async () =>
    activitiesIn(await eventsOf(world().temporal, run)).find(({ type }) => type === 'helpdesk.reply'),
  )
  expect(await world().refunded(order.paymentId)).toBe(12_000)
  await run.cancel()
  await until('the request to cancel', async () =>
    (await eventsOf(world().temporal, run)).find((event) => event.workflowExecutionCancelRequestedEventAttributes),
  )
  await letGo()

  expect(await shownResult(run)).toMatchObject({ state: 'reverted', because: { code: 'cancelled' } })
  expect(await world().refunded(order.paymentId)).toBe(0)
  expect(await world().count('replies', `ticket_id = '${order.ticketId}' AND retracted_at IS NULL`)).toBeLessThan(2)
  const events = await eventsOf(world().temporal, run)
  const undo = activitiesIn(events).find(({ type }) => type === 'billing.refund.undo')
  expect(Number(endOf(events, reply)?.eventId)).toBeLessThan(undo?.eventId ?? 0)
})

test.concurrent('a cancellation in the undo window does not change the outcome, and the run can still be undone', async () => {
  const { run, order } = await startRefund(world())
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  await run.cancel()
  await until('the request to cancel', async () =>
    (await eventsOf(world().temporal, run)).find((event) => event.workflowExecutionCancelRequestedEventAttributes),
  )
  expect(await run.status()).toMatchObject({ state: 'completed', undoUntil: expect.any(String) })
  expect(await world().refunded(order.paymentId)).toBe(2_000)
  expect(await codeOfAnswer(run.undo({ by: 'olga' }))).toBe('accepted')
  expect(await run.result()).toMatchObject({ state: 'reverted', because: { code: 'undo_requested', by: 'olga' } })
  expect(await world().refunded(order.paymentId)).toBe(0)
})

test.concurrent('the history says which client cancelled a run', async () => {
  const { run } = await startRefund(world(), { amountCents: 12_000 })
  await pendingOf(run)
  await run.cancel()
  await run.result()
  const events = await eventsOf(world().temporal, run)
  const requested = events.flatMap((event) => event.workflowExecutionCancelRequestedEventAttributes ?? [])
  expect(requested).toMatchObject([{ identity: expect.stringMatching(/.+@.+/) }])
})

test.concurrent('a run that is cancelled at once ends, whatever it had begun', async () => {
  const { run, order } = await startRefund(world())
  await run.cancel()
  const { state } = await shownResult(run)
  expect(['reverted', 'completed']).toContain(state)
  expect(await world().refunded(order.paymentId)).toBe(state === 'completed' ? 2_000 : 0)
})
