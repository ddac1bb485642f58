import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify as verifySignature,
} from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { keepNewest } from './newest.ts'

/** Whether a signature (base64url) over a text is of a key. */
export type Verify = (text: string, signature: string) => boolean

/** The key pair with which a host signs its receipts: Ed25519 (RFC 8032). */
export interface HostKey {
  /** The first 32 hex digits of the SHA-256 of the public key (SPKI, DER). */
  readonly keyId: string
  /** PEM, SPKI. */
  readonly publicKey: string
  /** base64url */
  readonly sign: (text: string) => string
  readonly verify: Verify
}

/** Signatures of a key that a process remembers with their texts, at most: about two megabytes for each key at hand. */
const REMEMBERED = 2_000
/** Public keys that a process keeps at hand, at most. */
const KEYS_AT_HAND = 100

const keyIdOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 32)

/** Reads a private key (PEM, PKCS #8, Ed25519); throws `TypeError` on any other kind. */
export function hostKeyOf(pem: string): HostKey {
  const privateKey = createPrivateKey(pem)
  if (privateKey.asymmetricKeyType !== 'ed25519') {
    throw new TypeError(`a host key is Ed25519, this one is ${privateKey.asymmetricKeyType ?? 'unknown'}`)
  }
  const publicKey = createPublicKey(privateKey)
  const { verify, remember } = remembering(publicKey)
  return {
    keyId: keyIdOf(publicKey),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign(text) {
      const signature = sign(null, Buffer.from(text), privateKey).toString('base64url')
      remember(text, signature)
      return signature
    },
    verify,
  }
}

/** Makes a new private key, PEM. */
export const newHostKey = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

/** Reads the key in a file; where there is none, makes one that only its owner can read. For development. */
export function hostKeyFile(file: string): HostKey {
  try {
    mkdirSync(dirname(file), { recursive: true })
    // `wx`: of two processes that start at once, one writes and both read.
    writeFileSync(file, newHostKey(), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return hostKeyOf(readFileSync(file, 'utf8'))
}

/** Verifies with a key; without arithmetic for what this process signed or found right lately. */
function remembering(key: KeyObject): {
  readonly verify: Verify
  readonly remember: (text: string, signature: string) => void
} {
  const right = new Map<string, string>()
  const remember = (text: string, signature: string): void => keepNewest(right, REMEMBERED, signature, text)
  return {
    remember,
    verify(text, signature) {
      if (right.get(signature) === text) return true
      const isRight = verifySignature(null, Buffer.from(text), key, Buffer.from(signature, 'base64url'))
      if (isRight) remember(text, signature)
      return isRight
    },
  }
}

const verifiers = new Map<string, Verify>()

/**
 * Verifies what the holder of a public key (PEM, SPKI) signed. What was found right is remembered: a statement is verified when it
 * is said and again before the effect.
 */
export function verifierOf(publicKey: string): Verify {
  const known = verifiers.get(publicKey)
  if (known !== undefined) return known
  const { verify } = remembering(createPublicKey(publicKey))
  keepNewest(verifiers, KEYS_AT_HAND, publicKey, verify)
  return verify
}
