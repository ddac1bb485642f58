import { expect, test } from 'vitest'
import type { Match } from '../../src/contract/action.ts'
import type { Facts } from '../../src/contract/fact.ts'
import { usd } from '../../src/contract/money.ts'
import type { Reached } from '../../src/contract/reached.ts'
import { decideAgain } from '../../src/policy/again.ts'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { note, pay, refundRequest } from './fake-playbook.ts'

function again(
  text: string,
  facts: Facts,
  { tool = pay, matches = [] as readonly Match[], reached = [] as readonly Reached[] } = {},
) {
  const parsed = parsePolicy(`workflow: refund_request\n${text}`, 'p.yaml', [refundRequest])
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'))
  const answer = decideAgain(parsed.policy, tool, { facts, matches, reached })
  return 'lacking' in answer ? answer : [answer.effect, ...answer.matches.map(({ rule }) => rule)]
}

const LIMIT = 'requires_approval_if:\n  refund_amount_usd_gte: 50\n'
const TWO = `${LIMIT}deny_if:\n  reason_contains: fraud\n  order_age_days_gt: 30\n`

test('what was recorded is decided as it would be today', () => {
  expect(again(LIMIT, { refund_amount_usd: usd(4_999) })).toEqual(['allow'])
  expect(again(LIMIT, { refund_amount_usd: usd(5_000) })).toEqual([
    'require_approval',
    'requires_approval_if.refund_amount_usd_gte',
  ])
})

test('facts that the policy asks of and that were not recorded are named, and nothing is guessed', () => {
  expect(again(TWO, { refund_amount_usd: usd(6_000) })).toEqual({ lacking: ['reason', 'order_age_days'] })
  expect(again(TWO, { reason: 'broken', order_age_days: 3 })).toEqual({ lacking: ['refund_amount_usd'] })
})

test('whether a fact was known is not guessed either', () => {
  expect(again('deny_if:\n  order_age_days_exists: true\n', {})).toEqual({ lacking: ['order_age_days'] })
  expect(again('deny_if:\n  order_age_days_exists: true\n', { order_age_days: 3 })).toEqual([
    'deny',
    'deny_if.order_age_days_exists',
  ])
})

test('a denial that does not turn on what was not recorded is a denial', () => {
  expect(again(TWO, { refund_amount_usd: usd(6_000), reason: 'it was fraud' })).toEqual([
    'deny',
    'deny_if.reason_contains',
    'requires_approval_if.refund_amount_usd_gte',
  ])
})

test('a fact of which it is on record that it was not known denies, as it did then', () => {
  const because = 'refund_amount_usd is not known'
  const match: Match = { rule: 'deny_if.refund_amount_usd_gte', effect: 'deny', fact: 'refund_amount_usd', because }
  expect(again(LIMIT, {}, { matches: [match] })).toEqual(['deny', 'requires_approval_if.refund_amount_usd_gte'])
})

test('a value that the contract does not declare any more is as one that was not recorded', () => {
  const tiers = 'requires_approval_if:\n  customer_tier_in: [enterprise]\n'
  expect(again(tiers, { customer_tier: 'gold' })).toEqual({ lacking: ['customer_tier'] })
  expect(again(LIMIT, { refund_amount_usd: 50 })).toEqual({ lacking: ['refund_amount_usd'] })
})

test('rules, demands of trust and other tools are asked only of what they speak of', () => {
  expect(again(TWO, {}, { tool: note as never })).toEqual(['allow'])
  const rules = `${LIMIT}rules:\n  - id: both\n    effect: escalate\n    when: { order_age_days_gt: 9, customer_blocked_eq: true }\n`
  const known = { refund_amount_usd: usd(100), order_age_days: 10 }
  expect(again(rules, known)).toEqual({ lacking: ['customer_blocked'] })
  expect(again(rules, { ...known, customer_blocked: true })).toEqual(['escalate', 'rules.both'])
  const trust = `${LIMIT}trust:\n  at_least:\n    reason: record\n`
  expect(again(trust, { refund_amount_usd: usd(100) })).toEqual({ lacking: ['reason'] })
})

test('of a limit over time it knows what a host found then, and only of the same limit', () => {
  const limit = (id: string, most: number): string =>
    `${LIMIT}limits: [{ id: ${id}, tool: shop.pay, per: principal, window_minutes: 60, at_most: ${most}, on_reached: deny }]\n`
  const about = { limit: 'limits.daily', per: 'principal', of: null, windowMinutes: 60, subject: 'ana' }
  const reached = [{ ...about, measured: { kind: 'spent', spent: 3, adds: 1 } } as unknown as Reached]
  const facts = { refund_amount_usd: usd(100) }
  expect(again(limit('daily', 3), facts, { reached })).toEqual(['deny', 'limits.daily'])
  expect(again(limit('daily', 4), facts, { reached })).toEqual(['allow'])
  expect(again(limit('hourly', 3), facts, { reached })).toEqual(['allow'])
  expect(again(limit('daily', 3), facts)).toEqual(['allow'])
})
