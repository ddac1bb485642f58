import { arrayFromPayloads, defaultPayloadConverter } from '@temporalio/common'
import { cpSync, mkdtempSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { replayHistory } from '../../src/audit/replay.ts'
import type { RunHandle } from '../../src/client/index.ts'
import { actionDigestOf, type Warrant } from '../../src/contract/action.ts'
import { digestOfText } from '../../src/contract/digest.ts'
import { bundleForReplay } from '../../src/worker/bundle.ts'
import { activitiesIn, eventsOf, reset, workflowTasksIn } from '../support/history.ts'
import { newOrder } from '../support/orders.ts'
import { approvalOf, pendingOf, shownResult, startRefund } from '../support/refunds.ts'
import { query, SHIPPED_POLICIES, SHIPPED_WORKFLOWS, until, useWorld } from '../support/world.ts'

/** What runs by itself up to $50 is refused by it from $10 on, and what waits runs; a word that is refused is not. */
const CANDIDATE = `workflow: refund_request
rules:
  - id: small
    effect: deny
    when: { all: [{ refund_amount_usd_gte: 10 }, { refund_amount_usd_lt: 50 }] }
`

const folder = mkdtempSync(join(tmpdir(), 'candidate-'))
cpSync(SHIPPED_POLICIES, folder, { recursive: true })
writeFileSync(join(folder, 'refund-request.candidate.yaml'), CANDIDATE)
afterAll(() => rm(folder, { recursive: true }))
const world = useWorld({ policies: folder })
const digest = digestOfText(CANDIDATE)

const warrantOf = async (run: RunHandle, type: string): Promise<Warrant | undefined> => {
  const found = activitiesIn(await eventsOf(world().temporal, run)).find((activity) => activity.type === type)
  return (found?.input as { readonly warrant: Warrant } | undefined)?.warrant
}
const trials = async (run: RunHandle) => (await run.status()).timeline.filter(({ kind }) => kind === 'trial')

test('a stricter candidate keeps nothing from happening, and stands on the warrant and in the timeline', async () => {
  const { run, order } = await startRefund(world())
  expect(await run.outcome()).toMatchObject({ state: 'completed', because: null })
  expect(await world().refunded(order.paymentId)).toBe(2_000)
  const warrant = await warrantOf(run, 'billing.refund')
  expect(warrant?.decision.effect).toBe('allow')
  expect(warrant?.candidate).toMatchObject({
    policyDigest: digest,
    decision: { effect: 'deny', matches: [{ rule: 'rules.small' }] },
  })
  expect(await trials(run)).toMatchObject([
    {
      step: 'billing.refund-1',
      text: expect.stringMatching(
        /^`billing\.refund-1`: the candidate policy would have denied it: refund_amount_usd is \$20\.00 .*\(rules\.small\)$/,
      ),
    },
  ])
  const { candidateDigest, policyDigest } = await run.status()
  expect(candidateDigest).toBe(digest)
  expect(policyDigest).toBe(warrant?.policyDigest)
  const page = await world()
    .temporal.workflow.getHandle(run.workflowId)
    .query<{ readonly currentDetails: string }>('__temporal_workflow_metadata')
  expect(page.currentDetails).toContain(
    '### Candidate policy (decides nothing)\n\n- \\`billing.refund-1\\`: the candidate policy would have',
  )
  // Of the reply both say the same.
  expect(await warrantOf(run, 'helpdesk.reply')).not.toHaveProperty('candidate')
})

test('a laxer candidate lets nothing happen: the action waits, and what is approved does not depend on it', async () => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  const pending = await pendingOf(run)
  expect(pending.actionDigest).toBe(actionDigestOf(pending.action))
  expect(JSON.stringify(pending)).not.toContain(digest)
  expect(await world().refunded(order.paymentId)).toBe(0)
  expect(await trials(run)).toMatchObject([
    { text: '`billing.refund-1`: the candidate policy would have let it run by itself: no rule of it matches' },
  ])
  await run.decide(approvalOf(pending))
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(order.paymentId)).toBe(12_000)
  const warrant = await warrantOf(run, 'billing.refund')
  expect(warrant).toMatchObject({
    actionDigest: pending.actionDigest,
    decision: { effect: 'require_approval' },
    candidate: { policyDigest: digest, decision: { effect: 'allow', matches: [] } },
  })
})

