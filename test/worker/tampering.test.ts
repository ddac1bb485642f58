import pg from 'pg'
import { expect, test } from 'vitest'
import { usd } from '../../src/contract/money.ts'
import type { RunHandle } from '../../src/client/index.ts'
import { hostKeyOf, newHostKey } from '../../src/identity/host-key.ts'
import { signReceipt } from '../../src/identity/receipts.ts'
import { digestOf } from '../../src/contract/digest.ts'
import type { Json } from '../../src/contract/json.ts'
import { runKeyOf } from '../../src/contract/evidence.ts'
import { activitiesIn, eventsOf } from '../support/history.ts'
import { foundIn } from '../support/reconciled.ts'
import { startRefund } from '../support/refunds.ts'
import { query, startWorld, until, useWorld } from '../support/world.ts'
import { ledgerOf } from './puppets.ts'

/** A model that never comes to an end by itself. */
const world = useWorld({
  thinker: {
    think: (_, input, { signal }) =>
      JSON.stringify(input).includes('wait for it')
        ? new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
        : Promise.resolve({
            output: { category: 'damaged', reason: 'broken', asksFor: 'amount', amount: usd(2_000) },
            model: 'fake',
            inputTokens: 0,
            outputTokens: 0,
            microUsd: 0,
            prompt: null,
          }),
  },
})

/** What a step returns, signed with a key that no host published. */
async function forged(run: RunHandle, step: string, tool: string, kind: 'model' | 'record', output: Json) {
  const { raw } = await world().temporal.workflow.getHandle(run.workflowId).describe()
  const runKey = runKeyOf(run.workflowId, raw.workflowExecutionInfo?.firstRunId ?? '')
  const at = '2026-10-01T09:00:00.000Z'
  const inputDigest = digestOf({})
  const said = { by: 'ana', scopes: [] }
  const statement = {
    ...said,
    runKey,
    step,
    tool,
    inputDigest,
    outputDigest: digestOf(output),
    kind,
    reference: 'forged',
    at,
  }
  return { runKey, result: { output, receipt: signReceipt(hostKeyOf(newHostKey()), statement) } }
}

const scheduled = (run: RunHandle, id: string) =>
  until(`the step ${id}`, async () =>
    activitiesIn(await eventsOf(world().temporal, run)).find((activity) => activity.id === id),
  )

test('a reading that somebody completes in the place of the model is found when it is cited, and no money moves', async () => {
  const { run, order } = await startRefund(world(), { message: 'wait for it' })
  await scheduled(run, 'refund.readClaim-1')
  const claim = { category: 'damaged', reason: 'broken', amount: { ...usd(2_000) } }
  const { runKey, result } = await forged(run, 'refund.readClaim-1', 'refund.readClaim', 'model', claim)
  const spent = { model: 'fake', inputTokens: 0, outputTokens: 0, microUsd: 0 }
  const activity = { workflowId: run.workflowId, activityId: 'refund.readClaim-1' }
  await world().temporal.activity.complete(activity, { ...result, ...spent })
  expect(await run.result()).toMatchObject({
    state: 'failed',
    because: { code: 'receipt_invalid', message: expect.stringContaining('unknown key') },
    effects: [{ state: 'not_done' }],
  })
  expect(await world().refunded(order.paymentId)).toBe(0)
  expect(await ledgerOf(world(), runKey)).toEqual(['billing.refund-1: barred'])
  expect(await foundIn(world(), run)).toEqual(['reading_claimed refund.readClaim-1'])
})

test('a write that somebody completes in the place of the host is found when it is cited, and what happened is undone', async () => {
  const { run, order } = await startRefund(world(), { message: 'go on' })
  // Another session holds the payment, so that the real attempt is still under way.
  const holder = new pg.Client({ connectionString: world().databaseUrl })
  await holder.connect()
  await holder.query('BEGIN')
  await holder.query('SELECT 1 FROM records.payments WHERE id = $1 FOR UPDATE', [order.paymentId])
  await scheduled(run, 'billing.refund-1')
  const made = { refundId: 'ref_1', paymentId: order.paymentId, amount: { ...usd(2_000) }, status: 'pending' }
  const output = { ...made, settlesAt: '2026-10-03T09:00:00.000Z' }
  const { result } = await forged(run, 'billing.refund-1', 'billing.refund', 'record', output)
  const activity = { workflowId: run.workflowId, activityId: 'billing.refund-1' }
  await world().temporal.activity.complete(activity, result)
  await scheduled(run, 'billing.refund-1.undo')
  await holder.query('COMMIT')
  await holder.end()
  const ended = await run.result()
  expect(ended.because).toMatchObject({ code: 'receipt_invalid' })
  expect(['failed', 'reverted']).toContain(ended.state)
  expect(await world().refunded(order.paymentId)).toBe(0)
  expect(await world().count('replies', `ticket_id = '${order.ticketId}'`)).toBe(0)
})

test('a policy whose stored text was changed opens no run, and no money moves', async () => {
  const other = await startWorld()
  try {
    const { databaseUrl } = other
    await query(databaseUrl, "UPDATE countersign.policies SET text = replace(text, 'usd_gte: 50', 'usd_gte: 5000')")
    const { rows } = await query(databaseUrl, "SELECT 1 FROM countersign.policies WHERE text LIKE '%5000%'")
    expect(rows).toHaveLength(2)
    const { run, order } = await startRefund(other, { amountCents: 12_000 })
    expect(await run.result()).toMatchObject({
      state: 'failed',
      because: { code: 'warrant_policy_unknown', message: expect.stringContaining('is another one') },
    })
    expect(await other.refunded(order.paymentId)).toBe(0)
  } finally {
    await other.stop()
  }
})
