import type { Approval } from './action.ts'
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

/** How many distinct people a requirement has: two who speak for the same one are one. */
function countOf(requirement: Requirement, voices: readonly Voice[], askers: readonly string[]): number {
  const speakers: string[] = []
  const counted: string[] = []
  const open = voices
    .map((voice) => ({ by: voice.by, names: speaksFor(voice, requirement, askers) }))
    .toSorted((a, b) => a.names.length - b.names.length)
  for (const { by, names } of open) {
    const name = names.find((one) => !isOneOf(one, counted))
    // Whoever has spoken for another does not speak for himself as well.
    if (name === undefined || isOneOf(by, speakers)) continue
    speakers.push(by)
    counted.push(name)
  }
  return counted.length
}

/** The requirements that are not met yet. */
export const unmet = (
  requirements: readonly Requirement[],
  voices: readonly Voice[],
  askers: readonly string[],
): readonly Requirement[] => requirements.filter((each) => countOf(each, voices, askers) < each.quorum)

/** `2 of refund-approvers, finance`, `1 other than the requester` */
export const requirementText = ({ groups, quorum }: Requirement): string =>
  groups.length === 0 ? `${quorum} other than the requester` : `${quorum} of ${groups.join(', ')}`
