import { type Digest, isDigest } from '../../contract/digest.ts'
import type { RunRow } from '../../ledger/runs.ts'
import { fieldsOf, textIn } from '../fields.ts'
import type { PublishedKeys } from '../record/types.ts'
import type { Told } from '../told.ts'
import type { SealedRun } from './bundle.ts'

/** The policy that the newest execution was opened under. What is encrypted does not tell: then the ledger does. */
export async function policyIn(
  told: readonly Told[],
  run: RunRow | undefined,
  policyOf: (digest: Digest) => Promise<string | undefined>,
): Promise<SealedRun['policy']> {
  const { policyDigest = run?.policyDigest, policyText: text } = openedLast(told)
  if (!isDigest(policyDigest)) return null
  const known = (await policyOf(policyDigest)) ?? textIn(text)
  return known === '' ? null : { digest: policyDigest, text: known }
}

/** The build that opened the run. */
export function buildIn(told: readonly Told[], run: RunRow | undefined): SealedRun['build'] {
  const { buildId = run?.buildId, kernelVersion = run?.kernelVersion } = openedLast(told)
  return typeof buildId === 'string' && typeof kernelVersion === 'string'
    ? { id: buildId, kernel: kernelVersion }
    : null
}

const openedLast = (told: readonly Told[]) =>
  fieldsOf(told.toSorted((a, b) => b.beganAtMs - a.beganAtMs).find((one) => Object.keys(one.opened).length > 0)?.opened)

/** Those of the published keys that something names. */
export const namedIn = (texts: string, { hosts, issuers }: PublishedKeys): PublishedKeys => ({
  hosts: Object.fromEntries(Object.entries(hosts).filter(([keyId]) => texts.includes(keyId))),
  issuers: issuers.filter(({ keyId }) => texts.includes(keyId)),
})
