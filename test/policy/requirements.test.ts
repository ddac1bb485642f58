import { expect, test } from 'vitest'
import type { Facts } from '../../src/contract/fact.ts'
import { usd } from '../../src/contract/money.ts'
import { decide } from '../../src/policy/decide/index.ts'
import { requirementOf, requirementsOf } from '../../src/policy/decide/requirements.ts'
import { formatProblem, parsePolicy } from '../../src/policy/load/index.ts'
import { pay, refundRequest } from './fake-playbook.ts'

/** What has to be approved of a payment, and by whom, under a policy with these keys. */
function required(keys: string, facts: Facts) {
  const parsed = parsePolicy(`workflow: refund_request\n${keys}`, 'p.yaml', [refundRequest])
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'))
  const decision = decide(parsed.policy, pay, facts)
  expect(decision.effect).toBe('require_approval')
  return requirementsOf(parsed.policy, decision)
}

const TRIGGER = 'requires_approval_if: {refund_amount_usd_gte: 50}\n'
const asks = (id: string, when: string, more: string): string =>
  `  - {id: ${id}, effect: require_approval, when: ${when}${more === '' ? '' : `, ${more}`}}\n`
const large = '{refund_amount_usd_gte: 50}'
const facts: Facts = { refund_amount_usd: usd(5000), reason: 'chargeback', customer_tier: 'plus' }

test.each([
  ['nobody in particular where nothing says it', TRIGGER, [{ groups: [], quorum: 1 }]],
  [
    'what `approvals` says, of a trigger',
    `${TRIGGER}approvals: {who: [support], quorum: 2}\n`,
    [{ groups: ['support'], quorum: 2 }],
  ],
  [
    'what a rule says, and of what it leaves out what `approvals` says',
    `approvals: {who: [support], quorum: 2}\nrules:\n${asks('a', large, 'approvers: [finance]')}${asks('b', large, 'quorum: 3')}`,
    [
      { groups: ['finance'], quorum: 2 },
      { groups: ['support'], quorum: 3 },
    ],
  ],
  [
    'the requirement of every rule that asks, and of none that does not',
    `${TRIGGER}rules:\n${asks('a', '{reason_contains: chargeback}', 'approvers: [legal]')}${asks('b', '{customer_tier_eq: enterprise}', 'approvers: [board]')}`,
    [
      { groups: [], quorum: 1 },
      { groups: ['legal'], quorum: 1 },
    ],
  ],
  [
    'what several demand alike once',
    `${TRIGGER}approvals: {who: [legal]}\nrules:\n${asks('a', large, 'approvers: [legal], quorum: 1')}${asks('b', large, '')}`,
    [{ groups: ['legal'], quorum: 1 }],
  ],
  [
    'what `approvals` says, of a demand of trust and of a level',
    'autonomy: execute_with_approvals\napprovals: {who: [support]}\ntrust: {at_least: {reason: record}}\n',
    [{ groups: ['support'], quorum: 1 }],
  ],
  [
    'what `approvals` says where no rule has any word',
    'approvals: {who: [support], quorum: 2}\n',
    [{ groups: ['support'], quorum: 2 }],
  ],
])('required is %s', (_what, keys, requires) => {
  expect(required(keys, facts)).toEqual(requires)
})

test('a rule of another effect that matches contributes nothing', () => {
  const keys = `${TRIGGER}rules: [{id: a, effect: allow, when: {customer_tier_eq: plus}}]\n`
  expect(required(keys, facts)).toEqual([{ groups: [], quorum: 1 }])
})

test('the raise of a budget asks those whom `approvals` names', () => {
  const parsed = parsePolicy('workflow: refund_request\napprovals: {who: [a], quorum: 2}\n', 'p', [refundRequest])
  expect(parsed.ok && requirementOf(parsed.policy)).toEqual({ groups: ['a'], quorum: 2 })
})
