import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { approvalOf, pendingOf, shownResult, startRefund } from '../support/refunds.ts'
import { useLimits } from './limits-world.ts'

const LIMITS = `limits:
  - id: unusual
    tool: billing.refund
    per: workspace
    window_minutes: 43200
    of: refund_amount_usd
    score_gte: 6
    warm_up: 5
    on_reached: require_approval
  - id: many
    tool: billing.refund
    per: principal
    window_minutes: 2880
    at_most: 6
    on_reached: escalate
`
const world = useLimits(LIMITS)

test('an amount unlike those of a workspace waits for a person once there are enough, and too many are handed to one', async () => {
  const principal = { subject: `${randomUUID()}@acme.example`, workspace: randomUUID() }
  const refund = (amountCents: number) => startRefund(world(), { amountCents, principal })
  // Below the warm-up nothing is unusual.
  for (const amountCents of [4_500, 2_000, 1_900, 2_000, 2_100]) {
    const { run } = await refund(amountCents)
    expect(await run.outcome()).toMatchObject({ state: 'completed' })
  }
  const sixth = await refund(4_900)
  const pending = await pendingOf(sixth.run)
  const because =
    `workspace \`${principal.workspace}\`: $49.00 scores 19.56 against 5 within 30 days, ` +
    'whose median is $20.00; at least 6.00'
  expect(pending).toMatchObject({ decision: { matches: [{ rule: 'limits.unusual', threshold: 6, because }] } })
  expect(await world().refunded(sixth.order.paymentId)).toBe(0)
  await sixth.run.decide(approvalOf(pending))
  expect(await shownResult(sixth.run)).toMatchObject({ state: 'completed' })
  expect(await world().refunded(sixth.order.paymentId)).toBe(4_900)

  const seventh = await refund(2_000)
  expect(await seventh.run.outcome()).toMatchObject({
    state: 'escalated',
    because: {
      code: 'escalated_by_policy',
      message: `principal \`${principal.subject}\`: 6 of 6 within 2 days, and this is one more`,
    },
  })
  expect(await world().refunded(seventh.order.paymentId)).toBe(0)
  // Another workspace has no amounts yet.
  const other = await startRefund(world(), {
    amountCents: 4_900,
    principal: { subject: 'ada', workspace: randomUUID() },
  })
  expect(await other.run.outcome()).toMatchObject({ state: 'completed' })
})
