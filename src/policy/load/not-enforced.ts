/**
 * Keys that the language is to have and that nothing enforces yet, by place, with what holds instead. A policy must not be
 * weaker than it reads, so one that gives such a key is refused.
 */
const NOT_ENFORCED: Readonly<Record<string, string>> = {
  evidence: 'a write rests on the records that the contract of its tool needs, however old they are',
  'approvals.who': 'whoever is not the requester can approve',
  'rules[].approvers': 'whoever is not the requester can approve',
  'rollback.who': 'whoever can send an undo can undo a completed run',
}

export const NOT_ENFORCED_HELP = 'take it out: a policy must not read stronger than it is.'

/** Why a key at a place such as `rules[2].approvers` is refused; `undefined`: it is none of those. */
export function notEnforced(name: string): string | undefined {
  const place = name.replace(/\[\d+\]/g, '[]')
  const holds = Object.hasOwn(NOT_ENFORCED, place) ? NOT_ENFORCED[place] : undefined
  return holds === undefined ? undefined : `\`${name}\` is not enforced yet: ${holds}.`
}
