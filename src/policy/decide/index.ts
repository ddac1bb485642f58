import type { Decision, Effect, Match } from '../../contract/action.ts'
import type { Facts } from '../../contract/fact.ts'
import type { Reached } from '../../contract/reached.ts'
import type { WriteTool } from '../../contract/tool.ts'
import type { Policy } from '../types.ts'
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

/** Whether a policy has a trigger or a rule. */
export const speaks = ({ denyIf, requiresApprovalIf, rules = [] }: Policy): boolean =>
  denyIf.length + requiresApprovalIf.length + rules.length > 0

function combine(matches: readonly Match[]): Decision {
  const byForce = EFFECTS_BY_FORCE.flatMap((effect) => matches.filter((match) => match.effect === effect))
  return { effect: byForce[0]?.effect ?? 'allow', matches: byForce }
}

function matchesOf(
  policy: Policy,
  tool: Pick<WriteTool, 'declares'>,
  facts: Facts,
  reached: readonly Reached[],
): readonly Match[] {
  const triggers = [
    ...policy.denyIf.map((trigger) => ({ trigger, effect: 'deny' as const })),
    ...policy.requiresApprovalIf.map((trigger) => ({ trigger, effect: 'require_approval' as const })),
  ]
  const declared = (fact: string) => (Object.hasOwn(tool.declares, fact) ? tool.declares[fact] : undefined)
  const known = (fact: string) => (Object.hasOwn(facts, fact) ? facts[fact] : undefined)
  const matches = triggers.flatMap(({ trigger, effect }) => {
    const declaration = declared(trigger.fact)
    return (declaration && judge(trigger, effect, declaration, known(trigger.fact))) ?? []
  })
  const distrusted = policy.trust.atLeast.flatMap((demand) => {
    const declaration = declared(demand.fact)
    return (declaration && distrust(demand, policy.trust.onLess, declaration, known(demand.fact))) ?? []
  })
  const { rules = [], limits = [] } = policy
  const ruled = rules.flatMap((rule) => judgeRule(rule, tool.declares, facts) ?? [])
  const limited = limits.flatMap((limit) => reached.flatMap((found) => judgeReached(limit, found) ?? []))
  return [...levelOf(policy), ...(speaks(policy) ? [...matches, ...ruled] : [NO_TRIGGERS]), ...distrusted, ...limited]
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
