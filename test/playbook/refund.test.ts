import { expect, test } from 'vitest'
import type { Warrant } from '../../src/contract/action.ts'
import { digestOfText } from '../../src/contract/digest.ts'
import { activitiesIn, eventsOf } from '../support/history.ts'
import { APPROVER, approvalOf, pendingOf, REQUESTER, startRefund } from '../support/refunds.ts'
import { query, SHIPPED_POLICIES, until, useWorld } from '../support/world.ts'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

const world = useWorld()

const warrantOf = async (run: Parameters<typeof eventsOf>[1], type: string): Promise<Warrant> => {
  const scheduled = activitiesIn(await eventsOf(world().temporal, run)).find((activity) => activity.type === type)
  return (scheduled as { readonly input: { readonly warrant: Warrant } }).input.warrant
}
const repliesIn = async (ticketId: string) =>
  (await query(world().databaseUrl, 'SELECT * FROM records.replies WHERE ticket_id = $1 ORDER BY id', [ticketId])).rows
const statusesOf = async (paymentId: string) => {
  const text = 'SELECT status FROM records.refunds WHERE payment_id = $1'
  return (await query(world().databaseUrl, text, [paymentId])).rows.map(({ status }) => status)
}

test.concurrent('a refund below every threshold goes through by itself, and the customer is told', async () => {
  const { run, order } = await startRefund(world())
  const result = await run.outcome()
  expect(result).toMatchObject({
    state: 'completed',
    because: null,
    outcome: { refundId: expect.stringMatching(/^ref_/), amount: { currency: 'USD', cents: 2000 } },
    effects: [
      { step: 'billing.refund-1', tool: 'billing.refund', state: 'done', reversible: true },
      { step: 'helpdesk.reply-1', tool: 'helpdesk.reply', state: 'done', reversible: true },
    ],
    spend: { modelMicroUsd: 0, toolCalls: 4 },
  })
  expect(Date.parse(result.undoUntil ?? '')).toBeGreaterThan(Date.now() + 29 * 60_000)
  expect(await world().refunded(order.paymentId)).toBe(2000)
  expect(await repliesIn(order.ticketId)).toMatchObject([{ body: expect.stringContaining('$20.00') }])
})

test.concurrent('the warrant of an effect stands in the history beside it and answers evidence, rule and undo', async () => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  const pending = await pendingOf(run)
  await run.decide({ ...approvalOf(pending), comment: 'seen' })
  const { policyDigest } = await run.outcome()

  const text = await readFile(join(SHIPPED_POLICIES, 'refund-request.yaml'), 'utf8')
  expect(policyDigest).toBe(digestOfText(text))
  const warrant = await warrantOf(run, 'billing.refund')
  expect(warrant).toMatchObject({
    v: 1,
    kind: 'act',
    workflowType: 'refund_request',
    step: 'billing.refund-1',
    tool: 'billing.refund',
    principal: { ...REQUESTER, kind: 'user', issuer: 'development', development: true },
    plan: `refund $120.00 of order ${order.orderId}, then tell the customer`,
    policyDigest,
    actionDigest: pending.actionDigest,
    facts: { refund_amount_usd: { currency: 'USD', cents: 12_000 }, customer_tier: 'standard' },
    decision: {
      effect: 'require_approval',
      matches: [{ rule: 'requires_approval_if.refund_amount_usd_gte', because: expect.stringContaining('$120.00') }],
    },
    approvals: [
      {
        by: APPROVER,
        decision: 'approve',
        comment: 'seen',
        actionDigest: pending.actionDigest,
        statement: {
          about: {
            kind: 'decide',
            decision: 'approve',
            runKey: pending.action.runKey,
            actionDigest: pending.actionDigest,
          },
          who: { subject: APPROVER, issuer: 'development', development: true, workspace: 'acme' },
        },
      },
    ],
    changes: [{ record: `payment/${order.paymentId}`, from: '$120.00', to: '$0.00' }, { record: 'refund/new' }],
    undo: { does: 'void the refund, as long as it has not settled' },
  })
  expect(warrant.evidence.map(({ receipt }) => [receipt.kind, receipt.reference, receipt.step])).toEqual([
    ['record', `order/${order.orderId}`, 'billing.getOrder-1'],
    ['record', `customer/${order.customerId}`, 'crm.getCustomer-1'],
    ['model', 'refund.readClaim by deterministic', 'refund.readClaim-1'],
  ])
  expect(await warrantOf(run, 'helpdesk.reply')).toMatchObject({
    decision: { effect: 'allow' },
    approvals: [],
    evidence: [
      { receipt: { kind: 'record', reference: `order/${order.orderId}` } },
      { receipt: { kind: 'record', reference: `customer/${order.customerId}` } },
      { receipt: { kind: 'record', reference: expect.stringMatching(/^refund\/ref_/) } },
    ],
  })
})

