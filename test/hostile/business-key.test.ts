import { randomUUID } from 'node:crypto'
import { afterAll, expect, test } from 'vitest'
import type { SampleOrder } from '../../activities/records/sample.ts'
import type { RunHandle } from '../../src/client/index.ts'
import { eventsOf, reset, typesOf, workflowTasksIn } from '../support/history.ts'
import { newOrder, type OrderOptions } from '../support/orders.ts'
import { approvalOf, pendingOf, REQUESTER, shownResult } from '../support/refunds.ts'
import { query, until, useWorld } from '../support/world.ts'
import { expectStillWorks, madeFor, newTicket, requestOf, startWith } from './hostile.ts'

const world = useWorld()
afterAll(() => expectStillWorks(world()))

const EVERYTHING = 'It arrived broken. I want my money back.'
const OLGA = { by: 'olga@acme.example' }
const newCase = (options: OrderOptions = {}) => newOrder(world().databaseUrl, options)
const ask = (order: SampleOrder, message?: string) => startWith(world(), requestOf(order, message))

/** Refused as a repeat of another run, and nothing more was made than that one's refund and reply. */
async function expectRepeat(run: RunHandle, earlier: RunHandle, order: SampleOrder): Promise<void> {
  expect(await run.outcome()).toMatchObject({
    state: 'failed',
    because: {
      code: 'request_repeated',
      message: expect.stringMatching(`of the run \`${earlier.workflowId}\` stands for the same case`),
    },
  })
  expect(await madeFor(world(), order)).toEqual({ refunds: 1, replies: 1 })
}

test.concurrent('what was asked next month under another workflow id is a repeat, before anything is read', async () => {
  const order = await newCase()
  const first = await ask(order)
  await first.outcome()
  const aMonth = "UPDATE countersign.effects SET claimed_at = claimed_at - interval '31 days', done_at = now()"
  await query(world().databaseUrl, `${aMonth} WHERE run_key LIKE $1`, [`${first.workflowId}/%`])
  const second = await ask(order, 'It arrived broken, please refund $5.00 of it.')
  await expectRepeat(second, first, order)
  expect((await second.result()).effects).toEqual([])
  expect(typesOf(await eventsOf(world().temporal, second))).not.toContain('EVENT_TYPE_ACTIVITY_TASK_SCHEDULED')
  const { rows } = await query(world().databaseUrl, 'SELECT 1 FROM countersign.runs WHERE workflow_id = $1', [
    second.workflowId,
  ])
  expect(rows).toEqual([])
})

test.concurrent('a run that is still open is an earlier one, too, and so is one whose window is over', async () => {
  const order = await newCase()
  const first = await ask(order)
  expect(await first.outcome()).toMatchObject({ undoUntil: expect.any(String) })
  await expectRepeat(await ask(order), first, order)
  await world().temporal.workflow.getHandle(first.workflowId).terminate('a test')
  await expectRepeat(await ask(order), first, order)
})

test.concurrent('of twenty runs of one case at once one refunds, and the others are repeats', async () => {
  const order = await newCase()
  const runs = await Promise.all(Array.from({ length: 20 }, () => ask(order)))
  const results = await Promise.all(runs.map((run) => run.outcome()))
  const ends = results.map(({ state, because }) => because?.code ?? state).toSorted()
  expect(ends[0]).toBe('completed')
  // Who reads the records after the refund, and before its own claim, is told so by the playbook.
  for (const end of ends.slice(1))
    expect(['request_repeated', 'refused_by_playbook', 'evidence_unsupported']).toContain(end)
  expect(ends.filter((end) => end === 'completed')).toHaveLength(1)
  expect(await madeFor(world(), order)).toEqual({ refunds: 1, replies: 1 })
})

test.concurrent('two runs of one case that wait for approval: the second approval finds the case done', async () => {
  const order = await newCase({ amountCents: 12_000 })
  const part = 'It arrived broken, please refund $60.00.'
  const runs = [await ask(order, part), await ask(order, part)] as const
  const [first, second] = runs
  const questions = [await pendingOf(first), await pendingOf(second)] as const
  for (const [at, run] of runs.entries()) {
    expect(await run.decide(approvalOf(questions[at] ?? questions[0]))).toMatchObject({ accepted: true })
    await run.outcome()
  }
  expect(await first.outcome()).toMatchObject({ state: 'completed' })
  await expectRepeat(second, first, order)
  expect(await world().refunded(order.paymentId)).toBe(6_000)
  expect((await second.outcome()).effects).toMatchObject([{ step: 'billing.refund-1', state: 'not_done' }])
})

test.concurrent('what was undone can be asked again, and is then a repeat again', async () => {
  const order = await newCase()
  const first = await ask(order)
  await first.outcome()
  await first.undo(OLGA)
  await first.result()
  const second = await ask(order)
  expect(await second.outcome()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(order.paymentId)).toBe(2_000)
  const third = await ask(order)
  expect(await third.outcome()).toMatchObject({ because: { code: 'request_repeated' } })
  expect((await third.outcome()).because?.message).toContain(second.workflowId)
  expect(await world().refunded(order.paymentId)).toBe(2_000)
})

test.concurrent('what was compensated, refused or escalated is no earlier run', async () => {
  const closed = await newCase({ ticket: 'closed' })
  expect(await (await ask(closed)).outcome()).toMatchObject({ state: 'reverted' })
  await query(world().databaseUrl, "UPDATE records.tickets SET status = 'open' WHERE id = $1", [closed.ticketId])
  expect(await (await ask(closed)).outcome()).toMatchObject({ state: 'completed' })

  const other = await newCase()
  expect(await (await ask(other, 'This is fraud. Refund $20.00.')).outcome()).toMatchObject({ state: 'refused' })
  expect(await (await ask(other, 'Refund $20.00 or $10.00.')).outcome()).toMatchObject({ state: 'escalated' })
  expect(await (await ask(other)).outcome()).toMatchObject({ state: 'completed' })
  expect(await madeFor(world(), other)).toEqual({ refunds: 1, replies: 1 })
})

test.concurrent('another ticket, and another workspace, are another case', async () => {
  const order = await newCase()
  const part = 'It arrived broken, please refund $5.00.'
  expect(await (await ask(order, part)).outcome()).toMatchObject({ state: 'completed' })
  const ticketId = await newTicket(world(), order)
  expect(await (await ask({ ...order, ticketId }, part)).outcome()).toMatchObject({ state: 'completed' })
  const elsewhere = await world().client.start('refund_request', requestOf(order, part), {
    principal: { ...REQUESTER, workspace: 'other' },
    workflowId: `refund-${randomUUID()}`,
  })
  expect(await elsewhere.outcome()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(order.paymentId)).toBe(1_500)
})

test.concurrent('a run is not its own repeat after a reset', async () => {
  const order = await newCase()
  const run = await ask(order, EVERYTHING)
  const before = await run.outcome()
  const runIdOf = async () => (await world().temporal.workflow.getHandle(run.workflowId).describe()).runId
  const runId = await runIdOf()
  await reset(world().temporal, run, workflowTasksIn(await eventsOf(world().temporal, run))[0] ?? 0)
  await until('the run after the reset', async () => ((await runIdOf()) === runId ? undefined : true))
  expect(await shownResult(run)).toMatchObject({ state: 'completed', outcome: before.outcome })
  expect(await madeFor(world(), order)).toEqual({ refunds: 1, replies: 1 })
  await expectRepeat(await ask(order), run, order)
})
