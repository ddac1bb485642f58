import { join } from 'node:path'
import { expect, test } from 'vitest'
import { refundRequest } from '../../workflows/refund-request.ts'
import { backtest, decidedRuns } from '../../src/audit/backtest.ts'
import type { WhichRuns } from '../../src/ledger/audited.ts'
import { loadPolicy } from '../../src/policy/load/index.ts'
import { eventsOf, reset, workflowTasksIn } from '../support/history.ts'
import { approvalOf, pendingOf, shownResult, startRefund } from '../support/refunds.ts'
import { query, SHIPPED_POLICIES, until, useWorld } from '../support/world.ts'

const world = useWorld()
const { contract } = refundRequest
const ALL: WhichRuns = { since: null, until: null, playbook: null }

/** The runs that are told, by workflow id, each with the steps and what was decided of them. */
async function decided(which: Partial<WhichRuns> = {}): Promise<Readonly<Record<string, readonly string[]>>> {
  const { temporal: client, db, taskQueue } = world()
  const runs = await decidedRuns({ client, db }, taskQueue, { ...ALL, ...which })
  const lines = runs.map(({ runKey, actions }) => [
    runKey.slice(0, runKey.lastIndexOf('/')),
    actions.map(({ step, ruling }) => `${step}: ${typeof ruling === 'string' ? ruling : ruling.decision.effect}`),
  ])
  return Object.fromEntries(lines) as Readonly<Record<string, readonly string[]>>
}

const ASKED = ['billing.refund-1: require_approval', 'helpdesk.reply-1: allow']
const ALLOWED = ['billing.refund-1: allow', 'helpdesk.reply-1: allow']

test('a run that was reset is one run, and each of its actions was decided once', async () => {
  const { run } = await startRefund(world(), { amountCents: 12_000 })
  await run.decide(approvalOf(await pendingOf(run)))
  await run.outcome()
  const handle = world().temporal.workflow.getHandle(run.workflowId)
  const { runId: first } = await handle.describe()
  const last = workflowTasksIn(await eventsOf(world().temporal, run)).at(-2) ?? 0
  await reset(world().temporal, run, last, first)
  await until('the run after the reset', async () => ((await handle.describe()).runId === first ? undefined : true))
  expect(await shownResult(run)).toMatchObject({ state: 'completed' })
  expect((await decided())[run.workflowId]).toEqual(ASKED)
})

test('runs are chosen by when they began and by their playbook', async () => {
  const { run } = await startRefund(world())
  await run.outcome()
  const soon = new Date(Date.now() + 60_000)
  const long = new Date(Date.now() - 3_600_000)
  expect((await decided({ since: long, until: soon, playbook: 'refund_request' }))[run.workflowId]).toEqual(ALLOWED)
  expect(await decided({ until: long })).toEqual({})
  expect(await decided({ since: soon })).toEqual({})
  expect(await decided({ playbook: 'support_request' })).toEqual({})
})

test('a run that only Temporal knows is told as soon as it is in visibility', async () => {
  const { run } = await startRefund(world())
  await run.outcome()
  for (const table of ['effects', 'runs']) {
    await query(world().databaseUrl, `DELETE FROM countersign.${table} WHERE run_key LIKE $1`, [`${run.workflowId}/%`])
  }
  const known = await until('the run in visibility', async () => (await decided())[run.workflowId])
  expect(known).toEqual(ALLOWED)
  expect(await decided({ until: new Date(Date.now() - 3_600_000) })).toEqual({})
})

test('a run of which Temporal has nothing any more is counted', { timeout: 90_000 }, async () => {
  const { run } = await startRefund(world(), { message: 'This is fraud. Give me $20.00.' })
  await run.result()
  const workflowExecution = { workflowId: run.workflowId, runId: '' }
  await world().temporal.workflowService.deleteWorkflowExecution({ namespace: 'default', workflowExecution })
  const { temporal: client, db, taskQueue } = world()
  const loaded = await loadPolicy(join(SHIPPED_POLICIES, 'refund-request.yaml'), [contract])
  if (!loaded.ok) throw new Error('the shipped policy is not sound')
  const gone = await until(
    'the history to be gone',
    async () => {
      const runs = await decidedRuns({ client, db }, taskQueue, ALL)
      const tried = backtest(loaded.policy, contract, runs)
      return tried.withoutHistory > 0 ? tried : undefined
    },
    80_000,
  )
  // By the policy that decided, nothing is decided otherwise.
  expect(gone).toMatchObject({ withoutHistory: 1, changed: 0, undecided: [] })
  expect(gone.decided).toBe(2 * gone.runs)
})
