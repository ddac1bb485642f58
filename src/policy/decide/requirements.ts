import type { Decision } from '../../contract/action.ts'
import type { Requirement } from '../../contract/approving.ts'
import { canonicalJson } from '../../contract/digest.ts'
import type { Policy } from '../types.ts'

/** Who has to approve where no rule says it. */
export const requirementOf = ({ approvals }: Policy): Requirement => ({
  groups: approvals.who ?? [],
  quorum: approvals.quorum ?? 1,
})

/** Who has to approve what this asks about, a rule or whatever else: what it does not say, `approvals` says. */
export function requirementOfRule(policy: Policy, id: string): Requirement {
  const usual = requirementOf(policy)
  const rule = policy.rules?.find((each) => each.id === id)
  return { groups: rule?.approvers ?? usual.groups, quorum: rule?.quorum ?? usual.quorum }
}

/**
 * Who has to approve an action: what each rule that asks for it demands, each once. A rule that does not say who or how
 * many, and whatever else asks for approval, means what `approvals` says.
 */
export function requirementsOf(policy: Policy, { matches }: Pick<Decision, 'matches'>): readonly Requirement[] {
  const all = matches
    .filter(({ effect }) => effect === 'require_approval')
    .map(({ rule }) => requirementOfRule(policy, rule))
  const distinct = new Map(all.map((each) => [canonicalJson(each), each]))
  return distinct.size === 0 ? [requirementOf(policy)] : [...distinct.values()]
}
