import { join } from 'node:path'
import { expect, test } from 'vitest'
import { actionDigestOf, citationOf, type Warrant } from '../../src/contract/action.ts'
import { usd } from '../../src/contract/money.ts'
import { hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import { signReceipt } from '../../src/identity/receipts.ts'
import { activitiesIn, eventsOf } from '../support/history.ts'
import { newOrder } from '../support/orders.ts'
import { REQUESTER, startRefund } from '../support/refunds.ts'
import { useWorld } from '../support/world.ts'
import { ledgerOf, openedRefund, registeredPuppet } from './puppets.ts'
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
  for (const argument of [{}, { input }, { input, warrant: null }, { input, warrant: 'yes' }, { input, warrant: undo }]) {
    expect(await puppet.call(REFUND, argument, how)).toMatchObject(refused('warrant_missing'))
  }
  expect(await puppet.call(`${REFUND}.undo`, { warrant: issue(wanted) })).toMatchObject(refused('warrant_missing'))
  await expectNothing(puppet.runKey, order.paymentId)
})

test.concurrent('a forged warrant of a run that nobody opened is refused', async () => {
  const { wanted: real } = await opened()
  const { puppet, order } = await registeredPuppet(world())
  const input = { paymentId: order.paymentId, amount: usd(2000), reason: 'broken' }
  const forged = calling({ ...real, runKey: puppet.runKey, input })
  expect(await puppet.call(REFUND, forged, how)).toMatchObject(refused('run_unknown'))
  await expectNothing(puppet.runKey, order.paymentId)
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
  const { v: _v, keyId, signature, ...statement } = read.receipt
  const receipt = signReceipt(hostKeyOf(newHostKey()), statement)
  for (const [forged, why] of [
    [receipt, 'an unknown key'],
    [{ ...receipt, keyId }, 'a wrong signature'],
    [{ ...receipt, keyId, signature }, 'a wrong signature'],
    [{ ...read.receipt, reference: 'order/ord_1' }, 'a wrong signature'],
  ] as const) {
    const evidence = [{ ...read, receipt: forged }, customer]
    const told = await puppet.call(REFUND, calling({ ...wanted, evidence }), how)
    // The key id is part of what was signed, so the last but one is right in all but its key.
    if (forged.signature === signature && forged.reference === read.receipt.reference) expect(told.ok).toBe(true)
    else expect(told).toMatchObject(refused('receipt_invalid', why))
  }
  expect(order.paymentId).toBeDefined()
})