test.concurrent('a refund at the threshold does nothing until somebody else approves it, and then happens once', async () => {
  const { run, order } = await startRefund(world(), { amountCents: 12_000 })
  const pending = await pendingOf(run)
  expect(await run.status()).toMatchObject({ state: 'blocked', waitingFor: 'approval' })
  expect(await world().refunded(order.paymentId)).toBe(0)
  expect(await run.decide(approvalOf(pending))).toMatchObject({ accepted: true })
  expect(await run.outcome()).toMatchObject({ state: 'completed' })
  expect(await world().refunded(order.paymentId)).toBe(12_000)
  expect(await statusesOf(order.paymentId)).toEqual(['pending'])
})

test.concurrent('a refund whose reason is fraud is refused with rule, facts and evidence, and no money moves', async () => {
  const { run, order } = await startRefund(world(), { message: 'This is fraud, I never bought it. Give me $20.00.' })
  expect(await run.result()).toMatchObject({
    state: 'refused',
    because: {
      code: 'denied_by_policy',
      rules: [{ rule: 'deny_if.reason_contains', effect: 'deny', fact: 'reason' }],
      facts: { refund_amount_usd: { cents: 2000 }, customer_tier: 'standard' },
      action: {
        tool: 'billing.refund',
        evidence: [
          { kind: 'record', reference: `order/${order.orderId}` },
          { kind: 'record', reference: `customer/${order.customerId}` },
          { kind: 'model' },
        ],
      },
    },
    effects: [],
  })
  expect(await statusesOf(order.paymentId)).toEqual([])
  expect(activitiesIn(await eventsOf(world().temporal, run)).map(({ type }) => type)).toEqual([])
})

test.concurrent('a rejected refund of an enterprise customer is refused by name and comment, and no money moves', async () => {
  const { run, order } = await startRefund(world(), { tier: 'enterprise' })
  const { step, actionDigest } = await pendingOf(run)
  await run.decide({ step, actionDigest, decision: 'reject', by: APPROVER, comment: 'call them first' })
  expect(await run.result()).toMatchObject({
    state: 'refused',
    because: {
      code: 'approval_rejected',
      message: `${APPROVER} said no: call them first`,
      by: APPROVER,
      rules: [{ rule: 'requires_approval_if.customer_tier_in' }],
      facts: { customer_tier: 'enterprise' },
      action: { step: 'billing.refund-1', expect: { refundableCents: 2000 } },
    },
    effects: [],
  })
  expect(await statusesOf(order.paymentId)).toEqual([])
})

test.concurrent('a refund whose ticket cannot be answered is voided, and the run is reverted with the reason', async () => {
  const { run, order } = await startRefund(world(), { ticket: 'closed' })
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    because: { code: 'precondition_failed', message: expect.stringContaining('closed') },
    effects: [
      { step: 'billing.refund-1', state: 'undone' },
      { step: 'helpdesk.reply-1', state: 'not_done' },
    ],
  })
  expect(await statusesOf(order.paymentId)).toEqual(['voided'])
  expect(await repliesIn(order.ticketId)).toEqual([])
})

test.concurrent('an undo inside the window voids the refund and retracts the reply', async () => {
  const { run, order } = await startRefund(world())
  await run.outcome()
  expect(await run.undo({ by: 'olga@acme.example', comment: 'wrong order' })).toMatchObject({ accepted: true })
  expect(await run.result()).toMatchObject({
    state: 'reverted',
    because: { code: 'undo_requested', by: 'olga@acme.example' },
    effects: [{ state: 'undone' }, { state: 'undone' }],
  })
  expect(await statusesOf(order.paymentId)).toEqual(['voided'])
  expect(await repliesIn(order.ticketId)).toMatchObject([
    { retracted_at: expect.any(Date) },
    { body: expect.stringContaining('no longer holds'), retracted_at: null },
  ])
})

test.concurrent('a case that needs more tool calls than the policy allows is escalated, and no money moves', async () => {
  const { run, order } = await startRefund(world(), { parcels: 6, message: 'It never arrived. I want $20.00 back.' })
  expect(await run.result()).toMatchObject({
    state: 'escalated',
    because: { code: 'tool_budget_exceeded', message: expect.stringContaining('allows 5 tool calls') },
    effects: [],
    spend: { toolCalls: 5 },
  })
  expect(await statusesOf(order.paymentId)).toEqual([])
})

test.concurrent('a claim for more than can be refunded is escalated with what speaks against it', async () => {
  const { run, order } = await startRefund(world(), { message: 'It arrived broken, I want $21.00 back.' })
  expect(await run.result()).toMatchObject({
    state: 'escalated',
    because: {
      code: 'evidence_unsupported',
      message: '$21.00 is more than the $20.00 that can be refunded',
      action: { tool: 'billing.refund' },
    },
  })
  expect(await statusesOf(order.paymentId)).toEqual([])
})

test.concurrent('every end is what the list of runs says', async () => {
  const { run } = await startRefund(world(), { message: 'Fraud! $20.00 please' })
  await run.result()
  const found = await until('the run in the list', async () =>
    (await world().client.list({ state: 'refused', playbook: 'refund_request', workspace: 'acme' })).find(
      ({ workflowId }) => workflowId === run.workflowId,
    ),
  )
  expect(found).toMatchObject({ state: 'refused', waitingFor: null, workspace: 'acme', playbook: 'refund_request' })
})
