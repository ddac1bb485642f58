import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { DecideMessage, PendingApproval, RunHandle } from '../../src/client/index.ts'
import { actionDigestOf } from '../../src/contract/action.ts'
import type { Digest } from '../../src/contract/digest.ts'
import { eventsOf, typesOf } from '../support/history.ts'
import {
  APPROVER,
  approvalOf,
  codeOfAnswer,
  pendingOf,
  type Refund,
  signedApprovalOf,
  startMessageOf,
  startRefund,
} from '../support/refunds.ts'
import { newOrder } from '../support/orders.ts'
import { until, useWorld } from '../support/world.ts'

const world = useWorld()

const startLarge = (): Promise<Refund> => startRefund(world(), { amountCents: 12_000 })
const decide = (run: RunHandle, message: unknown): Promise<unknown> => run.decide(message as DecideMessage)

/** A refused decision moves nothing and stays on the record; the run goes on waiting, and a right one still counts. */
async function expectRefused(code: string, twist: (pending: PendingApproval) => unknown): Promise<void> {
  const { run, order } = await startLarge()
  const pending = await pendingOf(run)
  const message = twist(pending)
  expect(await decide(run, message)).toMatchObject({ accepted: false, code })

  const status = await run.status()
  expect(status).toMatchObject({
    state: 'blocked',
    waitingFor: 'approval',
    pending: [{ step: pending.step, actionDigest: pending.actionDigest }],
    attempts: [{ message: sentOf(message), answer: { accepted: false, code } }],
  })
  expect(await world().refunded(order.paymentId)).toBe(0)

  expect(await run.decide(approvalOf(pending))).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(order.paymentId)).toBe(12_000)
  expect((await run.status()).attempts).toHaveLength(2)
}

/** What of a message is sent: whoever says it stands in the statement. */
function sentOf(message: unknown): unknown {
  if (typeof message !== 'object' || message === null) return message
  const { by: _, ...sent } = message as { by?: string }
  return sent
}

const OTHER_DIGEST: Digest = `sha256:${'0'.repeat(64)}`

const REFUSED: readonly (readonly [what: string, code: string, twist: (pending: PendingApproval) => unknown])[] = [
  ['on another digest', 'decision_wrong_digest', (it) => ({ ...approvalOf(it), actionDigest: OTHER_DIGEST })],
  ['on another step', 'decision_unknown_step', (it) => ({ ...approvalOf(it), step: 'billing.refund-2' })],
  ['by the requester', 'decision_by_requester', (it) => approvalOf(it, 'ana@acme.example')],
  ['by the requester in capitals', 'decision_by_requester', (it) => approvalOf(it, ' ANA@Acme.example ')],
  ['by the requester in full width', 'decision_by_requester', (it) => approvalOf(it, 'ａｎａ@acme.example')],
  [
    'by the requester with a zero-width space',
    'decision_by_requester',
    (it) => approvalOf(it, 'ana\u200b@acme.example'),
  ],
  ['without a digest', 'decision_malformed', ({ step }) => ({ step, decision: 'approve', by: APPROVER })],
  ['with a key too many', 'decision_malformed', (it) => ({ ...approvalOf(it), amount: 1 })],
  ['with a word that is none', 'decision_malformed', (it) => ({ ...approvalOf(it), decision: 'APPROVE' })],
  ['with a comment that is no text', 'decision_malformed', (it) => ({ ...approvalOf(it), comment: { text: 'x' } })],
  ['with a digest that is none', 'decision_malformed', (it) => ({ ...approvalOf(it), actionDigest: 'sha256:abc' })],
  ['that is a text', 'decision_malformed', () => 'approve'],
  ['that is null', 'decision_malformed', () => null],
]

test.concurrent.for(REFUSED)('a decision %s is refused with %s, and the run goes on waiting', ([, code, twist]) =>
  expectRefused(code, twist),
)

test.concurrent('whoever the requester acts for cannot approve it either', async () => {
  const principal = { subject: 'helpdesk-bot', kind: 'agent', onBehalfOf: 'Ana@acme.example' } as const
  const { run, order } = await startRefund(world(), { amountCents: 12_000, principal })
  const pending = await pendingOf(run)
  for (const by of ['HelpDesk-Bot', 'ana@ACME.example']) {
    expect(await run.decide(approvalOf(pending, by))).toMatchObject({ accepted: false, code: 'decision_by_requester' })
  }
  expect(await world().refunded(order.paymentId)).toBe(0)
  expect(await run.decide(approvalOf(pending))).toMatchObject({ accepted: true })
})

