import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { backtest, decidedRuns } from '../../src/audit/backtest.ts'
import { loadPolicy } from '../../src/policy/load/index.ts'
import { refundRequest } from '../../workflows/refund-request.ts'
import { countersign } from '../cli/cli.ts'
import { expectNothingMade, madeFor } from '../hostile/hostile.ts'
import { activitiesIn, eventsOf } from '../support/history.ts'
import { newOrder } from '../support/orders.ts'
import { HOME } from '../support/people.ts'
import { approvalOf, pendingOf, REQUESTER, startRefund } from '../support/refunds.ts'
import { SHIPPED_POLICIES, until } from '../support/world.ts'
import { useLevel } from './levels.ts'

const suggesting = useLevel('suggest')
const asking = useLevel('execute_with_approvals')
const acting = useLevel('execute_under_policy')

const ORDER = { amountCents: 12_000 }
const SUGGESTS = 'the policy only suggests, so every write is drafted and none is done'
const APPROVES = 'the policy has every write approved'
const DECIDES = 'the rules of the policy decide alone, within its limits'

test.concurrent('under `suggest` a refund of $120.00 ends as a draft, nobody is asked and no write is called', async () => {
  const world = suggesting()
  const { run, order } = await startRefund(world, ORDER)
  const result = await run.result()
  const describe = `refund $120.00 of payment ${order.paymentId}`
  expect(result).toMatchObject({
    state: 'suggested',
    outcome: null,
    because: { code: 'suggested', message: `drafted, and not done: ${describe}`, action: null },
    effects: [],
    undoUntil: null,
  })
  expect(result.drafts).toEqual([
    {
      step: 'billing.refund-1',
      describe,
      decision: {
        effect: 'suggest',
        matches: [{ rule: 'autonomy.suggest', effect: 'suggest', because: SUGGESTS }],
      },
      action: expect.objectContaining({
        tool: 'billing.refund',
        facts: expect.objectContaining({ refund_amount_usd: { currency: 'USD', cents: 12_000 } }),
        changes: [
          { record: `payment/${order.paymentId}`, field: 'refundable', from: '$120.00', to: '$0.00' },
          { record: 'refund/new', field: 'status', from: 'none', to: 'pending: $120.00, settles in 48 hours' },
        ],
      }),
    },
  ])
  const status = await run.status()
  expect(status.pending).toEqual([])
  expect(status.timeline.map(({ kind }) => kind)).toEqual(['open', 'read', 'read', 'think', 'plan', 'draft', 'end'])
  const called = activitiesIn(await eventsOf(world.temporal, run)).map(({ type }) => type)
  for (const write of ['billing.refund', 'helpdesk.reply']) expect(called).not.toContain(write)
  await expectNothingMade(world, order)
})

test.concurrent('a backtest tells what another policy says of drafts', async () => {
  const { temporal: client, db, taskQueue } = suggesting()
  const { run } = await startRefund(suggesting(), ORDER)
  await run.result()
  const shipped = await loadPolicy(join(SHIPPED_POLICIES, 'refund-request.yaml'), [refundRequest.contract])
  if (!shipped.ok) throw new Error('the shipped policy cannot be read')
  const { runKey } = await run.status()
  const all = await decidedRuns({ client, db }, taskQueue, { since: null, until: null, playbook: null })
  const runs = all.filter((each) => each.runKey === runKey)
  expect(backtest(shipped.policy, refundRequest.contract, runs)).toMatchObject({
    runs: 1,
    decided: 1,
    changed: 1,
    groups: [
      {
        tool: 'billing.refund',
        before: 'suggest',
        after: 'require_approval',
        money: { refund_amount_usd: { currency: 'USD', cents: 12_000 } },
        actions: [{ runKey, step: 'billing.refund-1', people: null }],
      },
    ],
    undecided: [],
  })
})

test.concurrent('what the rules say of a draft stands on it, and a deny is still a refusal', async () => {
  const world = suggesting()
  const dear = await startRefund(world, { amountCents: 60_000 })
  expect((await dear.run.result()).drafts?.[0]?.decision.matches).toMatchObject([
    { rule: 'autonomy.suggest', effect: 'suggest' },
    { rule: 'requires_approval_if.refund_amount_usd_gte', effect: 'require_approval' },
  ])
  const denied = await startRefund(world, { message: 'Fraud! $20.00 please' })
  const result = await denied.run.result()
  expect(result).toMatchObject({ state: 'refused', because: { code: 'denied_by_policy' }, effects: [] })
  expect(result.drafts).toBeUndefined()
  for (const { order } of [dear, denied]) await expectNothingMade(world, order)
})

test.concurrent('what a model proposes is drafted as what a playbook says is', async () => {
  const world = suggesting()
  const order = await newOrder(world.databaseUrl)
  const { orderId, ticketId } = order
  const run = await world.client.start(
    'support_request',
    { orderId, ticketId, message: 'It arrived broken, please refund $20.00.' },
    { principal: REQUESTER },
  )
  expect(await run.result()).toMatchObject({
    state: 'suggested',
    effects: [],
    drafts: [
      {
        step: 'billing.refund-1',
        action: { evidence: expect.arrayContaining([expect.objectContaining({ kind: 'model' })]) },
      },
    ],
  })
  await expectNothingMade(world, order)
})

