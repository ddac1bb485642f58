import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { exportedHistories } from '../../../src/audit/histories.ts'
import { keysIn } from '../../../src/audit/record/keys.ts'
import { recordInputOf, recordOfRun } from '../../../src/audit/record/record-of-run.ts'
import type { AuditRecord } from '../../../src/audit/record/types.ts'
import { explain } from '../../../src/audit/render/explain.ts'
import type { RunHandle } from '../../../src/client/index.ts'
import { runKeyOf } from '../../../src/contract/evidence.ts'
import { bulkCodec } from '../../../src/ledger/bulk-codec.ts'
import { liftNow, stopNow } from '../../../src/worker/stopping.ts'
import { eventsOf, executionsOf, reset, workflowTasksIn } from '../../support/history.ts'
import { newOrder } from '../../support/orders.ts'
import { useOwnServer } from '../../support/own-server.ts'
import { wordOf } from '../../support/people.ts'
import {
  approvalOf,
  pendingOf,
  REQUESTER,
  shownResult,
  signedApprovalOf,
  startMessageOf,
  startRefund,
} from '../../support/refunds.ts'
import { query, until, useWorld } from '../../support/world.ts'
import { exportedAndRead, expectSound, linesOf, of } from './records.ts'

/** Temporal suggests to go on in another execution at 4,096 events; here it does so soon. */
const address = useOwnServer(['limit.historyCount.suggestContinueAsNew=60'])
const world = useWorld({ address })
const [REFUND, REPLY] = ['billing.refund-1', 'helpdesk.reply-1']

const runKeyFor = async ({ workflowId }: Pick<RunHandle, 'workflowId'>) => {
  const [first] = (await world().temporal.workflow.getHandle(workflowId).fetchHistory()).events ?? []
  return runKeyOf(workflowId, first?.workflowExecutionStartedEventAttributes?.firstExecutionRunId ?? '')
}

/** The record of a run, of its exported histories as they can be read again, with keys, ledger and log. */
async function recordedOf(run: Pick<RunHandle, 'workflowId'>): Promise<AuditRecord> {
  const sides = { client: world().temporal, db: world().db }
  const runKey = await runKeyFor(run)
  const input = await recordInputOf(sides, 'default', runKey)
  const files = input.histories.map(({ stored }) => ({ stored: exportedAndRead(stored) }))
  // What a file says is what Temporal says.
  const alone = await expectSound({ ...input, histories: files })
  const live = (await recordOfRun(sides, 'default', runKey))?.record
  expect(live?.state === 'running' ? { ...live, ...alone } : live).toEqual(alone)
  return alone
}

const differencesIn = (record: AuditRecord) => of(record, 'difference').map(({ says }) => says['code'])

/** Closes a run as only Temporal can. */
const terminate = ({ workflowId }: RunHandle) =>
  world().temporal.workflow.getHandle(workflowId).terminate('the pod was drained')

test.concurrent('what hosts signed is signed, and a run in which both sides agree has no difference', async () => {
  const { run } = await startRefund(world(), { amountCents: 12_000 })
  await run.decide({ ...approvalOf(await pendingOf(run)), by: 'ana@acme.example' })
  await run.decide(approvalOf(await pendingOf(run)))
  await run.outcome()
  await run.undo({ by: 'olga@acme.example' })
  await run.result()
  const record = await recordedOf(run)
  expect(record.state).toBe('reverted')
  expect(differencesIn(record)).toEqual([])
  for (const kind of ['source', 'model_call', 'tool_call'] as const) {
    expect(new Set(of(record, kind).map(({ proof }) => proof))).toEqual(new Set(['signed']))
  }
  expect(of(record, 'tool_call')[0]?.by).toBe(`host ${world().key.keyId}`)
  // Nobody proves who people are in development, and no host signs an undo.
  expect(of(record, 'approval')).toMatchObject([{ proof: 'claimed', by: 'ben@acme.example' }])
  expect(of(record, 'attempt')).toMatchObject([
    { by: 'ana@acme.example', says: { answer: { code: 'decision_by_requester' } } },
  ])
  expect(of(record, 'undo', REFUND)).toMatchObject([
    { proof: 'claimed', by: 'olga@acme.example', says: { state: 'undone' } },
  ])
  expect(explain(record, REFUND)?.undo).toMatch(/^It was undone by olga@acme\.example/)
})

test.concurrent('a terminated run with money moved and not undone is an incident', async () => {
  const { run, order } = await startRefund(world())
  await run.outcome()
  await terminate(run)
  const record = await recordedOf(run)
  expect(record.state).toBe('terminated')
  const incidents = of(record, 'incident')
  expect(incidents.map(({ step, says }) => [step, says['code'], says['state']])).toEqual([
    [REFUND, 'effect_stands', 'done'],
    [REPLY, 'effect_stands', 'done'],
  ])
  expect(incidents[0]?.text).toContain('$20.00')
  expect(incidents[0]?.events.length).toBe(4)
  expect(differencesIn(record)).toEqual(['ended_outside', 'ended_outside'])
  expect(of(record, 'state').at(-1)).toMatchObject({
    by: null,
    says: { state: 'terminated', reason: 'the pod was drained' },
  })
  expect(explain(record, REFUND)?.undo).toMatch(/^Nothing undid it, .* by hand, void the refund/)
  expect(await world().refunded(order.paymentId)).toBe(2_000)
})

