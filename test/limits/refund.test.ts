import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Warrant } from '../../src/contract/action.ts'
import type { JsonObject } from '../../src/contract/json.ts'
import { effectWord } from '../../src/contract/text.ts'
import { activitiesIn, eventsOf } from '../support/history.ts'
import { bothOf, foundIn } from '../support/reconciled.ts'
import { newOrder } from '../support/orders.ts'
import { APPROVER, approvalOf, pendingOf, shownResult } from '../support/refunds.ts'
import { query } from '../support/world.ts'
import { age, ofCustomer, useLimits } from './limits-world.ts'

const world = useLimits(`limits:
  - id: daily_of_a_customer
    tool: billing.refund
    per: customer
    window_minutes: 1440
    at_most_usd: 30
    of: refund_amount_usd
    on_reached: require_approval
  - id: hourly_of_a_principal
    tool: billing.refund
    per: principal
    window_minutes: 60
    at_most: 2
    on_reached: deny
`)

/** Starts a refund of $20.00 of a customer; of another one where none is named. Each test has principals of its own. */
async function refundOf(customerId?: string, subject = `${randomUUID()}@acme.example`) {
  const made = await newOrder(world().databaseUrl)
  if (customerId !== undefined) await ofCustomer(world(), made, customerId)
  const order = customerId === undefined ? made : { ...made, customerId }
  const { orderId, ticketId } = order
  const message = 'It arrived broken, please refund $20.00.'
  const principal = { subject, workspace: 'acme' }
  const workflowId = `refund-${randomUUID()}`
  const run = await world().client.start('refund_request', { orderId, ticketId, message }, { principal, workflowId })
  return { run, order }
}
const effectsOf = async (workflowId: string) =>
  (
    await query(
      world().databaseUrl,
      `SELECT step, state FROM countersign.effects WHERE run_key LIKE $1 || '/%' ORDER BY step`,
      [workflowId],
    )
  ).rows

test.concurrent('a refund that reached a limit and was changed stands on the record, and is undone, as it was done', async () => {
  const first = await refundOf()
  await first.run.outcome()
  const { run, order } = await refundOf(first.order.customerId)
  const { step, actionDigest, ...asked } = await pendingOf(run)
  const shown = await run.status()
  expect(shown.effects.map((effect) => effectWord(effect, shown))).toEqual(['held'])
  const given = asked.about === 'action' ? (asked.action.input as JsonObject) : {}
  const input = { ...given, amount: { currency: 'USD', cents: 700 } }
  const changed = await run.decide({ step, actionDigest, decision: 'change', by: APPROVER, input })
  expect(changed, JSON.stringify(changed)).toMatchObject({ accepted: true })
  const { effects } = await run.outcome()
  expect(effects.map(({ describe, state }) => `${describe}: ${state}`)).toContain(
    `refund $7.00 of payment ${order.paymentId}: done`,
  )
  expect(await world().refunded(order.paymentId)).toBe(700)
  expect(await run.undo({ by: APPROVER })).toMatchObject({ accepted: true })
  expect(await run.result()).toMatchObject({ state: 'reverted' })
  expect(await world().refunded(order.paymentId)).toBe(0)
})

test.concurrent('a refund beyond the limit of a customer waits for a person, and once approved happens once and counts', async () => {
  const first = await refundOf()
  expect(await first.run.outcome()).toMatchObject({ state: 'completed' })
  const second = await refundOf(first.order.customerId)
  const pending = await pendingOf(second.run)
  const because = `customer \`${first.order.customerId}\`: $20.00 of $30.00 within 24 hours, and this one is $20.00`
  expect(pending).toMatchObject({
    action: {
      reached: [
        {
          limit: 'limits.daily_of_a_customer',
          subject: first.order.customerId,
          measured: { kind: 'spent', spent: 2000, adds: 2000 },
        },
      ],
    },
    decision: {
      effect: 'require_approval',
      matches: [{ rule: 'limits.daily_of_a_customer', effect: 'require_approval', threshold: 3000, because }],
    },
  })
  expect(await world().refunded(second.order.paymentId)).toBe(0)
  expect(await effectsOf(second.run.workflowId)).toEqual([])

  expect(await second.run.decide(approvalOf(pending))).toMatchObject({ accepted: true })
  expect(await second.run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(second.order.paymentId)).toBe(2000)
  const asked = activitiesIn(await eventsOf(world().temporal, second.run)).filter(
    ({ type }) => type === 'billing.refund',
  )
  const [bare, told] = asked.map(({ input }) => (input as { readonly warrant: Warrant }).warrant)
  expect(bare).not.toHaveProperty('reached')
  expect(bare?.decision.matches).toEqual([])
  expect(told).toMatchObject({ reached: [{ measured: { spent: 2000 } }], approvals: [{ by: APPROVER }] })
  expect(asked).toHaveLength(2)

  expect(await foundIn(world(), second.run)).toEqual([])

  // What was approved counts, too.
  const third = await refundOf(first.order.customerId)
  expect((await pendingOf(third.run)).decision.matches[0]?.because).toContain('$40.00 of $30.00')
  const one = await pendingOf(third.run)
  await third.run.decide({ ...approvalOf(one), decision: 'reject' })
  expect(await third.run.outcome()).toMatchObject({ state: 'refused', because: { code: 'approval_rejected' } })
  expect(await world().refunded(third.order.paymentId)).toBe(0)
})