test('what is rejected or denied stays so under a candidate that lets it, and the case says what that would have said', async () => {
  const waiting = await startRefund(world(), { amountCents: 12_000 })
  await waiting.run.decide({ ...approvalOf(await pendingOf(waiting.run)), decision: 'reject' })
  expect((await shownResult(waiting.run)).because).toMatchObject({
    code: 'approval_rejected',
    candidate: { policyDigest: digest, decision: { effect: 'allow' } },
  })
  const message = 'That was fraud, please refund $120.00.'
  const denied = await startRefund(world(), { amountCents: 12_000, message })
  expect((await shownResult(denied.run)).because).toMatchObject({
    code: 'denied_by_policy',
    candidate: { policyDigest: digest, decision: { effect: 'allow' } },
  })
  expect(await trials(denied.run)).toHaveLength(1)
  for (const { order } of [waiting, denied]) expect(await world().refunded(order.paymentId)).toBe(0)
})

test('a candidate that says the same is not mentioned', async () => {
  const { run } = await startRefund(world(), { amountCents: 500 })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await warrantOf(run, 'billing.refund')).not.toHaveProperty('candidate')
  expect(await trials(run)).toEqual([])
})

/** What `openRun` answered, as it stands in the history. */
const opened = async (run: RunHandle): Promise<Readonly<Record<string, unknown>>> => {
  const marker = (await eventsOf(world().temporal, run)).find((event) => event.markerRecordedEventAttributes)
  const payloads = marker?.markerRecordedEventAttributes?.details?.['result']?.payloads
  return arrayFromPayloads(defaultPayloadConverter, payloads)[0] as Readonly<Record<string, unknown>>
}

test('the history has the text that decided beside, replays by it, and has nothing of it where there is none', async () => {
  const { run } = await startRefund(world())
  await run.outcome()
  expect((await opened(run))['candidate']).toMatchObject({
    policyText: CANDIDATE,
    policyDigest: digest,
    policy: { workflow: 'refund_request' },
  })
  const history = await world().temporal.workflow.getHandle(run.workflowId).fetchHistory()
  const { differences } = await replayHistory(await bundleForReplay(SHIPPED_WORKFLOWS), history)
  expect(differences).toEqual([])

  const { orderId, ticketId } = await newOrder(world().databaseUrl)
  const ticket = await world().client.start(
    'support_request',
    { orderId, ticketId, message: 'Where is my parcel?' },
    { principal: { subject: 'ana', workspace: 'acme' }, workflowId: `support-${ticketId}` },
  )
  await until('its opening', async () => ((await ticket.status()).policyDigest === null ? undefined : true))
  expect((await ticket.status()).candidateDigest).toBe(null)
  expect(Object.keys(await opened(ticket))).not.toContain('candidate')
})

test('a reset to the start is judged beside by the candidate that the run was opened with; one that was lost holds up nobody', async () => {
  const { run, order } = await startRefund(world())
  const before = await run.outcome()
  const runIdOf = async () => (await world().temporal.workflow.getHandle(run.workflowId).describe()).runId
  const resetToStart = async () => {
    const first = await runIdOf()
    await reset(world().temporal, run, workflowTasksIn(await eventsOf(world().temporal, run))[0] ?? 0)
    await until('the run after the reset', async () => ((await runIdOf()) === first ? undefined : true))
    return await shownResult(run)
  }
  const taken = await query(world().databaseUrl, 'SELECT candidate_digest FROM countersign.runs WHERE run_key = $1', [
    before.runKey,
  ])
  expect(taken.rows).toEqual([{ candidate_digest: digest }])
  expect(await resetToStart()).toMatchObject({ state: 'completed', runKey: before.runKey })
  expect((await opened(run))['candidate']).toMatchObject({ policyDigest: digest })

  const lost = `sha256:${'0'.repeat(64)}`
  await query(world().databaseUrl, 'UPDATE countersign.runs SET candidate_digest = $2 WHERE run_key = $1', [
    before.runKey,
    lost,
  ])
  // By a host that has not seen the run.
  await world().worker.stop()
  await world().startWorker()
  expect(await resetToStart()).toMatchObject({ state: 'completed', runKey: before.runKey })
  expect(await opened(run)).not.toHaveProperty('candidate')
  expect(await world().refunded(order.paymentId)).toBe(2_000)
})
