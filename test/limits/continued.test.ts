import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { executionsOf } from '../support/history.ts'
import { useOwnServer } from '../support/own-server.ts'
import { approvalOf, pendingOf, shownResult, startRefund } from '../support/refunds.ts'
import { query } from '../support/world.ts'
import { useLimits } from './limits-world.ts'

const address = useOwnServer(['limit.historyCount.suggestContinueAsNew=60'])
const world = useLimits(
  `limits:
  - id: of_a_workspace
    tool: billing.refund
    per: workspace
    window_minutes: 60
    at_most: 1
    on_reached: require_approval
`,
  { address },
)

test('a run that waits beyond a limit goes on in another execution with the same question, and acts once', async () => {
  const principal = { subject: 'ana', workspace: randomUUID() }
  expect(await (await startRefund(world(), { principal })).run.outcome()).toMatchObject({ state: 'completed' })
  const { run, order } = await startRefund(world(), { principal })
  const pending = await pendingOf(run)
  while ((await executionsOf(world().temporal, run)) < 2) {
    await run.decide({ ...approvalOf(pending), step: 'nothing' })
  }
  expect((await pendingOf(run)).actionDigest).toBe(pending.actionDigest)
  expect(await world().refunded(order.paymentId)).toBe(0)
  await run.decide(approvalOf(pending))
  expect(await shownResult(run)).toMatchObject({ state: 'completed' })
  expect(await world().refunded(order.paymentId)).toBe(order.amountCents)
  const counted = `SELECT count(*)::int AS n FROM countersign.counts WHERE run_key LIKE $1 || '/%'`
  expect((await query(world().databaseUrl, counted, [run.workflowId])).rows).toEqual([{ n: 1 }])
})
