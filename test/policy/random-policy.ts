import fc from 'fast-check'
import { unmet, type Voice } from '../../src/contract/approving.ts'
import { canonicalJson } from '../../src/contract/digest.ts'
import type { Facts, FactValue } from '../../src/contract/fact.ts'
import { usd } from '../../src/contract/money.ts'
import { decide } from '../../src/policy/decide/index.ts'
import { requirementsOf } from '../../src/policy/decide/requirements.ts'
import type { Condition, Operand, Operator, Policy, Rule, Trigger } from '../../src/policy/types.ts'
import { pay, policyOf } from './fake-playbook.ts'

/**
 * Values of each fact of `shop.pay` and `shop.note` that the operands below tell apart, one between any two thresholds too, and some that
 * they do not.
 */
export const DOMAIN: Readonly<Record<string, readonly (FactValue | undefined)[]>> = {
  refund_amount_usd: [undefined, ...[-1, 0, 1, 2, 3, 4, 5, 6, 7, 1_000].map(usd)],
  order_age_days: [undefined, -1, 0, 0.5, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 1e9],
  customer_tier: [undefined, 'standard', 'plus', 'enterprise'],
  customer_blocked: [undefined, true, false],
  reason: [undefined, '', 'a', 'ab', 'b', 'ba', 'c', 'cab', 'ab c', 'B', 'x', 'xa', 'abab', 'b a'],
  note_body: [undefined, '', 'a', 'ab', 'b', 'c', 'x b'],
}

const CENTS = [0, 2, 3, 5, 6].map(usd)
const DAYS = [0, 1, 1.5, 2]
const WORDS = ['a', 'ab', 'b', 'c', 'A']

const one = <T>(values: readonly T[]) => fc.constantFrom(...values).map((value) => [value])
const list = <T>(values: readonly T[]) => fc.subarray([...values], { minLength: 1, maxLength: 3 })

type Shape = readonly [operators: readonly Operator[], operands: fc.Arbitrary<readonly Operand[]>]

const ORDER = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte'] as const
const SET = ['in', 'not_in'] as const
const TEXT: readonly Shape[] = [
  [['eq', 'ne', 'starts_with', 'contains'], one(WORDS)],
  [['in', 'not_in', 'contains', 'contains_any'], list(WORDS)],
]
const SHAPES: Readonly<Record<string, readonly Shape[]>> = {
  refund_amount_usd: [
    [ORDER, one(CENTS)],
    [SET, list(CENTS)],
  ],
  order_age_days: [
    [ORDER, one(DAYS)],
    [SET, list(DAYS)],
  ],
  customer_tier: [
    [['eq', 'ne'], one(['standard', 'plus', 'enterprise'])],
    [SET, list(['standard', 'plus', 'enterprise'])],
  ],
  customer_blocked: [[['eq', 'ne'], one([true, false])]],
  reason: TEXT,
  note_body: TEXT,
}

const testOf = (fact: string): fc.Arbitrary<Trigger> => {
  const exists: Shape = [['exists'], one([true, false])]
  return fc.constantFrom(...(SHAPES[fact] ?? []), ...(SHAPES[fact] ?? []), exists).chain(([operators, operands]) =>
    fc.record({ operator: fc.constantFrom(...operators), operands }).map(({ operator, operands: given }) => ({
      id: `${fact}_${operator}`,
      fact,
      operator,
      operands: given,
    })),
  )
}

const conditionOf = (facts: readonly string[], depth: number): fc.Arbitrary<Condition> => {
  const test = fc
    .constantFrom(...facts)
    .chain(testOf)
    .map((each): Condition => ({ test: each }))
  if (depth === 0) return test
  const inner = conditionOf(facts, depth - 1)
  const some = fc.array(inner, { minLength: 1, maxLength: 3 })
  return fc.oneof(
    test,
    some.map((all) => ({ all })),
    some.map((any) => ({ any })),
    inner.map((not) => ({ not })),
  )
}

const EFFECTS = ['deny', 'escalate', 'require_approval', 'allow'] as const

const people = fc.record(
  {
    approvers: fc.subarray(['a', 'b'], { minLength: 1 }),
    quorum: fc.constantFrom(1, 2),
  },
  { requiredKeys: [] },
)

/** Policies that speak of some facts: triggers, rules and demands of trust; and of who has to approve. */
export function policyAbout(facts: readonly string[]): fc.Arbitrary<Policy> {
  const triggers = (where: string) =>
    fc
      .array(fc.constantFrom(...facts).chain(testOf), { maxLength: 2 })
      .map((each) => each.map((test, at) => ({ ...test, id: `${where}.${test.id}_${at}` })))
  const rules = fc
    .array(fc.record({ effect: fc.constantFrom(...EFFECTS), when: conditionOf(facts, 2), people }), { maxLength: 2 })
    .map((each) =>
      each.map(({ people: asked, ...rule }, at): Rule => {
        const more = rule.effect === 'require_approval' ? asked : {}
        return { id: `rules.r${at}`, because: null, ...rule, ...more }
      }),
    )
  const demands = fc.subarray(facts.filter((fact) => fact === 'reason' || fact === 'note_body'))
  return fc
    .record({
      denyIf: triggers('deny_if'),
      requiresApprovalIf: triggers('requires_approval_if'),
      rules,
      demands,
      onLess: fc.constantFrom('require_approval' as const, 'deny' as const, 'escalate' as const),
      usual: people,
    })
    .map(({ demands: named, onLess, usual: { approvers, quorum }, ...rest }) => ({
      ...policyOf({
        ...rest,
        trust: {
          atLeast: named.map((fact) => ({ id: `trust.at_least.${fact}`, fact, trust: 'record' as const })),
          onLess,
        },
      }),
      rules: rest.rules,
      approvals: {
        expiresMinutes: 4320,
        onTimeout: 'escalate',
        ...(approvers && { who: approvers }),
        ...(quorum && { quorum }),
      },
    }))
}

/** Up to two people of each kind: of no group, of one, of both. */
export const CROWDS: readonly (readonly Voice[])[] = [[], ['a'], ['b'], ['a', 'b']].reduce<
  readonly (readonly Voice[])[]
>(
  (crowds, groups) =>
    crowds.flatMap((crowd) =>
      [0, 1, 2].map((count) => [
        ...crowd,
        ...Array.from({ length: count }, (_, at) => ({
          by: `${groups.join('')}${at}`,
          standing: { groups, delegated: [] },
        })),
      ]),
    ),
  [[]],
)

const enough = new Map<string, string>()

/** What a policy says of a payment: its effect, and which crowds are enough where people have to approve. */
export function saidOf(policy: Policy, facts: Facts): string {
  const decision = decide(policy, pay, facts)
  if (decision.effect !== 'require_approval') return decision.effect
  const requires = requirementsOf(policy, decision)
  const key = canonicalJson(requires)
  const known = enough.get(key) ?? CROWDS.map((crowd) => (unmet(requires, crowd, []).length === 0 ? 1 : 0)).join('')
  enough.set(key, known)
  return `${decision.effect} ${known}`
}
