import { isStepResult } from '../contract/answers.ts'
import type { Digest } from '../contract/digest.ts'
import type { RunKey } from '../contract/evidence.ts'
import { failureOf } from '../contract/failures.ts'
import type { Json } from '../contract/json.ts'
import type { Verify } from '../identity/host-key.ts'
import { verifyEvidence } from '../identity/receipts.ts'

/** Answers `undefined` for a key that nobody published. */
export type Verifiers = (keyId: string) => Promise<Verify | undefined>

/** What a result has to be of. */
interface Attested {
  readonly runKey: RunKey
  readonly step: string
  readonly tool: string
  /** `null`: it is not known what the step was asked. */
  readonly inputDigest: Digest | null
}

/** Why a result is not attested by a host of this installation; `undefined`: it is. */
export async function receiptFlaw(
  answer: Json,
  { runKey, step, tool, inputDigest }: Attested,
  verifierOf: Verifiers,
): Promise<string | undefined> {
  if (!isStepResult(answer)) return 'the answer carries no receipt'
  const { receipt, output } = answer
  if (receipt.step !== step) return `its receipt is of the step \`${receipt.step}\``
  if (receipt.tool !== tool) return `its receipt is of the tool \`${receipt.tool}\``
  if (inputDigest !== null && receipt.inputDigest !== inputDigest) return 'its receipt is of another input'
  try {
    await verifyEvidence({ receipt, output }, runKey, verifierOf)
    return undefined
  } catch (error) {
    const failure = failureOf(error)
    if (failure?.code === 'receipt_invalid') return failure.message
    // A stranger's output need not be canonical JSON; a store that does not answer is no flaw.
    if (error instanceof Error && failure === undefined && !('code' in error))
      return `its receipt cannot be read: ${error.message}`
    throw error
  }
}
