import { expect, test } from 'vitest'
import type { Measured, Reached } from '../../src/contract/reached.ts'
import { usd } from '../../src/contract/money.ts'
import { decide } from '../../src/policy/decide/index.ts'
import type { Measure, WindowLimit } from '../../src/policy/types.ts'
import { pay, policyOf } from './fake-playbook.ts'

const found = (measured: Measured, more: Partial<Reached> = {}): Reached => ({
  v: 1,
  kind: 'reached',
  runKey: 'w/r',
  step: 'shop.pay-1',
  inputDigest: 'sha256:0',
  limit: 'limits.a',
  per: 'customer',
  of: 'refund_amount_usd',
  windowMinutes: 1440,
  subject: 'cus_1',
  measured,
  at: '2026-11-01T00:00:00Z',
  keyId: 'key',
  signature: 'any',
  ...more,
})
const limitOf = (measure: Measure, more: Partial<WindowLimit> = {}): WindowLimit => ({
  id: 'limits.a',
  tool: 'shop.pay',
  per: 'customer',
  windowMinutes: 1440,
  of: 'refund_amount_usd',
  measure,
  onReached: 'escalate',
  ...more,
})
const said = (limit: WindowLimit, ...reached: readonly Reached[]) =>
  decide({ ...policyOf({}), rules: [], limits: [limit] }, pay, { refund_amount_usd: usd(5_000) }, reached)
const sum = limitOf({ kind: 'sum', most: 20_000 })
const count = limitOf({ kind: 'count', most: 5 }, { windowMinutes: 90 })
const score = limitOf({ kind: 'score', atLeast: 600, warmUp: 30, onWarmUp: 'require_approval' })
const scored = (hundredths: number | null): Measured => ({
  kind: 'score',
  amount: 90_000,
  samples: 40,
  median: 4_001,
  score: hundredths,
})

test.each([
  [
    'a sum',
    sum,
    { kind: 'spent', spent: 18_000, adds: 5_000 },
    'escalate',
    '$180.00 of $200.00 within 24 hours, and this one is $50.00',
  ],
  [
    'a count',
    count,
    { kind: 'spent', spent: 5, adds: 1 },
    'escalate',
    '5 of 5 within 90 minutes, and this is one more',
  ],
  [
    'a score',
    score,
    scored(1_234),
    'escalate',
    '$900.00 scores 12.34 against 40 within 24 hours, whose median is $20.01; at least 6.00',
  ],
  [
    'no scale',
    score,
    scored(null),
    'escalate',
    '$900.00 is beyond any score against 40 within 24 hours, whose median is $20.01; at least 6.00',
  ],
  [
    'a warm-up',
    score,
    { kind: 'warming_up', amount: 90_000, samples: 3 },
    'require_approval',
    '3 of the 30 within 24 hours that a score of $900.00 needs',
  ],
] as const)('what is found of a limit is decided, in words: %s', (_what, limit, measured, effect, because) => {
  const of = limit.windowMinutes === 90 ? { windowMinutes: 90 } : {}
  const match = said(limit, found(measured, of)).matches.find(({ rule }) => rule === 'limits.a')
  expect(match).toMatchObject({ rule: 'limits.a', effect, because: `customer \`cus_1\`: ${because}` })
})

test('what is not known denies, whatever the limit would have done', () => {
  expect(said(sum, found({ kind: 'unknown', what: 'customer' }, { subject: null }))).toMatchObject({
    effect: 'deny',
    matches: [{ rule: 'limits.a', because: 'customer is not known' }, { rule: 'no_triggers' }],
  })
})

test('a limit says nothing of what is within it, nor of what was found of another', () => {
  const beyond = { kind: 'spent', spent: 18_000, adds: 5_000 } as const
  const none = said(sum)
  expect(said(sum, found({ ...beyond, adds: 2_000 }))).toEqual(none)
  expect(said(score, found(scored(599)))).toEqual(none)
  expect(
    said(limitOf({ kind: 'score', atLeast: 600, warmUp: 30 }), found({ kind: 'warming_up', amount: 1, samples: 3 })),
  ).toEqual(none)
  for (const other of [{ limit: 'limits.b' }, { per: 'workspace' }, { of: null }, { windowMinutes: 1 }]) {
    expect(said(sum, found(beyond, other))).toEqual(none)
  }
  expect(said(score, found(beyond))).toEqual(none)
  expect(said(sum, found(scored(900)))).toEqual(none)
})

test('something that is no finding denies', () => {
  expect(said(sum, null as never)).toEqual({
    effect: 'deny',
    matches: [expect.objectContaining({ rule: 'decision_failed' })],
  })
})
