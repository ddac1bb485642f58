import { z } from 'zod'
import type { Seal } from '../contract/carried.ts'
import { canonicalJson, type Digest } from '../contract/digest.ts'
import type { RunKey } from '../contract/evidence.ts'
import { fail } from '../contract/failures.ts'
import type { Json } from '../contract/json.ts'
import type { HostKey, Verify } from './host-key.ts'

/** Signs what a run takes along into its next execution. */
export function signSeal(key: HostKey, what: { readonly runKey: RunKey; readonly digest: Digest }): Seal {
  const unsigned = { ...what, v: 1 as const, kind: 'seal' as const, keyId: key.keyId }
  return { ...unsigned, signature: key.sign(canonicalJson(unsigned)) }
}

const refuse = (what: string): Error => fail('request_invalid', `what the run was started with as its past ${what}`)

const seal = z.strictObject({
  v: z.literal(1),
  kind: z.literal('seal'),
  runKey: z.string(),
  digest: z.string(),
  keyId: z.string(),
  signature: z.string(),
})

/**
 * Checks that a host of this installation stated that this run takes this along. Fails with `request_invalid`: whoever
 * starts a run does not give it a past.
 */
export async function verifySeal(
  taken: { readonly digest: Digest; readonly seal: Json },
  runKey: RunKey,
  verifierOf: (keyId: string) => Promise<Verify | undefined>,
): Promise<void> {
  const parsed = seal.safeParse(taken.seal)
  if (!parsed.success) throw refuse('has no seal; a start takes one argument')
  const { signature, ...unsigned } = parsed.data
  if (unsigned.runKey !== runKey) throw refuse('is that of another run')
  if (unsigned.digest !== taken.digest) throw refuse('is not what was sealed')
  const verifies = await verifierOf(unsigned.keyId)
  if (verifies === undefined) throw refuse('was sealed with an unknown key')
  if (!verifies(canonicalJson(unsigned), signature)) throw refuse('has a wrong signature')
}
