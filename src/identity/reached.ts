import { canonicalJson, type Digest } from '../contract/digest.ts'
import type { RunKey } from '../contract/evidence.ts'
import { fail } from '../contract/failures.ts'
import type { Reached } from '../contract/reached.ts'
import type { HostKey, Verify } from './host-key.ts'

/** Signs what was found of a limit. */
export function signReached(key: HostKey, found: Omit<Reached, 'v' | 'kind' | 'keyId' | 'signature'>): Reached {
  const unsigned = { ...found, v: 1 as const, kind: 'reached' as const, keyId: key.keyId }
  return { ...unsigned, signature: key.sign(canonicalJson(unsigned)) }
}

const refuse = (what: string): Error => fail('receipt_invalid', `what was found of a limit ${what}`)

/** Checks that a host of this installation found this of this very action; fails with `receipt_invalid`. */
export async function verifyReached(
  found: Reached,
  action: { readonly runKey: RunKey; readonly step: string; readonly inputDigest: Digest },
  verifierOf: (keyId: string) => Promise<Verify | undefined>,
): Promise<void> {
  const { signature, ...unsigned } = found
  const isOf = found.runKey === action.runKey && found.step === action.step && found.inputDigest === action.inputDigest
  if (!isOf) throw refuse('is of another action')
  const verifies = await verifierOf(found.keyId)
  if (verifies === undefined) throw refuse('was signed with an unknown key')
  if (!verifies(canonicalJson(unsigned), signature)) throw refuse('has a wrong signature')
}
