import { createCipheriv, createDecipheriv, type KeyObject, randomBytes, randomFillSync } from 'node:crypto'
import { canonicalJson } from '../contract/digest.ts'
import { fail } from '../contract/failures.ts'
import type { Json } from '../contract/json.ts'

/** AES-256-GCM (NIST SP 800-38D) with a random nonce; one key encrypts far less than the 2^32 messages that this allows. */
const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Nonces are drawn many at once: one call for each would cost about as much as to encrypt a small payload. Each is used once. */
const drawn = randomBytes(NONCE_BYTES * 256)
let next = 0

function newNonce(): Buffer {
  if (next === drawn.length) {
    randomFillSync(drawn)
    next = 0
  }
  next += NONCE_BYTES
  return drawn.subarray(next - NONCE_BYTES, next)
}

const bytesOf = (bound: Json | Buffer): Buffer => (Buffer.isBuffer(bound) ? bound : Buffer.from(canonicalJson(bound)))

/** Encrypts: nonce, ciphertext, tag. `bound` is what it has to be decrypted with, and is not in it. */
export function encrypt(key: KeyObject, plain: Uint8Array, bound: Json | Buffer): Buffer {
  const nonce = newNonce()
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(bytesOf(bound))
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** Decrypts what `encrypt` made; fails with `payload_damaged` on anything else. */
export function decrypt(key: KeyObject, sealed: Uint8Array, bound: Json | Buffer): Buffer {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) {
    throw fail('payload_damaged', `${sealed.length} bytes are too few for anything encrypted`)
  }
  const end = sealed.length - TAG_BYTES
  const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAAD(bytesOf(bound))
  decipher.setAuthTag(sealed.subarray(end))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, end)), decipher.final()])
  } catch {
    throw fail(
      'payload_damaged',
      'it is not what this key encrypted here: it was cut, altered, or made with another key',
    )
  }
}
