import { ApplicationFailure } from '@temporalio/common'
import { temporal } from '@temporalio/proto'
import { expect, test } from 'vitest'
import type { RunHandle } from '../../src/client/index.ts'
import { digestOf } from '../../src/contract/digest.ts'
import { type Receipt, runKeyOf } from '../../src/contract/evidence.ts'
import type { JsonObject } from '../../src/contract/json.ts'
import { hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import { signReceipt } from '../../src/identity/receipts.ts'
import { hold, holdPayment, holdTicket } from '../support/holder.ts'
import { bothOf, foundIn } from '../support/reconciled.ts'
import { approvalOf, pendingOf, startRefund } from '../support/refunds.ts'
import { query, until, useWorld } from '../support/world.ts'
import { ledgerOf } from './puppets.ts'

// A stranger with the namespace's credentials completes activities by their ids, while the host is still at them.
const world = useWorld()
const STARTED = temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
const REFUND = 'billing.refund-1'
const REPLY = 'helpdesk.reply-1'

const pendingActivities = async ({ workflowId }: RunHandle) =>
  (await world().temporal.workflow.getHandle(workflowId).describe()).raw.pendingActivities ?? []
const underWay = (run: RunHandle, id: string) =>
  until(`the attempt of ${id}`, async () =>
    (await pendingActivities(run)).find(({ activityId, state }) => activityId === id && state === STARTED),
  )
const complete = (run: RunHandle, activityId: string, answer: unknown) =>
  world().temporal.activity.complete({ workflowId: run.workflowId, activityId }, answer)
const repliesTo = (ticketId: string) => world().count('replies', `ticket_id = '${ticketId}'`)

async function runKeyOfRun({ workflowId }: RunHandle) {
  const { raw } = await world().temporal.workflow.getHandle(workflowId).describe()
  return runKeyOf(workflowId, raw.workflowExecutionInfo?.firstRunId ?? '')
}

/** A result in good form, signed with a key that no host published. */
async function invented(run: RunHandle, step: string, output: JsonObject, said: Partial<Receipt> = {}) {
  const statement = {
    runKey: await runKeyOfRun(run),
    step,
    tool: step.slice(0, step.lastIndexOf('-')),
    inputDigest: digestOf({}),
    outputDigest: digestOf(output),
    kind: 'record' as const,
    reference: 'invented',
    at: new Date().toISOString(),
    by: 'somebody',
    scopes: [],
    ...said,
  } as Omit<Receipt, 'v' | 'keyId' | 'signature'>
  return { output, receipt: signReceipt(hostKeyOf(newHostKey()), statement) }
}

/** A refund whose write the host is at, and cannot get on with. */
async function refundUnderWay(amountCents = 2_000) {
  const started = await startRefund(world(), { amountCents })
  const holder = await holdPayment(world().databaseUrl, started.order.paymentId)
  if (amountCents >= 5_000) await started.run.decide(approvalOf(await pendingOf(started.run)))
  await underWay(started.run, REFUND)
  return { ...started, holder }
}

test.concurrent.for([
  ['nothing', async () => undefined],
  ['null', async () => null],
  ['a text', async () => 'done'],
  ['an empty object', async () => ({})],
  ['an output without a receipt', async () => ({ output: { refundId: 'ref_1' } })],
  ['a receipt that is none', async () => ({ output: { refundId: 'ref_1' }, receipt: { v: 1 } })],
  [
    'a receipt that nobody signed',
    async (run: RunHandle) => {
      const { output, receipt } = await invented(run, REFUND, { refundId: 'ref_1' })
      const { signature: _signature, ...unsigned } = receipt
      return { output, receipt: unsigned }
    },
  ],
  ['a receipt of another step', (run: RunHandle) => invented(run, REFUND, { refundId: 'ref_1' }, { step: 'x-1' })],
  ['a receipt of another tool', (run: RunHandle) => invented(run, REFUND, { refundId: 'ref_1' }, { tool: 'x' })],
  ['a receipt of another run', (run: RunHandle) => invented(run, REFUND, { refundId: 'ref_1' }, { runKey: 'x/1' })],
] as const)('a write that a stranger completes with %s fails, and whatever happened is undone', async ([, answer]) => {
  const { run, order, holder } = await refundUnderWay()
  await complete(run, REFUND, await answer(run))
  await holder.release()
  const { state, because, effects } = await run.result()
  expect(because).toMatchObject({ code: 'completion_invalid', message: expect.stringContaining(`\`${REFUND}\``) })
  // The host was in time, or it was barred.
  expect([state, effects[0]?.state]).toEqual(state === 'failed' ? ['failed', 'not_done'] : ['reverted', 'undone'])
  expect(await world().refunded(order.paymentId)).toBe(0)
  expect(await repliesTo(order.ticketId)).toBe(0)
  expect(await foundIn(world(), run)).toEqual([`effect_claimed ${REFUND}`])
})

test.concurrent('a write that a stranger completes in good form, and nothing cites, is claimed: reconciliation tells', async () => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  const holder = await holdTicket(world().databaseUrl, order.ticketId)
  await run.decide(approvalOf(await pendingOf(run)))
  await underWay(run, REPLY)
  await complete(run, REPLY, await invented(run, REPLY, { replyId: 'rep_1' }))
  // The kernel has no keys: it reports an effect that nobody had.
  expect(await run.outcome()).toMatchObject({ state: 'completed', effects: [{ state: 'done' }, { state: 'done' }] })
  await holder.query("UPDATE records.tickets SET status = 'closed' WHERE id = $1", [order.ticketId])
  await holder.release()
  await query(world().databaseUrl, 'SELECT 1 FROM records.tickets WHERE id = $1 FOR UPDATE', [order.ticketId])
  expect(await repliesTo(order.ticketId)).toBe(0)
  expect(await world().refunded(order.paymentId)).toBe(12_000)
  expect(await bothOf(world(), run)).toEqual([`${REFUND}: done, done`, `${REPLY}: claimed, nothing`])
  expect(await foundIn(world(), run)).toEqual([`effect_claimed ${REPLY}`])
})

