import type { Decision, Effect, Match } from '../../contract/action.ts'
import type { Facts } from '../../contract/fact.ts'
import type { WriteTool } from '../../contract/tool.ts'
import type { Policy } from '../types.ts'
import { judge } from './trigger.ts'

/** The strongest first: the first of them that some match has is the decision. */
const EFFECTS_BY_FORCE: readonly Effect[] = ['deny', 'escalate', 'require_approval', 'allow']

const NO_TRIGGERS: Match = {
  rule: 'no_triggers',
  effect: 'require_approval',
  because: 'the policy has no trigger, so every write needs approval',
}

const FAILED: Decision = {
  effect: 'deny',
  matches: [{ rule: 'decision_failed', effect: 'deny', because: 'the policy could not be evaluated' }],
}

function combine(matches: readonly Match[]): Decision {
  const byForce = EFFECTS_BY_FORCE.flatMap((effect) => matches.filter((match) => match.effect === effect))
  return { effect: byForce[0]?.effect ?? 'allow', matches: byForce }
}

function matchesOf(policy: Policy, tool: Pick<WriteTool, 'declares'>, facts: Facts): readonly Match[] {
  const triggers = [
    ...policy.denyIf.map((trigger) => ({ trigger, effect: 'deny' as const })),
    ...policy.requiresApprovalIf.map((trigger) => ({ trigger, effect: 'require_approval' as const })),
  ]
  if (triggers.length === 0) return [NO_TRIGGERS]
  return triggers.flatMap(({ trigger, effect }) => {
    const declaration = Object.hasOwn(tool.declares, trigger.fact) ? tool.declares[trigger.fact] : undefined
    if (declaration === undefined) return []
    const value = Object.hasOwn(facts, trigger.fact) ? facts[trigger.fact] : undefined
    return judge(trigger, effect, declaration, value) ?? []
  })
}

/**
 * What a policy says of a write with these facts. Pure and total: the kernel, the host and Node get the same
 * answer, and an error in deciding is a deny. Deny beats approval beats allow; every match is in the answer, the
 * strongest first and then in the order of the file.
 * A trigger speaks only of tools that declare its fact; on those, a fact that is not known denies, whatever the
 * trigger would have done (only `exists` can ask for it).
 */
export function decide(policy: Policy, tool: Pick<WriteTool, 'declares'>, facts: Facts): Decision {
  try {
    return combine(matchesOf(policy, tool, facts))
  } catch {
    return FAILED
  }
}
