import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { z } from 'zod'
import { bytesIn } from './note.ts'

/** What the payload of an envelope is. */
export const PAYLOAD_TYPE = 'application/vnd.in-toto+json'

/** A signed statement (DSSE 1.0). One signature: whoever wants another seals again. */
export interface Envelope {
  readonly payload: string
  readonly payloadType: typeof PAYLOAD_TYPE
  readonly signatures: readonly [{ readonly keyid: string; readonly sig: string }]
}

const base64 = z.string().refine((text) => bytesIn(text) !== undefined, 'must be base64 in its one form')

/** Reads an envelope, and believes nothing of it. */
export const envelopeSchema = (): z.ZodType<Envelope> =>
  z.strictObject({
    payload: base64,
    payloadType: z.literal(PAYLOAD_TYPE),
    signatures: z.tuple([z.strictObject({ keyid: z.string(), sig: base64 })]),
  })

/** What is signed: type and payload, with their lengths, so that neither can be taken for the other. */
export function preAuthentication(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = Buffer.from(payloadType)
  return Buffer.concat([Buffer.from(`DSSEv1 ${type.length} `), type, Buffer.from(` ${payload.length} `), payload])
}

/** The id of a key: the first 32 hex digits of the SHA-256 of it (SPKI, DER), as of every other key here. */
export const sealKeyId = (publicKey: KeyObject): string =>
  createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 32)

/** Whether a key signed an envelope. The id that it names is only looked at for being that of this key: it decides nothing. */
export function isSealedBy(
  { payload, payloadType, signatures: [{ keyid, sig }] }: Envelope,
  publicKey: KeyObject,
): boolean {
  const signed = preAuthentication(payloadType, Buffer.from(payload, 'base64'))
  return keyid === sealKeyId(publicKey) && verify(null, signed, publicKey, Buffer.from(sig, 'base64'))
}

/** Reads a public key (PEM, SPKI, Ed25519). Throws `TypeError` on any other kind. */
export function sealKeyOf(pem: string): KeyObject {
  const key = createPublicKey(pem)
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new TypeError(`such a key is Ed25519, this one is ${key.asymmetricKeyType ?? 'unknown'}`)
  }
  return key
}
