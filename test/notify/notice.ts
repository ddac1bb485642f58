import type { Notice } from '../../src/contract/notice.ts'

/** A customer who means no good wrote the reason. */
const EVIL =
  'ok</pre><a href="http://evil.example">click</a> <!channel> <http://evil.example|Approve> \r\nBcc: eve@evil.example'
export const NOTICE: Notice = {
  runKey: 'refund-1/run-1',
  workflowId: 'refund-1',
  runId: 'run-1',
  playbook: 'refund_request',
  workspace: 'acme',
  describe: `refund $120.00 of payment pay_1 ${EVIL}`,
  step: 'billing.refund-1',
  actionDigest: `sha256:${'a'.repeat(64)}`,
  policyDigest: `sha256:${'b'.repeat(64)}`,
  requester: 'ana@acme.example',
  requires: ['2 of finance'],
  groups: ['finance'],
  because: ['refund_amount_usd is $120.00, at least $50.00'],
  facts: [`reason is ${EVIL}`],
  changes: ['payment/pay_1 refundable: $120.00 → $0.00'],
  evidence: ['order/ord_1 (record)'],
  askedAt: '2026-11-26T12:00:00.000Z',
  deadline: '2026-11-29T12:00:00.000Z',
  commands: [`countersign approve refund-1 billing.refund-1 --digest sha256:${'a'.repeat(64)}`],
}
