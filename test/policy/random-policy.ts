import fc from 'fast-check'
import type { FactValue } from '../../src/contract/fact.ts'
import { usd } from '../../src/contract/money.ts'
import type { Condition, Operand, Operator, Policy, Rule, Trigger } from '../../src/policy/types.ts'
import { policyOf } from './fake-playbook.ts'

/** Values of each fact of `shop.pay` and `shop.note` that the operands below tell apart, and some that they do not. */
export const DOMAIN: Readonly<Record<string, readonly (FactValue | undefined)[]>> = {
  refund_amount_usd: [undefined, ...[-1, 0, 1, 2, 3, 4, 5, 6, 7, 1_000].map(usd)],
  order_age_days: [undefined, -1, 0, 0.5, 1, 1.25, 1.5, 2, 2.5, 3, 1e9],
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

/** Policies that speak of some facts: triggers, rules and demands of trust. */
export function policyAbout(facts: readonly string[]): fc.Arbitrary<Policy> {
  const triggers = (where: string) =>
    fc
      .array(fc.constantFrom(...facts).chain(testOf), { maxLength: 2 })
      .map((each) => each.map((test, at) => ({ ...test, id: `${where}.${test.id}_${at}` })))
  const rules = fc
    .array(fc.record({ effect: fc.constantFrom(...EFFECTS), when: conditionOf(facts, 2) }), { maxLength: 2 })
    .map((each) => each.map((rule, at): Rule => ({ id: `rules.r${at}`, because: null, ...rule })))
  const demands = fc.subarray(facts.filter((fact) => fact === 'reason' || fact === 'note_body'))
  return fc
    .record({
      denyIf: triggers('deny_if'),
      requiresApprovalIf: triggers('requires_approval_if'),
      rules,
      demands,
      onLess: fc.constantFrom('require_approval' as const, 'deny' as const, 'escalate' as const),
    })
    .map(({ demands: named, onLess, ...rest }) => ({
      ...policyOf({
        ...rest,
        trust: {
          atLeast: named.map((fact) => ({ id: `trust.at_least.${fact}`, fact, trust: 'record' as const })),
          onLess,
        },
      }),
      rules: rest.rules,
    }))
}
