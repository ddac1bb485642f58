import { expressionsOf, factsIn, testsOf } from './decide/rule.ts'
import type { Condition, Policy } from './types.ts'

/** A trigger, a rule or a demand of trust of a policy. */
export interface PolicyRule {
  /** As it stands on the record: `deny_if.reason_contains`, `rules.large_and_old`, `trust.at_least.reason`. */
  readonly id: string
  /** The facts that it asks of. */
  readonly facts: readonly string[]
  /** Those of them without whose value it cannot be decided: all that it asks more of than whether they are known. */
  readonly valuesOf: readonly string[]
}

const ruleOf = (id: string, when: Condition): PolicyRule => {
  const tested = testsOf(when).flatMap(({ fact, operator }) => (operator === 'exists' ? [] : [fact]))
  const computed = expressionsOf(when).flatMap((expression) => expression.facts)
  return { id, facts: factsIn(when), valuesOf: [...new Set([...tested, ...computed])] }
}

/** Everything in a policy that can match, in the order of the record: triggers, rules, demands of trust. */
export const rulesOf = ({ denyIf, requiresApprovalIf, rules = [], trust }: Policy): readonly PolicyRule[] => [
  ...[...denyIf, ...requiresApprovalIf].map((test) => ruleOf(test.id, { test })),
  ...rules.map(({ id, when }) => ruleOf(id, when)),
  ...trust.atLeast.map(({ id, fact }) => ({ id, facts: [fact], valuesOf: [fact] })),
]