test.concurrent('a write that host and stranger both complete is claimed in the history and done in the ledger', async () => {
  const { run, order } = await startRefund(world())
  const holder = await holdTicket(world().databaseUrl, order.ticketId)
  await underWay(run, REPLY)
  await complete(run, REPLY, await invented(run, REPLY, { replyId: 'rep_1' }))
  await run.outcome()
  await holder.release()
  await until('the reply of the host', async () => ((await repliesTo(order.ticketId)) === 1 ? true : undefined))
  expect(await world().refunded(order.paymentId)).toBe(2_000)
  expect(await bothOf(world(), run)).toEqual([`${REFUND}: done, done`, `${REPLY}: claimed, done`])
  expect(await foundIn(world(), run)).toEqual([`effect_claimed ${REPLY}`])
})

test.concurrent('an undo that a stranger completes leaves the money where it is: the run says `reverted`, reconciliation that it stands', async () => {
  const { run, order } = await startRefund(world())
  await run.outcome()
  const holder = await holdPayment(world().databaseUrl, order.paymentId)
  await run.undo({ by: 'olga' })
  await underWay(run, `${REFUND}.undo`)
  await complete(run, `${REFUND}.undo`, { state: 'undone', text: 'voided' })
  expect(await run.result()).toMatchObject({ state: 'reverted', effects: [{ state: 'undone' }, { state: 'undone' }] })
  // The refund settles before the host's own attempt gets on, so that this one fails.
  await holder.query("UPDATE records.refunds SET settles_at = now() - interval '1 day' WHERE payment_id = $1", [
    order.paymentId,
  ])
  await holder.release()
  await query(world().databaseUrl, 'SELECT 1 FROM records.payments WHERE id = $1 FOR UPDATE', [order.paymentId])
  expect(await world().refunded(order.paymentId)).toBe(2_000)
  expect(await ledgerOf(world(), await runKeyOfRun(run))).toEqual([`${REFUND}: done`, `${REPLY}: undone`])
  expect(await foundIn(world(), run)).toEqual([`effect_stands ${REFUND}`])
})

test.concurrent.for([undefined, {}, { state: 'undone' }, { state: 'gone', text: 'x' }, { state: 'not_done', text: 7 }])(
  'an undo that a stranger completes with %j is an incident, and a retry undoes',
  async (answer) => {
    const { run, order } = await startRefund(world())
    await run.outcome()
    const holder = await holdPayment(world().databaseUrl, order.paymentId)
    await run.undo({ by: 'olga' })
    await underWay(run, `${REFUND}.undo`)
    await complete(run, `${REFUND}.undo`, answer)
    const incident = await until('the incident', async () => (await run.status()).incidents[0])
    expect(incident).toMatchObject({ step: REFUND, code: 'completion_invalid' })
    await holder.release()
    await run.resolve({ step: REFUND, resolution: 'retry', by: 'otto' })
    expect(await run.result()).toMatchObject({ state: 'reverted' })
    expect(await world().refunded(order.paymentId)).toBe(0)
    expect(await foundIn(world(), run)).toEqual([])
  },
)

const failing = (run: RunHandle, type: string) =>
  world().temporal.activity.fail(
    { workflowId: run.workflowId, activityId: REFUND },
    ApplicationFailure.nonRetryable('invented', type),
  )

test.concurrent.for(['precondition_failed', 'world_moved', 'effect_conflict', 'effect_undone', 'made_up'])(
  'a write that a stranger lets fail with `%s` stands only in a run that says so',
  async (type) => {
    const { run, order, holder } = await refundUnderWay()
    await failing(run, type)
    await holder.release()
    // After a conflict the kernel asks the ledger, which may have it by then.
    const { state } = await run.outcome()
    const [cents, replies] = state === 'completed' ? [2_000, 1] : [0, 0]
    expect(await world().refunded(order.paymentId)).toBe(cents)
    expect(await repliesTo(order.ticketId)).toBe(replies)
    expect(await foundIn(world(), run)).toEqual([])
  },
)

test.concurrent('a failure that a stranger makes up after an approval has the action shown again, and two approvals refund once', async () => {
  const { run, order, holder } = await refundUnderWay(12_000)
  await failing(run, 'world_moved')
  const again = await pendingOf(run)
  await holder.release()
  await run.decide(approvalOf(again))
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(order.paymentId)).toBe(12_000)
  expect(await world().count('refunds', `payment_id = '${order.paymentId}'`)).toBe(1)
  expect(await foundIn(world(), run)).toEqual([])
})

test('what runs as a local activity cannot be completed by anybody: Temporal does not know it', async () => {
  const holder = await hold(world().databaseUrl, 'LOCK TABLE countersign.runs IN ACCESS EXCLUSIVE MODE')
  const { run, order } = await startRefund(world())
  await until('openRun, under way', async () => {
    const text = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'countersign.runs'::regclass"
    return (await query(world().databaseUrl, text)).rows[0]
  })
  expect(await pendingActivities(run)).toEqual([])
  for (const id of ['1', 'countersign.openRun', 'countersign.recall', 'billing.getOrder-1']) {
    await expect(complete(run, id, { state: 'done' })).rejects.toThrow(/not found/i)
  }
  await holder.release()
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(order.paymentId)).toBe(2_000)
  expect(await foundIn(world(), run)).toEqual([])
})
