import { testsOf } from './decide/rule.ts'
import type { Policy, Trigger } from './types.ts'

/** A trigger, a rule or a demand of trust of a policy. */
export interface PolicyRule {
  /** As it stands on the record: `deny_if.reason_contains`, `rules.large_and_old`, `trust.at_least.reason`. */
  readonly id: string
  /** The facts that it asks of. */
  readonly facts: readonly string[]
  /** Those of them without whose value it cannot be decided: all that it asks more of than whether they are known. */
  readonly valuesOf: readonly string[]
}

const ruleOf = (id: string, tests: readonly Trigger[]): PolicyRule => ({
  id,
  facts: [...new Set(tests.map(({ fact }) => fact))],
  valuesOf: [...new Set(tests.flatMap(({ fact, operator }) => (operator === 'exists' ? [] : [fact])))],
})

/** Everything in a policy that can match, in the order of the record: triggers, rules, demands of trust. */
export const rulesOf = ({ denyIf, requiresApprovalIf, rules = [], trust }: Policy): readonly PolicyRule[] => [
  ...[...denyIf, ...requiresApprovalIf].map((trigger) => ruleOf(trigger.id, [trigger])),
  ...rules.map(({ id, when }) => ruleOf(id, testsOf(when))),
  ...trust.atLeast.map(({ id, fact }) => ({ id, facts: [fact], valuesOf: [fact] })),
]
