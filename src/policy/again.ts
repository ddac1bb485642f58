import type { Decision, Match } from '../contract/action.ts'
import type { Facts } from '../contract/fact.ts'
import type { Reached } from '../contract/reached.ts'
import type { WriteTool } from '../contract/tool.ts'
import { decide } from './decide/index.ts'
import { comparableOf } from './decide/trigger.ts'
import { entriesOf } from './analyse/entries.ts'
import type { Policy } from './types.ts'

/** What was decided once: on which facts, and what matched. */
interface Before {
  readonly facts: Facts
  readonly matches: readonly Match[]
  /** What a host had found of limits over time. */
  readonly reached?: readonly Reached[]
}

/**
 * What a policy says of an action that another one decided on. Where it asks of facts that were not recorded, only a
 * denial that does not turn on them is an answer; else it answers which these are. Of limits over time it knows what was found
 * then. Pure.
 */
export function decideAgain(
  policy: Policy,
  tool: Pick<WriteTool, 'declares'>,
  { facts, matches, reached }: Before,
): Decision | { readonly lacking: readonly string[] } {
  const speaking = entriesOf(policy).filter((rule) => rule.facts.every((fact) => Object.hasOwn(tool.declares, fact)))
  const asked = [...new Set(speaking.flatMap((rule) => rule.facts))]
  const lacking = asked.filter((fact) => !isRecorded(fact, tool, facts) && !wasUnknown(fact, matches))
  if (lacking.length === 0) return decide(policy, tool, facts, reached)
  const undecided = new Set(
    entriesOf(policy)
      .filter((rule) => rule.facts.some((fact) => lacking.includes(fact)))
      .map(({ id }) => id),
  )
  const rest = decide(without(policy, undecided), tool, facts, reached)
  return rest.effect === 'deny' ? rest : { lacking }
}

/** Whether there is a value of it that the tool declares today. */
function isRecorded(fact: string, { declares }: Pick<WriteTool, 'declares'>, facts: Facts): boolean {
  const value = Object.hasOwn(facts, fact) ? facts[fact] : undefined
  const declaration = declares[fact]
  if (value === undefined || declaration === undefined) return false
  try {
    comparableOf(value, declaration)
    return true
  } catch {
    return false
  }
}

/** Whether it is on the record that the fact was not known: a rule matched on it, and there was no value. */
const wasUnknown = (fact: string, matches: readonly Match[]): boolean =>
  matches.some((match) => match.fact === fact && match.value === undefined)

function without(policy: Policy, ids: ReadonlySet<string>): Policy {
  const left = <T extends { readonly id: string }>(rules: readonly T[]): readonly T[] =>
    rules.filter(({ id }) => !ids.has(id))
  const { denyIf, requiresApprovalIf, rules = [], trust } = policy
  return {
    ...policy,
    denyIf: left(denyIf),
    requiresApprovalIf: left(requiresApprovalIf),
    rules: left(rules),
    trust: { ...trust, atLeast: left(trust.atLeast) },
  }
}
