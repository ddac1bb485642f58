import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import canonicalize from 'canonicalize'

/** `sha256:` and 64 lower-case hex digits. */
export type Digest = `sha256:${string}`

const DIGEST = /^sha256:[0-9a-f]{64}$/

export const isDigest = (value: unknown): value is Digest => typeof value === 'string' && DIGEST.test(value)

/**
 * The canonical JSON text of a value (RFC 8785). Keys with the value `undefined` are left out.
 * Throws `TypeError` on what JSON cannot say: NaN, infinities, functions, cycles, lone surrogates.
 */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value)
  if (text === undefined) throw new TypeError('cannot canonicalise `undefined`')
  if (!text.isWellFormed()) throw new TypeError('cannot canonicalise a lone surrogate')
  return text
}

/** SHA-256 of a text in UTF-8. */
export const digestOfText = (text: string): Digest => `sha256:${bytesToHex(sha256(utf8ToBytes(text)))}`

/** SHA-256 of the canonical JSON of a value; fails as `canonicalJson` does. */
export const digestOf = (value: unknown): Digest => digestOfText(canonicalJson(value))
