import type { PlaybookContract } from '../contract/playbook.ts'
import type { LedgerDatabase } from '../ledger/database.ts'
import { policyText } from '../ledger/policies.ts'
import { parsePolicy } from '../policy/load/index.ts'
import type { Pinned } from './policy-files.ts'

/** The longest `data.retain_days` of the policies in force; `null`: one of them sets no end. */
export async function longestRetention(
  db: LedgerDatabase,
  playbooks: ReadonlyMap<string, PlaybookContract>,
  pinned: (workflow: string) => Pinned | undefined,
): Promise<number | null> {
  let longest: number | null = null
  for (const contract of playbooks.values()) {
    const digest = pinned(contract.name)?.policyDigest
    const text = digest === undefined ? undefined : await policyText(db, digest)
    const parsed = text === undefined ? undefined : parsePolicy(text, contract.name, [contract])
    const days = parsed?.ok === true ? parsed.policy.data?.retainDays : undefined
    if (days === undefined) return null
    longest = Math.max(longest ?? 0, days)
  }
  return longest
}
