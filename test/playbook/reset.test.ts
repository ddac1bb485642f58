import { expect, test } from 'vitest'
import type { RunHandle } from '../../src/client/index.ts'
import { activitiesIn, eventsOf, reset, workflowTasksIn } from '../support/history.ts'
import { addParcels } from '../support/orders.ts'
import { approvalOf, pendingOf, shownResult, startRefund } from '../support/refunds.ts'
import { query, until, useWorld } from '../support/world.ts'

const world = useWorld()

const refundsOf = (paymentId: string) => world().count('refunds', `payment_id = '${paymentId}'`)
const runIdOf = async (run: RunHandle) => (await world().temporal.workflow.getHandle(run.workflowId).describe()).runId

/** Resets a run to a workflow task (0 is the first), and waits until another run of it has taken over. */
async function resetTo(run: RunHandle, task: (tasks: readonly number[]) => number | undefined): Promise<void> {
  const before = await runIdOf(run)
  const eventId = task(workflowTasksIn(await eventsOf(world().temporal, run)))
  await reset(world().temporal, run, eventId ?? 0)
  await until('the run after the reset', async () => ((await runIdOf(run)) === before ? undefined : true))
}

const first = (tasks: readonly number[]) => tasks[0]
const last = (tasks: readonly number[]) => tasks.at(-1)

test.concurrent.for([
  ['the first', first],
  ['the second', (tasks: readonly number[]) => tasks[1]],
  ['the last', last],
] as const)('a reset to %s workflow task after a refund completes with the same refund', async ([, task]) => {
  const { run, order } = await startRefund(world())
  const before = await run.outcome()
  await resetTo(run, task)
  const after = await shownResult(run)
  expect(after).toMatchObject({ state: 'completed', outcome: before.outcome, runKey: before.runKey })
  expect(after.effects).toEqual(before.effects)
  expect(await refundsOf(order.paymentId)).toBe(1)
  expect(await world().refunded(order.paymentId)).toBe(2_000)
  expect(await world().count('replies', `ticket_id = '${order.ticketId}'`)).toBe(1)
})

test.concurrent.for([
  ['the first', first],
  ['the last', last],
] as const)('a reset to %s workflow task after an approved refund asks nobody again', async ([, task]) => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  await run.decide(approvalOf(await pendingOf(run)))
  const before = await run.outcome()
  await resetTo(run, task)
  const after = await shownResult(run)
  expect(after).toMatchObject({ state: 'completed', outcome: before.outcome })
  expect(await refundsOf(order.paymentId)).toBe(1)
  expect(await world().refunded(order.paymentId)).toBe(12_000)
})

test.concurrent('a reset of a refund of all that was left, of which the message names no amount, adopts it', async () => {
  const { run, order } = await startRefund(world(), { message: 'It arrived broken. Please give my money back.' })
  const before = await run.outcome()
  expect(before).toMatchObject({ state: 'completed', outcome: { amount: { cents: 2_000 } } })
  await resetTo(run, first)
  expect(await shownResult(run)).toMatchObject({ state: 'completed' })
  expect(await refundsOf(order.paymentId)).toBe(1)
  expect(await world().refunded(order.paymentId)).toBe(2_000)
})

test.concurrent('what was adopted after a reset can be undone', async () => {
  const { run, order } = await startRefund(world())
  await run.outcome()
  await resetTo(run, first)
  await shownResult(run)
  expect(await run.undo({ by: 'olga' })).toMatchObject({ accepted: true })
  expect(await run.result()).toMatchObject({ state: 'reverted', effects: [{ state: 'undone' }, { state: 'undone' }] })
  expect(await world().refunded(order.paymentId)).toBe(0)
})

test.concurrent('a reset while an action waits shows it again, and one approval refunds once', async () => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  await pendingOf(run)
  await resetTo(run, first)
  await run.decide(approvalOf(await pendingOf(run)))
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await refundsOf(order.paymentId)).toBe(1)
})

test.concurrent('the outcome can be had after a reset', async () => {
  const { run } = await startRefund(world())
  const before = await run.outcome()
  await resetTo(run, first)
  expect(await run.outcome()).toMatchObject({ state: 'completed', outcome: before.outcome })
})

test.concurrent.for([
  ['by itself', 2_000],
  ['after an approval', 12_000],
] as const)('a refund that was done %s and undone is not done again by a reset', async ([, amountCents]) => {
  const { run, order } = await startRefund(world(), { amountCents })
  if (amountCents > 5_000) await run.decide(approvalOf(await pendingOf(run)))
  await run.outcome()
  await run.undo({ by: 'olga' })
  await run.result()
  await resetTo(run, first)
  const incident = await until('the incident', async () => (await run.status()).incidents[0])
  expect(incident).toMatchObject({ step: 'billing.refund-1', code: 'effect_undone' })
  await run.resolve({ step: incident.step, resolution: 'settled', by: 'otto' })
  expect(await run.result()).toMatchObject({ state: 'escalated', because: { code: 'effect_undone' } })
  expect(await refundsOf(order.paymentId)).toBe(1)
  expect(await world().refunded(order.paymentId)).toBe(0)
})

test.concurrent('a reset into a world in which approval is needed does not ask for what was done without', async () => {
  const { run, order } = await startRefund(world())
  const before = await run.outcome()
  const text = "UPDATE records.customers SET tier = 'enterprise' WHERE id = $1"
  await query(world().databaseUrl, text, [order.customerId])
  await resetTo(run, first)
  expect(await shownResult(run)).toMatchObject({ state: 'completed', outcome: before.outcome })
  expect(await refundsOf(order.paymentId)).toBe(1)
  expect(await world().refunded(order.paymentId)).toBe(2_000)
})

test.concurrent('what was done before a reset is undone when the run now ends before it', async () => {
  const { run, order } = await startRefund(world(), { message: 'It never arrived. I want $20.00 back.' })
  expect(await run.outcome()).toMatchObject({ state: 'completed', spend: { toolCalls: 5 } })
  await addParcels(world().databaseUrl, order.orderId, 5)
  await resetTo(run, first)
  expect(await run.result()).toMatchObject({
    state: 'escalated',
    because: { code: 'tool_budget_exceeded' },
    effects: [
      { step: 'billing.refund-1', state: 'undone' },
      { step: 'helpdesk.reply-1', state: 'undone' },
    ],
  })
  const undos = activitiesIn(await eventsOf(world().temporal, run)).filter(({ type }) => type.endsWith('.undo'))
  expect(undos.map(({ type }) => type)).toEqual(['helpdesk.reply.undo', 'billing.refund.undo'])
  expect(await world().refunded(order.paymentId)).toBe(0)
})
