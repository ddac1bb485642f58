import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

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
  /** Without arithmetic for what this process signed lately itself. */
  readonly verify: Verify
}

/** Own signatures that a process remembers with their texts, at most: about two megabytes. */
const REMEMBERED = 2_000

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
  const verifies = verifyWith(publicKey)
  const signed = new Map<string, string>()
  return {
    keyId: keyIdOf(publicKey),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign(text) {
      const signature = sign(null, Buffer.from(text), privateKey).toString('base64url')
      signed.set(signature, text)
      const [oldest] = signed.keys()
      if (signed.size > REMEMBERED && oldest !== undefined) signed.delete(oldest)
      return signature
    },
    verify: (text, signature) => signed.get(signature) === text || verifies(text, signature),
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

const verifyWith =
  (key: KeyObject): Verify =>
  (text, signature) =>
    verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64url'))

/** Verifies what the holder of a public key (PEM, SPKI) signed. */
export const verifierOf = (publicKey: string): Verify => verifyWith(createPublicKey(publicKey))
