import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Approval, Warrant } from '../../src/contract/action.ts'
import { usd } from '../../src/contract/money.ts'
import { hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import { signReceipt } from '../../src/identity/receipts.ts'
import { findRun } from '../../src/ledger/runs.ts'
import { activitiesIn, eventsOf } from '../support/history.ts'
import { REQUESTER, startRefund } from '../support/refunds.ts'
import { startWorld, useWorld } from '../support/world.ts'
import { startMessageOf } from '../support/refunds.ts'
import { heard, ledgerOf, openedRefund, registeredPuppet, startOfRefund } from './puppets.ts'
import { issue, type Wanted } from './warrants.ts'

// The task queue, the workflow type and the contract are the real ones; only the kernel is not.
const world = useWorld({ workflows: join(import.meta.dirname, 'hostile.ts') })
const REFUND = 'billing.refund'
const how = { id: 'billing.refund-1' }
const refused = (code: string, why = '') => ({ ok: false, code, message: expect.stringContaining(why), final: true })
const calling = (wanted: Wanted, warrant = issue(wanted)) => ({ input: wanted.input, warrant })

/** The real warrant of a finished run, from its history. */
async function finishedRefund() {
  const { run, order } = await startRefund(world())
  await run.outcome()
  const calls = activitiesIn(await eventsOf(world().temporal, run))
  const call = calls.find(({ type }) => type === REFUND)?.input as { readonly input: never; readonly warrant: Warrant }
  return { run, order, call }
}

async function opened(options: Parameters<typeof registeredPuppet>[1] = {}) {
  const { puppet, order } = await registeredPuppet(world(), options)
  return { puppet, order, wanted: await openedRefund(puppet, order) }
}

/** No money of the payment moved, and no step of the run was claimed. */
const expectNothing = async (runKey: Wanted['runKey'], paymentId: string) => {
  expect(await world().refunded(paymentId)).toBe(0)
  expect(await ledgerOf(world(), runKey)).toEqual([])
}

test.concurrent('a warrant that leaves nothing to be desired moves the money once, however often it is sent', async () => {
  const { puppet, order, wanted } = await opened()
  const first = await puppet.call(REFUND, calling(wanted), how)
  expect(first).toMatchObject({ ok: true, result: { output: { status: 'pending' } } })
  expect(await puppet.call(REFUND, calling(wanted), how)).toEqual(first)
  expect(await world().refunded(order.paymentId)).toBe(2000)
  expect(await ledgerOf(world(), puppet.runKey)).toEqual(['billing.refund-1: done'])
})

test.concurrent('a write without a warrant of its kind is refused', async () => {
  const { puppet, order, wanted } = await opened()
  const { input } = wanted
  const undo = { ...issue(wanted), kind: 'undo' }
  for (const argument of [
    {},
    { input },
    { input, warrant: null },
    { input, warrant: 'yes' },
    { input, warrant: undo },
  ]) {
    expect(await puppet.call(REFUND, argument, how)).toMatchObject(refused('warrant_missing'))
  }
  expect(await puppet.call(`${REFUND}.undo`, { warrant: issue(wanted) })).toMatchObject(refused('warrant_missing'))
  await expectNothing(puppet.runKey, order.paymentId)
})

test.concurrent('a forged warrant of a run that nobody opened is refused', async () => {
  const { wanted: real } = await opened()
  const { puppet, order } = await registeredPuppet(world())
  const { paymentId, ticketId } = order
  const input = { paymentId, amount: { ...usd(2000) }, reason: 'broken', ticketId }
  const forged = calling({ ...real, runKey: puppet.runKey, input })
  expect(await puppet.call(REFUND, forged, how)).toMatchObject(refused('run_unknown'))
  await expectNothing(puppet.runKey, order.paymentId)
})

test.concurrent('a run that is open is not opened again for something else', async () => {
  const { puppet, order, wanted } = await opened()
  const { runKey } = wanted
  const before = await findRun(world().db, runKey)
  const start = startOfRefund(puppet.workflowId, order)
  const request = { ...(start.request as object), message: 'something else' }
  const other = startMessageOf(puppet.workflowId, request)
  for (const [given, code] of [
    [{ ...start, request }, 'statement_other_request'],
    [{ ...start, statement: startOfRefund('another', order).statement }, 'statement_other_run'],
    [other, 'request_invalid'],
  ] as const) {
    for (const local of [true, false]) {
      expect(await puppet.call('countersign.openRun', { runKey, start: given }, { local })).toMatchObject(refused(code))
    }
  }
  // Somebody else may open it again, with a statement of his own: it stays whose it was.
  const eve = startMessageOf(puppet.workflowId, start.request, { subject: 'eve@acme.example', workspace: 'acme' })
  const told = await puppet.call('countersign.openRun', { runKey, start: eve })
  expect(told).toMatchObject({ ok: true, result: { principal: { subject: REQUESTER.subject } } })
  expect(await findRun(world().db, runKey)).toEqual(before)
  await expectNothing(runKey, order.paymentId)
})

test.concurrent('the warrant of a finished run is worth nothing in another run', async () => {
  const { order, call } = await finishedRefund()
  const { puppet, wanted } = await opened()
  expect(await puppet.call(REFUND, call, how)).toMatchObject(refused('warrant_mismatch', 'is not of the workflow'))
  const { runKey } = wanted
  const renamed = { ...call, warrant: { ...call.warrant, runKey } }
  expect(await puppet.call(REFUND, renamed, how)).toMatchObject(refused('receipt_invalid', 'belongs to another run'))
  expect(await world().refunded(order.paymentId)).toBe(2000)
  expect(await ledgerOf(world(), runKey)).toEqual([])
})

test.concurrent('the warrant of a finished run is worth nothing in a later run of the same workflow id', async () => {
  const { run, order, call } = await finishedRefund()
  await world().temporal.workflow.getHandle(run.workflowId).terminate('a test')
  const { puppet } = await opened({ workflowId: run.workflowId })
  expect(await puppet.call(REFUND, call, how)).toMatchObject(refused('warrant_mismatch', 'does not belong to'))
  expect(await world().refunded(order.paymentId)).toBe(2000)
  expect(await ledgerOf(world(), puppet.runKey)).toEqual([])
})

test.concurrent('a warrant with a receipt that no host signed is refused', async () => {
  const { puppet, order, wanted } = await opened()
  const [read, customer] = wanted.evidence
  if (read === undefined || customer === undefined) throw new Error('the puppet read nothing')
  const { v: _v, keyId, signature: _signature, ...statement } = read.receipt
  const forged = signReceipt(hostKeyOf(newHostKey()), statement)
  for (const [receipt, why] of [
    [forged, 'an unknown key'],
    [{ ...forged, keyId }, 'a wrong signature'],
    [{ ...read.receipt, reference: 'order/ord_1' }, 'a wrong signature'],
  ] as const) {
    const call = calling({ ...wanted, evidence: [{ ...read, receipt }, customer] })
    expect(await puppet.call(REFUND, call, how)).toMatchObject(refused('receipt_invalid', why))
  }
  await expectNothing(puppet.runKey, order.paymentId)
})

test.concurrent('a refund at the threshold without an approval by somebody else is refused', async () => {
  const { puppet, order, wanted } = await opened({ amountCents: 12_000 })
  const by = (who: string) => (one: Approval) => [{ ...one, by: who }]
  for (const [warrant, code] of [
    [issue(wanted, { approvals: () => [] }), 'approval_invalid'],
    [issue(wanted, { approvals: by(String(REQUESTER.subject).toUpperCase()) }), 'approval_invalid'],
    [issue(wanted, { decision: { effect: 'allow', matches: [] } }), 'warrant_decision_differs'],
  ] as const) {
    expect(await puppet.call(REFUND, calling(wanted, warrant), how)).toMatchObject(refused(code))
  }
  await expectNothing(puppet.runKey, order.paymentId)
})

test.concurrent('an approval that had expired when the write was scheduled, or is of the future, allows nothing', async () => {
  const { puppet, order, wanted } = await opened({ amountCents: 12_000 })
  const minutes = wanted.policy.approvals.expiresMinutes
  const approved = async (minutesAgo: number) => {
    const at = new Date(Date.now() - minutesAgo * 60_000).toISOString()
    return calling(wanted, await heard(world(), issue(wanted, { approvals: (one) => [{ ...one, at }] })))
  }
  expect(await puppet.call(REFUND, await approved(minutes + 5), how)).toMatchObject(
    refused('approval_invalid', 'had expired'),
  )
  expect(await puppet.call(REFUND, await approved(-5), how)).toMatchObject(
    refused('approval_invalid', 'is of the future'),
  )
  await expectNothing(puppet.runKey, order.paymentId)
  expect(await puppet.call(REFUND, await approved(minutes - 5), how)).toMatchObject({ ok: true })
  expect(await world().refunded(order.paymentId)).toBe(12_000)
})

test.concurrent('a good warrant runs neither as a local activity, nor as another step, nor for another tool', async () => {
  const { puppet, order, wanted } = await opened()
  const call = calling(wanted)
  const local = await puppet.call(REFUND, call, { local: true })
  expect(local).toMatchObject(refused('outside_workflow', 'local activity'))
  const other = await puppet.call(REFUND, call, { id: 'billing.refund-2' })
  expect(other).toMatchObject(refused('warrant_mismatch', 'for another step'))
  const reply = { ...call, input: { ticketId: order.ticketId, body: 'hello' } }
  expect(await puppet.call('helpdesk.reply', reply, how)).toMatchObject(refused('warrant_mismatch', 'another tool'))
  await expectNothing(puppet.runKey, order.paymentId)
  expect(await world().count('replies', `ticket_id = '${order.ticketId}'`)).toBe(0)
})

test.concurrent('an input that the contract does not know is refused, whatever the warrant says of it', async () => {
  const { puppet, order, wanted } = await opened()
  const { warrant } = calling(wanted)
  for (const input of [undefined, null, {}, { ...(wanted.input as object), amount: usd(0) }]) {
    expect(await puppet.call(REFUND, { input, warrant }, how)).toMatchObject(refused('input_invalid'))
  }
  await expectNothing(puppet.runKey, order.paymentId)
})

test.concurrent('a step that did one thing does not do another, with a good warrant for it', async () => {
  const { puppet, order, wanted } = await opened()
  const part = (cents: number): Wanted => ({
    ...wanted,
    input: { ...(wanted.input as object), amount: { ...usd(cents) } },
  })
  expect(await puppet.call(REFUND, calling(part(500)), how)).toMatchObject({ ok: true })
  expect(await puppet.call(REFUND, calling(part(600)), how)).toMatchObject(refused('effect_conflict'))
  expect(await world().refunded(order.paymentId)).toBe(500)
})

const undoOf = (wanted: Wanted, change: Readonly<Record<string, unknown>> = {}) => {
  const { evidence: _evidence, approvals: _approvals, ...warrant } = issue(wanted)
  const step = `${wanted.step}.undo`
  return { warrant: { ...warrant, kind: 'undo', step, undoes: wanted.step, why: 'cancelled', by: null, ...change } }
}

test.concurrent('a step that was undone is not done again', async () => {
  const { puppet, order, wanted } = await opened()
  expect(await puppet.call(REFUND, calling(wanted), how)).toMatchObject({ ok: true })
  const undone = await puppet.call(`${REFUND}.undo`, undoOf(wanted), { id: 'billing.refund-1.undo' })
  expect(undone).toMatchObject({ ok: true, result: { state: 'undone' } })
  expect(await puppet.call(REFUND, calling(wanted), how)).toMatchObject(refused('effect_undone'))
  expect(await world().refunded(order.paymentId)).toBe(0)
})

test.concurrent('a step that was undone before it happened does not happen late', async () => {
  const { puppet, order, wanted } = await opened()
  const barred = await puppet.call(`${REFUND}.undo`, undoOf(wanted), { id: 'billing.refund-1.undo' })
  expect(barred).toMatchObject({ ok: true, result: { state: 'not_done' } })
  expect(await puppet.call(REFUND, calling(wanted), how)).toMatchObject(refused('effect_undone'))
  expect(await world().refunded(order.paymentId)).toBe(0)
})

test.concurrent('an undo of another run, under another id, of another step or with another tool undoes nothing', async () => {
  const { order, call } = await finishedRefund()
  const { puppet, wanted } = await opened()
  const { runKey } = call.warrant
  const id = 'billing.refund-1.undo'
  for (const [type, undo, activity] of [
    [REFUND, undoOf({ ...wanted, runKey }), id],
    [REFUND, undoOf(wanted), 'another'],
    [REFUND, undoOf(wanted, { undoes: 'helpdesk.reply-1' }), id],
    ['helpdesk.reply', undoOf(wanted), id],
  ] as const) {
    expect(await puppet.call(`${type}.undo`, undo, { id: activity })).toMatchObject(refused('warrant_mismatch'))
  }
  expect(await world().refunded(order.paymentId)).toBe(2000)
  expect(await ledgerOf(world(), runKey)).toEqual(['billing.refund-1: done', 'helpdesk.reply-1: done'])
  expect(await ledgerOf(world(), puppet.runKey)).toEqual([])
})

test.concurrent('an effect is not undone with another tool than the one that did it', async () => {
  const { puppet, order, wanted } = await opened()
  expect(await puppet.call(REFUND, calling(wanted), how)).toMatchObject({ ok: true })
  const undo = undoOf(wanted, { tool: 'helpdesk.reply' })
  const told = await puppet.call('helpdesk.reply.undo', undo, { id: 'billing.refund-1.undo' })
  expect(told).toMatchObject(refused('warrant_mismatch', 'was done by `billing.refund`'))
  expect(await world().refunded(order.paymentId)).toBe(2_000)
  expect(await ledgerOf(world(), puppet.runKey)).toEqual(['billing.refund-1: done'])
})

test.concurrent('a thought that its playbook does not list, or that nobody registered, is not asked', async () => {
  const { puppet } = await registeredPuppet(world())
  const { runKey } = puppet
  const think = (thought: string) =>
    puppet.call('model.think', { runKey, step: 'one', thought, input: {} }, { id: 'one' })
  expect(await think('support.nextStep')).toMatchObject(refused('tool_not_listed', '`support.nextStep`'))
  expect(await think('no.such')).toMatchObject(refused('activity_unknown', '`no.such`'))
})

test.concurrent('a read, and a preview, gives no answer in the name of a step that it is not', async () => {
  const { puppet, order } = await registeredPuppet(world())
  const { runKey } = puppet
  const asked = { runKey, step: 'billing.getOrder-1', input: { orderId: order.orderId } }
  await puppet.call('countersign.openRun', { runKey, start: startOfRefund(puppet.workflowId, order) })
  for (const type of ['billing.getOrder', `${REFUND}.preview`]) {
    const told = await puppet.call(type, asked, { id: 'billing.getOrder-2' })
    expect(told, type).toMatchObject(refused('warrant_mismatch', 'was called as the step'))
  }
  expect(await puppet.call('billing.getOrder', asked, { id: asked.step })).toMatchObject({ ok: true })
})

test('a model is not asked in a local activity, which would be cut off while it still writes', async () => {
  let asked = 0
  const think = () => {
    asked += 1
    return Promise.reject(new Error('it was asked'))
  }
  const other = await startWorld({ workflows: join(import.meta.dirname, 'hostile.ts'), thinker: { think } })
  try {
    const { puppet, order } = await registeredPuppet(other)
    await openedRefund(puppet, order)
    const known = { id: order.orderId, refundable: { ...usd(2_000) }, lines: [] }
    const call = { runKey: puppet.runKey, step: 'one', thought: 'refund.readClaim' }
    const message = { ...call, input: { message: 'It broke.', order: known } }
    expect(await puppet.call('model.think', message, { local: true })).toMatchObject({ code: 'model_unavailable' })
    expect(asked).toBe(0)
    // As an ordinary activity it is.
    expect(await puppet.call('model.think', message, { id: 'one' })).toMatchObject({ ok: false, code: 'tool_threw' })
    expect(asked).toBe(1)
  } finally {
    await other.stop()
  }
})

test.concurrent('nothing is read, thought, shown, recalled or opened in the name of another run', async () => {
  const { call, order } = await finishedRefund()
  const { puppet } = await registeredPuppet(world())
  const { runKey } = call.warrant
  const asked = { runKey, step: 'one', input: { orderId: order.orderId } }
  for (const [type, argument] of [
    ['countersign.openRun', { runKey, start: startOfRefund(puppet.workflowId, order) }],
    ['countersign.recall', { runKey, step: null }],
    ['billing.getOrder', asked],
    [`${REFUND}.preview`, asked],
    ['model.think', { ...asked, thought: 'refund.readClaim' }],
  ] as const) {
    for (const local of [false, true]) {
      const told = await puppet.call(type, argument, { local })
      expect(told, type).toMatchObject(refused('warrant_mismatch'))
    }
  }
})
