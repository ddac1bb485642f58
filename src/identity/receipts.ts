import { canonicalJson, digestOf } from '../contract/digest.ts'
import type { Evidence, Receipt, RunKey } from '../contract/evidence.ts'
import { fail } from '../contract/failures.ts'
import type { HostKey, Verify } from './host-key.ts'

/** Signs what a step returned. */
export function signReceipt(key: HostKey, statement: Omit<Receipt, 'v' | 'keyId' | 'signature'>): Receipt {
  const unsigned = { ...statement, v: 1 as const, keyId: key.keyId }
  return { ...unsigned, signature: key.sign(canonicalJson(unsigned)) }
}

/**
 * Checks that a host of this installation stated, for this run, that a step returned this output. Fails with
 * `receipt_invalid`. `verifierOf` answers `undefined` for a key that nobody registered.
 */
export async function verifyEvidence(
  { receipt, output }: Evidence,
  runKey: RunKey,
  verifierOf: (keyId: string) => Promise<Verify | undefined>,
): Promise<void> {
  const refuse = (what: string): Error => fail('receipt_invalid', `the receipt of \`${receipt.step}\` ${what}`)
  if (receipt.runKey !== runKey) throw refuse('belongs to another run')
  if (digestOf(output) !== receipt.outputDigest) throw refuse('is not about the cited output')
  const verifies = await verifierOf(receipt.keyId)
  if (verifies === undefined) throw refuse(`is signed with an unknown key \`${receipt.keyId}\``)
  const { signature, ...unsigned } = receipt
  if (!verifies(canonicalJson(unsigned), signature)) throw refuse('has a wrong signature')
}
