import type { Approval } from './action.ts'
import { normaliseText } from './plain-text.ts'
import { EVERY, sameName } from './principal.ts'

/** How many people, each in one of these groups, have to approve; no group named: whoever did not ask for it. */
export interface Requirement {
  readonly groups: readonly string[]
  readonly quorum: number
}

/** For whom somebody speaks: for himself, by the groups that he is in, and for those who delegated one of theirs to him. */
export interface Standing {
  readonly groups: readonly string[]
  readonly delegated: readonly { readonly group: string; readonly from: string }[]
}

/** An approval with the standing of whoever gave it. */
export type Voice = Pick<Approval, 'by' | 'standing'>

const isOneOf = (name: string, names: readonly string[]): boolean => names.some((other) => sameName(name, other))

/**
 * Those in whose name a voice counts for a requirement, himself first; empty: it does not count. Nobody speaks for one who
 * asked for the action.
 */
export function speaksFor(
  { by, standing }: Voice,
  { groups }: Requirement,
  askers: readonly string[],
): readonly string[] {
  if (groups.length === 0) return [by]
  const himself = standing.groups.some((group) => group === EVERY || groups.includes(group)) ? [by] : []
  const others = standing.delegated
    .filter(({ group, from }) => groups.includes(group) && !isOneOf(from, askers))
    .map(({ from }) => from)
  return [...himself, ...others]
}

/**
 * How many distinct people a requirement has, at most, as each voice speaks for one: two who speak for the same one are one, and
 * whoever speaks for somebody else does not speak for himself as well. In whichever order they spoke: a matching of speakers and names.
 */
export function countOf(requirement: Requirement, voices: readonly Voice[], askers: readonly string[]): number {
  const namesOf = new Map<string, readonly string[]>()
  for (const voice of voices) {
    const by = normaliseText(voice.by)
    const names = speaksFor(voice, requirement, askers).map(normaliseText)
    namesOf.set(by, [...(namesOf.get(by) ?? []), ...names])
  }
  const speakerOf = new Map<string, string>()
  // Whoever speaks for a name already makes room where he can speak for another.
  const findsName = (by: string, tried: Set<string>): boolean =>
    (namesOf.get(by) ?? []).some((name) => {
      if (tried.has(name)) return false
      tried.add(name)
      const before = speakerOf.get(name)
      if (before !== undefined && !findsName(before, tried)) return false
      speakerOf.set(name, by)
      return true
    })
  for (const by of namesOf.keys()) findsName(by, new Set())
  return speakerOf.size
}

/** What is missing of the requirements, each with as many people as it still takes; none: they are met. */
export const unmet = (
  requirements: readonly Requirement[],
  voices: readonly Voice[],
  askers: readonly string[],
): readonly Requirement[] =>
  requirements
    .map((each) => ({ ...each, quorum: each.quorum - countOf(each, voices, askers) }))
    .filter(({ quorum }) => quorum > 0)

/** `2 of refund-approvers, finance`, `1 other than the requester` */
export const requirementText = ({ groups, quorum }: Requirement): string =>
  groups.length === 0 ? `${quorum} other than the requester` : `${quorum} of ${groups.join(', ')}`

/** What people wait for, and what it still takes after some approved: `1 more of refund-approvers, finance`. */
export function missingText(requirements: readonly Requirement[], missing: readonly Requirement[]): string {
  const whole = requirements.map(requirementText)
  return missing
    .map((each) => {
      const text = requirementText(each)
      return whole.includes(text) ? text : text.replace(' ', ' more ')
    })
    .join(' and ')
}
