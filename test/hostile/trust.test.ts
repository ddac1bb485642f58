import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Warrant } from '../../src/contract/action.ts'
import { activitiesIn, eventsOf } from '../support/history.ts'
import { approvalOf, pendingOf, startRefund } from '../support/refunds.ts'
import { SHIPPED_POLICIES, startWorld, type World } from '../support/world.ts'
import { expectNothingMade, madeFor } from './hostile.ts'

/** The shipped playbook under the shipped policy with a demand of trust. */
async function underDemand(onLess: string, what: (world: World) => Promise<void>): Promise<void> {
  const policies = await mkdtemp(join(tmpdir(), 'countersign-policies-'))
  await cp(SHIPPED_POLICIES, policies, { recursive: true })
  const file = join(policies, 'refund-request.yaml')
  const demand = `\ntrust:\n  at_least:\n    refund_amount_usd: request\n${onLess}`
  await writeFile(file, (await readFile(file, 'utf8')) + demand)
  const world = await startWorld({ policies })
  try {
    await what(world)
  } finally {
    await world.stop()
    await rm(policies, { recursive: true })
  }
}

const because = "refund_amount_usd is $20.00 (a model's word), where the policy demands the caller's word or better"

test('where an amount has to be the word of the caller at least, what ran by itself waits for a person', async () => {
  await underDemand('', async (world) => {
    const { run, order } = await startRefund(world)
    const pending = await pendingOf(run)
    expect(pending).toMatchObject({
      decision: {
        effect: 'require_approval',
        matches: [{ rule: 'trust.at_least.refund_amount_usd', trust: 'model', threshold: 'request', because }],
      },
      action: { trust: { refund_amount_usd: 'model', reason: 'model', customer_tier: 'record' } },
    })
    await expectNothingMade(world, order)
    const handle = world.temporal.workflow.getHandle(run.workflowId)
    const page = await handle.query<{ readonly currentDetails: string }>('__temporal_workflow_metadata')
    const details = page.currentDetails.replaceAll('\\', '')
    expect(details).toContain(`- because ${because} (trust.at_least.refund_amount_usd)`)
    expect(details).toContain("- with refund_amount_usd $20.00 (a model's word)")
    expect(details).toContain('- with customer_tier “standard”\n')

    expect(await run.decide(approvalOf(pending))).toMatchObject({ accepted: true })
    expect(await run.outcome()).toMatchObject({ state: 'completed' })
    expect(await madeFor(world, order)).toEqual({ refunds: 1, replies: 1 })
    const calls = activitiesIn(await eventsOf(world.temporal, run))
    const refund = calls.find(({ type }) => type === 'billing.refund')?.input as { readonly warrant: Warrant }
    expect(refund.warrant).toMatchObject({
      trust: { refund_amount_usd: 'model', reason: 'model', customer_tier: 'record' },
      decision: { matches: [{ rule: 'trust.at_least.refund_amount_usd' }] },
    })
  })
})

test.each([
  ['deny', 'refused', 'denied_by_policy'],
  ['escalate', 'escalated', 'escalated_by_policy'],
] as const)(
  'where the policy says %s to less, the same refund is %s and no money moves',
  async (onLess, state, code) => {
    await underDemand(`  on_less: ${onLess}\n`, async (world) => {
      const { run, order } = await startRefund(world)
      expect(await run.outcome()).toMatchObject({
        state,
        because: { code, message: because, rules: [{ rule: 'trust.at_least.refund_amount_usd', effect: onLess }] },
        effects: [],
      })
      await expectNothingMade(world, order)
    })
  },
)