test.concurrent('what people approve is the digest of everything that is shown', async () => {
  const { run, order } = await startLarge()
  const pending = await pendingOf(run)
  expect(pending.actionDigest).toBe(actionDigestOf(pending.action))
  expect(pending).toMatchObject({
    describe: `refund $120.00 of payment ${order.paymentId}`,
    action: { changes: [{ from: '$120.00', to: '$0.00' }, {}], expect: { refundableCents: 12_000, version: 1 } },
    decision: { effect: 'require_approval' },
  })
  expect(Date.parse(pending.deadline) - Date.parse(pending.askedAt)).toBe(3 * 24 * 3_600_000)
})

test.concurrent('a signal decides as an update does', async () => {
  const { run, order } = await startLarge()
  const pending = await pendingOf(run)
  const handle = world().temporal.workflow.getHandle(run.workflowId)
  await handle.signal('decide', signedApprovalOf(pending, 'ana@acme.example'))
  // Each is verified by a host on its own: of two at once either may be heard first.
  await until('the refusal', async () => (await run.status()).attempts[0])
  await handle.signal('decide', signedApprovalOf(pending))
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(order.paymentId)).toBe(12_000)
  expect((await run.status()).attempts).toMatchObject([
    { by: 'ana@acme.example', answer: { accepted: false, code: 'decision_by_requester' } },
    { by: APPROVER, answer: { accepted: true } },
  ])
})

test.concurrent('a second decision is refused and changes nothing', async () => {
  const { run, order } = await startLarge()
  const pending = await pendingOf(run)
  expect(await run.decide(approvalOf(pending))).toMatchObject({ accepted: true })
  const second = await run.decide({ ...approvalOf(pending, 'cleo@acme.example'), decision: 'reject' })
  expect(second).toMatchObject({ accepted: false, code: 'decision_already_made' })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(order.paymentId)).toBe(12_000)
})

test.concurrent('the same update id twice is one attempt with one answer', async () => {
  const { run } = await startLarge()
  const pending = await pendingOf(run)
  const answers = [
    await run.decide(approvalOf(pending, 'ana@acme.example'), 'once'),
    await run.decide(approvalOf(pending, 'ana@acme.example'), 'once'),
  ]
  expect(answers[0]).toEqual(answers[1])
  expect((await run.status()).attempts).toHaveLength(1)
})

test.concurrent('a decision that comes with the start, before anything waits, is refused', async () => {
  const order = await newOrder(world().databaseUrl, { amountCents: 12_000 })
  const workflowId = `early-${randomUUID()}`
  const request = { orderId: order.orderId, ticketId: order.ticketId, message: 'Broken. $120.00 back.' }
  await world().temporal.workflow.signalWithStart('refund_request', {
    workflowId,
    taskQueue: world().taskQueue,
    args: [startMessageOf(workflowId, request)],
    signal: 'decide',
    signalArgs: [{ step: 'billing.refund-1', decision: 'approve', by: APPROVER, actionDigest: OTHER_DIGEST }],
  })
  const run = world().client.run(workflowId)
  const pending = await pendingOf(run)
  expect(await run.status()).toMatchObject({ attempts: [{ answer: { code: 'decision_unknown_step' } }] })
  expect(await world().refunded(order.paymentId)).toBe(0)
  await run.decide(approvalOf(pending))
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
})

test.concurrent('a decision on a run that was cancelled moves no money', async () => {
  const { run, order } = await startLarge()
  const pending = await pendingOf(run)
  await run.cancel()
  const decided = await codeOfAnswer(run.decide(approvalOf(pending)))
  // Temporal hands over messages before a cancel that comes in the same workflow task: then it was in time, and of no use.
  expect(['decision_unknown_step', 'run_not_found', 'accepted']).toContain(decided)
  const result = await run.result()
  expect(result).toMatchObject({ state: 'reverted', because: { code: 'cancelled' } })
  expect(result.effects.filter(({ state }) => state === 'done')).toEqual([])
  expect(await world().refunded(order.paymentId)).toBe(0)
})

test.concurrent('decisions are in the history, the refused ones too', async () => {
  const { run } = await startLarge()
  const pending = await pendingOf(run)
  await run.decide({ ...approvalOf(pending), actionDigest: OTHER_DIGEST })
  await run.decide({ ...approvalOf(pending), decision: 'reject' })
  expect(await run.result()).toMatchObject({ state: 'refused' })
  const types = typesOf(await eventsOf(world().temporal, run))
  expect(types.filter((type) => type.endsWith('WORKFLOW_EXECUTION_UPDATE_COMPLETED'))).toHaveLength(2)
})
