import type { Effect } from '../../contract/action.ts'
import { isTrustedLess } from '../../contract/fact.ts'
import type { WriteTool } from '../../contract/tool.ts'
import { expressionsOf, factsIn, testsOf } from '../decide/rule.ts'
import type { Condition, Expression, Policy, Trigger } from '../types.ts'

/** What policies are analysed for: a write, by its name, its risk and the facts that it declares. */
export type AnalysedTool = Pick<WriteTool, 'name' | 'risk' | 'declares'>

/** Something in a policy that can match: a trigger, a named rule or a demand of trust. */
export interface Entry {
  /** As on the record: `deny_if.reason_contains`, `rules.large_and_old`, `trust.at_least.reason`. */
  readonly id: string
  readonly effect: Effect
  /** What it asks; `null`: a demand of trust, which only asks whether its fact is known. */
  readonly when: Condition | null
  readonly tests: readonly Trigger[]
  readonly expressions: readonly Expression[]
  /** Each fact once. */
  readonly facts: readonly string[]
  /** Those of them without whose value it cannot be decided: all that it asks more of than whether they are known. */
  readonly valuesOf: readonly string[]
  readonly speaksOf: (tool: AnalysedTool) => boolean
}

const ruleEntry = (id: string, effect: Effect, when: Condition): Entry => {
  const tests = testsOf(when)
  const expressions = expressionsOf(when)
  const facts = factsIn(when)
  const tested = tests.flatMap(({ fact, operator }) => (operator === 'exists' ? [] : [fact]))
  return {
    id,
    effect,
    when,
    tests,
    expressions,
    facts,
    valuesOf: [...new Set([...tested, ...expressions.flatMap((expression) => expression.facts)])],
    speaksOf: ({ declares }) => facts.every((fact) => Object.hasOwn(declares, fact)),
  }
}

/** All that can match in a policy: triggers, rules and demands of trust, each in the order of the file. */
export const entriesOf = ({ denyIf, requiresApprovalIf, rules = [], trust }: Policy): readonly Entry[] => [
  ...denyIf.map((test) => ruleEntry(test.id, 'deny', { test })),
  ...requiresApprovalIf.map((test) => ruleEntry(test.id, 'require_approval', { test })),
  ...rules.map(({ id, effect, when }) => ruleEntry(id, effect, when)),
  ...trust.atLeast.map(({ id, fact, trust: demanded }): Entry => ({
    id,
    effect: trust.onLess,
    when: null,
    tests: [],
    expressions: [],
    facts: [fact],
    valuesOf: [fact],
    speaksOf: ({ declares }) => {
      const declaration = Object.hasOwn(declares, fact) ? declares[fact] : undefined
      return declaration !== undefined && isTrustedLess(declaration.trust, demanded)
    },
  })),
]