test.concurrent('a run that was terminated before it did anything is no incident', async () => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  await pendingOf(run)
  await terminate(run)
  const record = await recordedOf(run)
  expect([record.state, of(record, 'incident'), differencesIn(record)]).toEqual(['terminated', [], []])
  expect(await world().refunded(order.paymentId)).toBe(0)
})

test.concurrent('a run that ran out of its time with money moved is an incident', async () => {
  const order = await newOrder(world().databaseUrl, {})
  const workflowId = `refund-${randomUUID()}`
  const request = {
    orderId: order.orderId,
    ticketId: order.ticketId,
    message: 'It arrived broken, please refund $20.00.',
  }
  await world().temporal.workflow.start('refund_request', {
    workflowId,
    taskQueue: world().taskQueue,
    args: [startMessageOf(workflowId, request)],
    workflowRunTimeout: '4 seconds',
  })
  await until('the run to be timed out', async () => {
    const { status } = await world().temporal.workflow.getHandle(workflowId).describe()
    return status.name === 'TIMED_OUT' ? true : undefined
  })
  const record = await recordedOf({ workflowId })
  expect(record.state).toBe('timed_out')
  expect(of(record, 'incident').map(({ step }) => step)).toEqual([REFUND, REPLY])
  expect(await world().refunded(order.paymentId)).toBe(2_000)
})

test.concurrent('a reset run is one record: what was copied is told once, and the refund once', async () => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  await run.decide(approvalOf(await pendingOf(run)))
  await run.outcome()
  const handle = world().temporal.workflow.getHandle(run.workflowId)
  const { runId: first } = await handle.describe()
  const tasks = workflowTasksIn(await eventsOf(world().temporal, run))
  await reset(world().temporal, run, tasks.at(-2) ?? 0, first)
  await until('the run after the reset', async () => ((await handle.describe()).runId === first ? undefined : true))
  await shownResult(run)
  const record = await recordedOf(run)
  expect(record.executions.map(({ closedBy }) => closedBy)).toEqual(['WorkflowExecutionTerminated', null])
  expect(record.state).toBe('running')
  expect([of(record, 'incident'), differencesIn(record)]).toEqual([[], []])
  for (const kind of ['request', 'policy', 'principal', 'approval'] as const) expect(of(record, kind)).toHaveLength(1)
  expect(of(record, 'tool_call', REFUND).filter(({ says }) => says['state'] === 'done')).toHaveLength(1)
  expect(of(record, 'execution').filter(({ says }) => 'reset' in says)).toHaveLength(1)
  expect(await world().refunded(order.paymentId)).toBe(12_000)
})

test.concurrent('a run that goes on in other executions is one record, with the question in each', async () => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  const pending = await pendingOf(run)
  while ((await executionsOf(world().temporal, run)) < 2) await run.decide({ ...approvalOf(pending), step: 'nothing' })
  await run.decide(approvalOf(await pendingOf(run)))
  await shownResult(run)
  const record = await recordedOf(run)
  expect(record.executions.length).toBeGreaterThanOrEqual(2)
  expect(record.executions[0]?.closedBy).toBe('WorkflowExecutionContinuedAsNew')
  expect(differencesIn(record)).toEqual([])
  expect(of(record, 'tool_call', REFUND)[0]).toMatchObject({ proof: 'signed', says: { state: 'done' } })
  expect(explain(record, REFUND)?.rule).toMatch(/ben@acme\.example approved exactly this .*\[\d+:\d+/)
  // Of the newest execution alone it is told what is missing.
  const runKey = await runKeyFor(run)
  const all = await exportedHistories({ client: world().temporal, codec: bulkCodec(world().db) }, runKey)
  const keys = await keysIn(world().db)
  const newest = record.executions.at(-1)?.runId
  const some = []
  for (const history of all) {
    const one = await expectSound({ namespace: 'default', histories: [history], keys })
    if (one.executions[0]?.runId === newest) some.push(...differencesIn(one))
  }
  expect(some).toEqual(['execution_missing'])
  expect(await world().refunded(order.paymentId)).toBe(12_000)
})

