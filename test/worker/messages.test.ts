import { expect, test } from 'vitest'
import { failureOf } from '../../src/contract/failures.ts'
import { checked, undoWarrantOf, warrantOf } from '../../src/worker/messages.ts'
import { write } from './refund-case.ts'

const { warrant } = write()
const [evidence] = warrant.evidence

const refusal = (read: () => unknown) => {
  try {
    read()
    return 'nothing'
  } catch (error) {
    // Final: an error that Temporal tries again would be tried for ever.
    return { code: failureOf(error)?.code, final: (error as { nonRetryable?: boolean }).nonRetryable }
  }
}

test('a warrant as the kernel issues it is one', () => {
  expect(warrantOf({ warrant })).toEqual(warrant)
})

test.each([
  undefined,
  null,
  'text',
  {},
  { warrant: null },
  { warrant: 'x' },
  { warrant: {} },
  { warrant: { kind: 'undo' } },
])('the call %j carries no warrant', (message) => {
  expect(refusal(() => warrantOf(message))).toEqual({ code: 'warrant_missing', final: true })
})

test.each([
  { v: 2 },
  { v: undefined },
  { runKey: undefined },
  { runKey: 7 },
  { runKey: 'no-slash' },
  { principal: undefined },
  { facts: undefined },
  { decision: undefined },
  { undo: undefined },
  { evidence: undefined },
  { evidence: [null] },
  { evidence: [{}] },
  { evidence: [{ ...evidence, receipt: { ...evidence?.receipt, signature: 7 } }] },
  { approvals: undefined },
  { approvals: [null] },
  { issuedAt: 'never' },
  { plan: {} },
  { more: true },
])('a warrant with %j is none of this version', (twist) => {
  expect(refusal(() => warrantOf({ warrant: { ...warrant, ...twist } }))).toEqual({
    code: 'warrant_mismatch',
    final: true,
  })
})

test.each([undefined, {}, { warrant: { ...warrant } }])(
  'the call %# of an undo carries no warrant for it',
  (message) => {
    expect(refusal(() => undoWarrantOf(message))).toEqual({ code: 'warrant_missing', final: true })
  },
)

test.each([undefined, null, 7, {}, { runKey: 7 }, { runKey: '' }, { runKey: '/first' }])(
  'the call %j names no run and is refused for good',
  (message) => {
    expect(refusal(() => checked(message))).toEqual({ code: 'request_invalid', final: true })
  },
)