test.concurrent('beyond a limit that denies the run ends refused, and other principals go on', async () => {
  const subject = `${randomUUID()}@acme.example`
  for (const { run } of [await refundOf(undefined, subject), await refundOf(undefined, subject)]) {
    expect(await run.outcome()).toMatchObject({ state: 'completed' })
  }
  // Names that people cannot tell apart are one.
  const third = await refundOf(undefined, ` ${subject.toUpperCase()}`)
  const result = await third.run.outcome()
  expect(result).toMatchObject({
    state: 'refused',
    because: {
      code: 'denied_by_policy',
      message: `principal \`${subject}\`: 2 of 2 within 1 hour, and this is one more`,
      rules: [{ rule: 'limits.hourly_of_a_principal', effect: 'deny', threshold: 2 }],
    },
    effects: [{ step: 'billing.refund-1', state: 'not_done' }],
  })
  expect(await world().refunded(third.order.paymentId)).toBe(0)
  expect(await foundIn(world(), third.run)).toEqual([])
  expect(await bothOf(world(), third.run)).toEqual(['billing.refund-1: not_done, barred'])
  const other = await refundOf()
  expect(await other.run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(other.order.paymentId)).toBe(2000)
})

test.concurrent('what is undone frees its amount, and what leaves the window does', async () => {
  const first = await refundOf()
  await first.run.outcome()
  await first.run.undo({ by: APPROVER, comment: 'by mistake' })
  expect(await first.run.result()).toMatchObject({ state: 'reverted' })
  const second = await refundOf(first.order.customerId)
  expect(await second.run.outcome()).toMatchObject({ state: 'completed' })
  await age(world(), second.run.workflowId, 1439)
  const third = await refundOf(first.order.customerId)
  expect(await pendingOf(third.run)).toMatchObject({ action: { reached: [{ measured: { spent: 2000 } }] } })
  await age(world(), second.run.workflowId, 1)
  const fourth = await refundOf(first.order.customerId)
  expect(await fourth.run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(third.order.paymentId)).toBe(0)
  await third.run.cancel()
})

test.concurrent('an approval of less spent than there is by now is asked for again', async () => {
  const first = await refundOf()
  await first.run.outcome()
  const [second, third] = [await refundOf(first.order.customerId), await refundOf(first.order.customerId)]
  const [asked, stale] = [await pendingOf(second.run), await pendingOf(third.run)]
  await second.run.decide(approvalOf(asked))
  await second.run.outcome()
  await third.run.decide(approvalOf(stale))
  const again = await pendingOf(third.run, stale.actionDigest)
  expect(again.decision.matches[0]?.because).toContain('$40.00 of $30.00')
  expect(await world().refunded(third.order.paymentId)).toBe(0)
  await third.run.decide(approvalOf(again))
  expect(await shownResult(third.run)).toMatchObject({ state: 'completed' })
  expect(await world().refunded(third.order.paymentId)).toBe(2000)
})

test.concurrent('where each time more was spent than people saw, they are asked three times, and then it is handed over', async () => {
  const first = await refundOf()
  await first.run.outcome()
  const second = await refundOf(first.order.customerId)
  const text = `UPDATE countersign.counts SET cents = cents + 1 WHERE cents IS NOT NULL AND run_key LIKE $1 || '/%'`
  let seen: string | undefined
  for (let round = 1; round < 3; round += 1) {
    const pending = await pendingOf(second.run, seen)
    seen = pending.actionDigest
    await query(world().databaseUrl, text, [first.run.workflowId])
    await second.run.decide(approvalOf(pending))
  }
  expect(await second.run.outcome()).toMatchObject({
    state: 'escalated',
    because: {
      code: 'limit_reached',
      message: expect.stringContaining('shown to people 3 times: `limits.daily_of_a_customer`'),
    },
  })
  expect(await world().refunded(second.order.paymentId)).toBe(0)
  expect(await foundIn(world(), second.run)).toEqual([])
})
