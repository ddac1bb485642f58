import { expect, test } from 'vitest'
import { usd } from '../../src/contract/money.ts'
import { decide } from '../../src/policy/decide/index.ts'
import type { Policy, Trigger } from '../../src/policy/types.ts'
import { note, pay, policyOf } from './fake-playbook.ts'

const large: Trigger = {
  id: 'requires_approval_if.large',
  fact: 'refund_amount_usd',
  operator: 'gte',
  operands: [usd(5000)],
}
const fraud: Trigger = { id: 'deny_if.fraud', fact: 'reason', operator: 'contains', operands: ['fraud'] }
const abuse: Trigger = { id: 'deny_if.abuse', fact: 'reason', operator: 'contains', operands: ['abuse'] }
const policy = policyOf({ denyIf: [fraud, abuse], requiresApprovalIf: [large] })

const decided = (facts: Record<string, unknown>, by: Policy = policy) => {
  const { effect, matches } = decide(by, pay, facts as never)
  return [effect, ...matches.map((match) => `${match.rule}: ${match.effect}, ${match.because}`)]
}

test('what no trigger speaks against is allowed', () => {
  expect(decided({ refund_amount_usd: usd(100), reason: 'late' })).toEqual(['allow'])
})

test('deny beats approval, and every match stays in the decision, deny first and then as in the file', () => {
  expect(decided({ refund_amount_usd: usd(12_000), reason: 'abuse, FRAUD' })).toEqual([
    'deny',
    "deny_if.fraud: deny, reason contains `fraud` (a model's word)",
    "deny_if.abuse: deny, reason contains `abuse` (a model's word)",
    'requires_approval_if.large: require_approval, refund_amount_usd is $120.00, at least $50.00',
  ])
})

test('a fact that is not known denies, whatever its trigger would have done, and comes before approvals', () => {
  const two = policyOf({ requiresApprovalIf: [large, { ...fraud, id: 'requires_approval_if.fraud' }] })
  expect(decided({ refund_amount_usd: usd(12_000) }, two)).toEqual([
    'deny',
    'requires_approval_if.fraud: deny, reason is not known',
    'requires_approval_if.large: require_approval, refund_amount_usd is $120.00, at least $50.00',
  ])
  expect(decided({ refund_amount_usd: undefined, reason: 'late' }, two)[0]).toBe('deny')
})

test('a trigger is silent on a tool that does not declare its fact', () => {
  expect(decide(policy, note, { note_body: 'fraud', reason: 'fraud', refund_amount_usd: usd(1_000_000) })).toEqual({
    effect: 'allow',
    matches: [],
  })
})

test('a policy without any trigger asks approval for every write', () => {
  const matches = [
    {
      rule: 'no_triggers',
      effect: 'require_approval',
      because: 'the policy has no trigger, so every write needs approval',
    },
  ]
  expect(decide(policyOf({}), pay, {})).toEqual({ effect: 'require_approval', matches })
  expect(decide(policyOf({}), note, {})).toEqual({ effect: 'require_approval', matches })
})

test('an inherited property is neither a fact nor a declaration', () => {
  const inherited = Object.create({ refund_amount_usd: usd(1), reason: 'late' }) as Record<string, unknown>
  expect(decided(inherited)[0]).toBe('deny')
  const odd = policyOf({ denyIf: [{ ...fraud, fact: 'constructor' }] })
  expect(decide(odd, pay, { reason: 'late' })).toEqual({ effect: 'allow', matches: [] })
})

test('an exception while deciding is a deny', () => {
  const denied = {
    effect: 'deny',
    matches: [{ rule: 'decision_failed', effect: 'deny', because: 'the policy could not be evaluated' }],
  }
  const trap = new Proxy(
    {},
    {
      getOwnPropertyDescriptor: () => {
        throw new Error('boom')
      },
    },
  )
  expect(decide(policy, pay, trap)).toEqual(denied)
  expect(decide({} as Policy, pay, {})).toEqual(denied)
  expect(decide(null as never, pay, {})).toEqual(denied)
  expect(decide(policy, null as never, {})).toEqual(denied)
  expect(decide(policy, pay, null as never)).toEqual(denied)
})

test('a long or odd text neither floods nor breaks the reason', () => {
  const because = (reason: string): string =>
    decide(policyOf({ denyIf: [{ ...fraud, operator: 'ne' }] }), pay, { reason }).matches[0]?.because ?? ''
  expect(because('x'.repeat(100_000))).toBe(`reason is \`${'x'.repeat(79)}…\` (a model's word), not \`fraud\``)
  expect(because('🙂'.repeat(100_000))).toBe(`reason is \`${'🙂'.repeat(79)}…\` (a model's word), not \`fraud\``)
  expect(because(`x${'🙂'.repeat(100_000)}`)).toBe(`reason is \`x${'🙂'.repeat(78)}…\` (a model's word), not \`fraud\``)
  expect(because('a`b\nc\u0000d\u202ee\u001b[31m')).toBe("reason is `a b c d e [31m` (a model's word), not `fraud`")
})
