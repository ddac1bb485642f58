import type { Decision, Effect, Match } from '../../contract/action.ts'
import type { Facts } from '../../contract/fact.ts'
import type { Reached } from '../../contract/reached.ts'
import type { WriteTool } from '../../contract/tool.ts'
import type { Policy, Trigger } from '../types.ts'
import { levelOf } from './autonomy.ts'
import { judgeReached } from './limits.ts'
import { judgeRule } from './rule.ts'
import { judge } from './trigger.ts'
import { distrust } from './trust.ts'

/** The strongest first: the first of them that some match has is the decision. */
export const EFFECTS_BY_FORCE: readonly Effect[] = ['deny', 'escalate', 'suggest', 'require_approval', 'allow']

const NO_TRIGGERS: Match = {
  rule: 'no_triggers',
  effect: 'require_approval',
  because: 'the policy has no trigger, so every write needs approval',
}

const FAILED: Decision = {
  effect: 'deny',
  matches: [{ rule: 'decision_failed', effect: 'deny', because: 'the policy could not be evaluated' }],
}

/** What a policy says of every write, whatever its tool and facts: its level of autonomy, and that it has no trigger and no rule. */
export function saidOfEveryWrite(policy: Policy): readonly Match[] {
  const { denyIf, requiresApprovalIf, rules = [] } = policy
  const isSilent = denyIf.length + requiresApprovalIf.length + rules.length === 0
  return [...levelOf(policy), ...(isSilent ? [NO_TRIGGERS] : [])]
}

function combine(matches: readonly Match[]): Decision {
  const [first] = matches
  if (first === undefined || matches.length === 1) return { effect: first?.effect ?? 'allow', matches }
  const byForce = matches.toSorted((a, b) => EFFECTS_BY_FORCE.indexOf(a.effect) - EFFECTS_BY_FORCE.indexOf(b.effect))
  return { effect: byForce[0]?.effect ?? 'allow', matches: byForce }
}

/** What somebody's own property of that name is: names come from policies and contracts, and anything may be one. */
const ownOf = <T>(record: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined

function matchesOf(
  policy: Policy,
  { declares }: Pick<WriteTool, 'declares'>,
  facts: Facts,
  reached: readonly Reached[],
): readonly Match[] {
  const matches: Match[] = [...saidOfEveryWrite(policy)]
  const add = (match: Match | undefined): void => {
    if (match !== undefined) matches.push(match)
  }
  const ask = (triggers: readonly Trigger[], effect: Effect): void => {
    for (const trigger of triggers) {
      const declaration = ownOf(declares, trigger.fact)
      if (declaration !== undefined) add(judge(trigger, effect, declaration, ownOf(facts, trigger.fact)))
    }
  }
  ask(policy.denyIf, 'deny')
  ask(policy.requiresApprovalIf, 'require_approval')
  for (const rule of policy.rules ?? []) add(judgeRule(rule, declares, facts))
  const { atLeast, onLess } = policy.trust
  for (const demand of atLeast) {
    const declaration = ownOf(declares, demand.fact)
    if (declaration !== undefined) add(distrust(demand, onLess, declaration, ownOf(facts, demand.fact)))
  }
  for (const limit of policy.limits ?? []) for (const found of reached) add(judgeReached(limit, found))
  return matches
}

/**
 * What a policy says of a write with these facts. Pure and total: the kernel, the host and Node get the same
 * answer, and an error in deciding is a deny. Deny beats escalate beats suggest beats approval beats allow; every match is
 * in the answer, the strongest first, then the level of autonomy, triggers, rules, demands of trust and limits, each in the order of the file.
 * A trigger or rule speaks only of tools that declare its facts; on those, a fact that is not known denies, whatever the
 * rule would have done (only `exists` can ask for it). A limit over time speaks only of what a host found of it (`reached`).
 */
export function decide(
  policy: Policy,
  tool: Pick<WriteTool, 'declares'>,
  facts: Facts,
  reached: readonly Reached[] = [],
): Decision {
  try {
    return combine(matchesOf(policy, tool, facts, reached))
  } catch {
    return FAILED
  }
}
