import type { Decision } from '../../contract/action.ts'
import { decide } from '../decide/index.ts'
import type { Policy } from '../types.ts'
import { entriesOf } from '../analyse/entries.ts'
import type { Case } from './table.ts'

/** What a policy says of a case. */
export interface CaseResult {
  readonly case: Case
  /** Whether decision and rules are those that the case expects. */
  readonly ok: boolean
  readonly decision: Decision
}

/** What came of a decision table. */
export interface TableResult {
  /** In the order of the table. */
  readonly results: readonly CaseResult[]
  /** The triggers, rules and demands of trust that match in no case that gives them what they ask for. */
  readonly uncovered: readonly string[]
}

const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((one, at) => one === b[at])

function runCase(policy: Policy, one: Case): CaseResult {
  const decision = decide(policy, one.tool, one.facts)
  const rules = decision.matches.map(({ rule }) => rule)
  return { case: one, ok: decision.effect === one.decision && sameList(rules, one.rules), decision }
}

/** Decides every case as the kernel and the host decide. Pure. */
export function runTable(policy: Policy, cases: readonly Case[]): TableResult {
  const results = cases.map((one) => runCase(policy, one))
  const uncovered = entriesOf(policy).filter(
    ({ id, valuesOf }) =>
      // What only matches since a fact is not known was not tried.
      !results.some(
        ({ case: { facts }, decision }) =>
          valuesOf.every((fact) => Object.hasOwn(facts, fact)) && decision.matches.some(({ rule }) => rule === id),
      ),
  )
  return { results, uncovered: uncovered.map(({ id }) => id) }
}
