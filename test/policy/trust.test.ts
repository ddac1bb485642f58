import { describe, expect, test } from 'vitest'
import { usd } from '../../src/contract/money.ts'
import { decide } from '../../src/policy/decide/index.ts'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import type { Policy, Trigger } from '../../src/policy/types.ts'
import { note, orderChange, pay, policyOf, refundRequest } from './fake-playbook.ts'

const demand = (fact: string, trust: 'record' | 'request') => ({ id: `trust.at_least.${fact}`, fact, trust })
const never: Trigger = { id: 'deny_if.never', fact: 'customer_blocked', operator: 'eq', operands: [true] }
const demanding = (onLess: Policy['trust']['onLess'], ...atLeast: Policy['trust']['atLeast']): Policy =>
  policyOf({ denyIf: [never], trust: { atLeast, onLess } })
const facts = { refund_amount_usd: usd(2_000), customer_blocked: false, reason: 'broken' }

describe('a demand of trust', () => {
  test.each(['require_approval', 'deny', 'escalate'] as const)(
    'that is not met does what on_less says: %s',
    (effect) => {
      expect(decide(demanding(effect, demand('reason', 'request')), pay, facts)).toEqual({
        effect,
        matches: [
          {
            rule: 'trust.at_least.reason',
            effect,
            fact: 'reason',
            trust: 'model',
            value: 'broken',
            threshold: 'request',
            because: "reason is `broken` (a model's word), where the policy demands the caller's word or better",
          },
        ],
      })
    },
  )

  test('of a record is not met by the word of the caller', () => {
    const { effect, matches } = decide(demanding('deny', demand('note_body', 'record')), note, { note_body: 'hello' })
    expect([effect, matches[0]?.because]).toEqual([
      'deny',
      "note_body is `hello` (the caller's word), where the policy demands a record",
    ])
  })

  test('is met by what is trusted as much, and by more', () => {
    const policy = demanding('deny', demand('note_body', 'request'), demand('refund_amount_usd', 'request'))
    expect(decide(policy, note, { note_body: 'hello' }).effect).toBe('allow')
    expect(decide(policy, pay, facts).effect).toBe('allow')
  })

  test('of a fact that is not known, or is not what the contract declares, is a deny', () => {
    const policy = demanding('require_approval', demand('reason', 'request'))
    const { reason: _, ...unknown } = facts
    expect(decide(policy, pay, unknown)).toMatchObject({
      effect: 'deny',
      matches: [{ because: 'reason is not known' }],
    })
    const odd = decide(policy, pay, { ...facts, reason: 7 })
    expect(odd).toMatchObject({ effect: 'deny', matches: [{ rule: 'trust.at_least.reason', effect: 'deny' }] })
    expect(odd.matches[0]?.because).toContain('not what its contract declares')
  })

  test('is no trigger: a policy of demands alone asks for approval of every write', () => {
    const policy = policyOf({ trust: { atLeast: [demand('reason', 'request')], onLess: 'escalate' } })
    expect(decide(policy, note, { note_body: 'x' })).toMatchObject({
      effect: 'require_approval',
      matches: [{ rule: 'no_triggers' }],
    })
    expect(decide(policy, pay, facts).matches.map(({ rule }) => rule)).toEqual(['trust.at_least.reason', 'no_triggers'])
  })
})

const W = 'workflow: refund_request\n'
const parse = (text: string) => parsePolicy(text, 'p.yaml', [refundRequest, orderChange])

test('demands are read in the order of the file; without more a person has to approve', () => {
  const parsed = parse(`${W}trust: {at_least: {reason: record, note_body: record}}\n`)
  expect(parsed.ok ? parsed.policy.trust : parsed.problems).toEqual({
    atLeast: [demand('reason', 'record'), demand('note_body', 'record')],
    onLess: 'require_approval',
  })
})

const REFUSED: readonly (readonly [string, string, ...string[]])[] = [
  [
    'a misspelled fact',
    'trust:\n at_least:\n  reasn: record\n',
    'p.yaml:4:3 unknown fact `reasn` in trust.at_least.',
    '  did you mean `reason`?',
  ],
  [
    'an unknown fact',
    'trust: {at_least: {colour: record}}\n',
    'p.yaml:2:20 unknown fact `colour` in trust.at_least.',
    '  the facts of this playbook are: `refund_amount_usd`, `order_age_days`, `customer_tier`, `customer_blocked`, `reason`, `note_body`.',
  ],
  [
    'a misspelled trust',
    'trust: {at_least: {reason: reqest}}\n',
    'p.yaml:2:28 `trust.at_least.reason` must be one of `model`, `request`, `record`, got `reqest`.',
    '  did you mean `request`?',
  ],
  [
    'what a record gives already',
    'trust: {at_least: {refund_amount_usd: request}}\n',
    'p.yaml:2:20 `trust.at_least.refund_amount_usd` demands `request` and can never match: the contract declares the fact as `record`.',
    '  take it out.',
  ],
  [
    "no more than a model's word",
    'trust: {at_least: {reason: model}}\n',
    'p.yaml:2:20 `trust.at_least.reason` demands `model` and can never match: the contract declares the fact as `model`.',
    '  take it out.',
  ],
  [
    'a misspelled effect',
    'trust: {at_least: {reason: record}, on_less: refuse}\n',
    'p.yaml:2:46 `trust.on_less` must be one of `require_approval`, `deny`, `escalate`, got `refuse`.',
    '  write one of them.',
  ],
  [
    'facts in the wrong place',
    'trust: {reason: record}\n',
    'p.yaml:2:8 `trust` lacks the key `at_least`.',
    '  add it; see docs/writing-a-policy.md.',
    'p.yaml:2:9 unknown key `reason` in trust.',
    '  the keys here are: `at_least`, `on_less`.',
  ],
  [
    'a list of demands',
    'trust: {at_least: [reason]}\n',
    'p.yaml:2:19 `trust.at_least` must be a map, got a list.',
    '  indent its keys below it, or take it out.',
  ],
]

test.each(REFUSED)('demands that mean nothing are refused: %s', (_what, text, ...lines) => {
  const parsed = parse(`${W}${text}`)
  expect(parsed.ok ? [] : parsed.problems.flatMap((problem) => formatProblem(problem).split('\n'))).toEqual(lines)
})
