import { expect, test } from 'vitest'
import type { Approval } from '../../src/contract/action.ts'
import { digestOf } from '../../src/contract/digest.ts'
import type { FailureCode } from '../../src/contract/failures.ts'
import { guarded, PRINCIPAL, saying, scheduledAfter, write, type Write } from './refund-case.ts'
import type { Lies } from './warrants.ts'

const byWhom = (by: string): Lies => ({ approvals: (one) => [{ ...one, by }] })
const approved = (change: Partial<Approval>): Lies => ({ approvals: (one) => [{ ...one, ...change }] })

const MINUTE_MS = 60_000
/** The default, which the shipped policy keeps: how long people may take. */
const EXPIRES_MS = 3 * 24 * 60 * MINUTE_MS

const shown = { changes: [{ record: 'payment/pay_1042', field: 'refundable', from: '$200.00', to: '$80.00' }] }
const another = digestOf({ another: 'action' })
const approvals: readonly (readonly [title: string, it: Write, code: FailureCode, why: string])[] = [
  ['that nobody approved', write({}, { approvals: () => [] }), 'approval_invalid', 'was not approved'],
  ['that was rejected', write({}, approved({ decision: 'reject' })), 'approval_invalid', 'is none'],
  [
    'with an approval of another action',
    write({}, approved({ actionDigest: another })),
    'approval_invalid',
    'is of another action',
  ],
  [
    'with an approval of another step',
    write({}, approved({ step: 'billing.refund-2' })),
    'approval_invalid',
    'is of another step',
  ],
  ['approved by the requester', write({}, byWhom(PRINCIPAL.subject)), 'approval_invalid', 'is by the requester'],
  [
    'approved by the requester in small letters',
    write({}, byWhom('ana@acme.example')),
    'approval_invalid',
    'by the requester',
  ],
  [
    'approved by the requester in full width',
    write({}, byWhom('Ａｎａ@acme.example')),
    'approval_invalid',
    'by the requester',
  ],
  [
    'approved by the requester with a zero-width space',
    write({}, byWhom('Ana\u{200b}@acme.example')),
    'approval_invalid',
    'is by the requester',
  ],
  [
    'approved by the requester between spaces',
    write({}, byWhom(' Ana@acme.example ')),
    'approval_invalid',
    'by the requester',
  ],
  [
    'approved by whom the requester acts for',
    write({}, byWhom('CLEO@shop.example')),
    'approval_invalid',
    'by the requester',
  ],
  [
    'approved by Ben and then by the requester too',
    write({}, { approvals: (one) => [one, { ...one, by: PRINCIPAL.subject }] }),
    'approval_invalid',
    'is by the requester',
  ],
  [
    'approved before other changes were shown',
    write({}, { ...shown, approvals: () => write().warrant.approvals }),
    'approval_invalid',
    'is of another action',
  ],
  ['approved a minute after its time', scheduledAfter(EXPIRES_MS + 2 * MINUTE_MS), 'approval_invalid', 'had expired'],
  ['approved half a year ago', scheduledAfter(180 * 24 * 60 * MINUTE_MS), 'approval_invalid', 'had expired'],
  ['approved in the future', scheduledAfter(-2 * MINUTE_MS), 'approval_invalid', 'is of the future'],
  ['approved at no time', write({}, approved({ at: 'yesterday' })), 'approval_invalid', 'had expired'],
  [
    'approved in time and once before',
    write({}, { approvals: (one) => [one, { ...one, at: '2026-01-01T09:00:00.000Z' }] }),
    'approval_invalid',
    'had expired',
  ],
  ['approved before the changes were put in', saying(shown), 'warrant_mismatch', 'the action digest'],
  [
    'approved before the expected fields were put in',
    saying({ expect: { version: 7 } }),
    'warrant_mismatch',
    'action digest',
  ],
]

test.each(approvals)('a refund %s is refused, and nothing runs', async (_title, it, code, why) => {
  expect(await guarded(it)).toEqual({ code, why: expect.stringContaining(why), final: true, ran: 0 })
})

test.each([
  ['as long after its approval as people may take', EXPIRES_MS],
  ['by a machine whose clock is a little behind', -30_000],
])('a refund that is scheduled %s may run', async (_title, ms) => {
  expect(await guarded(scheduledAfter(ms))).toMatchObject({ code: 'accepted', ran: 1 })
})
