import { expect, test } from 'vitest'
import { activitiesIn, endOf, eventsOf } from '../support/history.ts'
import { refundElsewhere } from '../support/orders.ts'
import { approvalOf, pendingOf, startRefund } from '../support/refunds.ts'
import { useWorld } from '../support/world.ts'

const world = useWorld()

/** $60 of an order of $120: what somebody else refunds a part of meanwhile. */
const startHalf = () =>
  startRefund(world(), { amountCents: 12_000, message: 'One of them arrived broken, please refund $60.00.' })

test.concurrent('an approval of what has changed since is not used: the action is shown again', async () => {
  const { run, order } = await startHalf()
  const first = await pendingOf(run)
  expect(first.action.expect).toEqual({ refundableCents: 12_000, version: 1 })
  await refundElsewhere(world().databaseUrl, order.paymentId, 1_000)
  expect(await run.decide(approvalOf(first))).toMatchObject({ accepted: true })

  const second = await pendingOf(run, first.actionDigest)
  expect(second.step).toBe(first.step)
  expect(second.action).toMatchObject({
    expect: { refundableCents: 11_000, version: 2 },
    changes: [{ from: '$110.00', to: '$50.00' }, {}],
  })
  expect(await world().count('refunds', `payment_id = '${order.paymentId}'`)).toBe(0)
  const events = await eventsOf(world().temporal, run)
  const [refused] = activitiesIn(events).filter(({ type }) => type === 'billing.refund')
  const failure = refused && endOf(events, refused)?.activityTaskFailedEventAttributes?.failure
  expect(failure?.applicationFailureInfo).toMatchObject({ type: 'world_moved', nonRetryable: true })

  expect(await run.decide(approvalOf(first))).toMatchObject({ accepted: false, code: 'decision_wrong_digest' })
  expect(await world().refunded(order.paymentId)).toBe(0)
  expect(await run.decide(approvalOf(second))).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed', effects: [{ state: 'done' }, { state: 'done' }] })
  expect(await world().refunded(order.paymentId)).toBe(6_000)
})

test.concurrent('an action whose record keeps moving is shown three times and then escalated', async () => {
  const { run, order } = await startHalf()
  let shown: string | undefined
  for (let round = 1; round <= 3; round += 1) {
    const pending = await pendingOf(run, shown)
    shown = pending.actionDigest
    await refundElsewhere(world().databaseUrl, order.paymentId, 100)
    expect(await run.decide(approvalOf(pending))).toMatchObject({ accepted: true })
  }
  expect(await run.result()).toMatchObject({
    state: 'escalated',
    because: { code: 'world_moved', message: expect.stringContaining('3 times') },
    effects: [{ step: 'billing.refund-1', state: 'not_done' }],
  })
  expect(await world().count('refunds', `payment_id = '${order.paymentId}'`)).toBe(0)
})

test.concurrent('an escalation because the record moved hands the whole case over', async () => {
  const { run, order } = await startHalf()
  let shown: string | undefined
  for (let round = 1; round <= 3; round += 1) {
    const pending = await pendingOf(run, shown)
    shown = pending.actionDigest
    await refundElsewhere(world().databaseUrl, order.paymentId, 100)
    await run.decide(approvalOf(pending))
  }
  expect((await run.result()).because).toMatchObject({
    facts: { refund_amount_usd: { cents: 6_000 } },
    action: { tool: 'billing.refund', evidence: [{}, {}, {}] },
  })
})

test.concurrent('an action that became impossible while it waited moves no money, and the run ends typed', async () => {
  const { run, order } = await startHalf()
  const pending = await pendingOf(run)
  await refundElsewhere(world().databaseUrl, order.paymentId, 12_000)
  await run.decide(approvalOf(pending))
  const result = await run.result()
  expect(['failed', 'escalated']).toContain(result.state)
  expect(['precondition_failed', 'world_moved']).toContain(result.because?.code)
  expect(await world().count('refunds', `payment_id = '${order.paymentId}'`)).toBe(0)
})