test.concurrent('show, list and the page of the Temporal UI tell that it is a draft', async () => {
  const world = suggesting()
  const { run, order } = await startRefund(world, ORDER)
  await run.result()
  const env = { TEMPORAL_ADDRESS: inject('temporalAddress'), DATABASE_URL: world.databaseUrl }
  const shown = await countersign(['show', run.workflowId, '--task-queue', world.taskQueue], { env })
  expect(shown.stdout).toContain('\nstate     suggested\n')
  expect(shown.stdout).toContain(`  drafted, and not done: refund $120.00 of payment ${order.paymentId}  (suggested)\n`)
  expect(shown.stdout).toContain(
    `\ndrafts, not done\n  refund $120.00 of payment ${order.paymentId}  (billing.refund-1)\n    tool      billing.refund\n`,
  )
  expect(shown.stdout).toContain(`    because   ${SUGGESTS} (autonomy.suggest)\n`)
  expect(shown.stdout).toContain(`    changes   payment/${order.paymentId} refundable: $120.00 → $0.00\n`)
  expect(shown.stdout).toContain('not acted on yet: audit.retention_days 365\n')
  const row = await until('the run in the list', async () => {
    const list = await countersign(['list', '--state', 'suggested'], { env })
    return list.stdout.split('\n').find((line) => line.includes(run.workflowId))
  })
  expect(row).toMatch(/^suggested +- +refund_request +acme /)
  const handle = world.temporal.workflow.getHandle(run.workflowId)
  const page = await handle.query<{ readonly currentDetails: string }>('__temporal_workflow_metadata')
  const details = page.currentDetails.replaceAll('\\', '')
  expect(details).toMatch(/^## suggested\n/)
  expect(details).toContain('- not acted on yet: audit.retention_days 365\n')
  expect(details).toContain(
    `### Draft: this was not done\n\n**refund $120.00 of payment ${order.paymentId}** (step billing.refund-1)\n\n- billing.refund with {"`,
  )
  expect(details).toContain(`- because ${SUGGESTS} (autonomy.suggest)\n`)
  expect(details).toContain(`- would change payment/${order.paymentId} refundable: $120.00 → $0.00\n`)
})

test.concurrent('a command that waits for a draft says so, and that nothing was done by its exit code', async () => {
  const world = suggesting()
  const { order } = await startRefund(world, ORDER)
  const env = { TEMPORAL_ADDRESS: inject('temporalAddress'), DATABASE_URL: world.databaseUrl }
  const { orderId, ticketId } = order
  const request = JSON.stringify({ orderId, ticketId, message: 'It arrived broken, please refund $120.00.' })
  const start = ['start', 'refund_request', '--by', 'ana', '--request', request, '--wait']
  const { code, stdout, stderr } = await countersign([...start, '--task-queue', world.taskQueue], { env, cwd: HOME })
  expect(stdout, stderr).toContain('\nended     suggested\n')
  expect(stdout).toContain('\ndrafts, not done\n')
  expect(code).toBe(3)
  await expectNothingMade(world, order)
})

test.concurrent('under `execute_with_approvals` the same refund waits for a person, and so does the reply', async () => {
  const world = asking()
  const { run, order } = await startRefund(world, ORDER)
  const refund = await pendingOf(run)
  expect(refund).toMatchObject({
    step: 'billing.refund-1',
    decision: {
      effect: 'require_approval',
      matches: [{ rule: 'autonomy.execute_with_approvals', because: APPROVES }],
    },
  })
  await expectNothingMade(world, order)
  expect(await run.decide(approvalOf(refund))).toMatchObject({ accepted: true })
  const reply = await pendingOf(run, refund.actionDigest)
  expect(reply).toMatchObject({
    step: 'helpdesk.reply-1',
    decision: { matches: [{ rule: 'autonomy.execute_with_approvals' }] },
  })
  expect(await madeFor(world, order)).toEqual({ refunds: 1, replies: 0 })
  await run.decide(approvalOf(reply))
  const result = await run.outcome()
  expect(result).toMatchObject({ state: 'completed', effects: [{ state: 'done' }, { state: 'done' }] })
  expect(result.drafts).toBeUndefined()
  expect(await madeFor(world, order)).toEqual({ refunds: 1, replies: 1 })
})

test.concurrent('under `execute_with_approvals` a deny is still a deny', async () => {
  const { run, order } = await startRefund(asking(), { message: 'Fraud! $20.00 please' })
  expect(await run.result()).toMatchObject({
    state: 'refused',
    because: { code: 'denied_by_policy', rules: [{ effect: 'deny' }, { rule: 'autonomy.execute_with_approvals' }] },
  })
  await expectNothingMade(asking(), order)
})

test.concurrent('under `execute_under_policy` the same refund is made by itself, and a dearer one waits', async () => {
  const world = acting()
  const { run, order } = await startRefund(world, ORDER)
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world.refunded(order.paymentId)).toBe(12_000)
  const calls = activitiesIn(await eventsOf(world.temporal, run))
  const refund = calls.find(({ type }) => type === 'billing.refund')
  expect(refund?.input).toMatchObject({
    warrant: {
      approvals: [],
      decision: {
        effect: 'allow',
        matches: [{ rule: 'autonomy.execute_under_policy', effect: 'allow', because: DECIDES }],
      },
    },
  })
  const dear = await startRefund(world, { amountCents: 50_000 })
  expect((await pendingOf(dear.run)).decision.matches).toMatchObject([
    { rule: 'requires_approval_if.refund_amount_usd_gte' },
    { rule: 'autonomy.execute_under_policy' },
  ])
  await expectNothingMade(world, dear.order)
})
