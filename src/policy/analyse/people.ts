import type { Decision } from '../../contract/action.ts'
import { type Requirement, requirementText } from '../../contract/approving.ts'
import { canonicalJson } from '../../contract/digest.ts'
import { requirementsOf } from '../decide/requirements.ts'
import type { Policy } from '../types.ts'

/** Whether whoever meets one requirement meets the other as well. */
export const takesIn = (one: Requirement, other: Requirement): boolean =>
  one.quorum >= other.quorum &&
  (other.groups.length === 0 || (one.groups.length > 0 && one.groups.every((group) => other.groups.includes(group))))

/** Who has to approve what is decided so, without what follows from the rest; nobody unless it waits for approval. */
export function peopleFor(policy: Policy, decision: Decision): readonly Requirement[] {
  if (decision.effect !== 'require_approval') return []
  const all = requirementsOf(policy, decision).map(({ groups, quorum }) => ({ groups: groups.toSorted(), quorum }))
  const open: Requirement[] = []
  for (const each of all.toSorted((a, b) => b.quorum - a.quorum || canonicalJson(a).localeCompare(canonicalJson(b)))) {
    if (open.some((other) => takesIn(other, each))) continue
    open.splice(0, open.length, ...open.filter((other) => !takesIn(each, other)), each)
  }
  return open
}

/** What the rules that ask say themselves of who has to approve; what they leave to `approvals` is the same everywhere. */
const saidByRules = ({ rules = [] }: Policy, { matches }: Decision): string => {
  const asking = matches.filter(({ effect }) => effect === 'require_approval')
  const said = asking.map(({ rule: id }) => {
    const { approvers = null, quorum = null } = rules.find((rule) => rule.id === id) ?? {}
    return canonicalJson({ approvers: approvers?.toSorted() ?? null, quorum })
  })
  return [...new Set(said)].toSorted().join(' ')
}

/** A policy, and what it decides of an action. */
interface Ruled {
  readonly policy: Policy
  readonly decision: Decision
}

/**
 * Whether other people have to approve an action than did, since other rules ask or say otherwise. What `approvals` says otherwise of
 * all actions is a setting, and no difference of this one.
 */
export const asksOthers = (before: Ruled, after: Ruled): boolean =>
  saidByRules(before.policy, before.decision) !== saidByRules(after.policy, after.decision) &&
  canonicalJson(peopleFor(before.policy, before.decision)) !== canonicalJson(peopleFor(after.policy, after.decision))

/** Whether a rule names people, or how many. */
export const namesPeople = ({ rules = [] }: Policy): boolean =>
  rules.some(({ approvers, quorum }) => approvers !== undefined || quorum !== undefined)

/** `2 of finance, legal and 1 of board` */
export const peopleText = (requires: readonly Requirement[]): string => requires.map(requirementText).join(' and ')

/** Whether it is only what always holds: one who did not ask for it. */
export const isAnybody = (requires: readonly Requirement[]): boolean =>
  requires.every(({ groups, quorum }) => groups.length === 0 && quorum === 1)