test.concurrent('runs that wait, were refused, rejected and cancelled have records, and nothing to undo', async () => {
  const waits = await startRefund(world(), { amountCents: 12_000 })
  await pendingOf(waits.run)
  const record = await recordedOf(waits.run)
  expect([record.state, linesOf(record).at(-1)]).toEqual(['running', `question server ${REFUND}`])
  await waits.run.cancel()
  await waits.run.result()
  const cancelled = await recordedOf(waits.run)
  expect([cancelled.state, of(cancelled, 'stop').length]).toEqual(['reverted', 1])
  const refused = await startRefund(world(), { message: 'This is fraud. Give me $20.00.' })
  await refused.run.result()
  expect(explain(await recordedOf(refused.run), REFUND)?.undo).toMatch(/^Nothing of it was done/)
  const rejected = await startRefund(world(), { amountCents: 12_000 })
  await rejected.run.decide({ ...approvalOf(await pendingOf(rejected.run)), decision: 'reject', comment: 'no photo' })
  await rejected.run.result()
  const no = await recordedOf(rejected.run)
  expect(of(no, 'approval')).toMatchObject([{ says: { said: { decision: 'reject', comment: 'no photo' } } }])
  expect(explain(no, REFUND)?.rule).toMatch(/ben@acme\.example rejected it/)
  for (const { order } of [waits, refused, rejected]) expect(await world().refunded(order.paymentId)).toBe(0)
})

test.concurrent('what was sent as a signal counts where something rests on it, and else is told as what nobody answered', async () => {
  const { run } = await startRefund(world(), { amountCents: 12_000 })
  const pending = await pendingOf(run)
  const handle = world().temporal.workflow.getHandle(run.workflowId)
  await handle.signal('decide', signedApprovalOf(pending, 'ana@acme.example'))
  await handle.signal('no_such_signal', 'x')
  await handle.signal('decide', signedApprovalOf(pending))
  await shownResult(run)
  const record = await recordedOf(run)
  expect(of(record, 'approval').map(({ by, says }) => [by, says['isSignal']])).toEqual([['ben@acme.example', true]])
  expect(of(record, 'attempt').map(({ by, says }) => [by, says['message']])).toEqual([
    ['ana@acme.example', 'decide'],
    [null, 'no_such_signal'],
  ])
})

test.concurrent('what somebody stopped, and who had it go on, is told', async () => {
  const name = `refund-${randomUUID()}`
  const order = await newOrder(world().databaseUrl, {})
  const of1 = { scope: 'run', name } as const
  const request = {
    orderId: order.orderId,
    ticketId: order.ticketId,
    message: 'It arrived broken, please refund $20.00.',
  }
  await stopNow(world().db, of1, wordOf('stop', of1, 'olga', 'wrong cards'))
  const run = await world().client.start('refund_request', request, { principal: REQUESTER, workflowId: name })
  await until('the run to meet the stop', async () => ((await run.status()).incidents.length > 0 ? true : undefined))
  const record = await recordedOf(run)
  expect(of(record, 'stop')).toMatchObject([{ by: 'olga', proof: 'claimed' }])
  expect(of(record, 'stop')[0]?.text).toContain('wrong cards')
  expect(of(record, 'incident').length).toBeGreaterThan(0)
  await liftNow(world().db, of1, wordOf('resume', of1, 'olga', 'mended'))
  await terminate(run)
})

test.concurrent('a run whose row somebody took out of the ledger differs, and says where', async () => {
  const { run } = await startRefund(world())
  await run.outcome()
  await query(
    world().databaseUrl,
    "DELETE FROM countersign.effects WHERE run_key LIKE $1 AND step = 'billing.refund-1'",
    [`${run.workflowId}/%`],
  )
  const record = await recordedOf(run)
  expect(of(record, 'difference')).toMatchObject([
    { step: REFUND, says: { with: 'ledger', code: 'effect_not_in_ledger' } },
  ])
  expect(of(record, 'difference')[0]?.events.length).toBe(1)
})

test.concurrent('a refund that a stranger completed is claimed, with what is wrong about it', async () => {
  const { run } = await startRefund(world(), { amountCents: 12_000 })
  await run.decide(approvalOf(await pendingOf(run)))
  await run.outcome()
  const runKey = await runKeyFor(run)
  const input = await recordInputOf({ client: world().temporal, db: world().db }, 'default', runKey)
  const forged = input.histories.map(({ stored }) => {
    const read = exportedAndRead(stored)
    for (const { activityTaskCompletedEventAttributes: done } of read.events ?? []) {
      const [payload] = done?.result?.payloads ?? []
      if (!payload?.data) continue
      const answer = Buffer.from(payload.data)
        .toString()
        .replace(/"refundId":"[^"]+"/, '"refundId":"ref_0"')
      payload.data = new TextEncoder().encode(answer)
    }
    return { stored: read }
  })
  const record = await expectSound({ namespace: 'default', histories: forged, keys: input.keys })
  const [refund] = of(record, 'tool_call', REFUND)
  expect([refund?.proof, refund?.says['flaw']]).toEqual([
    'claimed',
    expect.stringContaining('is not about the cited output'),
  ])
  expect(of(record, 'tool_call', REPLY)[0]?.proof).toBe('signed')
})
