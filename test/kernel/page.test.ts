import { expect, test } from 'vitest'
import type { RunSummary } from '../../src/client/index.ts'
import { runPage } from '../../src/cli/run-text.ts'
import type { Attempt, RunStatus } from '../../src/contract/run.ts'
import { renderDetails } from '../../workflows/kernel/details.ts'

/* What both pages of a run tell: that of the Temporal UI and `countersign show`. */
const DIGEST = `sha256:${'d'.repeat(64)}` as const
const SAW = ['because it is dear', 'would change payment/pay_1 refundable: $120.00 → $0.00']

const approval = (by: string, at: string): Attempt => ({
  kind: 'decide',
  at,
  by,
  assurance: 'acr mfa at https://login.acme.example',
  describe: 'refund $120.00',
  saw: SAW,
  message: { decision: 'approve', step: 'billing.refund-1', actionDigest: DIGEST, comment: '' },
  answer: { accepted: true, message: `${by} approves` },
})

const status: RunStatus = {
  runKey: 'refund-7/one',
  playbook: 'refund_request',
  state: 'in_progress',
  waitingFor: null,
  principal: null,
  workspace: 'acme',
  request: { orderId: 'ord_1' },
  policyDigest: null,
  candidateDigest: null,
  kernelVersion: null,
  buildId: null,
  auditExport: 'splunk',
  notActedOn: ['audit.retention_days 365'],
  pending: [],
  attempts: [approval('ben', '2026-11-27T23:59:58.000Z'), approval('cleo', '2026-11-28T07:00:00.000Z')],
  incidents: [],
  effects: [],
  timeline: [
    { at: '2026-11-27T05:34:44.000Z', kind: 'open', text: 'opened' },
    { at: '2026-11-27T23:59:58.000Z', kind: 'decide', text: 'ben approves' },
    { at: '2026-11-28T07:00:00.000Z', kind: 'decide', text: 'cleo approves' },
    { at: '2026-11-30T07:00:00.000Z', kind: 'trial', text: 'said otherwise' },
  ],
  spend: { modelMicroUsd: 0, inputTokens: 0, outputTokens: 0, toolCalls: 1 },
  undoUntil: null,
  result: null,
}

const summary: RunSummary = {
  workflowId: 'refund-7',
  runId: 'one',
  playbook: 'refund_request',
  state: 'in_progress',
  waitingFor: null,
  workspace: 'acme',
  taskQueue: 'countersign',
  spendMicroUsd: 0,
  startedAt: '2026-11-27T05:34:44.000Z',
  closedAt: null,
  version: null,
}
const shown = (of: RunStatus): string => runPage(summary, of, { link: null, stops: [], flags: '' }).join('\n')

test('a timeline tells the day wherever it is another than before', () => {
  expect(shown(status)).toContain(
    [
      'timeline (UTC)',
      '  2026-11-27',
      '  05:34:44  open       opened',
      '  23:59:58  decide     ben approves',
      '  2026-11-28',
      '  07:00:00  decide     cleo approves',
      '  2026-11-30',
      '  07:00:00  candidate  said otherwise',
    ].join('\n'),
  )
  expect(renderDetails(status)).toContain(
    [
      '### Timeline (UTC)',
      '',
      '**2026-11-27**',
      '',
      '- 05:34:44 open: opened',
      '- 23:59:58 decide: ben approves',
      '',
      '**2026-11-28**',
      '',
      '- 07:00:00 decide: cleo approves',
      '',
      '**2026-11-30**',
      '',
      '- 07:00:00 candidate: said otherwise',
    ].join('\n'),
  )
})

test('what people saw stands once above those who saw the same', () => {
  const whom = '(acr mfa at https://login.acme.example)'
  expect(shown(status)).toContain(
    [
      'decided by people',
      `  refund $120.00  (${DIGEST})`,
      ...SAW.map((line) => `    ${line}`),
      `    2026-11-27 23:59:58 UTC  approve by ben ${whom}`,
      `    2026-11-28 07:00:00 UTC  approve by cleo ${whom}`,
      '',
    ].join('\n'),
  )
  const other = {
    ...approval('dan', '2026-11-28T08:00:00.000Z'),
    message: { decision: 'reject', actionDigest: 'sha256:e' },
  }
  const both = shown({ ...status, attempts: [...status.attempts, other] })
  expect(both.match(/because it is dear/g)).toHaveLength(2)
  expect(renderDetails(status)).toContain(
    `- 2026-11-27 23:59:58 UTC refund \\$120.00: approve by ben ${whom}, who saw ${DIGEST}`,
  )
})

test('an ended run tells why, what came of its effects, and what nothing acts on', () => {
  const describe = 'refund $120.00'
  const because = {
    code: 'undo_requested',
    message: 'undone by olga',
    rules: [],
    facts: {},
    action: null,
    by: 'olga',
  } as const
  const effects = [
    { step: 'billing.refund-1', tool: 'billing.refund', describe, state: 'undone', reversible: true },
    { step: 'helpdesk.reply-1', tool: 'helpdesk.reply', describe: 'answer', state: 'not_done', reversible: false },
  ] as const
  const result = { because } as unknown as NonNullable<RunStatus['result']>
  const page = renderDetails({ ...status, state: 'reverted', effects, result })
  expect(page).toMatch(/^## reverted\n\n### Why\n\nundone by olga \(undo_requested\)\n/)
  expect(page).toContain(
    '### Effects\n\n- undone: refund \\$120.00 (step billing.refund-1)\n- not done: answer (step helpdesk.reply-1)\n',
  )
  expect(page).toContain('- record exported to splunk\n- not acted on yet: audit.retention\\_days 365\n')
})
