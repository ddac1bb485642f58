import { expect, test } from 'vitest'
import { eventsOf, reset, workflowTasksIn } from '../support/history.ts'
import { bothOf, foundIn, foundInAll } from '../support/reconciled.ts'
import { approvalOf, pendingOf, shownResult, startRefund } from '../support/refunds.ts'
import { until, useWorld } from '../support/world.ts'

const world = useWorld()
const [REFUND, REPLY] = ['billing.refund-1', 'helpdesk.reply-1']

test.concurrent('history and ledger of a completed run agree, open for its undo window and after it was undone', async () => {
  const { run } = await startRefund(world())
  await run.outcome()
  expect(await foundIn(world(), run)).toEqual([])
  expect(await bothOf(world(), run)).toEqual([`${REFUND}: done, done`, `${REPLY}: done, done`])
  await run.undo({ by: 'olga' })
  await run.result()
  expect(await foundIn(world(), run)).toEqual([])
  expect(await bothOf(world(), run)).toEqual([`${REFUND}: undone, undone`, `${REPLY}: undone, undone`])
})

test.concurrent('history and ledger of a run that waits, is cancelled or denied agree', async () => {
  const { run } = await startRefund(world(), { amountCents: 12_000 })
  await pendingOf(run)
  expect(await foundIn(world(), run)).toEqual([])
  await run.cancel()
  await run.result()
  expect(await foundIn(world(), run)).toEqual([])
  const denied = await startRefund(world(), { message: 'This is fraud. Give me $20.00.' })
  expect(await denied.run.result()).toMatchObject({ state: 'refused' })
  expect(await foundIn(world(), denied.run)).toEqual([])
})

test.concurrent('a run that was refused when it was opened has no row, and differs in nothing', async () => {
  const { run, order } = await startRefund(world())
  await run.outcome()
  const { workflowId } = await world().client.start(
    'refund_request',
    { orderId: order.orderId, ticketId: order.ticketId, message: 'Again!' },
    { principal: { subject: 'ana@acme.example', workspace: 'acme' }, workflowId: `${run.workflowId}-again` },
  )
  expect(await world().client.run(workflowId).result()).toMatchObject({ because: { code: 'request_repeated' } })
  expect(await foundIn(world(), { workflowId })).toEqual([])
  expect(await world().refunded(order.paymentId)).toBe(2_000)
})

test.concurrent('a run that was reset to every one of its workflow tasks refunds once, and is one run to both sides', async () => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  await run.decide(approvalOf(await pendingOf(run)))
  await run.outcome()
  const handle = world().temporal.workflow.getHandle(run.workflowId)
  const { runId: first } = await handle.describe()
  const tasks = workflowTasksIn(await eventsOf(world().temporal, run))
  expect(tasks.length).toBeGreaterThan(3)
  for (const task of tasks) {
    const { runId: before } = await handle.describe()
    await reset(world().temporal, run, task, first)
    await until('the run after the reset', async () => ((await handle.describe()).runId === before ? undefined : true))
    // One that is reset to before the question asks nobody again: the ledger has the step.
    expect(await shownResult(run), `reset to the event ${task}`).toMatchObject({ state: 'completed' })
    expect(await world().refunded(order.paymentId)).toBe(12_000)
  }
  expect(await world().count('refunds', `payment_id = '${order.paymentId}'`)).toBe(1)
  expect(await world().count('replies', `ticket_id = '${order.ticketId}'`)).toBe(1)
  expect(await foundIn(world(), run)).toEqual([])
})

test('a workflow id that neither side knows is not found', async () => {
  await expect(foundIn(world(), { workflowId: 'nobody' })).rejects.toMatchObject({ type: 'run_not_found' })
})

test('a sweep compares the runs of the ledger and of the task queue, each once', async () => {
  const query = `TaskQueue = '${world().taskQueue}'`
  const started = await until('all runs in visibility', async () => {
    const ids = new Set<string>()
    for await (const { workflowId } of world().temporal.workflow.list({ query })) ids.add(workflowId)
    return ids.size === 6 ? ids : undefined
  })
  expect(await foundInAll(world())).toEqual({ compared: started.size, found: {} })
  expect(await foundInAll(world(), new Date(Date.now() + 60_000))).toEqual({ compared: 0, found: {} })
})
