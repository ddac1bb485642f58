import { checkpointText, type Checkpoint } from './checkpoint.ts'
import { PAYLOAD_TYPE, preAuthentication, sealKeyId } from './dsse.ts'
import type { SealKey } from './keys.ts'
import { noteKeyId, noteText, SIGNATURE } from './note.ts'
import type { Remembered, Step } from './remembered.ts'
import { readSealed } from './sealed.ts'

/** Signs for a log. It keeps the key: whoever asks never has it. */
export interface Signer {
  readonly origin: string
  /** Signs what `sealedText` wrote. Throws `TypeError` on anything else. */
  readonly seal: (payload: Uint8Array) => Promise<{ readonly keyid: string; readonly sig: string }>
  /** Signs a checkpoint that goes on from the last one it signed, and answers its note. Throws `StepError`. */
  readonly checkpoint: (step: Step) => Promise<string>
}

/**
 * A signer with its keys at hand. The first key signs seals; all of them sign checkpoints, so that whoever has the public key of before a
 * rotation goes on believing the log for as long as the old one is among them.
 */
export function signerOf({
  origin,
  keys,
  remembered,
}: {
  origin: string
  keys: () => Promise<readonly [SealKey, ...SealKey[]]>
  remembered: Remembered
}): Signer {
  return {
    origin,
    async seal(payload) {
      readSealed(payload)
      const [{ publicKey, sign }] = await keys()
      const signed = await sign(preAuthentication(PAYLOAD_TYPE, payload))
      return { keyid: sealKeyId(publicKey), sig: Buffer.from(signed).toString('base64') }
    },
    async checkpoint(step) {
      const all = await keys()
      return await remembered.goOn(step, () => noteOf(step.now, all))
    },
  }
}

async function noteOf(checkpoint: Checkpoint, keys: readonly SealKey[]): Promise<string> {
  const text = checkpointText(checkpoint)
  const name = checkpoint.origin
  const signatures = await Promise.all(
    keys.map(async ({ publicKey, sign }) => ({
      name,
      keyId: noteKeyId(name, SIGNATURE.ed25519, publicKey),
      signature: await sign(Buffer.from(text)),
    })),
  )
  return noteText({ text, signatures })
}
